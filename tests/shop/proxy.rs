//! A network that misbehaves: a proxy between two processes that speak HTTP/1.1 to each other.
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// What becomes of a request on its way, or of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The connection ends before the request has arrived.
    LostRequest,
    /// It arrives, and the connection ends before the answer.
    LostAnswer,
    /// It arrives, and nothing is heard any more.
    Silence,
    /// It arrives late.
    Delay,
    /// It arrives, and the connection is reset in the middle of the answer.
    Reset,
    /// It arrives twice, at once.
    Twice,
    /// It arrives, and the answer comes a few bytes at a time.
    Drip,
}

impl Trouble {
    pub(crate) const ALL: [Self; 7] =
        [Self::LostRequest, Self::LostAnswer, Self::Silence, Self::Delay, Self::Reset, Self::Twice, Self::Drip];
}

/// A proxy; it ends, with all of its connections, when it is dropped.
pub(crate) struct Proxy {
    pub(crate) base: String,
    road: Arc<Road>,
    serving: AbortHandle,
}

struct Road {
    upstream: String,
    trouble: Mutex<Option<Trouble>>,
    chance: Mutex<u64>,
    struck: AtomicUsize,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Proxy {
    /// A proxy before the process at `base`, which behaves until it is told not to; `seed` is its luck.
    pub(crate) async fn before(base: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let upstream = base.trim_start_matches("http://").to_owned();
        let road = Road { upstream, trouble: Mutex::default(), chance: Mutex::new(seed), struck: AtomicUsize::new(0) };
        let road = Arc::new(road);
        let ours = Arc::clone(&road);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(connection(Arc::clone(&ours), stream));
            }
        });
        Self { base: own, road, serving: serving.abort_handle() }
    }

    /// From now on about every second request meets `trouble`; or none does.
    pub(crate) fn misbehave(&self, trouble: Option<Trouble>) {
        *self.road.trouble.lock().unwrap() = trouble;
    }

    /// How many requests have met trouble since the last time that this was asked.
    pub(crate) fn struck(&self) -> usize {
        self.road.struck.swap(0, Ordering::Relaxed)
    }
}

impl Road {
    /// What becomes of the next request.
    fn luck(&self) -> Option<Trouble> {
        let trouble = (*self.trouble.lock().unwrap())?;
        let mut chance = self.chance.lock().unwrap();
        // Knuth's MMIX generator; its high bits are the good ones.
        *chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The first is always met, or a short test might see nothing.
        let strikes = *chance >> 63 == 1 || self.struck.load(Ordering::Relaxed) == 0;
        self.struck.fetch_add(usize::from(strikes), Ordering::Relaxed);
        strikes.then_some(trouble)
    }

    /// Brings a request to the process behind, and its answer back.
    async fn exchange(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut upstream = TcpStream::connect(&self.upstream).await?;
        upstream.write_all(request).await?;
        message(&mut upstream).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

async fn connection(road: Arc<Road>, mut caller: TcpStream) -> io::Result<()> {
    while let Some(request) = message(&mut caller).await? {
        match road.luck() {
            None => caller.write_all(&road.exchange(&request).await?).await?,
            Some(Trouble::LostRequest) => return Ok(()),
            Some(Trouble::LostAnswer) => return road.exchange(&request).await.map(drop),
            Some(Trouble::Silence) => {
                road.exchange(&request).await?;
                std::future::pending::<()>().await;
            }
            Some(Trouble::Delay) => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                caller.write_all(&road.exchange(&request).await?).await?;
            }
            Some(Trouble::Reset) => {
                let answer = road.exchange(&request).await?;
                caller.write_all(&answer[..answer.len() / 2]).await?;
                caller.flush().await?;
                return caller.set_zero_linger();
            }
            Some(Trouble::Twice) => {
                let (_, answer) = tokio::try_join!(road.exchange(&request), road.exchange(&request))?;
                caller.write_all(&answer).await?;
            }
            Some(Trouble::Drip) => {
                let answer = road.exchange(&request).await?;
                for drop in answer.chunks(answer.len().div_ceil(20).max(1)) {
                    caller.write_all(drop).await?;
                    tokio::time::sleep(Duration::from_millis(15)).await;
                }
            }
        }
    }
    Ok(())
}

/// One whole message, a request or an answer; none where the connection has ended.
async fn message(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let (mut bytes, mut whole) = (Vec::new(), usize::MAX);
    while bytes.len() < whole {
        if stream.read_buf(&mut bytes).await? == 0 {
            return if bytes.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            whole = head + 4 + length.unwrap_or(0_usize);
        }
    }
    Ok(Some(bytes))
}
