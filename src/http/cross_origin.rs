//! Pages of other origins: which of them a browser may let read what the store answers.
//!
//! A page shows a publishable key in `Souk-Publishable-Key`; the key names the origins that it is for. Pages of souk's own need
//! none, and so do programs. Written here and not taken from a layer of a library, because the answer depends on the key that a
//! request shows, and because what is answered from memory passes no layer.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use souk_core::ids::PublishableKeyId;
use souk_core::market::MarketId;
use tokio::time::Instant;

use crate::journal::{JournalError, Pool};
use crate::store::publishable_keys;
use crate::tenants::PublishableKey;

use super::error::{ApiError, Code};

/// Shown by pages of other origins.
pub(super) const KEY: HeaderName = HeaderName::from_static("souk-publishable-key");
/// What they may use.
const STORE: &str = "/v1/store/";
/// How old what is known of the keys may be; what this server changed itself it knows at once.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// What such pages may send, and read.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
const SENT: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-none-match, souk-client-secret, souk-position, \
     souk-publishable-key, traceparent",
);
const READ: HeaderValue = HeaderValue::from_static(
    "etag, idempotent-replayed, ratelimit, ratelimit-policy, retry-after, souk-position, souk-stale, x-request-id",
);
/// How long a browser need not ask again, in seconds.
const ASKED_FOR: HeaderValue = HeaderValue::from_static("600");

/// The publishable keys that there are.
#[derive(Debug)]
pub struct CrossOrigin {
    rows: Pool,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Arc<Vec<PublishableKey>>,
    looked_at: Option<Instant>,
}

/// What a request is, as far as its origin goes.
pub(super) enum Asks {
    /// Nothing: it comes from no page of another origin, or shows no key.
    Nothing,
    /// A browser asks whether a page may ask.
    Before(HeaderValue),
    /// A page shows a key.
    With(HeaderValue, Option<HeaderValue>),
}

impl Asks {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let origin = headers.get(header::ORIGIN);
        if let Some(key) = headers.get(KEY) {
            return Asks::With(key.clone(), origin.cloned());
        }
        let is_before = request.method() == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && request.uri().path().starts_with(STORE);
        match origin.filter(|_| is_before) {
            Some(origin) => Asks::Before(origin.clone()),
            None => Asks::Nothing,
        }
    }
}

impl CrossOrigin {
    /// With the keys of this database.
    pub fn new(rows: Pool) -> Self {
        CrossOrigin { rows, known: RwLock::default() }
    }

    /// All keys, revoked ones too, as they are now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&self) -> Result<Arc<Vec<PublishableKey>>, JournalError> {
        let from = Instant::now();
        let keys = Arc::new(publishable_keys::all(&self.rows).await?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // What was read later is newer.
        if known.looked_at.is_none_or(|looked_at| looked_at <= from) {
            *known = Known { keys: Arc::clone(&keys), looked_at: Some(from) };
        }
        Ok(keys)
    }

    async fn keys(&self) -> Result<Arc<Vec<PublishableKey>>, JournalError> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.looked_at.is_some_and(|looked_at| looked_at.elapsed() < KNOWN_FOR) {
                return Ok(Arc::clone(&known.keys));
            }
        }
        self.look().await
    }

    /// Whether a browser may let the page ask.
    pub(super) async fn before(&self, origin: HeaderValue) -> Response {
        let keys = match self.keys().await {
            Ok(keys) => keys,
            Err(error) => return ApiError::from(error).into_response(),
        };
        let named = origin.to_str().is_ok_and(|origin| keys.iter().any(|key| key.names(origin)));
        if !named {
            return refused().into_response();
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        tell(headers, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, ASKED_FOR);
        response
    }

    /// Whether the key that is shown is good here; the origin that may read, if one is said.
    pub(super) async fn with(
        &self,
        path: &str,
        market: &MarketId,
        shown: &HeaderValue,
        origin: Option<HeaderValue>,
    ) -> Result<Option<HeaderValue>, ApiError> {
        if !path.starts_with(STORE) {
            return Err(ApiError::new(
                Code::WrongRole,
                "a publishable key is for /v1/store only: leave it out",
            ));
        }
        let id = shown.to_str().ok().and_then(|shown| shown.parse::<PublishableKeyId>().ok());
        let keys = self.keys().await?;
        let key = id.and_then(|id| keys.iter().find(|key| key.id == id)).ok_or_else(|| {
            ApiError::new(Code::AuthenticationRequired, "this publishable key is not known here: check it")
        })?;
        if key.revoked_at.is_some() {
            return Err(ApiError::new(Code::KeyRevoked, "this publishable key was revoked: use another"));
        }
        if key.market != *market {
            return Err(ApiError::new(Code::OriginRefused, "this publishable key is for another market"));
        }
        match origin {
            Some(origin) if origin.to_str().is_ok_and(|origin| key.names(origin)) => Ok(Some(origin)),
            Some(_) => Err(refused()),
            None => Ok(None),
        }
    }
}

fn refused() -> ApiError {
    ApiError::new(
        Code::OriginRefused,
        "no publishable key names this origin: let an operator make one that does",
    )
}

/// Lets pages of this origin read the answer.
pub(super) fn tell(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READ);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
