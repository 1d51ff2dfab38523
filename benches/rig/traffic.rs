//! Requests to a server in another process, counted and timed.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What a request was told.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// When it asks to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).with_context(|| format!("{} {text}", self.status))
    }

    /// The same, of a yes.
    pub fn ok(&self) -> anyhow::Result<serde_json::Value> {
        anyhow::ensure!(self.status.is_success(), "{} {}", self.status, String::from_utf8_lossy(&self.body));
        self.json()
    }
}

/// One connection, kept open.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub async fn open(addr: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(addr).await.with_context(|| format!("cannot connect to {addr}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection { sender })
    }

    /// One request, and its whole answer.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body: Bytes = body.into();
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(body))?).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(Answer { status, headers, body })
    }

    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
        self.ask(Method::GET, path, headers, "").await
    }
}

/// How long things took.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub fn extend(&mut self, others: Times) {
        self.0.extend(others.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// In milliseconds; not a number when there is none.
    pub fn percentile(&mut self, per_cent: f64) -> f64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1) as f64;
        let at = (last * per_cent / 100.0).round() as usize;
        self.0.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1_000.0)
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Asks again and again on so many connections, each as soon as it was answered; the number of the connection comes
/// with it. How many a second, and how long each took. Runs in a `LocalSet`.
pub async fn closed_loop(
    addr: &str,
    connections: usize,
    lasts: Duration,
    ask: impl AsyncFn(usize, &mut Connection) -> anyhow::Result<()> + 'static,
) -> anyhow::Result<(f64, Times)> {
    let ask = Rc::new(ask);
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for n in 0..connections {
        let (ask, addr) = (Rc::clone(&ask), addr.to_owned());
        clients.spawn_local(async move {
            let mut connection = Connection::open(&addr).await?;
            let mut times = Times::default();
            while began.elapsed() < lasts {
                let asked = Instant::now();
                ask(n, &mut connection).await?;
                times.add(asked.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Times::default();
    while let Some(done) = clients.join_next().await {
        times.extend(done??);
    }
    Ok((times.len() as f64 / began.elapsed().as_secs_f64(), times))
}
