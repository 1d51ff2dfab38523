//! Words of the API for what the machines know: one spelling each, for every route.

use souk_core::checkout::{PayingStep, Step};
use souk_core::order::{CancelReason, LineStage, Status as OrderStatus};
use souk_core::product::Status as ProductStatus;
use souk_core::vendor::Status as VendorStatus;

use super::error::{ApiError, Code};

/// A checkout's state.
pub(super) fn step(step: Step) -> &'static str {
    match step {
        Step::Open => "open",
        Step::Addressed => "addressed",
        Step::ShippingChosen => "shipping_chosen",
        Step::Quoted => "quoted",
        Step::Holding => "holding",
        Step::Checking => "checking",
        Step::Paying(step) => match step {
            PayingStep::Pinning => "pinning",
            PayingStep::Authorising => "authorising",
            PayingStep::ActionNeeded => "action_needed",
            PayingStep::AwaitingPayment => "awaiting_payment",
            PayingStep::Committing => "committing",
            PayingStep::Capturing => "capturing",
            PayingStep::Voiding => "voiding",
        },
        Step::Placed => "placed",
        Step::Expired => "expired",
        Step::Failed => "failed",
    }
}

/// A product's state.
pub(super) fn product_status(status: ProductStatus) -> &'static str {
    match status {
        ProductStatus::Draft => "draft",
        ProductStatus::Submitted => "submitted",
        ProductStatus::Approved => "approved",
        ProductStatus::Listed => "listed",
        ProductStatus::Archived => "archived",
    }
}

/// A vendor's state.
pub(super) fn vendor_status(status: VendorStatus) -> &'static str {
    match status {
        VendorStatus::Applied => "applied",
        VendorStatus::Active => "active",
        VendorStatus::Suspended => "suspended",
        VendorStatus::Closed => "closed",
    }
}

/// The state of an order, or of a vendor order.
pub(super) fn order_status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Placed => "placed",
        OrderStatus::Accepted => "accepted",
        OrderStatus::PartlyShipped => "partly_shipped",
        OrderStatus::Shipped => "shipped",
        OrderStatus::Delivered => "delivered",
        OrderStatus::Cancelled => "cancelled",
    }
}

/// The state of an order's line.
pub(super) fn line_stage(stage: LineStage) -> &'static str {
    match stage {
        LineStage::Open => "open",
        LineStage::Shipped(_) => "shipped",
        LineStage::Delivered(_) => "delivered",
        LineStage::Cancelled => "cancelled",
    }
}

/// Why something is cancelled, as clients say it.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    BuyerChangedMind,
    NotAvailable,
    Undeliverable,
    WrongPrice,
    SuspectedFraud,
    Other,
}

impl From<Reason> for CancelReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::BuyerChangedMind => CancelReason::BuyerChangedMind,
            Reason::NotAvailable => CancelReason::NotAvailable,
            Reason::Undeliverable => CancelReason::Undeliverable,
            Reason::WrongPrice => CancelReason::WrongPrice,
            Reason::SuspectedFraud => CancelReason::SuspectedFraud,
            Reason::Other => CancelReason::Other,
        }
    }
}

/// Units, as a client says them: any whole number parses, so that a negative one is told what is wrong with it.
pub(super) fn quantity(units: i64) -> Result<u32, ApiError> {
    let within = |units: &u32| (1..=souk_core::inventory::QUANTITY_MAX).contains(units);
    u32::try_from(units).ok().filter(within).ok_or_else(super::refusals::invalid_quantity)
}

/// A currency, as a client says it.
pub(super) fn currency(text: &str) -> Result<souk_core::money::Currency, ApiError> {
    text.parse().map_err(|_| {
        ApiError::new(Code::InvalidValue, "a currency is three capital letters, such as EUR")
            .with("field", "currency")
    })
}
