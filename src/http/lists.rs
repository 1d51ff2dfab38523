//! Lists: what they are asked with, and how they are told.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use souk_core::time::Timestamp;

use crate::store::read::PlacedCursor;

use super::error::{ApiError, Code};

/// The items of a page when nothing else is asked for.
const PAGE: u32 = 50;
/// The most of one.
const PAGE_MAX: u32 = 200;

/// A query of this type. The type itself refuses unknown parameters.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        check_letters(parts.uri.query().unwrap_or_default())?;
        let asked = Query::<T>::from_request_parts(parts, state).await;
        asked.map(|Query(asked)| Asked(asked)).map_err(|rejection| wrong(rejection.body_text()))
    }
}

/// No text that is looked for has a control character, and a database may refuse to look for one.
fn check_letters(query: &str) -> Result<(), ApiError> {
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name.chars().chain(value.chars()).any(char::is_control) {
            return Err(wrong("it has a control character: take it out"));
        }
    }
    Ok(())
}

/// A query that is not understood.
pub(super) fn wrong(why: impl std::fmt::Display) -> ApiError {
    ApiError::new(Code::InvalidQuery, format!("correct the query string: {why}"))
}

/// How many items a page has.
pub(super) fn page_size(asked: Option<u32>) -> u32 {
    asked.unwrap_or(PAGE).clamp(1, PAGE_MAX)
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ListOf{T}")]
pub(super) struct Listed<T> {
    pub(super) items: Vec<T>,
    /// Give it back as `cursor` for what follows; null at the end. A page with a filter may hold fewer items than it
    /// could and still not be the last.
    pub(super) next_cursor: Option<String>,
}

/// Without `cursor` and `limit`: a list that is told whole.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AllOf{T}")]
pub(super) struct Whole<T> {
    pub(super) items: Vec<T>,
}

/// A place in a list of what was placed, as clients give it back.
pub(super) fn placed_cursor(cursor: PlacedCursor) -> String {
    format!("{}.{}", cursor.placed_at.as_millis(), cursor.order)
}

/// The place that a cursor names.
pub(super) fn read_placed_cursor(text: Option<&str>) -> Result<Option<PlacedCursor>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let read = || {
        let (at, order) = text.split_once('.')?;
        Some(PlacedCursor { placed_at: Timestamp::from_millis(at.parse().ok()?), order: order.parse().ok()? })
    };
    read().map(Some).ok_or_else(|| wrong("give next_cursor back as it was told"))
}
