//! The shoppers' API: carts and checkouts by their token, orders by theirs, products by anybody.

pub(super) mod address;
mod carts;
mod catalogue;
mod orders;
mod paying;
pub(super) mod products;
mod search;
mod view;

use crate::store::read::Projection;

use super::error::Code;
use super::lists::Listed;
use super::routes::{Caller, Naming, Operation, Routes, delete, get, post, put};
use super::told_orders::{OrderChanged, OrderOut, OwnOrderItem};

pub(super) use carts::opening;
pub(super) use view::{CheckoutAt, at};

/// Of every step that changes a cart.
const OF_CARTS: &[Code] = &[Code::CheckoutPlaced, Code::CheckoutEnded, Code::PaymentInProgress];
/// Of asking for a quote.
const OF_QUOTES: &[Code] = &[
    Code::EmptyCart,
    Code::Incomplete,
    Code::NotForSale,
    Code::QuoteInProgress,
    Code::QuoteDropped,
    Code::CheckoutAbandoned,
    Code::TooLarge,
    Code::NoAnswer,
];
/// Of paying.
const OF_PAYING: &[Code] = &[
    Code::NoQuote,
    Code::QuoteChanged,
    Code::NothingToPay,
    Code::InvalidValue,
    Code::OutOfStock,
    Code::NotForSale,
    Code::PaymentDeclined,
    Code::PaymentTimedOut,
    Code::CheckoutAbandoned,
    Code::CheckoutFailed,
    Code::QuoteInProgress,
    Code::NoAnswer,
];

/// A step of a checkout, by its shopper.
fn step(operation: Operation, codes: &[Code]) -> Operation {
    operation.by(Caller::Shopper).answers::<CheckoutAt>(200).refuses(OF_CARTS).refuses(codes)
}

pub(super) fn routes() -> Routes {
    let of_lines = [Code::UnknownSku, Code::InvalidQuantity, Code::TooMany];
    let of_addresses = [Code::InvalidValue, Code::CountryNotServed];
    let of_shipping = [Code::InvalidValue, Code::Incomplete];
    Routes::under("/v1/store")
        .with(
            get("list_products", "/products", "What is listed")
                .asks::<catalogue::Filter>()
                .reads(&[Projection::Catalogue])
                .answers::<Listed<catalogue::Item>>(200)
                .refuses(&[Code::OutcomeUnknown]),
            catalogue::list,
        )
        .with(
            get("show_product", "/products/{id}", "A product with its offers and their stock")
                .answers::<products::ProductOut>(200),
            products::show,
        )
        .with(
            get("search_products", "/search", "Looks for products: words, filters, counts")
                .asks::<search::SearchIn>()
                .searches()
                .answers::<search::FoundOut>(200)
                .refuses(&[Code::InvalidValue, Code::SearchUnavailable]),
            search::search,
        )
        .with(
            post("open_cart", "/carts", "Opens a cart and tells its token")
                .may_take::<carts::CartIn>()
                .answers::<carts::CartOpened>(201)
                .refuses(&[Code::AlreadyExists, Code::InvalidValue]),
            carts::create,
        )
        .with(
            get("show_cart", "/carts/{id}", "A cart, or the checkout it became")
                .by(Caller::Shopper)
                .answers::<view::CartOut>(200),
            carts::show,
        )
        .with(
            step(
                put("set_line", "/carts/{id}/lines/{sku}", "Puts units of an offer into the cart"),
                &of_lines,
            )
            .takes::<carts::LineIn>(),
            carts::set_line,
        )
        .with(
            step(delete("remove_line", "/carts/{id}/lines/{sku}", "Takes an offer out of the cart"), &[]),
            carts::remove_line,
        )
        .with(
            step(put("set_address", "/carts/{id}/address", "Where it goes"), &of_addresses)
                .takes::<address::AddressIn>(),
            carts::set_address,
        )
        .with(
            step(put("choose_shipping", "/carts/{id}/shipping", "How it is sent"), &of_shipping)
                .takes::<carts::ShippingIn>(),
            carts::choose_shipping,
        )
        .with(
            step(post("quote", "/carts/{id}/quote", "Asks what it costs, for a while"), OF_QUOTES),
            paying::quote,
        )
        .with(
            step(
                post(
                    "pay",
                    "/carts/{id}/pay",
                    "Pays a quote; 202 while the shopper or the bank is waited for",
                ),
                OF_PAYING,
            )
            .named(Naming::Required)
            .takes::<paying::PayIn>()
            .answers::<CheckoutAt>(202),
            paying::pay,
        )
        .with(
            step(
                post("abandon_cart", "/carts/{id}/abandon", "Gives it up; what was held is free again"),
                &[],
            ),
            paying::abandon,
        )
        .with(
            get(
                "list_my_orders",
                "/orders",
                "What one ordered with the carts that were shown to be one's own",
            )
            .by(Caller::Person)
            .asks::<orders::Filter>()
            .reads(&[Projection::Orders])
            .answers::<Listed<OwnOrderItem>>(200),
            orders::own,
        )
        .with(
            get("show_order", "/orders/{id}", "An order, by the token of its cart, its own, or as its owner")
                .by(Caller::Owner)
                .asks::<orders::Link>()
                .answers::<OrderOut>(200),
            orders::show,
        )
        .with(
            post("cancel_order", "/orders/{id}/cancel", "Cancels a line, or all that has not left")
                .by(Caller::Owner)
                .named(Naming::Required)
                .takes::<orders::CancelIn>()
                .answers::<OrderChanged>(200)
                .refuses(&[Code::AlreadyShipped, Code::Unbalanced]),
            orders::cancel,
        )
}
