//! The operators' API: who may sell, what is shown, orders on behalf of shoppers, and how the engine does.

mod assisted;
mod engine;
mod keys;
mod money;
mod operators;
mod orders;
mod products;
mod publishable_keys;
mod teams;
mod vendors;

use crate::store::read::Projection;
use crate::tenants::policy::OperatorPower;

use super::error::Code;
use super::lists::{Listed, Whole};
use super::routes::{Caller, Naming, OPERATORS, Operation, Routes, delete, get, post, put};
use super::store::CheckoutAt;
use super::told_orders::{OrderChanged, OrderItem, WholeOrder};
use super::told_products::{ProductChanged, WorkItem, WorkProduct};
use super::vendor::keys::{KeyMade, KeyOut, KeyRevoked, RollIn};
use super::vendor::team::{InvitationIn, RoleIn, TeamChanged, TeamOut};

/// A step of a vendor.
fn of_vendor(operation: Operation, status: u16) -> Operation {
    let codes = [Code::InvalidValue, Code::WrongState, Code::AlreadyExists];
    operation
        .by(Caller::Operator(OperatorPower::DecideVendors))
        .answers::<vendors::VendorChanged>(status)
        .refuses(&codes)
}

/// A step of a product.
fn of_product(operation: Operation) -> Operation {
    let codes = [Code::InvalidValue, Code::WrongState, Code::Superseded];
    operation
        .by(Caller::Operator(OperatorPower::DecideProducts))
        .answers::<ProductChanged>(200)
        .refuses(&codes)
}

fn vendor_routes(routes: Routes) -> Routes {
    routes
        .with(
            get("list_vendors", "/vendors", "Vendors, wherever they stand")
                .by(Caller::Operator(OperatorPower::SeeVendors))
                .asks::<vendors::Filter>()
                .reads(&[Projection::Vendors])
                .answers::<Listed<vendors::Item>>(200),
            vendors::list,
        )
        .with(
            of_vendor(post("apply", "/vendors", "Takes a vendor's application"), 201)
                .takes::<vendors::ApplicationIn>(),
            vendors::apply,
        )
        .with(
            get("show_vendor", "/vendors/{id}", "A vendor")
                .by(Caller::Operator(OperatorPower::SeeVendors))
                .answers::<vendors::VendorOut>(200),
            vendors::show,
        )
        .with(
            of_vendor(post("approve_vendor", "/vendors/{id}/approve", "Lets it sell"), 200)
                .takes::<vendors::ApproveIn>(),
            vendors::approve,
        )
        .with(
            of_vendor(post("suspend_vendor", "/vendors/{id}/suspend", "Stops it from selling"), 200)
                .takes::<vendors::ReasonIn>(),
            vendors::suspend,
        )
        .with(
            of_vendor(post("reinstate_vendor", "/vendors/{id}/reinstate", "Lets it sell again"), 200),
            vendors::reinstate,
        )
        .with(
            of_vendor(
                post(
                    "close_vendor",
                    "/vendors/{id}/close",
                    "Ends it for good, or turns its application down",
                ),
                200,
            )
            .takes::<vendors::ReasonIn>(),
            vendors::close,
        )
        .with(
            of_vendor(
                put("set_commission", "/vendors/{id}/commission", "What is kept of its goods from now on"),
                200,
            )
            .takes::<vendors::CommissionIn>(),
            vendors::set_commission,
        )
}

fn product_routes(routes: Routes) -> Routes {
    routes
        .with(
            get("list_all_products", "/products", "Products, wherever they stand")
                .by(Caller::Operator(OperatorPower::SeeProducts))
                .asks::<products::Filter>()
                .reads(&[Projection::Catalogue])
                .answers::<Listed<WorkItem>>(200),
            products::list,
        )
        .with(
            get("show_any_product", "/products/{id}", "A product with all its offers")
                .by(Caller::Operator(OperatorPower::SeeProducts))
                .answers::<WorkProduct>(200),
            products::show,
        )
        .with(
            of_product(post("approve_product", "/products/{id}/approve", "Lets it be shown"))
                .takes::<products::ApproveIn>(),
            products::approve,
        )
        .with(
            of_product(post("reject_product", "/products/{id}/reject", "Sends it back with a reason"))
                .takes::<vendors::ReasonIn>(),
            products::reject,
        )
}

pub(super) fn routes() -> Routes {
    let of_assisted = [
        Code::InvalidValue,
        Code::InvalidQuantity,
        Code::CountryNotServed,
        Code::Incomplete,
        Code::EmptyCart,
        Code::TooMany,
        Code::QuoteMismatch,
        Code::NotForSale,
        Code::NoAnswer,
        Code::TooLarge,
        Code::QuoteInProgress,
        Code::QuoteDropped,
        Code::CheckoutEnded,
        Code::CheckoutPlaced,
        Code::CheckoutAbandoned,
        Code::PaymentInProgress,
        Code::AlreadyExists,
    ];
    origin_routes(operator_routes(product_routes(key_routes(team_routes(vendor_routes(Routes::under(
        OPERATORS,
    )))))))
    .with(
        get("list_orders", "/orders", "All orders, the latest first")
            .by(Caller::Operator(OperatorPower::SeeOrders))
            .asks::<money::Filter>()
            .reads(&[Projection::Orders])
            .answers::<Listed<OrderItem>>(200),
        money::orders,
    )
    .with(
        get("show_whole_order", "/orders/{id}", "An order with everything that is known of it")
            .by(Caller::Operator(OperatorPower::SeeOrders))
            .answers::<WholeOrder>(200),
        orders::show,
    )
    .with(
        post("retry_refund", "/orders/{id}/refunds/{n}/retry", "Asks again for a refund that was refused")
            .by(Caller::Operator(OperatorPower::Refund))
            .named(Naming::Required)
            .answers::<OrderChanged>(200)
            .refuses(&[Code::WrongState]),
        orders::retry_refund,
    )
    .with(
        post("assist_order", "/assisted-orders", "Prices a cart for a shopper, who then pays it")
            .by(Caller::Operator(OperatorPower::AssistOrders))
            .takes::<assisted::AssistedIn>()
            .answers::<CheckoutAt>(201)
            .refuses(&of_assisted),
        assisted::create,
    )
    .with(
        get("show_ledger", "/ledger", "The trial balance")
            .by(Caller::Operator(OperatorPower::SeeLedger))
            .reads(&[Projection::Ledger])
            .answers::<money::TrialBalance>(200),
        money::ledger,
    )
    .with(
        get("show_actors", "/actors", "How the engine does")
            .by(Caller::Operator(OperatorPower::SeeEngine))
            .answers::<engine::Engine>(200),
        engine::actors,
    )
    .with(
        get("show_actor", "/actors/{stream}", "One actor that is awake")
            .by(Caller::Operator(OperatorPower::SeeEngine))
            .answers::<engine::ActorOut>(200),
        engine::actor,
    )
    .with(
        post("release_actor", "/actors/{stream}/release", "Lets a stream out of quarantine, after a look")
            .by(Caller::Operator(OperatorPower::RunEngine))
            .named(Naming::None)
            .answers::<engine::Released>(200),
        engine::release,
    )
    .with(
        get("list_dead_letters", "/dead-letters", "Orders to the outside world that were given up")
            .by(Caller::Operator(OperatorPower::SeeEngine))
            .asks::<engine::After>()
            .answers::<Listed<engine::DeadLetter>>(200),
        engine::dead_letters,
    )
    .with(
        post("retry_dead_letter", "/dead-letters/{stream}/{seq}/{n}/retry", "Tries one again")
            .by(Caller::Operator(OperatorPower::RunEngine))
            .named(Naming::None)
            .answers::<engine::Revived>(200),
        engine::retry,
    )
}

/// An order about a vendor's team.
fn of_team(operation: Operation, status: u16) -> Operation {
    let codes = [Code::WrongState, Code::TokenSpent, Code::TooMany];
    operation.by(Caller::Operator(OperatorPower::HelpTeams)).answers::<TeamChanged>(status).refuses(&codes)
}

fn team_routes(routes: Routes) -> Routes {
    routes
        .with(
            get(
                "show_vendor_team",
                "/vendors/{id}/team",
                "Who is in a vendor's team, and who is asked to be",
            )
            .by(Caller::Operator(OperatorPower::HelpTeams))
            .answers::<TeamOut>(200),
            teams::show,
        )
        .with(
            of_team(
                post("invite_to_team", "/vendors/{id}/invitations", "Asks somebody to join a vendor's team"),
                201,
            )
            .takes::<InvitationIn>()
            .refuses(&[Code::InvalidValue]),
            teams::invite,
        )
        .with(
            of_team(
                delete("withdraw_from_team", "/vendors/{id}/invitations/{n}", "Takes an invitation back"),
                200,
            ),
            teams::withdraw,
        )
        .with(
            of_team(
                put("set_role_in_team", "/vendors/{id}/members/{person}", "Gives a member another role"),
                200,
            )
            .takes::<RoleIn>(),
            teams::set_role,
        )
        .with(
            of_team(delete("dismiss_from_team", "/vendors/{id}/members/{person}", "Dismisses a member"), 200),
            teams::dismiss,
        )
}

fn key_routes(routes: Routes) -> Routes {
    let of_keys = |operation: Operation| operation.by(Caller::Operator(OperatorPower::HelpTeams));
    let of_new_keys = [Code::InvalidValue, Code::WrongState, Code::SecretShown, Code::TooMany];
    routes
        .with(
            of_keys(get("list_vendor_keys", "/vendors/{id}/keys", "A vendor's service keys"))
                .answers::<Whole<KeyOut>>(200),
            keys::list,
        )
        .with(
            of_keys(post("make_vendor_key", "/vendors/{id}/keys", "Makes a service key for a vendor"))
                .named(Naming::Required)
                .takes::<keys::KeyIn>()
                .answers::<KeyMade>(201)
                .refuses(&of_new_keys),
            keys::create,
        )
        .with(
            of_keys(post(
                "roll_vendor_key",
                "/vendors/{id}/keys/{key}/roll",
                "Makes another in the place of a vendor's key",
            ))
            .named(Naming::Required)
            .takes::<RollIn>()
            .answers::<KeyMade>(201)
            .refuses(&of_new_keys),
            keys::roll,
        )
        .with(
            of_keys(delete("revoke_vendor_key", "/vendors/{id}/keys/{key}", "Ends a vendor's key at once"))
                .answers::<KeyRevoked>(200),
            keys::revoke,
        )
}

fn operator_routes(routes: Routes) -> Routes {
    let of_operators = |operation: Operation| {
        operation.by(Caller::Operator(OperatorPower::ManageOperators)).named(Naming::None)
    };
    routes
        .with(
            of_operators(get("list_operators", "/operators", "Who is an operator"))
                .answers::<Whole<operators::OperatorOut>>(200),
            operators::list,
        )
        .with(
            of_operators(put("set_operator", "/operators/{person}", "Makes somebody an operator"))
                .takes::<operators::RoleIn>()
                .answers::<operators::OperatorOut>(200),
            operators::set,
        )
        .with(
            of_operators(delete("dismiss_operator", "/operators/{person}", "Somebody is none any more"))
                .answers::<operators::OperatorOut>(200),
            operators::dismiss,
        )
}

fn origin_routes(routes: Routes) -> Routes {
    let of_origins = |operation: Operation| operation.by(Caller::Operator(OperatorPower::ManageOrigins));
    routes
        .with(
            of_origins(get(
                "list_publishable_keys",
                "/publishable-keys",
                "Pages of other origins that may use the store",
            ))
            .answers::<Whole<publishable_keys::KeyOut>>(200),
            publishable_keys::list,
        )
        .with(
            of_origins(post(
                "make_publishable_key",
                "/publishable-keys",
                "Lets pages of other origins use it",
            ))
            .takes::<publishable_keys::KeyIn>()
            .answers::<publishable_keys::KeyOut>(201)
            .refuses(&[Code::InvalidValue]),
            publishable_keys::create,
        )
        .with(
            of_origins(delete("revoke_publishable_key", "/publishable-keys/{key}", "Ends that"))
                .named(Naming::None)
                .answers::<publishable_keys::KeyOut>(200),
            publishable_keys::revoke,
        )
}
