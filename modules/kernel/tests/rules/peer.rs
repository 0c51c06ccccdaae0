//! A process that answers in ways that a real one only does when it is in trouble.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// What becomes of one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// The connection ends after the request was read: nobody knows what was done.
    Close,
    /// The same after a while.
    CloseAfter(Duration),
    /// A status and a body.
    Answer(u16, &'static str),
    /// No answer, ever.
    Silence,
}

/// A request's headers, by their lower-case names.
pub(crate) type Headers = HashMap<String, String>;

/// A listener that answers by a script.
pub(crate) struct Peer {
    pub(crate) base: String,
    requests: Arc<Mutex<Vec<Headers>>>,
}

impl Peer {
    /// Answers the request number `n`, from 0, with `script(n)`.
    pub(crate) async fn open(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("it is bound"));
        let requests = Arc::<Mutex<Vec<Headers>>>::default();
        let (seen, script) = (Arc::clone(&requests), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                tokio::spawn(async move { answer(stream, &seen, &*script).await });
            }
        });
        Self { base, requests }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Headers> {
        self.requests.lock().expect("nobody panicked").clone()
    }
}

/// Answers the requests of one connection.
async fn answer(stream: TcpStream, seen: &Mutex<Vec<Headers>>, script: &(dyn Fn(usize) -> Reply + Send + Sync)) {
    let mut stream = BufReader::new(stream);
    while let Some(headers) = request(&mut stream).await {
        let number = {
            let mut seen = seen.lock().expect("nobody panicked");
            seen.push(headers);
            seen.len() - 1
        };
        match script(number) {
            Reply::Close => return,
            Reply::CloseAfter(pause) => return tokio::time::sleep(pause).await,
            Reply::Silence => return std::future::pending().await,
            Reply::Answer(status, body) => {
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
                if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<Headers> {
    let mut headers = Headers::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.trim().split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(headers)
}
