//! `X-Request-Id`: one name for a request in the answer and the log. And one trace, the caller's own when it sends
//! `traceparent` (W3C Trace Context), in every event that the request causes.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::telemetry::traces;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over from a client or a proxy.
const LENGTH_MAX: usize = 64;

/// The trace that events of this request carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace(pub(super) u128);

/// Gives the request an id, or keeps the one that a proxy gave it.
pub(super) async fn assign(mut request: Request, next: Next) -> Response {
    let parent = traces::parent_of(request.headers());
    let trace = parent.as_ref().map_or_else(random, traces::id_of);
    let id = of(request.headers(), trace);
    request.extensions_mut().insert(Trace(trace));
    let shown = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    // The path may hold an id, never a token; query strings are left out.
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        id = shown,
        method = %request.method(),
        path = request.uri().path(),
        status = tracing::field::Empty,
    );
    traces::begin(&span, trace, parent);
    let mut response = next.run(request).instrument(span.clone()).await;
    span.record("status", response.status().as_u16());
    if let Some(id) = id {
        response.headers_mut().insert(HEADER, id);
    }
    response
}

/// The id that the client or a proxy gave it, or this trace.
fn of(headers: &HeaderMap, trace: u128) -> Option<HeaderValue> {
    let given = headers.get(HEADER).filter(|value| is_sound(value.as_bytes())).cloned();
    given.or_else(|| HeaderValue::from_str(&format!("{trace:032x}")).ok())
}

/// Names a request that is answered before it has a trace.
pub(super) fn name(asked: &HeaderMap, answer: &mut HeaderMap) {
    if let Some(id) = of(asked, random()) {
        answer.insert(HEADER, id);
    }
}

fn random() -> u128 {
    let mut bytes = [0; 16];
    // Without random bytes requests still work; they only share a trace.
    let _ = getrandom::fill(&mut bytes);
    u128::from_be_bytes(bytes)
}

fn is_sound(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    (1..=LENGTH_MAX).contains(&id.len()) && id.iter().all(allowed)
}
