//! What comes in: JSON bodies and ids in paths, typed, with every fault told as a problem.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::error::Category;

use super::error::{ApiError, Code};

/// A JSON body of this type. The type itself refuses unknown fields.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let bytes = read(request, state).await?;
        if !is_json {
            return Err(ApiError::new(
                Code::UnsupportedMediaType,
                "send JSON with Content-Type: application/json",
            ));
        }
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first.is_some_and(|first| *first != b'{') {
            return Err(not_an_object(&bytes));
        }
        check_letters(&bytes)?;
        serde_json::from_slice(&bytes).map(Body).map_err(|error| fault(&error))
    }
}

/// How long a client may take to send a body, from the moment its headers were there.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyTimeout(pub(super) Duration);

/// The whole body. A client that is slow with it is told so before the request as a whole is given up: nothing was
/// started.
async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    let longest = request.extensions().get::<BodyTimeout>().copied();
    let read = Bytes::from_request(request, state);
    let read = match longest {
        Some(BodyTimeout(longest)) => tokio::time::timeout(longest, read).await,
        None => Ok(read.await),
    };
    let incomplete = || {
        let detail = "nothing was started: send the whole body at once, as long as Content-Length says";
        ApiError::new(Code::BodyTimeout, detail)
    };
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(ApiError::new(Code::BodyTooLarge, "send less at a time"))
        }
        Ok(Err(_)) | Err(_) => Err(incomplete()),
    }
}

/// No text has the character U+0000, and Postgres keeps none that does. Everything else that a text must be is its
/// machine's to say.
fn check_letters(bytes: &[u8]) -> Result<(), ApiError> {
    const ESCAPED: &[u8] = b"\\u0000";
    // Unescaped it is no JSON.
    if !bytes.windows(ESCAPED.len()).any(|window| window == ESCAPED) {
        return Ok(());
    }
    let has_none = serde_json::from_slice::<Value>(bytes).is_ok_and(|value| !has_nul(&value));
    if has_none {
        return Ok(());
    }
    Err(ApiError::new(Code::InvalidField, "a text has the character U+0000: take it out"))
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A list would be taken for the fields in their order, names and all unknown ones unseen.
fn not_an_object(bytes: &[u8]) -> ApiError {
    match serde_json::from_slice::<IgnoredAny>(bytes) {
        Ok(_) => ApiError::new(Code::InvalidField, "the body must be a JSON object: { … }"),
        Err(error) => fault(&error),
    }
}

/// Steps without a body of their own take none, or an empty object.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(super) struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if request.headers().get(header::CONTENT_TYPE).is_some() {
            let Body(Nothing {}) = Body::from_request(request, state).await?;
            return Ok(NoBody);
        }
        match read(request, state).await {
            Ok(bytes) if bytes.is_empty() => Ok(NoBody),
            Err(error) if error.code() == Code::BodyTimeout => Err(error),
            _ => Err(ApiError::new(Code::UnsupportedMediaType, "send no body, or an empty JSON object")),
        }
    }
}

/// A JSON body of this type, or none for one whose fields are all left out.
pub(super) struct MaybeBody<T>(pub(super) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if request.headers().get(header::CONTENT_TYPE).is_some() {
            let Body(body) = Body::from_request(request, state).await?;
            return Ok(MaybeBody(body));
        }
        NoBody::from_request(request, state).await.map(|NoBody| MaybeBody(T::default()))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn fault(error: &serde_json::Error) -> ApiError {
    let said = error.to_string();
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            ApiError::new(Code::MalformedJson, format!("the body is not JSON: {said}"))
        }
        Category::Data if said.starts_with("unknown field") => {
            ApiError::new(Code::UnknownField, format!("take the field out or correct its name: {said}"))
        }
        Category::Data => ApiError::new(Code::InvalidField, format!("correct the field: {said}")),
    }
}

/// Ids in the path. What is not written like one names nothing.
pub(super) struct Ids<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let ids = Path::<T>::from_request_parts(parts, state).await;
        ids.map(|Path(ids)| Ids(ids)).map_err(|_| ApiError::not_found())
    }
}
