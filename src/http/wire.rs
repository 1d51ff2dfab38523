//! Words of the API for what the machines know: one spelling each, for every route.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use souk_core::checkout::{PayingStep, Step};
use souk_core::order::{CancelReason, LineStage, RefundStage, Status as OrderStatus};
use souk_core::person::OperatorRole;
use souk_core::product::{Condition, Status as ProductStatus};
use souk_core::vendor::{KeyScope, Role, Status as VendorStatus};

use crate::tenants::MailAddress;
use crate::tenants::mail_address::InvalidMail;

use super::error::{ApiError, Code};

/// Defines the words for a state, once for what is written, read and described.
macro_rules! states {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)* })*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
        pub(super) enum $name { $(#[serde(rename = $text)] $variant,)* }

        impl From<$name> for Value {
            fn from(state: $name) -> Value {
                Value::from(match state { $($name::$variant => $text,)* })
            }
        })*
    };
}

states! {
    /// Where a checkout stands.
    CheckoutState {
        Open = "open",
        Addressed = "addressed",
        ShippingChosen = "shipping_chosen",
        Quoted = "quoted",
        Holding = "holding",
        Checking = "checking",
        Pinning = "pinning",
        Authorising = "authorising",
        ActionNeeded = "action_needed",
        AwaitingPayment = "awaiting_payment",
        Committing = "committing",
        Capturing = "capturing",
        Voiding = "voiding",
        Placed = "placed",
        Expired = "expired",
        Failed = "failed",
    }
    /// Where a product stands.
    ProductState {
        Draft = "draft",
        Submitted = "submitted",
        Approved = "approved",
        Listed = "listed",
        Archived = "archived",
    }
    /// What a member is in a vendor's team.
    TeamRole {
        Owner = "owner",
        Manager = "manager",
        Packer = "packer",
        Accountant = "accountant",
    }
    /// What somebody may do for the marketplace.
    OperatorRoleWord {
        Chief = "chief",
        Curator = "curator",
        Support = "support",
        Finance = "finance",
    }
    /// One thing that a vendor's key may do.
    KeyScopeWord {
        ProductsRead = "products:read",
        ProductsWrite = "products:write",
        StockWrite = "stock:write",
        OrdersRead = "orders:read",
        OrdersPack = "orders:pack",
        OrdersCancel = "orders:cancel",
        MoneyRead = "money:read",
    }
    /// Where a vendor stands.
    VendorState {
        Applied = "applied",
        Active = "active",
        Suspended = "suspended",
        Closed = "closed",
    }
    /// How far an order is, or a vendor's part of it.
    OrderState {
        Placed = "placed",
        Accepted = "accepted",
        PartlyShipped = "partly_shipped",
        Shipped = "shipped",
        Delivered = "delivered",
        Cancelled = "cancelled",
    }
    /// How far an order's line is.
    LineState {
        Open = "open",
        Shipped = "shipped",
        Delivered = "delivered",
        Cancelled = "cancelled",
    }
    /// How far a refund is.
    RefundState {
        Pending = "pending",
        Done = "done",
        Refused = "refused",
        Replaced = "replaced",
    }
    /// In which state a thing is sold.
    ConditionWord {
        New = "new",
        Refurbished = "refurbished",
        Used = "used",
    }
}

impl From<Step> for CheckoutState {
    fn from(step: Step) -> Self {
        match step {
            Step::Open => CheckoutState::Open,
            Step::Addressed => CheckoutState::Addressed,
            Step::ShippingChosen => CheckoutState::ShippingChosen,
            Step::Quoted => CheckoutState::Quoted,
            Step::Holding => CheckoutState::Holding,
            Step::Checking => CheckoutState::Checking,
            Step::Paying(step) => match step {
                PayingStep::Pinning => CheckoutState::Pinning,
                PayingStep::Authorising => CheckoutState::Authorising,
                PayingStep::ActionNeeded => CheckoutState::ActionNeeded,
                PayingStep::AwaitingPayment => CheckoutState::AwaitingPayment,
                PayingStep::Committing => CheckoutState::Committing,
                PayingStep::Capturing => CheckoutState::Capturing,
                PayingStep::Voiding => CheckoutState::Voiding,
            },
            Step::Placed => CheckoutState::Placed,
            Step::Expired => CheckoutState::Expired,
            Step::Failed => CheckoutState::Failed,
        }
    }
}

/// The same states by the same names, both ways.
macro_rules! same_states {
    ($($core:ident = $word:ident { $($variant:ident),* })*) => {
        $(impl From<$core> for $word {
            fn from(state: $core) -> Self {
                match state { $($core::$variant => $word::$variant,)* }
            }
        }

        impl From<$word> for $core {
            fn from(state: $word) -> Self {
                match state { $($word::$variant => $core::$variant,)* }
            }
        })*
    };
}

same_states! {
    Role = TeamRole { Owner, Manager, Packer, Accountant }
    OperatorRole = OperatorRoleWord { Chief, Curator, Support, Finance }
    KeyScope = KeyScopeWord {
        ProductsRead,
        ProductsWrite,
        StockWrite,
        OrdersRead,
        OrdersPack,
        OrdersCancel,
        MoneyRead
    }
    ProductStatus = ProductState { Draft, Submitted, Approved, Listed, Archived }
    VendorStatus = VendorState { Applied, Active, Suspended, Closed }
    OrderStatus = OrderState { Placed, Accepted, PartlyShipped, Shipped, Delivered, Cancelled }
    Condition = ConditionWord { New, Refurbished, Used }
}

impl From<LineStage> for LineState {
    fn from(stage: LineStage) -> Self {
        match stage {
            LineStage::Open => LineState::Open,
            LineStage::Shipped(_) => LineState::Shipped,
            LineStage::Delivered(_) => LineState::Delivered,
            LineStage::Cancelled => LineState::Cancelled,
        }
    }
}

impl From<RefundStage> for RefundState {
    fn from(stage: RefundStage) -> Self {
        match stage {
            RefundStage::Pending => RefundState::Pending,
            RefundStage::Done => RefundState::Done,
            RefundStage::Refused => RefundState::Refused,
            RefundStage::Replaced { .. } => RefundState::Replaced,
        }
    }
}

/// Why something is cancelled, as clients say it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CancelReason")]
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

/// A mail address of an account or an invitation, as a client says it in its field `mail`.
pub(super) fn mail(text: &str) -> Result<MailAddress, ApiError> {
    let address: Result<MailAddress, InvalidMail> = text.parse();
    address.map_err(|error| ApiError::new(Code::InvalidValue, error.to_string()).with("field", "mail"))
}

/// A currency, as a client says it.
pub(super) fn currency(text: &str) -> Result<souk_core::money::Currency, ApiError> {
    text.parse().map_err(|_| {
        ApiError::new(Code::InvalidValue, "a currency is three capital letters, such as EUR")
            .with("field", "currency")
    })
}
