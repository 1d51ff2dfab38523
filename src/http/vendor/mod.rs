//! The vendors' API: own products and offers, own stock, the own part of orders.

mod orders;
mod products;
mod stock;

use axum::Router;
use axum::routing::{get, post, put};

use super::Shared;

pub(super) use products::told;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/products", post(products::create))
        .route("/products/{id}", get(products::show))
        .route("/products/{id}/submit", post(products::submit))
        .route("/products/{id}/list", post(products::list))
        .route("/products/{id}/archive", post(products::archive))
        .route("/products/{id}/offers", post(products::offer))
        .route("/products/{id}/offers/{sku}/price", put(products::set_price))
        .route("/products/{id}/offers/{sku}/withhold", post(products::withhold))
        .route("/products/{id}/offers/{sku}/resume", post(products::resume))
        .route("/products/{id}/offers/{sku}/receive", post(stock::receive))
        .route("/products/{id}/offers/{sku}/adjust", post(stock::adjust))
        .route("/orders/{id}/accept", post(orders::accept))
        .route("/orders/{id}/cancel", post(orders::cancel))
        .route("/orders/{id}/ship", post(orders::ship))
        .route("/orders/{id}/parcels/{parcel}/deliver", post(orders::deliver))
        .route("/orders/{id}/lines/{line}/cancel", post(orders::cancel_line))
}
