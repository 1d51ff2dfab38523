//! The doors: a JSON API for shoppers (`/v1/store`), vendors (`/v1/vendor`) and operators (`/v1/operator`), sign-ins
//! (`/v1/auth`), what keeps a server running (`/livez`, `/readyz`, `/metrics`), and the test bank's page.
//!
//! A handler proves who calls ([`auth`]), names the command ([`idempotency`]), gives it to one machine and turns
//! the outcome into bytes. A body is a function of the outcome and of ids alone, so that a repeat is answered with
//! the same bytes. Handlers decide nothing: what is allowed is the machines' business. A handler may be dropped at
//! any await; what it started goes on in its actor.

mod auth;
mod body;
mod caching;
mod connections;
mod cross_origin;
pub mod error;
mod front;
mod idempotency;
mod lists;
mod openapi;
mod opening;
mod operator;
mod ops;
mod people;
mod positions;
mod rate_limits;
mod refusals;
mod request_id;
mod routes;
mod server;
mod shelf;
mod store;
mod test_bank;
mod told_orders;
mod told_parts;
mod told_products;
mod turned_away;
mod unread;
mod vendor;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use serde_json::Value;
use souk_core::checkout::Limits;
use souk_core::market::Market;
use souk_core::money::Rate;

use crate::actors::Node;
use crate::actors::projectors::Progress;
use crate::adapters::payments::TestBank;
use crate::adapters::search::Search;
use crate::journal::Pool;
use crate::people::People;
use crate::store::read::ReadModels;
use crate::store::vault::Vault;
use crate::tenants::ServerKey;

use error::{ApiError, Code};
use routes::Routes;

pub use cross_origin::CrossOrigin;
pub use opening::Opening;
pub use ops::Counters;
pub use rate_limits::RateLimits;
pub use server::{ServerLimits, serve, serve_while_opening};

/// Everything that handlers use.
#[derive(Debug)]
pub struct Services {
    /// The actors.
    pub node: Arc<Node>,
    /// Personal data.
    pub vault: Arc<Vault>,
    /// The bank whose page is shown here, when it is the test bank.
    pub bank: TestBank,
    /// What is listed, as far as it has been filled.
    pub models: ReadModels,
    /// The same, to be searched; `None` when there is no index.
    pub search: Option<Search>,
    /// API keys and credentials.
    pub plain: Pool,
    /// Accounts and sign-ins.
    pub people: People,
    /// Signs tokens, names commands.
    pub server_key: ServerKey,
    /// The market that carts are opened in.
    pub market: Market,
    /// Deadlines that carts copy.
    pub limits: Limits,
    /// What the marketplace keeps of a vendor's goods unless the operator says otherwise.
    pub commission: Rate,
    /// How long a command is waited for.
    pub patience: Duration,
    /// How long a pay request waits for its result.
    pub pay_answer: Duration,
    /// What was answered so far.
    pub counters: Counters,
    /// How far the read models are; `None` when nobody fills them here.
    pub progress: Option<Progress>,
    /// How often one client may ask.
    pub rate_limits: RateLimits,
    /// Pages of other origins that may use the store.
    pub cross_origin: CrossOrigin,
}

/// The handlers' shared state.
type Shared = Arc<Services>;

/// Every route there is, with what is said of it.
fn all_routes() -> Vec<Routes> {
    vec![
        store::routes(),
        people::routes(),
        vendor::routes(),
        operator::routes(),
        ops::routes(),
        test_bank::routes(),
    ]
}

/// The API's description: OpenAPI 3.1, made of the routes.
pub fn openapi() -> Value {
    openapi::document(&all_routes())
}

/// Every route, behind the [`front`].
fn router(services: &Shared, limits: &ServerLimits) -> Router {
    all_routes()
        .into_iter()
        .fold(Router::new(), |router, routes| router.merge(routes.mounted()))
        .fallback(async || ApiError::new(Code::NotFound, "there is no such route: check the path"))
        .method_not_allowed_fallback(async || {
            ApiError::new(Code::MethodNotAllowed, "this path takes other methods: see the Allow header")
        })
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .with_state(Shared::clone(services))
}
