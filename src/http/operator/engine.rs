//! How the engine does, and what it could not get rid of.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use souk_core::ids::StreamId;
use souk_core::journal::EffectId;

use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::body::{Ids, NoBody};
use crate::http::error::{ApiError, Code};
use crate::journal::StoredEffect;

/// The most dead letters of one answer.
const PAGE: u32 = 100;

pub(super) async fn actors(State(services): State<Shared>, Operator(_): Operator) -> Json<Value> {
    let node = &services.node;
    let quarantined: Vec<String> = node.quarantined().iter().map(ToString::to_string).collect();
    Json(json!({
        "commands_in_flight": node.admission().in_flight(),
        "awake": node.awake(),
        "restarts": node.restarts(),
        "quarantined": quarantined,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    cursor: Option<String>,
}

fn cursor(id: EffectId) -> String {
    format!("{}/{}/{}", id.stream, id.seq, id.n)
}

fn read_cursor(text: &str) -> Option<EffectId> {
    let mut parts = text.split('/');
    let id = EffectId {
        stream: parts.next()?.parse().ok()?,
        seq: parts.next()?.parse().ok()?,
        n: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(id)
}

pub(super) async fn dead_letters(
    State(services): State<Shared>,
    Operator(_): Operator,
    query: Result<Query<After>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let wrong = || {
        ApiError::new(
            Code::InvalidQuery,
            "the only parameter is cursor: give back next_cursor as it was told",
        )
    };
    let Query(after) = query.map_err(|_| wrong())?;
    let after = match after.cursor {
        None => None,
        Some(text) => Some(behind(read_cursor(&text).ok_or_else(wrong)?)),
    };
    let dead = services.node.journal().reader().dead_effects(after.as_ref(), PAGE).await?;
    let next = (dead.len() == PAGE as usize).then(|| dead.last().map(|last| cursor(last.id))).flatten();
    // What is ordered is left out: it may hold a provider's token.
    let item = |effect: &StoredEffect| {
        json!({
            "id": cursor(effect.id),
            "kind": effect.kind,
            "attempts": effect.attempts,
            "last_error": effect.last_error,
            "created_at_ms": effect.created_at.as_millis(),
        })
    };
    Ok(Json(json!({ "items": dead.iter().map(item).collect::<Vec<_>>(), "next_cursor": next })))
}

/// The place to read on from: of the row only its name counts.
fn behind(id: EffectId) -> StoredEffect {
    StoredEffect {
        id,
        lane: String::new(),
        kind: String::new(),
        version: 0,
        payload: String::new(),
        attempts: 0,
        next_try_at: souk_core::time::Timestamp::ZERO,
        last_error: None,
        created_at: souk_core::time::Timestamp::ZERO,
    }
}

/// Puts a letter back. Doing it twice is doing it once, so it needs no name: the second time there is none.
pub(super) async fn retry(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids((stream, seq, n)): Ids<(StreamId, u64, u16)>,
    _: NoBody,
) -> Result<Response, ApiError> {
    let id = EffectId { stream, seq, n };
    if services.node.journal().writer().retry_dead(id).await? {
        Ok((StatusCode::OK, Json(json!({ "id": cursor(id), "state": "waiting" }))).into_response())
    } else {
        Err(ApiError::not_found())
    }
}
