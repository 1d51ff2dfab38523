//! Answers about the catalogue, kept as bytes.
//!
//! Most shoppers look at the same few products and pages. What was answered last is answered again while nothing that it
//! was made of has changed, which is looked up every time: nobody is told what is older than what somebody was told
//! already. Only what everybody is told alike is kept.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use lru::LruCache;
use souk_core::ids::{ProductId, SkuId};

use crate::actors::Seen;
use crate::store::read::ReadAt;

use super::{Services, caching, positions};

/// What is kept lies below it.
const CATALOGUE: &str = "/v1/store/products";
/// Answers that are kept, at most.
const ANSWERS_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
/// The largest that is.
const BYTES_MAX: usize = 32 * 1024;
/// All of them together, with what belongs to them.
const ALL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The longest path with its query, and the longest list of encodings, that an answer is kept for.
const ASKED_BYTES_MAX: usize = 256;
/// What a kept answer takes besides what can be counted: its headers and its place.
const BYTES_BESIDES: usize = 1_024;

/// What an answer was made of. Each part is named before it is looked at, so that a change in between is noticed.
#[derive(Clone, Debug)]
pub(super) struct MadeOf {
    /// As owner of what; `None` when this server was none.
    term: Option<u64>,
    seen: Vec<Seen>,
    listed: Option<ReadAt>,
}

impl MadeOf {
    /// Nothing yet.
    pub(super) fn begin(services: &Services) -> Self {
        MadeOf { term: services.node.journal().lease().term(), seen: Vec::new(), listed: None }
    }

    /// A product, as its actor knows it.
    pub(super) fn product(&mut self, services: &Services, product: ProductId) {
        self.seen.push(services.node.changes().seen(product.0));
    }

    /// The stock of an offer.
    pub(super) fn stock(&mut self, services: &Services, sku: SkuId) {
        self.seen.push(services.node.changes().seen(sku.0));
    }

    /// The read model's rows.
    pub(super) fn listed(&mut self, read: ReadAt) {
        self.listed = Some(read);
    }

    fn is_unchanged(&self, services: &Services) -> bool {
        let changes = services.node.changes();
        self.seen.iter().all(|seen| changes.is_still(*seen))
            && self.listed.is_none_or(|read| services.models.is_still_listed(read))
            && self.term.is_some()
            && self.term == services.node.journal().lease().term()
    }
}

/// What is asked, by somebody who is told what everybody is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    path_and_query: &'a str,
    /// The encodings that the client takes, as it says it.
    accepts: &'a [u8],
    hash: u64,
}

impl Asked<'_> {
    /// A copy of its own: what hyper made of the request's head holds the whole head.
    pub(super) fn to_owned(self) -> Wanted {
        let Asked { path_and_query, accepts, hash } = self;
        Wanted { path_and_query: path_and_query.into(), accepts: accepts.into(), hash }
    }
}

/// The same, kept.
#[derive(Debug)]
pub(super) struct Wanted {
    path_and_query: Box<str>,
    accepts: Box<[u8]>,
    hash: u64,
}

#[derive(Debug)]
struct Kept {
    wanted: Wanted,
    made_of: Arc<MadeOf>,
    /// Without the name of an encoding.
    tag: String,
    headers: HeaderMap,
    bytes: Bytes,
}

impl Kept {
    fn weight(&self) -> usize {
        self.bytes.len()
            + self.wanted.path_and_query.len()
            + self.wanted.accepts.len()
            + self.made_of.seen.len() * size_of::<Seen>()
            + BYTES_BESIDES
    }
}

#[derive(Debug)]
struct Pages {
    kept: LruCache<u64, Arc<Kept>>,
    bytes: usize,
}

/// The kept answers.
#[derive(Debug)]
pub(super) struct Shelf {
    pages: Mutex<Pages>,
    hasher: RandomState,
}

impl Shelf {
    pub(super) fn new() -> Self {
        let pages = Pages { kept: LruCache::new(ANSWERS_MAX), bytes: 0 };
        Shelf { pages: Mutex::new(pages), hasher: RandomState::new() }
    }

    /// What this request wants, if an answer to it may be kept.
    pub(super) fn asked<'a, B>(&self, request: &'a Request<B>) -> Option<Asked<'a>> {
        let (uri, headers) = (request.uri(), request.headers());
        let path_and_query = uri.path_and_query()?.as_str();
        // A product's page looks at no query, and would be kept once for each.
        let is_list = uri.path() == CATALOGUE;
        let mut accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
        let accepts = accepted.next().map_or(&[][..], |accepts| accepts.as_bytes());
        let is_for_all = request.method() == Method::GET
            && uri.path().starts_with(CATALOGUE)
            && (is_list || uri.query().is_none())
            && !headers.contains_key(header::AUTHORIZATION)
            && !headers.contains_key(positions::HEADER)
            // Which of several lines holds is not looked at here.
            && accepted.next().is_none()
            && path_and_query.len().max(accepts.len()) <= ASKED_BYTES_MAX;
        let hash = || self.hasher.hash_one((path_and_query, accepts));
        is_for_all.then(|| Asked { path_and_query, accepts, hash: hash() })
    }

    /// The answer, when it is still what would be answered.
    pub(super) fn answer(
        &self,
        services: &Services,
        asked: Asked<'_>,
        headers: &HeaderMap,
    ) -> Option<Response> {
        let kept = {
            let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(pages.kept.get(&asked.hash)?)
        };
        // Two that share a hash take turns.
        let Wanted { path_and_query, accepts, .. } = &kept.wanted;
        let is_it = **path_and_query == *asked.path_and_query && **accepts == *asked.accepts;
        if !is_it || !kept.made_of.is_unchanged(services) {
            return None;
        }
        let mut response = Response::new(Body::from(kept.bytes.clone()));
        *response.headers_mut() = kept.headers.clone();
        Some(match caching::known_as(&caching::known(headers), &kept.tag) {
            Some(tag) => caching::not_modified(response, tag),
            None => response,
        })
    }

    /// Keeps an answer, if its handler said what it was made of.
    pub(super) async fn keep(&self, wanted: Wanted, response: Response) -> Response {
        if response.status() != StatusCode::OK {
            return response;
        }
        let Some(made_of) = response.extensions().get::<Arc<MadeOf>>().cloned() else { return response };
        let (parts, body) = response.into_parts();
        let bytes = match caching::whole(body).await {
            Ok(bytes) => bytes,
            Err(error) => return error.into_response(),
        };
        if let Some(tag) = caching::tag_without_encoding(&parts.headers)
            && bytes.len() <= BYTES_MAX
        {
            let headers = parts.headers.clone();
            self.put(Kept { wanted, made_of, tag, headers, bytes: bytes.clone() });
        }
        Response::from_parts(parts, Body::from(bytes))
    }

    fn put(&self, kept: Kept) {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.bytes += kept.weight();
        // What it replaces, or what had to go because there are too many.
        if let Some((_, gone)) = pages.kept.push(kept.wanted.hash, Arc::new(kept)) {
            pages.bytes -= gone.weight();
        }
        while pages.bytes > ALL_BYTES_MAX
            && let Some((_, gone)) = pages.kept.pop_lru()
        {
            pages.bytes -= gone.weight();
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn request(method: Method, path: &str, headers: &[(&'static str, &'static str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(path).body(()).unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request
    }

    fn kept(shelf: &Shelf, path: &str, bytes: usize) -> Kept {
        let made_of = Arc::new(MadeOf { term: None, seen: Vec::new(), listed: None });
        let wanted = shelf.asked(&request(Method::GET, path, &[])).unwrap().to_owned();
        Kept {
            wanted,
            made_of,
            tag: String::new(),
            headers: HeaderMap::new(),
            bytes: Bytes::from(vec![0; bytes]),
        }
    }

    #[test]
    fn only_what_everybody_is_told_alike_is_kept() {
        let shelf = Shelf::new();
        let product = "/v1/store/products/prd_1";
        let of = |request: Request<()>| shelf.asked(&request).map(|asked| asked.hash);
        let plain = of(request(Method::GET, product, &[]));
        assert!(plain.is_some());
        assert_eq!(of(request(Method::GET, product, &[("user-agent", "k6")])), plain);
        let others = [
            of(request(Method::GET, "/v1/store/products/prd_2", &[])),
            of(request(Method::GET, "/v1/store/products", &[])),
            of(request(Method::GET, "/v1/store/products?limit=1", &[])),
            of(request(Method::GET, product, &[("accept-encoding", "zstd")])),
        ];
        assert!(others.iter().all(|other| other.is_some() && *other != plain));
        for other in [
            request(Method::POST, product, &[]),
            request(Method::HEAD, product, &[]),
            request(Method::GET, "/v1/vendor/products", &[]),
            request(Method::GET, product, &[("authorization", "Bearer souk_op_1")]),
            request(Method::GET, product, &[("souk-position", "x")]),
            request(Method::GET, product, &[("accept-encoding", "gzip"), ("accept-encoding", "zstd")]),
            request(Method::GET, "/v1/store/products/prd_1?x", &[]),
            request(Method::GET, &format!("/v1/store/products?cursor={}", "x".repeat(ASKED_BYTES_MAX)), &[]),
        ] {
            assert_eq!(of(other), None);
        }
    }

    #[test]
    fn it_takes_no_more_room_than_it_may() {
        let shelf = Shelf::new();
        let (large, count) = (BYTES_MAX, 2 * ALL_BYTES_MAX / BYTES_MAX);
        for n in 0..count {
            shelf.put(kept(&shelf, &format!("/v1/store/products?cursor=prd_{n}"), large));
        }
        let sum = |shelf: &Shelf| {
            let pages = shelf.pages.lock().unwrap();
            let sum: usize = pages.kept.iter().map(|(_, kept)| kept.weight()).sum();
            assert_eq!(sum, pages.bytes);
            (sum, pages.kept.len())
        };
        let (bytes, many) = sum(&shelf);
        assert!(bytes <= ALL_BYTES_MAX && bytes > ALL_BYTES_MAX / 2);
        // The same one again takes the place of the older one.
        shelf.put(kept(&shelf, &format!("/v1/store/products?cursor=prd_{}", count - 1), large));
        assert_eq!(sum(&shelf), (bytes, many));
        for n in 0..2 * ANSWERS_MAX.get() {
            shelf.put(kept(&shelf, &format!("/v1/store/products/prd_{n}"), 1));
        }
        assert_eq!(sum(&shelf).1, ANSWERS_MAX.get());
    }
}
