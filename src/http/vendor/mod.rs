//! The vendors' API: own products and offers, own stock, the own part of orders.

mod orders;
mod products;
mod reading;
mod stock;

use crate::store::read::Projection;

use super::error::Code;
use super::lists::{Listed, Whole};
use super::routes::{Caller, Naming, Operation, Routes, get, post, put};
use super::told_orders::OrderChanged;
use super::told_parts::{OwnPart, PartItem};
use super::told_products::{ProductChanged, WorkItem, WorkProduct};

/// A step of a product.
fn of_product(operation: Operation, status: u16, codes: &[Code]) -> Operation {
    let of_all = [Code::NotFound, Code::WrongState, Code::Superseded];
    operation.by(Caller::Vendor).answers::<ProductChanged>(status).refuses(&of_all).refuses(codes)
}

/// A movement of units.
fn of_stock(operation: Operation) -> Operation {
    let codes = [Code::InvalidQuantity, Code::UnknownSku, Code::AlreadyExists];
    operation.by(Caller::Vendor).answers::<stock::StockTold>(200).refuses(&codes)
}

/// A step of an order's part.
fn of_order(operation: Operation, codes: &[Code]) -> Operation {
    operation.by(Caller::Vendor).answers::<OrderChanged>(200).refuses(codes)
}

fn product_routes(routes: Routes) -> Routes {
    let of_facts = [Code::InvalidValue, Code::TooMany, Code::AlreadyExists];
    let of_prices = [Code::InvalidPrice, Code::CurrencyMismatch, Code::InvalidValue, Code::TooMany];
    routes
        .with(
            get("list_own_products", "/products", "Products whose facts it keeps or on which it has offers")
                .by(Caller::Vendor)
                .asks::<reading::Filter>()
                .reads(&[Projection::Catalogue])
                .answers::<Listed<WorkItem>>(200),
            reading::products,
        )
        .with(
            of_product(post("create_product", "/products", "A new product, as a draft"), 201, &of_facts)
                .takes::<products::ProductIn>(),
            products::create,
        )
        .with(
            get("show_own_product", "/products/{id}", "A product with its own offers")
                .by(Caller::Vendor)
                .answers::<WorkProduct>(200),
            reading::product,
        )
        .with(
            of_product(
                put(
                    "revise_product",
                    "/products/{id}",
                    "Says something else of a draft, such as a rejected one",
                ),
                200,
                &of_facts,
            )
            .takes::<products::FactsIn>(),
            products::revise,
        )
        .with(
            of_product(
                post("add_variant", "/products/{id}/variants", "Adds a variant to choose"),
                201,
                &of_facts,
            )
            .takes::<products::VariantIn>(),
            products::add_variant,
        )
        .with(
            of_product(
                post("submit_product", "/products/{id}/submit", "Asks the operator to approve it"),
                200,
                &[Code::Incomplete],
            ),
            products::submit,
        )
        .with(
            of_product(post("list_product", "/products/{id}/list", "Shows what was approved"), 200, &[]),
            products::list,
        )
        .with(
            of_product(post("archive_product", "/products/{id}/archive", "Ends it for good"), 200, &[]),
            products::archive,
        )
        .with(
            of_product(post("offer", "/products/{id}/offers", "Offers a variant for sale"), 201, &of_facts)
                .takes::<products::OfferIn>()
                .refuses(&of_prices),
            products::offer,
        )
        .with(
            of_product(
                put("set_price", "/products/{id}/offers/{sku}/price", "What a unit costs from now on"),
                200,
                &of_prices,
            )
            .takes::<products::PriceIn>(),
            products::set_price,
        )
        .with(
            of_product(
                post("withhold_offer", "/products/{id}/offers/{sku}/withhold", "Stops selling it for now"),
                200,
                &[],
            ),
            products::withhold,
        )
        .with(
            of_product(
                post("resume_offer", "/products/{id}/offers/{sku}/resume", "Sells it again"),
                200,
                &[],
            ),
            products::resume,
        )
        .with(
            of_stock(post("receive_stock", "/products/{id}/offers/{sku}/receive", "Units have arrived"))
                .takes::<stock::ReceiveIn>(),
            stock::receive,
        )
        .with(
            of_stock(post(
                "adjust_stock",
                "/products/{id}/offers/{sku}/adjust",
                "A count found more or fewer",
            ))
            .takes::<stock::AdjustIn>(),
            stock::adjust,
        )
}

pub(super) fn routes() -> Routes {
    let of_cancelling = [Code::AlreadyShipped, Code::Unbalanced];
    let of_shipping = [
        Code::AlreadyShipped,
        Code::AlreadyCancelled,
        Code::NothingToShip,
        Code::AlreadyExists,
        Code::InvalidValue,
    ];
    product_routes(Routes::under("/v1/vendor"))
        .with(
            get("list_own_orders", "/orders", "Its parts of orders, the latest first")
                .by(Caller::Vendor)
                .asks::<orders::Filter>()
                .reads(&[Projection::Orders])
                .answers::<Listed<PartItem>>(200),
            orders::own,
        )
        .with(
            get("show_own_order", "/orders/{id}", "Its part of an order, with what it must send")
                .by(Caller::Vendor)
                .answers::<OwnPart>(200),
            orders::show,
        )
        .with(
            of_order(
                post("accept_order", "/orders/{id}/accept", "Takes its part on"),
                &[Code::AlreadyCancelled],
            ),
            orders::accept,
        )
        .with(
            of_order(post("ship_order", "/orders/{id}/ship", "A parcel is on its way"), &of_shipping)
                .takes::<orders::ShipIn>(),
            orders::ship,
        )
        .with(
            of_order(post("deliver_parcel", "/orders/{id}/parcels/{parcel}/deliver", "It has arrived"), &[]),
            orders::deliver,
        )
        .with(
            of_order(
                post("cancel_own_part", "/orders/{id}/cancel", "Cancels what has not left of its part"),
                &of_cancelling,
            )
            .named(Naming::Required)
            .takes::<orders::CancelIn>(),
            orders::cancel,
        )
        .with(
            of_order(
                post("cancel_own_line", "/orders/{id}/lines/{line}/cancel", "Cancels a line"),
                &of_cancelling,
            )
            .named(Naming::Required)
            .takes::<orders::CancelIn>(),
            orders::cancel_line,
        )
        .with(
            get("show_statement", "/statement", "What its orders come to, per currency")
                .by(Caller::Vendor)
                .reads(&[Projection::Orders])
                .answers::<Whole<reading::StatementOut>>(200),
            reading::statement,
        )
}
