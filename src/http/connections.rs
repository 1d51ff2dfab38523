//! Connections that are open, and how they end in order.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::HttpService;
use tokio::sync::{Notify, watch};

/// How long a connection that has not asked anything yet may still do so at the end. Whoever has just connected is about
/// to, and would find the door shut in their face: hyper closes such a connection at once.
const FIRST_REQUEST_WITHIN: Duration = Duration::from_secs(1);

/// Every connection of a server, until they have ended.
#[derive(Debug)]
pub(super) struct Connections {
    /// Whether they are to end. Each holds a receiver.
    over: watch::Sender<bool>,
}

impl Connections {
    pub(super) fn new() -> Self {
        Connections { over: watch::Sender::new(false) }
    }

    /// Serves a connection until its client leaves, or all are to end and what was asked has been answered. `asked` is
    /// notified of every request.
    pub(super) fn serve<I, S>(
        &self,
        connection: http1::Connection<I, S>,
        asked: Arc<Notify>,
    ) -> impl Future<Output = hyper::Result<()>> + use<I, S>
    where
        S: HttpService<hyper::body::Incoming>,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::ResBody: hyper::body::Body + 'static,
        <S::ResBody as hyper::body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        I: hyper::rt::Read + hyper::rt::Write + Unpin,
    {
        let mut over = self.over.subscribe();
        async move {
            let mut connection = pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return ended,
                _ = over.wait_for(|over| *over) => {}
            }
            tokio::select! {
                ended = connection.as_mut() => return ended,
                _ = tokio::time::timeout(FIRST_REQUEST_WITHIN, asked.notified()) => {}
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }

    /// Tells all to end, and waits until they have.
    pub(super) async fn shutdown(self) {
        self.over.send_replace(true);
        self.over.closed().await;
    }
}
