//! What every request passes on its way to a route, and every answer on its way back.
//!
//! One function instead of a stack of layers: around a router each layer boxes the request's future and copies all
//! layers below it, for every request.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tower_http::compression::Compression;
use tracing::Instrument as _;

use super::body::BodyTimeout;
use super::caching::{self, WorthIt};
use super::cross_origin::{self, Asks};
use super::error::{ApiError, Code};
use super::rate_limits::{self, Peer};
use super::request_id::Named;
use super::shelf::Shelf;
use super::turned_away::TurnedAway;
use super::{ServerLimits, Shared, router};

/// The routes, whose large answers are compressed.
type App = TowerToHyperService<Compression<Router, WorthIt>>;

/// Answers requests. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Front(Arc<Inside>);

struct Inside {
    services: Shared,
    turned_away: TurnedAway,
    shelf: Shelf,
    app: App,
    request_timeout: Duration,
    body_timeout: BodyTimeout,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

impl Front {
    pub(super) fn new(services: &Shared, limits: &ServerLimits) -> Self {
        Front(Arc::new(Inside {
            services: Shared::clone(services),
            turned_away: TurnedAway::new(services, limits),
            shelf: Shelf::new(),
            app: TowerToHyperService::new(caching::compressing(router(services, limits))),
            request_timeout: limits.request_timeout,
            body_timeout: BodyTimeout(limits.body_timeout),
        }))
    }

    /// Answers a request that came from there.
    pub(super) async fn answer<B>(self, request: Request<B>, peer: Option<Peer>) -> Response
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let Inside { services, turned_away, .. } = &*self.0;
        if let Some(refused) = turned_away.refuse(&request) {
            return refused;
        }
        let named = Named::of(&request);
        let span = named.span(&request);
        let kept = {
            let look = AssertUnwindSafe(|| self.0.kept(&request, peer));
            span.in_scope(|| catch_unwind(look)).unwrap_or_else(|panic| Some(told(&*panic)))
        };
        // Looked at behind what is kept: an answer from memory is for everybody, but not every page may read it.
        let asks = Asks::of(&request);
        let reader = match asks {
            Asks::Nothing => Ok(None),
            Asks::Before(origin) => Err(services.cross_origin.before(origin).await),
            Asks::With(key, origin) => {
                let path = request.uri().path();
                let shown = services.cross_origin.with(path, &services.market.id, &key, origin).await;
                shown.map_err(ApiError::into_response)
            }
        };
        let (reader, told_so) = match reader {
            Ok(reader) => (reader, None),
            Err(response) => (None, Some(response)),
        };
        let mut response = match told_so.or(kept) {
            Some(kept) => kept,
            None => {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(named.trace());
                let routed = AssertUnwindSafe(self.0.routed(request, peer)).catch_unwind();
                Box::pin(routed).instrument(span.clone()).await.unwrap_or_else(|panic| told(&*panic))
            }
        };
        if let Some(origin) = reader {
            cross_origin::tell(response.headers_mut(), origin);
        }
        services.counters.count(response.status());
        span.record("status", response.status().as_u16());
        named.tell(response.headers_mut());
        response
    }
}

impl Inside {
    /// What was answered before and would be answered again.
    fn kept<B>(&self, request: &Request<B>, peer: Option<Peer>) -> Option<Response> {
        let asked = self.shelf.asked(request)?;
        let kept = self.shelf.answer(&self.services, asked, request.headers())?;
        let Some(allowance) = self.services.rate_limits.of_address(peer) else { return Some(kept) };
        let mut response = allowance.refusal().unwrap_or(kept);
        allowance.tell(response.headers_mut());
        Some(response)
    }

    /// What a route answers, in time and to those who may ask. What a request started that takes too long goes on in its
    /// actor.
    async fn routed(&self, request: Request<Body>, peer: Option<Peer>) -> Response {
        let answered = tokio::time::timeout(self.request_timeout, self.admitted(request, peer)).await;
        answered.unwrap_or_else(|_| {
            let detail = "it may have happened: send the same request again with the same Idempotency-Key";
            ApiError::new(Code::Timeout, detail).retry_after_ms(1_000).into_response()
        })
    }

    async fn admitted(&self, mut request: Request<Body>, peer: Option<Peer>) -> Response {
        // A server that has lost the journal to another one says so, also where it could still read something.
        if request.uri().path().starts_with("/v1/") && !self.services.node.journal().lease().is_owner() {
            return ApiError::not_owner().into_response();
        }
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let allowance = rate_limits::allowance(&self.services, peer, &mut request).await;
        let refusal = allowance.as_ref().and_then(|allowance| allowance.refusal());
        let mut response = match refusal {
            Some(refusal) => refusal,
            None => self.answered(request).await,
        };
        if let Some(allowance) = allowance {
            allowance.tell(response.headers_mut());
        }
        response
    }

    async fn answered(&self, mut request: Request<Body>) -> Response {
        let wanted = self.shelf.asked(&request).map(|asked| asked.to_owned());
        request.extensions_mut().insert(Shared::clone(&self.services));
        request.extensions_mut().insert(self.body_timeout);
        let mut response = self.app.call(request).await.into_response();
        caching::name_encoding(response.headers_mut());
        match wanted {
            Some(wanted) => self.shelf.keep(wanted, response).await,
            None => response,
        }
    }
}

/// A fault of ours. What the request had started may have happened, and goes on in its actor.
fn told(panic: &(dyn Any + Send)) -> Response {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("something");
    tracing::error!(said, "a handler panicked");
    let detail = "it may have happened: send the same request again with the same Idempotency-Key to learn the outcome";
    ApiError::new(Code::OutcomeUnknown, detail).retry_after_ms(1_000).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{StatusCode, header};

    #[tokio::test]
    async fn a_panic_is_told_as_an_unknown_outcome() {
        let broken = async {
            let nothing: [u8; 0] = [];
            tokio::task::yield_now().await;
            nothing.iter().max().expect("a fault of ours").to_string().into_response()
        };
        let answer = AssertUnwindSafe(broken).catch_unwind().await.unwrap_or_else(|panic| told(&*panic));
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
    }
}
