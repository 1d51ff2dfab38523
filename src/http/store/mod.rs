//! The shoppers' API: carts and checkouts by their token, orders by theirs, products by anybody.

pub(super) mod address;
mod carts;
mod catalogue;
mod orders;
mod paying;
mod products;
mod search;
mod view;

use axum::Router;
use axum::routing::{get, post, put};

use super::Shared;

pub(super) use carts::{at, opening};
pub(super) use orders::changed;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/carts", post(carts::create))
        .route("/carts/{id}", get(carts::show))
        .route("/carts/{id}/lines/{sku}", put(carts::set_line).delete(carts::remove_line))
        .route("/carts/{id}/address", put(carts::set_address))
        .route("/carts/{id}/shipping", put(carts::choose_shipping))
        .route("/carts/{id}/quote", post(paying::quote))
        .route("/carts/{id}/pay", post(paying::pay))
        .route("/carts/{id}/abandon", post(paying::abandon))
        .route("/orders/{id}", get(orders::show))
        .route("/orders/{id}/cancel", post(orders::cancel))
        .route("/products", get(catalogue::list))
        .route("/products/{id}", get(products::show))
        .route("/search", get(search::search))
}
