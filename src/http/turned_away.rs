//! What is turned away before anything else looks at it.
//!
//! Refusing must cost much less than serving, or whoever asks too much takes the time of those who were admitted: so
//! this stands before routes, traces, tags and compression, right behind the connection. It only looks; who comes past
//! is still admitted or refused by the actors' own count.

use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse as _, Response};
use hyper::Request;

use crate::actors::CallError;

use super::error::{ApiError, Code};
use super::{ServerLimits, Services, Shared, request_id};

/// Those whose commands are counted. Operators are few, and must get through when nobody else does.
const COUNTED: [&str; 3] = ["/v1/auth/", "/v1/store/", "/v1/vendor/"];

/// Turns requests away.
#[derive(Clone, Debug)]
pub(super) struct TurnedAway {
    services: Shared,
    body_bytes: u64,
}

impl TurnedAway {
    pub(super) fn new(services: &Shared, limits: &ServerLimits) -> Self {
        TurnedAway { services: Shared::clone(services), body_bytes: limits.body_bytes as u64 }
    }

    /// The refusal, when there is nothing to be done for this request.
    pub(super) fn refuse<B>(&self, request: &Request<B>) -> Option<Response> {
        let refused = if says_more_than(request.headers(), self.body_bytes) {
            ApiError::new(Code::BodyTooLarge, "send less at a time")
        } else if is_counted(request) {
            self.too_much()?
        } else {
            return None;
        };
        let mut response = refused.into_response();
        request_id::name(request.headers(), response.headers_mut());
        self.services.counters.count(response.status());
        Some(response)
    }

    /// The refusal of one who is counted, when there is no room, or all together have asked for too much.
    fn too_much(&self) -> Option<ApiError> {
        let Services { node, rate_limits, .. } = &*self.services;
        let no_room = node.admission().refusal().map(CallError::from);
        let too_often = || {
            let retry_after_ms = u64::try_from(rate_limits.wait_of_all()?.as_millis()).unwrap_or(u64::MAX);
            Some(CallError::Overloaded { retry_after_ms })
        };
        no_room.or_else(too_often).map(ApiError::from)
    }
}

/// Whether it asks for something to be done, by somebody who may have to wait.
fn is_counted<B>(request: &Request<B>) -> bool {
    let looks = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    !looks && COUNTED.iter().any(|path| request.uri().path().starts_with(path))
}

/// Whether its body is said to be larger than any may be; one that says nothing is measured as it comes.
fn says_more_than(headers: &HeaderMap, bytes: u64) -> bool {
    let said = headers.get(header::CONTENT_LENGTH).and_then(|said| said.to_str().ok()?.parse::<u64>().ok());
    said.is_some_and(|said| said > bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_something_to_be_done_is_counted_and_who_looks_or_keeps_order_is_not() {
        for (method, path, counted) in [
            (Method::POST, "/v1/store/carts", true),
            (Method::PUT, "/v1/vendor/products/prd_1", true),
            (Method::DELETE, "/v1/store/carts/chk_1/lines/sku_1", true),
            (Method::GET, "/v1/store/products", false),
            (Method::HEAD, "/v1/store/products", false),
            (Method::POST, "/v1/operator/vendors/ven_1/approve", false),
            (Method::POST, "/test-bank/pay_1", false),
        ] {
            let request = Request::builder().method(&method).uri(path).body(()).unwrap();
            assert_eq!(is_counted(&request), counted, "{method} {path}");
        }
    }

    #[test]
    fn a_body_that_is_said_to_be_too_large_is_not_waited_for() {
        let mut headers = HeaderMap::new();
        assert!(!says_more_than(&headers, 10));
        for (said, too_large) in [("10", false), ("11", true), ("1000000000000", true)] {
            headers.insert(header::CONTENT_LENGTH, said.parse().unwrap());
            assert_eq!(says_more_than(&headers, 10), too_large, "{said}");
        }
    }
}
