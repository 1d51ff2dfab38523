//! `Souk-Position`: a write says where it was written, and a reader that shows this waits until the read models
//! contain it, two seconds at most; what may be older then says so (`Souk-Stale: true`).

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use souk_core::ids::StreamId;
use tokio::time::Instant;

use crate::tenants::positions::Place;

use super::error::{ApiError, Code};
use super::routes::Reads;
use super::{Services, Shared};

pub(super) const HEADER: HeaderName = HeaderName::from_static("souk-position");
const STALE: HeaderName = HeaderName::from_static("souk-stale");
/// How long a reader is made to wait.
const WAIT: Duration = Duration::from_secs(2);
/// The most positions of one request.
const POSITIONS_MAX: usize = 8;

/// The header of a write to this stream that is in the journal up to this position.
pub(super) fn written(services: &Services, stream: StreamId, position: u64) -> Option<HeaderValue> {
    let place = Place { partition: stream.partition(), position };
    HeaderValue::from_str(&services.server_key.seal_place(place)).ok()
}

/// Puts it into an answer.
pub(super) fn tell(headers: &mut HeaderMap, written: Option<HeaderValue>) {
    if let Some(written) = written {
        headers.insert(HEADER, written);
    }
}

/// Waits until what is read contains what the reader asks for, and then lets it read.
pub(super) async fn wait(reads: Reads, request: Request, next: Next) -> Response {
    let services = request.extensions().get::<Shared>().cloned();
    let Some(services) = services.filter(|_| request.headers().contains_key(HEADER)) else {
        return next.run(request).await;
    };
    let places = match asked(&services, request.headers()) {
        Ok(places) => places,
        Err(error) => return error.into_response(),
    };
    let fresh = has_reached(&services, reads, &places).await;
    let mut response = next.run(request).await;
    if !fresh {
        response.headers_mut().insert(STALE, HeaderValue::from_static("true"));
    }
    response
}

/// The places of a request: several headers, or one with commas between.
fn asked(services: &Services, headers: &HeaderMap) -> Result<Vec<Place>, ApiError> {
    let wrong = || {
        let detail = format!("give back at most {POSITIONS_MAX} values of Souk-Position, as they were told");
        ApiError::new(Code::PositionInvalid, detail)
    };
    let mut places = Vec::new();
    for value in headers.get_all(HEADER) {
        for sealed in value.to_str().map_err(|_| wrong())?.split(',') {
            places.push(services.server_key.open_place(sealed.trim()).ok_or_else(wrong)?);
        }
    }
    if places.len() > POSITIONS_MAX { Err(wrong()) } else { Ok(places) }
}

async fn has_reached(services: &Services, reads: Reads, places: &[Place]) -> bool {
    let Some(progress) = &services.progress else { return false };
    let deadline = Instant::now() + WAIT;
    let left = || deadline.saturating_duration_since(Instant::now());
    for Place { partition, position } in places {
        for projection in reads.projections {
            if !progress.wait_for(*projection, *partition, *position, left()).await {
                return false;
            }
        }
        if reads.index && !progress.wait_for_index(*partition, *position, left()).await {
            return false;
        }
    }
    true
}
