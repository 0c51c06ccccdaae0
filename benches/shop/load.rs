//! The load: keep-alive connections, each asking as soon as it was answered, or at fixed times whatever came before.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// What each connection does again and again.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    address: String,
    work: Work,
}

#[derive(Debug, Clone)]
enum Work {
    /// A path, and how many numbers `{n}` in it may be.
    Get(String, u32),
    Journey(u32),
}

/// How long each took, in the order of being done, and all together.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) times: Vec<Duration>,
    pub(crate) elapsed: Duration,
}

const BUYER: &str = r#"{"email":"a@example.com","shipping_method":"standard","payment":{"provider":"test","method":"ok"},"shipping_address":{"name":"A","line1":"B","city":"C","postal_code":"10115","country":"DE"}}"#;
const QUOTE: &str = r#"{"country":"DE","shipping_method":"standard"}"#;

impl Load {
    /// Somebody asks for `path`; `{n}` in it is each time another one of `products`.
    pub(crate) fn get(address: &str, path: &str, products: u32) -> Self {
        Self { address: address.into(), work: Work::Get(path.into(), products) }
    }

    /// A guest puts two of `products` into a cart, asks what they cost, orders them, and is told that they are paid.
    pub(crate) fn journey(address: &str, products: u32) -> Self {
        Self { address: address.into(), work: Work::Journey(products) }
    }

    /// Asks on so many connections as fast as it is answered.
    pub(crate) async fn closed(&self, connections: usize, time: Duration) -> Run {
        let until = Instant::now() + time;
        self.phase(connections, move || (Instant::now() < until).then(Instant::now)).await
    }

    /// Asks so often a second, on time whether it was answered or not: who has to wait in line waits from when they
    /// came, as people do.
    pub(crate) async fn open(&self, connections: usize, per_second: f64, time: Duration) -> Run {
        let (begun, turn) = (Instant::now(), AtomicU32::new(0));
        let next = move || {
            let due = Duration::from_secs_f64(f64::from(turn.fetch_add(1, Ordering::Relaxed)) / per_second);
            (due < time).then(|| begun + due)
        };
        self.phase(connections, next).await
    }

    /// Does it at each time that `next` gives, and notes how long after that it was done.
    async fn phase(&self, connections: usize, next: impl Fn() -> Option<Instant> + Send + Sync + 'static) -> Run {
        let (load, next, begun) = (Arc::new(self.clone()), Arc::new(next), Instant::now());
        let mut all = JoinSet::new();
        for _ in 0..connections {
            let (load, next) = (Arc::clone(&load), Arc::clone(&next));
            all.spawn(async move {
                let mut connection = Connection::open(&load.address).await;
                let mut times = Vec::new();
                while let Some(due) = next() {
                    tokio::time::sleep_until(due.into()).await;
                    load.once(&mut connection).await;
                    times.push(due.elapsed());
                }
                times
            });
        }
        let times = all.join_all().await.into_iter().flatten().collect();
        Run { times, elapsed: begun.elapsed() }
    }

    async fn once(&self, connection: &mut Connection) {
        match &self.work {
            Work::Get(path, products) => {
                let n = rand::random_range(1..=*products).to_string();
                connection.ask(&format!("GET {}", path.replace("{n}", &n)), "", "", 200).await;
            }
            Work::Journey(products) => {
                let mut guest = String::new();
                // Never twice the same, so that the second is another line.
                let first = rand::random_range(0..*products);
                for (sku, status) in [(first, 201), ((first + 1) % products, 200)] {
                    let body = format!(r#"{{"sku":"SKU-{}","quantity":1}}"#, sku + 1);
                    let added = connection.ask("POST /v1/cart/items", &guest, &body, status).await;
                    if guest.is_empty() {
                        guest = format!("Cart-Token: {}\r\n", header(&added, "cart-token: "));
                    }
                }
                connection.ask("POST /v1/orders/quote", &guest, QUOTE, 200).await;
                let headers = format!("{guest}Idempotency-Key: {}\r\n", uuid::Uuid::new_v4());
                connection.ask("POST /v1/orders", &headers, BUYER, 201).await;
            }
        }
    }
}

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, buffer: Vec::with_capacity(64 * 1024) }
    }

    /// Asks, and gives the whole answer; another status than `status` ends the run.
    pub(crate) async fn ask(&mut self, line: &str, headers: &str, body: &str, status: u16) -> String {
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).await.expect("the server reads");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("the server answers");
            assert!(read > 0, "{line}: the server hung up");
            let Some(head) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
            let length: usize = header(&text, "content-length: ").parse().unwrap_or_default();
            if self.buffer.len() >= head + 4 + length {
                let answer = String::from_utf8_lossy(&self.buffer).into_owned();
                assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
                return answer;
            }
        }
    }
}

/// The rest of the line after `name`.
fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    answer.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}
