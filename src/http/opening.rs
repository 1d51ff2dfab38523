//! Before there is a shop to serve: a server that has bound its port and still opens its shop, or stands by until
//! another server gives up its leases. Whoever asks is told so, instead of waiting at a closed door.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde_json::json;
use tokio::sync::watch;

use super::error::{ApiError, Code};
use super::request_id;

/// When to ask again, in milliseconds: a take-over is a matter of seconds.
const RETRY_AFTER_MS: u64 = 2_000;

/// How far a server is that does not serve yet. Clones speak of the same server.
#[derive(Clone, Debug)]
pub struct Opening {
    standby: watch::Sender<bool>,
}

impl Default for Opening {
    fn default() -> Self {
        Opening { standby: watch::Sender::new(false) }
    }
}

impl Opening {
    /// Another server owns the journal: this one waits for its leases.
    pub fn stands_by(&self) {
        self.standby.send_replace(true);
    }

    /// The leases are this server's now.
    pub fn takes_over(&self) {
        self.standby.send_replace(false);
    }

    /// Whether it waits for another server's leases.
    pub fn is_standby(&self) -> bool {
        *self.standby.borrow()
    }

    /// Waits until it waits for another server's leases.
    pub async fn until_standby(&self) {
        // The sender lives as long as this does.
        let _ = self.standby.subscribe().wait_for(|standby| *standby).await;
    }
}

/// What is answered until there is a shop.
pub(super) fn router(opening: Opening) -> Router {
    let ready = move || async move {
        let standby = opening.is_standby();
        let state = if standby { "standby" } else { "starting" };
        let body = json!({ "ready": false, "standby": standby, "writer": state, "quarantined": [] });
        let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
        let seconds = HeaderValue::from(RETRY_AFTER_MS / 1_000);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
        response
    };
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .fallback(not_ready)
        .layer(middleware::from_fn(request_id::assign))
}

async fn not_ready() -> Response {
    let detail =
        "nothing was started: send the same request again after a moment, or ask the server that is active";
    ApiError::new(Code::NotReady, detail).retry_after_ms(RETRY_AFTER_MS).into_response()
}
