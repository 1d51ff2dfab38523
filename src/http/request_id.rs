//! `X-Request-Id`: one name for a request in the answer and the log. And one trace, the caller's own when it sends
//! `traceparent` (W3C Trace Context), in every event that the request causes.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::trace::SpanContext;
use tracing::{Instrument as _, Span};

use crate::telemetry::traces;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over from a client or a proxy.
const LENGTH_MAX: usize = 64;

/// The trace that events of this request carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace(pub(super) u128);

/// The trace of a request that has no other name.
pub(super) struct Traced(pub(super) Option<u128>);

impl<S: Send + Sync> FromRequestParts<S> for Traced {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Traced(parts.extensions.get::<Trace>().map(|Trace(trace)| *trace)))
    }
}

/// What a request is called.
#[derive(Debug)]
pub(super) struct Named {
    trace: u128,
    id: HeaderValue,
    parent: Option<SpanContext>,
}

impl Named {
    /// The id that a proxy gave the request, or one of its own.
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let parent = traces::parent_of(request.headers());
        let trace = parent.as_ref().map_or_else(random, traces::id_of);
        Named { trace, id: of(request.headers(), trace), parent }
    }

    /// The trace that its events carry.
    pub(super) fn trace(&self) -> Trace {
        Trace(self.trace)
    }

    /// What is logged and traced of it. The path may hold an id, never a token; query strings are left out.
    pub(super) fn span<B>(&self, request: &Request<B>) -> Span {
        let span = tracing::info_span!(
            "request",
            otel.kind = "server",
            id = self.id.to_str().unwrap_or_default(),
            method = %request.method(),
            path = request.uri().path(),
            status = tracing::field::Empty,
        );
        traces::begin(&span, self.trace, self.parent.clone());
        span
    }

    /// Puts the id into the answer.
    pub(super) fn tell(self, answer: &mut HeaderMap) {
        answer.insert(HEADER, self.id);
    }
}

/// Gives the request an id, and its answer.
pub(super) async fn assign(mut request: Request<Body>, next: Next) -> Response {
    let named = Named::of(&request);
    request.extensions_mut().insert(named.trace());
    let span = named.span(&request);
    let mut response = next.run(request).instrument(span.clone()).await;
    span.record("status", response.status().as_u16());
    named.tell(response.headers_mut());
    response
}

/// The id that the client or a proxy gave it, or this trace.
fn of(headers: &HeaderMap, trace: u128) -> HeaderValue {
    let given = headers.get(HEADER).filter(|value| is_sound(value.as_bytes())).cloned();
    let own = || HeaderValue::from_str(&format!("{trace:032x}"));
    given.or_else(|| own().ok()).unwrap_or(HeaderValue::from_static("-"))
}

/// Names a request that is answered before it has a trace.
pub(super) fn name(asked: &HeaderMap, answer: &mut HeaderMap) {
    answer.insert(HEADER, of(asked, random()));
}

/// Different for every request, and nothing more: nobody is to guess by it, so that the system need not be asked.
fn random() -> u128 {
    fastrand::u128(..)
}

fn is_sound(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    (1..=LENGTH_MAX).contains(&id.len()) && id.iter().all(allowed)
}
