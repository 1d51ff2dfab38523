//! What a client knows already is not sent again, and what is large is sent small.
//!
//! Every answer to a GET has a strong ETag: the hash of its bytes, unless the handler knows a version. A strong one
//! may not name two encodings of the same answer, so a compressed one carries the name of its encoding.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use tower_http::compression::Compression;
use tower_http::compression::predicate::{And, NotForContentType, Predicate as _, SizeAbove};

use super::error::{ApiError, Code};

/// Bodies up to this size are sent as they are: compressing them costs more than it saves.
const PLAIN_BYTES_MAX: u64 = 1_024;
/// Of an answer that holds what only its reader may have.
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Encodings that an ETag may name.
const ENCODINGS: [&str; 3] = ["zstd", "br", "gzip"];

/// What is compressed.
pub(super) type WorthIt = And<SizeAbove, NotForContentType>;

/// Compresses what is large, as the client accepts it.
pub(super) fn compressing<S>(inner: S) -> Compression<S, WorthIt> {
    let worth_it = SizeAbove::new(PLAIN_BYTES_MAX).and(NotForContentType::IMAGES);
    Compression::new(inner).gzip(true).br(true).zstd(true).compress_when(worth_it)
}

/// Tags an answer; 304 when the client has it.
pub(super) async fn tag(request: Request, next: Next) -> Response {
    // The answer to a HEAD has no bytes to hash.
    let is_get = request.method() == Method::GET;
    let is_private = request.headers().contains_key(header::AUTHORIZATION);
    let known = known(request.headers());
    let response = next.run(request).await;
    if !is_get || response.status() != StatusCode::OK || is_kept_nowhere(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = match whole(body).await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    let tag = match parts.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()) {
        Some(tag) => tag.trim_matches('"').to_owned(),
        None => of(&bytes),
    };
    let control = if is_private { "private, no-cache" } else { "no-cache" };
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
    put(&mut parts.headers, &tag);
    let response = Response::from_parts(parts, Body::from(bytes));
    match known_as(&known, &tag) {
        Some(known) => not_modified(response, known),
        None => response,
    }
}

/// A body to its end.
pub(super) async fn whole(body: Body) -> Result<Bytes, ApiError> {
    to_bytes(body, usize::MAX).await.map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        ApiError::new(Code::Unavailable, "send the same request again after a moment").retry_after_ms(1_000)
    })
}

/// The tag under which the client has this answer already, whatever its encoding.
pub(super) fn known_as<'a>(known: &'a [Known], tag: &'a str) -> Option<&'a str> {
    let found = known.iter().find(|known| known.names(tag))?;
    Some(if found.0 == "*" { tag } else { &found.0 })
}

/// The same answer for somebody who has it.
pub(super) fn not_modified(answer: Response, tag: &str) -> Response {
    let (mut parts, _) = answer.into_parts();
    put(&mut parts.headers, tag);
    parts.status = StatusCode::NOT_MODIFIED;
    for of_the_body in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
        parts.headers.remove(of_the_body);
    }
    Response::from_parts(parts, Body::empty())
}

/// Whether an answer says already that nobody may keep it.
fn is_kept_nowhere(headers: &HeaderMap) -> bool {
    headers.get(header::CACHE_CONTROL).is_some_and(|control| control.as_bytes() == NO_STORE.as_bytes())
}

/// An ETag of a version of something.
pub(super) fn of_version(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn put(headers: &mut HeaderMap, tag: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        headers.insert(header::ETAG, value);
    }
}

/// A tag that the client has, without quotes.
pub(super) struct Known(String);

impl Known {
    /// Whether it names this answer, in whatever encoding.
    fn names(&self, tag: &str) -> bool {
        let rest = self.0.strip_prefix(tag);
        let encoding = rest.and_then(|rest| rest.strip_prefix('-'));
        self.0 == "*" || rest == Some("") || encoding.is_some_and(|encoding| ENCODINGS.contains(&encoding))
    }
}

/// The tags that the client has.
pub(super) fn known(headers: &HeaderMap) -> Vec<Known> {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let tag = |tag: &str| Known(tag.trim().trim_start_matches("W/").trim_matches('"').to_owned());
    values.flat_map(|value| value.split(',')).map(tag).collect()
}

/// Names the encoding of a compressed answer in its tag.
pub(super) fn name_encoding(headers: &mut HeaderMap) {
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|encoding| encoding.to_str().ok());
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    if let (Some(encoding), Some(tag)) = (encoding, tag) {
        let named = format!("{}-{encoding}", tag.trim_matches('"'));
        put(headers, &named);
    }
}

/// An answer's tag, as it was before its encoding was named.
pub(super) fn tag_without_encoding(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(header::ETAG)?.to_str().ok()?.trim_matches('"');
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|encoding| encoding.to_str().ok());
    let plain = encoding.and_then(|encoding| tag.strip_suffix(encoding)?.strip_suffix('-'));
    Some(plain.unwrap_or(tag).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_in_every_encoding_and_no_other_tag_is() {
        let mut headers = HeaderMap::new();
        headers.append(header::IF_NONE_MATCH, HeaderValue::from_static("\"a\", W/\"b\""));
        headers.append(header::IF_NONE_MATCH, HeaderValue::from_static("\"c-zstd\""));
        let known = known(&headers);
        for tag in ["a", "b", "c"] {
            assert!(known.iter().any(|known| known.names(tag)), "{tag}");
        }
        for tag in ["", "ab", "c-", "d", "c-zst"] {
            assert!(!known.iter().any(|known| known.names(tag)), "{tag}");
        }
        assert!(Known("*".to_owned()).names("anything"));
    }
}
