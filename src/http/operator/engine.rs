//! How the engine does, and what it could not get rid of.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::StreamId;
use souk_core::journal::EffectId;

use crate::actors::{ActorPulse, KindOverview};
use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::body::{Ids, NoBody};
use crate::http::error::ApiError;
use crate::http::lists::{Asked, Listed, wrong};
use crate::journal::StoredEffect;

/// The most dead letters of one answer.
const PAGE: u32 = 100;
/// How many of the busiest actors are told.
const BUSIEST: usize = 20;

/// How the engine does.
#[derive(Serialize, JsonSchema)]
pub(super) struct Engine {
    /// Commands from outside that are under way.
    commands_in_flight: usize,
    /// Actors in memory.
    awake: usize,
    /// Actors loaded anew after a failure, since the start.
    restarts: u64,
    /// Streams that are kept apart until a person has looked.
    quarantined: Vec<String>,
    kinds: Vec<KindOut>,
    /// Those with the longest queues, the longest first.
    busiest: Vec<ActorOut>,
}

/// The actors of one kind of machine.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ActorKind")]
struct KindOut {
    kind: &'static str,
    awake: usize,
    /// Messages that wait, over all of them.
    queued: u64,
    /// Loaded anew after a failure, since the start.
    restarts: u64,
    quarantined: usize,
}

/// One actor.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Actor")]
pub(super) struct ActorOut {
    stream: String,
    /// Messages that wait.
    queued: u64,
    /// The last event of its stream that is on disk, as far as it knows.
    last_seq: u64,
}

impl From<&ActorPulse> for ActorOut {
    fn from(pulse: &ActorPulse) -> Self {
        ActorOut { stream: pulse.stream.to_string(), queued: pulse.queued, last_seq: pulse.last_seq }
    }
}

pub(super) async fn actors(State(services): State<Shared>, Operator(_): Operator) -> Json<Engine> {
    let node = &services.node;
    let kinds = node.overview(BUSIEST);
    let mut busiest: Vec<ActorPulse> = kinds.iter().flat_map(|kind| kind.busiest.iter().copied()).collect();
    busiest.sort_by_key(|pulse| (std::cmp::Reverse(pulse.queued), pulse.stream));
    busiest.truncate(BUSIEST);
    let kind = |kind: &KindOverview| KindOut {
        kind: kind.kind,
        awake: kind.awake,
        queued: kind.queued,
        restarts: kind.restarts,
        quarantined: kind.quarantined,
    };
    Json(Engine {
        commands_in_flight: node.admission().in_flight(),
        awake: node.awake(),
        restarts: node.restarts(),
        quarantined: node.quarantined().iter().map(ToString::to_string).collect(),
        kinds: kinds.iter().map(kind).collect(),
        busiest: busiest.iter().map(ActorOut::from).collect(),
    })
}

/// One actor that is awake. Looking does not wake one.
pub(super) async fn actor(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids(stream): Ids<StreamId>,
) -> Result<Json<ActorOut>, ApiError> {
    services.node.pulse(stream).map(|pulse| Json(ActorOut::from(&pulse))).ok_or_else(ApiError::not_found)
}

/// A stream that is served again.
#[derive(Serialize, JsonSchema)]
pub(super) struct Released {
    stream: String,
    state: &'static str,
}

/// Lets a stream out of quarantine. Doing it twice is doing it once, so it needs no name: the second time it is not in.
pub(super) async fn release(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids(stream): Ids<StreamId>,
    _: NoBody,
) -> Result<Json<Released>, ApiError> {
    if services.node.release(stream) {
        Ok(Json(Released { stream: stream.to_string(), state: "released" }))
    } else {
        Err(ApiError::not_found())
    }
}

/// Where to read on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    cursor: Option<String>,
}

/// An order to the outside world that was given up. What is ordered is left out: it may hold a provider's token.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeadLetter {
    id: String,
    kind: String,
    attempts: i64,
    last_error: Option<String>,
    created_at_ms: i64,
}

/// A letter that will be tried again.
#[derive(Serialize, JsonSchema)]
pub(super) struct Revived {
    id: String,
    state: &'static str,
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
    Asked(after): Asked<After>,
) -> Result<Json<Listed<DeadLetter>>, ApiError> {
    let after = match after.cursor {
        None => None,
        Some(text) => {
            let id = read_cursor(&text).ok_or_else(|| wrong("give next_cursor back as it was told"))?;
            Some(behind(id))
        }
    };
    let dead = services.node.journal().reader().dead_effects(after.as_ref(), PAGE).await?;
    let next = (dead.len() == PAGE as usize).then(|| dead.last().map(|last| cursor(last.id))).flatten();
    let item = |effect: &StoredEffect| DeadLetter {
        id: cursor(effect.id),
        kind: effect.kind.clone(),
        attempts: effect.attempts,
        last_error: effect.last_error.clone(),
        created_at_ms: effect.created_at.as_millis(),
    };
    Ok(Json(Listed { items: dead.iter().map(item).collect(), next_cursor: next }))
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
        Ok((StatusCode::OK, Json(Revived { id: cursor(id), state: "waiting" })).into_response())
    } else {
        Err(ApiError::not_found())
    }
}
