//! What keeps a server running: is it alive, is it ready, what does it do.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::journal::WriterHealth;

use super::Shared;
use super::routes::{Routes, get};

const TEXT: &str = "text/plain";

/// Answers so far, by the first digit of their status.
#[derive(Debug, Default)]
pub struct Counters {
    classes: [AtomicU64; 6],
}

impl Counters {
    /// Counts an answer.
    pub(super) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).min(5);
        self.classes[class].fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) fn routes() -> Routes {
    Routes::under("")
        .with(get("is_alive", "/livez", "Whether the process answers").says(200, TEXT), async || "alive\n")
        .with(
            get("is_ready", "/readyz", "Whether it can do its work")
                .answers::<Readiness>(200)
                .answers::<Readiness>(503),
            ready,
        )
        .with(get("metrics", "/metrics", "Measurements, as Prometheus reads them").says(200, TEXT), metrics)
        .with(get("openapi", "/v1/openapi.json", "This description").says(200, "application/json"), openapi)
}

async fn openapi() -> Json<&'static Value> {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(super::openapi);
    Json(&DOCUMENT)
}

#[derive(Serialize, JsonSchema)]
struct Readiness {
    ready: bool,
    standby: bool,
    writer: &'static str,
    /// Streams that are kept apart; everything else is served.
    quarantined: Vec<String>,
}

fn writer(health: &WriterHealth) -> &'static str {
    match health {
        WriterHealth::Healthy => "healthy",
        WriterHealth::Degraded { .. } => "degraded",
        WriterHealth::Unknown { .. } => "unknown",
        WriterHealth::Fatal { .. } => "fatal",
        WriterHealth::Closed => "closed",
    }
}

async fn ready(State(services): State<Shared>) -> Response {
    let journal = services.node.journal();
    let health = journal.writer().health().borrow().clone();
    let standby = !journal.lease().is_owner();
    let ready = !standby && health.admits();
    let quarantined = services.node.quarantined().iter().map(ToString::to_string).collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, standby, writer: writer(&health), quarantined })).into_response()
}

async fn metrics(State(services): State<Shared>) -> Response {
    let node = &services.node;
    let healthy = node.journal().writer().health().borrow().admits();
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let one = |value: u64| [(String::new(), value)];
    let in_flight = node.admission().in_flight() as u64;
    family("souk_commands_in_flight", "gauge", "Commands from outside under way.", &one(in_flight));
    family("souk_actors_awake", "gauge", "Actors in memory.", &one(node.awake() as u64));
    family(
        "souk_actor_restarts_total",
        "counter",
        "Actors loaded anew after a failure.",
        &one(node.restarts()),
    );
    let quarantined = node.quarantined().len() as u64;
    family("souk_streams_quarantined", "gauge", "Streams that are kept apart.", &one(quarantined));
    family(
        "souk_journal_writer_healthy",
        "gauge",
        "1 while the journal takes new work.",
        &one(u64::from(healthy)),
    );
    let answers: Vec<_> = (1..6)
        .map(|class: usize| {
            let count = services.counters.classes[class].load(Ordering::Relaxed);
            (format!("{{class=\"{class}xx\"}}"), count)
        })
        .collect();
    family("souk_http_responses_total", "counter", "Answers by class of status.", &answers);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
