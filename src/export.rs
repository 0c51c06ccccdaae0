//! The catalogue as a product file.
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use kernel::{Caller, Currency, Host, Page, PageQuery, StartError};
use products::{
    Products,
    csv::{Unwritable, Writer},
};

use crate::{
    calls::call,
    stop::{Signal, Stop},
};

/// How many products are asked for at a time.
const PAGE: u32 = 100;

/// How an export ended.
enum End {
    Whole(Vec<Unwritable>),
    Stopped(Signal),
}

/// Writes every product to the file, or to standard output.
///
/// The file is there when it is whole, and the one before it until then.
pub(crate) async fn export(host: &mut Host, path: Option<&Path>) -> Result<ExitCode, StartError> {
    let products = host.module::<products::Module>(()).await?;
    let stop = Stop::listen()?;
    let (mut sink, mut count) = (Sink::open(path)?, 0);
    let outcome = copy(&*products, &mut sink.file, host.settings().currency, stop, &mut count).await;
    let end = match outcome {
        Ok(end) => end,
        Err(error) => return Err(format!("{error}; {}", sink.abandoned(count)).into()),
    };
    match end {
        End::Whole(missing) => {
            sink.keep()?;
            for product in &missing {
                eprintln!("not in the file: {product}");
            }
            eprintln!("{} products written", count - missing.len());
            Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        End::Stopped(signal) => {
            eprintln!("stopped by {signal}; {}", sink.abandoned(count));
            Ok(signal.code())
        }
    }
}

async fn copy(
    products: &dyn Products,
    file: &mut (dyn Write + Send),
    currency: Currency,
    mut stop: Stop,
    count: &mut usize,
) -> Result<End, StartError> {
    let categories = call(products.categories()).await?;
    let mut writer = Writer::new(BufWriter::new(file), &categories, currency)?;
    let mut cursor = None;
    loop {
        let page = PageQuery { limit: Some(PAGE), cursor };
        let Page { items, next } = tokio::select! {
            biased;
            signal = stop.signal() => return Ok(End::Stopped(signal)),
            page = call(products.every(Caller::System, page)) => page?,
        };
        for product in &items {
            writer.write(product)?;
            *count += 1;
        }
        cursor = next;
        if cursor.is_none() {
            return Ok(End::Whole(writer.finish()?));
        }
    }
}

/// Where the export goes.
struct Sink {
    file: Box<dyn Write + Send>,
    /// Where it is until it is whole, and where it belongs.
    places: Option<(PathBuf, PathBuf)>,
}

impl Sink {
    fn open(path: Option<&Path>) -> Result<Self, StartError> {
        let Some(path) = path else { return Ok(Self { file: Box::new(std::io::stdout()), places: None }) };
        let refused = |error| format!("{} cannot be written: {error}", path.display());
        // What is there and no file, as a pipe, cannot be put in place of itself.
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            let file = File::options().write(true).open(path).map_err(refused)?;
            return Ok(Self { file: Box::new(file), places: None });
        }
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut part = place.clone().into_os_string();
        part.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(part);
        let file = File::create(&part).map_err(refused)?;
        Ok(Self { file: Box::new(file), places: Some((part, place)) })
    }

    /// Puts the whole file where it belongs.
    fn keep(mut self) -> Result<(), StartError> {
        self.file.flush()?;
        if let Some((part, place)) = self.places.take() {
            File::open(&part)?.sync_all()?;
            std::fs::rename(&part, &place)
                .map_err(|error| format!("{} cannot be written: {error}", place.display()))?;
        }
        Ok(())
    }

    /// What is left of an export that is not whole.
    fn abandoned(self, count: usize) -> String {
        match self.places {
            None => format!("what was written ({count} products) is not all there is"),
            Some(_) => format!("nothing was written, after {count} products"),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some((part, _)) = &self.places {
            std::fs::remove_file(part).ok();
        }
    }
}
