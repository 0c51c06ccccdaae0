//! The catalogue as a product file.
use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

use kernel::{Caller, Currency, Host, Page, PageQuery, StartError};
use products::{
    Products,
    csv::{Unwritable, Writer},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    calls::call,
    stop::{Signal, Stop},
};

/// How many products are asked for at a time.
const PAGE: u32 = 100;

/// Writes every product to the file, or to standard output.
///
/// The file is there when it is whole, and the one before it until then.
pub(crate) async fn export(host: &mut Host, path: Option<&Path>) -> Result<ExitCode, StartError> {
    let products = host.module::<products::Module>(()).await?;
    let mut stop = Stop::listen()?;
    let (currency, mut count) = (host.settings().currency, 0);
    let (sink, pipe) = Sink::open(path)?;
    let outcome = tokio::select! {
        biased;
        signal = stop.signal() => Err(signal),
        outcome = copy(&*products, currency, pipe, &mut count) => Ok(outcome),
    };
    match outcome {
        Ok(Ok(missing)) => {
            sink.keep()?;
            for product in &missing {
                eprintln!("not in the file: {product}");
            }
            eprintln!("{} products written", count - missing.len());
            Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Ok(Err(error)) => Err(format!("{error}; {}", sink.abandoned(count)).into()),
        Err(signal) => Ok(stopped(signal, &sink.abandoned(count))),
    }
}

fn stopped(signal: Signal, left: &str) -> ExitCode {
    eprintln!("stopped by {signal}; {left}");
    signal.code()
}

async fn copy(
    products: &dyn Products,
    currency: Currency,
    pipe: Pipe,
    count: &mut usize,
) -> Result<Vec<Unwritable>, StartError> {
    let categories = call(products.categories()).await?;
    let mut writer = Writer::new(Vec::new(), &categories, currency)?;
    let mut cursor = None;
    loop {
        let page = PageQuery { limit: Some(PAGE), cursor };
        let Page { items, next } = call(products.every(Caller::System, page)).await?;
        for product in &items {
            writer.write(product)?;
            *count += 1;
        }
        // One that is gone says why when it is asked whether all is written.
        pipe.chunks.send(std::mem::take(writer.get_mut())).await.ok();
        cursor = next;
        if cursor.is_none() || pipe.chunks.is_closed() {
            drop(pipe.chunks);
            pipe.written.await??;
            return Ok(writer.finish()?);
        }
    }
}

/// The way to where the export goes. It is written beside: whoever reads a pipe may do so as late as they like, and a
/// signal is heard.
struct Pipe {
    chunks: mpsc::Sender<Vec<u8>>,
    written: oneshot::Receiver<io::Result<()>>,
}

impl Pipe {
    fn into(mut file: impl Write + Send + 'static) -> Self {
        let (chunks, mut incoming) = mpsc::channel::<Vec<u8>>(1);
        let (done, written) = oneshot::channel();
        thread::spawn(move || {
            let mut write = || {
                while let Some(chunk) = incoming.blocking_recv() {
                    file.write_all(&chunk)?;
                }
                file.flush()
            };
            done.send(write()).ok();
        });
        Self { chunks, written }
    }
}

/// Where the export goes: where it is until it is whole, and where it belongs. Standard output has neither.
struct Sink(Option<(PathBuf, PathBuf)>);

impl Sink {
    fn open(path: Option<&Path>) -> Result<(Self, Pipe), StartError> {
        let Some(path) = path else { return Ok((Self(None), Pipe::into(io::stdout()))) };
        let refused = |error| format!("{} cannot be written: {error}", path.display());
        // What is there and no file, as a pipe, cannot be put in place of itself.
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            return Ok((Self(None), Pipe::into(File::options().write(true).open(path).map_err(refused)?)));
        }
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut part = place.clone().into_os_string();
        part.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(part);
        let file = File::create(&part).map_err(refused)?;
        Ok((Self(Some((part, place))), Pipe::into(file)))
    }

    /// Puts the whole file where it belongs.
    fn keep(mut self) -> Result<(), StartError> {
        let Some((part, place)) = self.0.take() else { return Ok(()) };
        let kept = File::open(&part).and_then(|file| file.sync_all()).and_then(|()| std::fs::rename(&part, &place));
        self.0 = kept.is_err().then(|| (part, place.clone()));
        Ok(kept.map_err(|error| format!("{} cannot be written: {error}", place.display()))?)
    }

    /// What is left of an export that is not whole.
    fn abandoned(&self, count: usize) -> String {
        match self.0 {
            None => format!("what was written, {count} products at the most, is not all there is"),
            Some(_) => format!("nothing was written, after {count} products were read"),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some((part, _)) = &self.0 {
            std::fs::remove_file(part).ok();
        }
    }
}
