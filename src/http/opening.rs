//! Before there is a shop to serve: a server that has bound its port and still opens its shop, or stands by until
//! another server gives up its leases. Whoever asks is told so, instead of waiting at a closed door. A server that
//! succeeds another knows that it takes a moment only: it keeps requests waiting, so many and so long.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::error::{ApiError, Code};
use super::front::Front;
use super::request_id;

/// When to ask again, in milliseconds: a take-over is a matter of seconds.
const RETRY_AFTER_MS: u64 = 2_000;
/// Requests that may wait for a successor's shop.
const PARKED_MAX: usize = 4_096;

/// Where requests wait.
#[derive(Clone, Debug)]
struct Parking {
    places: Arc<Semaphore>,
    longest: Duration,
}

/// How far a server is that does not serve yet. Clones speak of the same server.
#[derive(Clone, Debug)]
pub struct Opening {
    standby: watch::Sender<bool>,
    /// Who answers for the shop, once there is one and while there is.
    shop: watch::Sender<Option<Front>>,
    /// For requests that wait for the shop; `None` when they do not.
    parking: Option<Parking>,
}

impl Default for Opening {
    fn default() -> Self {
        Opening { standby: watch::Sender::new(false), shop: watch::Sender::new(None), parking: None }
    }
}

impl Opening {
    /// Of a server that takes over from another at once: requests wait for it so long.
    pub fn of_successor(longest: Duration) -> Self {
        let places = Arc::new(Semaphore::new(PARKED_MAX));
        Opening { parking: Some(Parking { places, longest }), ..Opening::default() }
    }

    /// There is a shop, or there is none any more.
    pub(super) fn serves(&self, shop: Option<Front>) {
        self.shop.send_replace(shop);
    }

    /// Who answers for the shop, if it opens before a request has waited too long, and not too many wait.
    async fn parked(&self) -> Option<Front> {
        let parking = self.parking.as_ref()?;
        let _place = parking.places.try_acquire().ok()?;
        let mut shop = self.shop.subscribe();
        let opened = tokio::time::timeout(parking.longest, shop.wait_for(Option::is_some)).await;
        opened.ok()?.ok()?.clone()
    }

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
    let (parks, state) = (opening.parking.is_some(), opening.clone());
    let ready = move || async move {
        let standby = opening.is_standby();
        let state = if standby { "standby" } else { "starting" };
        let body = json!({ "ready": false, "standby": standby, "writer": state, "quarantined": [] });
        let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
        let seconds = HeaderValue::from(RETRY_AFTER_MS / 1_000);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
        response
    };
    let wait = move |State(opening): State<Opening>, request: Request| async move {
        match opening.parked().await {
            Some(shop) => {
                let peer = request.extensions().get().copied();
                shop.answer(request, peer).await
            }
            None => not_ready().await,
        }
    };
    let routes = Router::new().route("/livez", get(async || "alive\n"));
    let routes = if parks { routes } else { routes.route("/readyz", get(ready)) };
    routes.fallback(wait).with_state(state).layer(middleware::from_fn(request_id::assign))
}

async fn not_ready() -> Response {
    let detail =
        "nothing was started: send the same request again after a moment, or ask the server that is active";
    ApiError::new(Code::NotReady, detail).retry_after_ms(RETRY_AFTER_MS).into_response()
}
