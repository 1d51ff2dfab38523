//! The operators' API: who may sell, what is shown, orders on behalf of shoppers, and how the engine does.

mod assisted;
mod engine;
mod keys;
mod orders;
mod products;
mod vendors;

use axum::Router;
use axum::routing::{get, post};

use super::Shared;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/vendors", post(vendors::apply))
        .route("/vendors/{id}", get(vendors::show))
        .route("/vendors/{id}/approve", post(vendors::approve))
        .route("/vendors/{id}/suspend", post(vendors::suspend))
        .route("/vendors/{id}/reinstate", post(vendors::reinstate))
        .route("/vendors/{id}/keys", post(keys::create))
        .route("/orders/{id}", get(orders::show))
        .route("/products/{id}/approve", post(products::approve))
        .route("/products/{id}/reject", post(products::reject))
        .route("/assisted-orders", post(assisted::create))
        .route("/actors", get(engine::actors))
        .route("/dead-letters", get(engine::dead_letters))
        .route("/dead-letters/{stream}/{seq}/{n}/retry", post(engine::retry))
}
