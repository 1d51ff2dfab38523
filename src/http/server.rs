//! The server: takes connections, bounds how long anything takes, and ends in order.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::Services;
use super::connections::Connections;
use super::front::Front;
use super::opening::{self, Opening};
use super::rate_limits::{self, Peer};
use super::unread::Unread;

/// The pause after a connection could not be taken (no file descriptors left): trying at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The longest head of a request, and what a connection reads at once of a body.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How much a client may take.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// The longest a client may take to send its headers.
    pub header_timeout: Duration,
    /// The longest a client may take to send a body.
    pub body_timeout: Duration,
    /// The longest a request may take.
    pub request_timeout: Duration,
    /// The largest body.
    pub body_bytes: usize,
    /// How long requests under way are waited for at the end.
    pub drain_timeout: Duration,
}

/// Serves until `stop` is over, then takes no more connections, finishes the requests under way and returns.
pub async fn serve(
    listener: TcpListener,
    services: Arc<Services>,
    limits: ServerLimits,
    opening: &Opening,
    stop: impl Future<Output = ()>,
) {
    let front = Front::new(&services, &limits);
    opening.serves(Some(front.clone()));
    let answer = move |request, peer| front.clone().answer(request, Some(peer));
    let connections = take_connections(&listener, answer, &limits, Some(&services), stop).await;
    drop(listener);
    drop(services);
    opening.serves(None);
    if tokio::time::timeout(limits.drain_timeout, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time; their clients must ask again");
    }
}

/// Says that there is no shop yet, until `opened` is over, and returns what came of it. Connections are closed then,
/// so that the next request of their clients finds the shop; the listener is the same.
pub async fn serve_while_opening<T>(
    listener: &TcpListener,
    opening: Opening,
    limits: &ServerLimits,
    opened: impl Future<Output = T>,
) -> T {
    let mut outcome = None;
    let over = async { outcome = Some(opened.await) };
    let app = TowerToHyperService::new(opening::router(opening));
    let answer = move |mut request: Request<Unread>, peer: Peer| {
        request.extensions_mut().insert(peer);
        let app = app.clone();
        async move { app.call(request.map(Body::new)).await.into_response() }
    };
    let connections = take_connections(listener, answer, limits, None, over).await;
    tokio::spawn(connections.shutdown());
    match outcome {
        Some(outcome) => outcome,
        None => unreachable!("connections are taken until there is an outcome"),
    }
}

/// Takes connections until `stop` is over, and returns those that are open.
async fn take_connections<A, F>(
    listener: &TcpListener,
    answer: A,
    limits: &ServerLimits,
    services: Option<&Arc<Services>>,
    stop: impl Future<Output = ()>,
) -> Connections
where
    A: Fn(Request<Unread>, Peer) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let mut sweep = tokio::time::interval(rate_limits::SWEEP_EVERY);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(HEAD_BYTES_MAX);
    let connections = Connections::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
            _ = sweep.tick() => {
                if let Some(services) = services {
                    services.rate_limits.sweep();
                }
                continue;
            }
        };
        match accepted {
            Ok((stream, peer)) => {
                // Answers are small and waited for.
                let _ = stream.set_nodelay(true);
                let answer = answer.clone();
                let asked = Arc::new(Notify::new());
                let asks = Arc::clone(&asked);
                let service = service_fn(move |request: Request<Incoming>| {
                    asks.notify_one();
                    let (head, body) = request.into_parts();
                    let body = Unread::new(&head.headers, body);
                    let answered = answer(Request::from_parts(head, body), Peer(peer.ip()));
                    async move { Ok::<_, Infallible>(answered.await) }
                });
                let connection = http.serve_connection(TokioIo::new(stream), service);
                let connection = connections.serve(connection, asked);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                });
            }
            Err(error) => refused(&error).await,
        }
    }
    connections
}

async fn refused(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be taken");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
