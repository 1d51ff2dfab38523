//! The doors: a JSON API for shoppers (`/v1/store`), vendors (`/v1/vendor`) and operators (`/v1/operator`), what
//! keeps a server running (`/livez`, `/readyz`, `/metrics`), and the test bank's page.
//!
//! A handler proves who calls ([`auth`]), names the command ([`idempotency`]), gives it to one machine and turns
//! the outcome into bytes. A body is a function of the outcome and of ids alone, so that a repeat is answered with
//! the same bytes. Handlers decide nothing: what is allowed is the machines' business. A handler may be dropped at
//! any await; what it started goes on in its actor.

mod auth;
mod body;
pub mod error;
mod idempotency;
mod operator;
mod ops;
mod refusals;
mod request_id;
mod server;
mod store;
mod test_bank;
mod vendor;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use souk_core::checkout::Limits;
use souk_core::market::Market;
use souk_core::money::Rate;

use crate::actors::Node;
use crate::adapters::payments::TestBank;
use crate::adapters::search::Search;
use crate::journal::Pool;
use crate::store::read::ReadModels;
use crate::store::vault::Vault;
use crate::tenants::ServerKey;

use error::{ApiError, Code};

pub use ops::Counters;
pub use server::{ServerLimits, serve};

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
    /// API keys.
    pub keys: Pool,
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
}

/// The handlers' shared state.
type Shared = Arc<Services>;

/// Every route.
pub fn router(services: Arc<Services>, limits: &ServerLimits) -> Router {
    Router::new()
        .nest("/v1/store", store::routes())
        .nest("/v1/vendor", vendor::routes())
        .nest("/v1/operator", operator::routes())
        .merge(ops::routes())
        .merge(test_bank::routes())
        .fallback(async || ApiError::new(Code::NotFound, "there is no such route: check the path"))
        .method_not_allowed_fallback(async || {
            ApiError::new(Code::MethodNotAllowed, "this path takes other methods: see the Allow header")
        })
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(middleware::from_fn_with_state(limits.request_timeout, server::time_out))
        .layer(middleware::from_fn_with_state(Arc::clone(&services), ops::count))
        .layer(middleware::from_fn(request_id::assign))
        .with_state(services)
}
