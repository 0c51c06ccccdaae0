//! The load: keep-alive connections, each asking as soon as it was answered.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// CPU time of the servers per request, in µs.
    pub(crate) cpu_micros: f64,
    pub(crate) p99_millis: f64,
}

/// What each connection does again and again.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    address: String,
    work: Work,
}

#[derive(Debug, Clone)]
enum Work {
    Get(String),
    Journey(String),
}

impl Load {
    pub(crate) fn get(address: &str, path: &str) -> Self {
        Self { address: address.into(), work: Work::Get(path.into()) }
    }

    /// A guest puts `sku` into a cart, orders it, and is told that it is paid.
    pub(crate) fn journey(address: &str, sku: &str) -> Self {
        Self { address: address.into(), work: Work::Journey(sku.into()) }
    }

    /// Runs on so many connections for `time`, after a fifth of it to warm up.
    pub(crate) async fn run(self, connections: usize, time: Duration, processes: &[u32]) -> Figures {
        self.clone().phase(connections, time / 5).await;
        let (before, begun) = (cpu(processes), Instant::now());
        let mut times = self.phase(connections, time).await;
        let (spent, elapsed) = (cpu(processes).saturating_sub(before), begun.elapsed());
        summary(&mut times, spent, elapsed)
    }

    async fn phase(self, connections: usize, time: Duration) -> Vec<Duration> {
        let until = Instant::now() + time;
        let load = Arc::new(self);
        let mut all = JoinSet::new();
        for _ in 0..connections {
            let load = Arc::clone(&load);
            all.spawn(async move {
                let mut connection = Connection::open(&load.address).await;
                let mut times = Vec::new();
                while Instant::now() < until {
                    let begun = Instant::now();
                    load.once(&mut connection).await;
                    times.push(begun.elapsed());
                }
                times
            });
        }
        all.join_all().await.into_iter().flatten().collect()
    }

    async fn once(&self, connection: &mut Connection) {
        match &self.work {
            Work::Get(path) => drop(connection.ask(&format!("GET {path}"), "", "", 200).await),
            Work::Journey(sku) => {
                let body = format!(r#"{{"sku":"{sku}","quantity":1}}"#);
                let added = connection.ask("POST /v1/cart/items", "", &body, 201).await;
                let token = header(&added, "cart-token: ");
                let body = r#"{"email":"a@example.com","shipping_method":"standard","payment":{"provider":"test","method":"ok"},"shipping_address":{"name":"A","line1":"B","city":"C","postal_code":"10115","country":"DE"}}"#;
                let key = uuid::Uuid::new_v4();
                let headers = format!("Cart-Token: {token}\r\nIdempotency-Key: {key}\r\n");
                connection.ask("POST /v1/orders", &headers, body, 201).await;
            }
        }
    }
}

/// The times and the CPU of one run.
pub(crate) fn summary(times: &mut [Duration], spent: Duration, elapsed: Duration) -> Figures {
    times.sort_unstable();
    let count = f64::from(u32::try_from(times.len().max(1)).expect("fewer than 2^32 requests"));
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    Figures {
        per_second: count / elapsed.as_secs_f64(),
        cpu_micros: spent.as_secs_f64() * 1e6 / count,
        p99_millis: p99.as_secs_f64() * 1e3,
    }
}

/// The CPU time that processes have used so far (Linux: `/proc/PID/stat`, fields 14 and 15, in hundredths of a second).
pub(crate) fn cpu(processes: &[u32]) -> Duration {
    let ticks = |pid: &u32| -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
    };
    Duration::from_millis(10 * processes.iter().map(ticks).sum::<u64>())
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
