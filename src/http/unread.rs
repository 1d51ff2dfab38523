//! What a client still sends when it has been answered already.
//!
//! A connection that is closed on bytes nobody read is reset, and a reset takes the answer with it before the client
//! has seen it: who sends 2 MiB where 1 MiB is allowed would be told nothing. So the rest of a body is read, and
//! forgotten, for a while.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// How long the rest may take. Whoever is not done by then sees its connection reset.
const REST_WITHIN: Duration = Duration::from_secs(10);
/// How much of it is read.
const REST_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long nothing may come. Whoever was answered for being slow is not waited for much longer.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A request's body, of which nothing is left unread.
#[derive(Debug)]
pub(super) struct Unread {
    /// Absent when it was read to its end, or is not to be read.
    body: Option<Incoming>,
    /// The client sends nothing before it is asked to go on: an answer is all it waits for.
    waits_to_be_asked: bool,
}

impl Unread {
    pub(super) fn new(headers: &HeaderMap, body: Incoming) -> Self {
        Unread { body: Some(body), waits_to_be_asked: headers.contains_key(header::EXPECT) }
    }
}

impl Body for Unread {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // Whoever polls asks the client to go on.
        self.waits_to_be_asked = false;
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        if self.waits_to_be_asked {
            return;
        }
        let rest = async move {
            let mut more = async || std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            let mut left = REST_BYTES_MAX;
            while let Ok(Some(Ok(frame))) = timeout(PAUSE_MAX, more()).await {
                let read = frame.data_ref().map_or(0, Bytes::len);
                let Some(less) = left.checked_sub(read) else { return };
                left = less;
            }
        };
        // None at the very end of the process, when nobody waits for an answer either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(timeout(REST_WITHIN, rest));
        }
    }
}
