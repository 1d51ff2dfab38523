//! The vendors' API: own products and offers, own stock, the own part of orders, the own team.

pub(super) mod keys;
mod orders;
mod products;
mod reading;
mod stock;
pub(super) mod team;

use crate::store::read::Projection;
use crate::tenants::policy::Power;

use super::error::Code;
use super::lists::{Listed, Whole};
use super::routes::{Caller, Naming, Operation, Routes, VENDORS, delete, get, post, put};
use super::told_orders::OrderChanged;
use super::told_parts::{OwnPart, PartItem};
use super::told_products::{ProductChanged, WorkItem, WorkProduct};

/// A step of a product.
fn of_product(operation: Operation, status: u16, codes: &[Code]) -> Operation {
    let of_all = [Code::NotFound, Code::WrongState, Code::Superseded];
    operation
        .by(Caller::Vendor(Power::ChangeProducts))
        .answers::<ProductChanged>(status)
        .refuses(&of_all)
        .refuses(codes)
}

/// A movement of units.
fn of_stock(operation: Operation) -> Operation {
    let codes = [Code::InvalidQuantity, Code::UnknownSku, Code::AlreadyExists];
    operation.by(Caller::Vendor(Power::MoveStock)).answers::<stock::StockTold>(200).refuses(&codes)
}

/// A step of an order's part.
fn of_order(operation: Operation, power: Power, codes: &[Code]) -> Operation {
    operation.by(Caller::Vendor(power)).answers::<OrderChanged>(200).refuses(codes)
}

fn product_routes(routes: Routes) -> Routes {
    let of_facts = [Code::InvalidValue, Code::TooMany, Code::AlreadyExists];
    let of_prices = [Code::InvalidPrice, Code::CurrencyMismatch, Code::InvalidValue, Code::TooMany];
    routes
        .with(
            get("list_own_products", "/products", "Products whose facts it keeps or on which it has offers")
                .by(Caller::Vendor(Power::SeeProducts))
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
                .by(Caller::Vendor(Power::SeeProducts))
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
    key_routes(team_routes(product_routes(Routes::under(VENDORS))))
        .with(
            get("list_own_orders", "/orders", "Its parts of orders, the latest first")
                .by(Caller::Vendor(Power::SeeOrders))
                .asks::<orders::Filter>()
                .reads(&[Projection::Orders])
                .answers::<Listed<PartItem>>(200),
            orders::own,
        )
        .with(
            get("show_own_order", "/orders/{id}", "Its part of an order, with what it must send")
                .by(Caller::Vendor(Power::SeeOrders))
                .answers::<OwnPart>(200),
            orders::show,
        )
        .with(
            of_order(
                post("accept_order", "/orders/{id}/accept", "Takes its part on"),
                Power::Pack,
                &[Code::AlreadyCancelled],
            ),
            orders::accept,
        )
        .with(
            of_order(
                post("ship_order", "/orders/{id}/ship", "A parcel is on its way"),
                Power::Pack,
                &of_shipping,
            )
            .takes::<orders::ShipIn>(),
            orders::ship,
        )
        .with(
            of_order(
                post("deliver_parcel", "/orders/{id}/parcels/{parcel}/deliver", "It has arrived"),
                Power::Pack,
                &[],
            ),
            orders::deliver,
        )
        .with(
            of_order(
                post("cancel_own_part", "/orders/{id}/cancel", "Cancels what has not left of its part"),
                Power::CancelOrders,
                &of_cancelling,
            )
            .named(Naming::Required)
            .takes::<orders::CancelIn>(),
            orders::cancel,
        )
        .with(
            of_order(
                post("cancel_own_line", "/orders/{id}/lines/{line}/cancel", "Cancels a line"),
                Power::CancelOrders,
                &of_cancelling,
            )
            .named(Naming::Required)
            .takes::<orders::CancelIn>(),
            orders::cancel_line,
        )
        .with(
            get("show_statement", "/statement", "What its orders come to, per currency")
                .by(Caller::Vendor(Power::SeeMoney))
                .reads(&[Projection::Orders])
                .answers::<Whole<reading::StatementOut>>(200),
            reading::statement,
        )
}

/// An order about the team.
fn of_team(operation: Operation, power: Power, status: u16) -> Operation {
    let codes = [Code::NotFound, Code::WrongState, Code::TokenSpent, Code::TooMany, Code::StepUpRequired];
    operation.by(Caller::Vendor(power)).answers::<team::TeamChanged>(status).refuses(&codes)
}

fn team_routes(routes: Routes) -> Routes {
    routes
        .with(
            get("show_team", "/team", "Who is in the team, and who is asked to be")
                .by(Caller::Vendor(Power::SeeTeam))
                .answers::<team::TeamOut>(200),
            team::show,
        )
        .with(
            of_team(
                post("invite_member", "/team/invitations", "Asks somebody to join, by letter"),
                Power::ManageTeam,
                201,
            )
            .takes::<team::InvitationIn>()
            .refuses(&[Code::InvalidValue]),
            team::invite,
        )
        .with(
            of_team(
                delete("withdraw_invitation", "/team/invitations/{n}", "Takes an invitation back"),
                Power::ManageTeam,
                200,
            ),
            team::withdraw,
        )
        .with(
            of_team(
                put("set_role", "/team/members/{person}", "Gives a member another role"),
                Power::ManageTeam,
                200,
            )
            .takes::<team::RoleIn>(),
            team::set_role,
        )
        .with(
            of_team(
                delete("dismiss_member", "/team/members/{person}", "Dismisses a member, or leaves"),
                Power::SeeTeam,
                200,
            ),
            team::dismiss,
        )
}

fn key_routes(routes: Routes) -> Routes {
    let of_keys = |operation: Operation| operation.by(Caller::Vendor(Power::ManageKeys));
    let of_new_keys =
        [Code::InvalidValue, Code::WrongState, Code::SecretShown, Code::TooMany, Code::StepUpRequired];
    routes
        .with(
            of_keys(get("list_keys", "/keys", "Its service keys, without their secrets"))
                .answers::<Whole<keys::KeyOut>>(200),
            keys::list,
        )
        .with(
            of_keys(post("make_key", "/keys", "Makes a service key, which is shown once"))
                .named(Naming::Required)
                .takes::<keys::KeyIn>()
                .answers::<keys::KeyMade>(201)
                .refuses(&of_new_keys),
            keys::make,
        )
        .with(
            of_keys(post("roll_key", "/keys/{key}/roll", "Makes another in its place, while it goes on"))
                .named(Naming::Required)
                .takes::<keys::RollIn>()
                .answers::<keys::KeyMade>(201)
                .refuses(&of_new_keys),
            keys::roll,
        )
        .with(
            of_keys(delete("revoke_key", "/keys/{key}", "Ends a key at once"))
                .answers::<keys::KeyRevoked>(200)
                .refuses(&[Code::StepUpRequired]),
            keys::revoke,
        )
}
