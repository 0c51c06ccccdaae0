//! Product files in and out.
use std::{
    fs::File,
    io::{BufWriter, Read, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use indicatif::{ProgressBar, ProgressStyle};
use kernel::{Caller, Host, StartError};
use products::{
    ImportReport, ImportedProduct, ProductQuery, Products,
    csv::{Reader, RowReport, Writer},
};

use crate::explain::explain;

/// How many products go to the module at a time.
const BATCH: usize = 100;

/// Brings in the file; every good row is kept, and each bad one reported.
pub(crate) async fn import(host: &mut Host, path: &Path) -> Result<ExitCode, StartError> {
    let products = host.module::<products::Module>(()).await?;
    let (source, length): (Box<dyn Read>, _) = if path == Path::new("-") {
        (Box::new(std::io::stdin()), None)
    } else {
        let file = File::open(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let length = file.metadata()?.len();
        (Box::new(file), Some(length))
    };
    let mut reader = Reader::new(source, host.settings().currency).map_err(|report| shown(&report))?;
    let (mut total, mut bad_rows, mut batch) = (ImportReport::default(), 0_u64, Vec::new());
    let progress = bar(length)?;
    loop {
        let next = reader.next();
        let last = next.is_none();
        progress.set_position(reader.bytes());
        match next {
            Some(Ok(product)) => batch.push(product),
            Some(Err(report)) => {
                bad_rows += 1;
                progress.suspend(|| eprintln!("{}", shown(&report)));
            }
            None => {}
        }
        if batch.len() == BATCH || (last && !batch.is_empty()) {
            let report = send(&*products, std::mem::take(&mut batch)).await?;
            for refusal in &report.refused {
                progress.suspend(|| eprintln!("{}{}: {}", refusal.slug, refusal.pointer, refusal.detail));
            }
            total.created += report.created;
            total.updated += report.updated;
            total.unchanged += report.unchanged;
            total.refused.extend(report.refused);
        }
        if last {
            break;
        }
    }
    progress.finish_and_clear();
    let ImportReport { created, updated, unchanged, refused } = total;
    println!(
        "{created} products created, {updated} updated, {unchanged} unchanged; {} refused, {bad_rows} flaws in rows",
        refused.len()
    );
    Ok(if refused.is_empty() && bad_rows == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn send(products: &dyn Products, batch: Vec<ImportedProduct>) -> Result<ImportReport, StartError> {
    products.import(Caller::System, batch).await.map_err(explain)
}

fn shown(RowReport { line, column, handle, detail, .. }: &RowReport) -> String {
    let place = [handle, column].map(|text| if text.is_empty() { String::new() } else { format!(", {text}") }).concat();
    format!("line {line}{place}: {detail}")
}

fn bar(length: Option<u64>) -> Result<ProgressBar, StartError> {
    let Some(length) = length else { return Ok(ProgressBar::new_spinner()) };
    let style = ProgressStyle::with_template("{bar:40} {percent}% {bytes}/{total_bytes}, {eta} left")?;
    Ok(ProgressBar::new(length).with_style(style))
}

/// Writes every product to the file, or to standard output.
pub(crate) async fn export(host: &mut Host, path: Option<&Path>) -> Result<ExitCode, StartError> {
    let products: Arc<dyn Products> = host.module::<products::Module>(()).await?;
    let sink: Box<dyn Write> = match path {
        Some(path) => {
            Box::new(File::create(path).map_err(|error| format!("{} cannot be written: {error}", path.display()))?)
        }
        None => Box::new(std::io::stdout()),
    };
    let categories = products.categories().await.map_err(explain)?;
    let mut writer = Writer::new(BufWriter::new(sink), &categories, host.settings().currency)?;
    let (mut cursor, mut count) = (None, 0_usize);
    loop {
        let query = ProductQuery { sort: Some("name".into()), limit: Some(100), cursor, ..ProductQuery::default() };
        let page = products.list(Caller::System, query).await.map_err(explain)?;
        count += page.items.len();
        page.items.iter().try_for_each(|product| writer.write(product))?;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let missing = writer.finish()?;
    for product in &missing {
        eprintln!("not in the file: {product}");
    }
    eprintln!("{} products written", count - missing.len());
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
