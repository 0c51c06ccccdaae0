//! A product file that comes in.
use std::{fs::File, io::Read, path::Path, process::ExitCode, thread};

use indicatif::{ProgressBar, ProgressStyle};
use kernel::{Call, Caller, Currency, Failure, Fault, Host, StartError};
use products::{
    ImportReport, ImportedProduct, Products,
    csv::{Reader, RowReport},
};
use tokio::sync::mpsc;

use crate::{
    calls::PATIENCE,
    explain::explain,
    stop::{Signal, Stop},
};

/// How many products go to the module at a time.
const BATCH: usize = 50;

/// What is read of the file at a time.
#[derive(Debug, Default)]
struct Part {
    products: Vec<ImportedProduct>,
    /// The line on which each of them begins.
    lines: Vec<u64>,
    flaws: Vec<RowReport>,
    /// How far into the file it goes, in bytes.
    position: u64,
}

/// What is in so far.
#[derive(Debug, Default)]
struct Tally {
    done: ImportReport,
    flaws: u64,
    notes: u64,
}

/// Brings in the file; every good row is kept, and each bad one reported. What has no place here is noted, and no flaw.
///
/// What is in stays in, however it ends. The same file once more goes on where it stopped: what is in is as it is already.
pub(crate) async fn import(host: &mut Host, path: &Path) -> Result<ExitCode, StartError> {
    let products = host.module::<products::Module>(()).await?;
    let stop = Stop::listen()?;
    let (source, length): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
        (Box::new(std::io::stdin()), None)
    } else {
        let file = File::open(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let length = file.metadata()?.len();
        (Box::new(file), Some(length))
    };
    let (progress, mut tally) = (bar(length)?, Tally::default());
    let outcome = bring(&*products, parts(source, host.settings().currency), stop, &progress, &mut tally).await;
    progress.finish_and_clear();
    let Tally { done: ImportReport { created, updated, unchanged, refused }, flaws, notes } = tally;
    let (done, refused) =
        (format!("{created} products created, {updated} updated, {unchanged} unchanged"), refused.len());
    let notes = if notes == 0 { String::new() } else { format!(", {notes} notes") };
    println!("{done}; {refused} refused, {flaws} flaws in rows{notes}");
    let again = "what is in stays; import the file again to go on";
    match outcome {
        Ok(None) if refused == 0 && flaws == 0 => Ok(ExitCode::SUCCESS),
        Ok(None) => Ok(ExitCode::FAILURE),
        Ok(Some(stopped)) => {
            eprintln!("stopped by {stopped}; {again}");
            Ok(stopped.code())
        }
        Err(error) => Err(format!("{error}; {again}").into()),
    }
}

/// Sends part after part to the module, until there is no more or a signal says to stop.
async fn bring(
    products: &dyn Products,
    mut parts: mpsc::Receiver<Result<Part, RowReport>>,
    mut stop: Stop,
    progress: &ProgressBar,
    tally: &mut Tally,
) -> Result<Option<Signal>, StartError> {
    loop {
        let part = tokio::select! {
            biased;
            signal = stop.signal() => return Ok(Some(signal)),
            part = parts.recv() => part,
        };
        let Some(part) = part else { return Ok(None) };
        let Part { products: batch, lines, flaws, position } = part.map_err(|report| shown(&report))?;
        for flaw in flaws {
            *(if flaw.note { &mut tally.notes } else { &mut tally.flaws }) += 1;
            progress.suspend(|| eprintln!("{}", shown(&flaw)));
        }
        send(products, &batch, &lines, progress, &mut tally.done).await?;
        progress.set_position(position);
    }
}

/// Sends a batch, in smaller parts if the module cannot do so much in the time of a call.
async fn send(
    products: &dyn Products,
    batch: &[ImportedProduct],
    lines: &[u64],
    progress: &ProgressBar,
    done: &mut ImportReport,
) -> Result<(), StartError> {
    let (mut most, mut rest) = (batch.len(), batch);
    while !rest.is_empty() {
        let (part, later) = rest.split_at(most.min(rest.len()));
        match Call::fresh(PATIENCE).run(products.import(Caller::System, part.to_vec())).await {
            Ok(ImportReport { created, updated, unchanged, refused }) => {
                for refusal in &refused {
                    let place = batch.iter().zip(lines).find(|(product, _)| is_named(product, &refusal.slug));
                    let line = place.map(|(_, line)| format!("line {line}, ")).unwrap_or_default();
                    progress.suspend(|| eprintln!("{line}{}{}: {}", refusal.slug, refusal.pointer, refusal.detail));
                }
                done.created += created;
                done.updated += updated;
                done.unchanged += unchanged;
                done.refused.extend(refused);
                rest = later;
            }
            Err(error) if error.fault() == Some(Fault::DeadlineExceeded) && most > 1 => most /= 2,
            Err(error) => return Err(explain(error)),
        }
    }
    Ok(())
}

/// The file in parts. It is read beside: standard input may be silent for as long as it likes, and a signal is heard.
fn parts(source: Box<dyn Read + Send>, currency: Currency) -> mpsc::Receiver<Result<Part, RowReport>> {
    let (sender, parts) = mpsc::channel(1);
    thread::spawn(move || {
        let mut reader = match Reader::new(source, currency) {
            Ok(reader) => reader,
            Err(report) => return drop(sender.blocking_send(Err(report))),
        };
        let mut ended = false;
        while !ended {
            let mut part = Part::default();
            while part.products.len() < BATCH && part.flaws.len() < BATCH && !ended {
                match reader.next() {
                    Some(Ok(product)) => {
                        part.products.push(product);
                        part.lines.push(reader.line());
                    }
                    Some(Err(flaw)) => part.flaws.push(flaw),
                    None => ended = true,
                }
            }
            part.position = reader.bytes();
            if sender.blocking_send(Ok(part)).is_err() {
                return;
            }
        }
    });
    parts
}

fn is_named(imported: &ImportedProduct, slug: &str) -> bool {
    imported.product.slug.as_ref().value().is_some_and(|own| own == slug)
}

fn shown(RowReport { line, column, handle, detail, note, .. }: &RowReport) -> String {
    let place = [handle, column].map(|text| if text.is_empty() { String::new() } else { format!(", {text}") }).concat();
    format!("{}line {line}{place}: {detail}", if *note { "note: " } else { "" })
}

fn bar(length: Option<u64>) -> Result<ProgressBar, StartError> {
    let Some(length) = length else { return Ok(ProgressBar::new_spinner()) };
    let style = ProgressStyle::with_template("{bar:40} {percent}% {bytes}/{total_bytes}, {eta} left")?;
    Ok(ProgressBar::new(length).with_style(style))
}
