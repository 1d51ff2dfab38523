//! A client of souk's API that does not give up while the shop says "later".

use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::{Method, StatusCode};
use hyper_util::client::legacy::Client as Connections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::Refused;

/// How long one request may take before it is sent again under the same name.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one thing may be asked for altogether.
const PATIENCE_IN_ALL: Duration = Duration::from_secs(300);
/// The pause before the second try where the server names none; it doubles.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Sends requests to one server.
#[derive(Clone, Debug)]
pub struct Client {
    connections: Connections<HttpConnector, Full<Bytes>>,
    base: String,
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) path: String,
    /// A token or an API key.
    pub(super) bearer: Option<&'a str>,
    /// Names the request, so that asking again does nothing twice.
    pub(super) key: Option<String>,
    /// Tells this client apart where there is no bearer.
    pub(super) client_secret: Option<&'a str>,
    pub(super) body: Option<Value>,
}

/// What one try came to.
enum Tried {
    Told(Result<Value, Refused>),
    /// To be sent again, after this long if the server said so.
    Again(Option<Duration>, String),
}

impl Client {
    /// Of the server at this address: `http://HOST:PORT`.
    ///
    /// # Errors
    /// When it is not such an address.
    pub fn new(address: &str) -> anyhow::Result<Client> {
        let base = address.trim_end_matches('/');
        let url = url::Url::parse(base).with_context(|| format!("{address:?} is no address of a server"))?;
        if url.scheme() != "http" || !url.has_host() {
            bail!("{address:?} is not written as http://HOST:PORT: other schemes are not spoken here");
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let connections = Connections::builder(TokioExecutor::new()).build(connector);
        Ok(Client { connections, base: base.to_owned() })
    }

    /// Sends it until it is answered for good.
    pub(super) async fn send(&self, request: Request<'_>) -> anyhow::Result<Result<Value, Refused>> {
        let deadline = Instant::now() + PATIENCE_IN_ALL;
        let mut pause = PAUSE;
        loop {
            let why = match self.attempt(&request).await? {
                Tried::Told(told) => return Ok(told),
                Tried::Again(after, why) => {
                    let wait = after.unwrap_or(pause).min(PAUSE_MAX);
                    if Instant::now() + wait < deadline {
                        sleep(wait).await;
                        pause = (pause * 2).min(PAUSE_MAX);
                        continue;
                    }
                    why
                }
            };
            let Request { method, path, .. } = &request;
            bail!("{method} {path} was not answered within {} s: {why}", PATIENCE_IN_ALL.as_secs());
        }
    }

    async fn attempt(&self, request: &Request<'_>) -> anyhow::Result<Tried> {
        let built = self.build(request)?;
        // A connection that breaks says nothing about what was done: the name of the request does.
        let response = match timeout(PATIENCE, self.connections.request(built)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Ok(Tried::Again(None, chain(&error))),
            Err(_) => return Ok(Tried::Again(None, "no answer".to_owned())),
        };
        let (head, body) = response.into_parts();
        let bytes = match timeout(PATIENCE, body.collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) => return Ok(Tried::Again(None, chain(&error))),
            Err(_) => return Ok(Tried::Again(None, "half an answer".to_owned())),
        };
        let text = || String::from_utf8_lossy(&bytes).into_owned();
        let body: Value = match serde_json::from_slice(&bytes) {
            Ok(body) => body,
            Err(_) => bail!("{} {} was told {} {}", request.method, request.path, head.status, text()),
        };
        let code = body["code"].as_str().unwrap_or_default();
        let later = retry_after(&head.headers);
        match head.status {
            // A payment that is still under way.
            StatusCode::ACCEPTED => Ok(Tried::Again(later, text())),
            status if status.is_success() => Ok(Tried::Told(Ok(body))),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::GATEWAY_TIMEOUT => Ok(Tried::Again(later, text())),
            // A final no of its own: the same request is told the same for ever.
            StatusCode::SERVICE_UNAVAILABLE if code != "no_answer" => Ok(Tried::Again(later, text())),
            StatusCode::CONFLICT if code == "request_in_flight" => Ok(Tried::Again(None, text())),
            StatusCode::CONFLICT
            | StatusCode::PAYMENT_REQUIRED
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::NOT_FOUND
                if !code.is_empty() =>
            {
                tracing::debug!(path = request.path, answer = text(), "refused");
                Ok(Tried::Told(Err(Refused(code.to_owned()))))
            }
            status => bail!("{} {} was told {status}: {}", request.method, request.path, text()),
        }
    }

    fn build(&self, request: &Request<'_>) -> anyhow::Result<hyper::Request<Full<Bytes>>> {
        let mut built =
            hyper::Request::builder().method(&request.method).uri(format!("{}{}", self.base, request.path));
        if let Some(bearer) = request.bearer {
            built = built.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        if let Some(key) = &request.key {
            built = built.header("idempotency-key", key);
        }
        if let Some(secret) = request.client_secret {
            built = built.header("souk-client-secret", secret);
        }
        let body = match &request.body {
            Some(body) => {
                built = built.header(CONTENT_TYPE, "application/json");
                Bytes::from(serde_json::to_vec(body)?)
            }
            None => Bytes::new(),
        };
        Ok(built.body(Full::new(body))?)
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// An error with its causes: the outermost alone says "client error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
