//! A checkout as the holder of its token sees it. No name and no street: they stay in the vault.

use schemars::JsonSchema;
use serde::Serialize;
use souk_core::checkout::{PayStep, Quote, Reply, Stage, State};
use souk_core::ids::CheckoutId;

use crate::http::wire::CheckoutState;

/// A checkout.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Cart")]
pub(super) struct CartOut {
    id: String,
    state: CheckoutState,
    market: Option<String>,
    currency: Option<String>,
    lines: Vec<LineOut>,
    country: Option<String>,
    shipping_method: Option<String>,
    quote: Option<QuoteOut>,
    payment: Option<PaymentOut>,
    order: Option<String>,
    /// Shows the order and changes nothing: to be passed on to whoever receives it.
    pub(super) order_token: Option<String>,
    expires_at_ms: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CartLine")]
struct LineOut {
    sku: String,
    product: String,
    quantity: u32,
}

/// What everything costs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Quote")]
struct QuoteOut {
    id: String,
    lines: Vec<QuoteLineOut>,
    goods_minor: i64,
    shipping_minor: i64,
    tax_added_minor: i64,
    total_minor: i64,
    currency: String,
    valid_until_ms: i64,
    assisted: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "QuoteLine")]
struct QuoteLineOut {
    number: u32,
    sku: String,
    vendor: String,
    quantity: u32,
    unit_price_minor: i64,
    goods_minor: i64,
    shipping_minor: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Payment")]
struct PaymentOut {
    id: String,
    /// Where the shopper must act.
    action_url: Option<String>,
    /// With what the shopper pays elsewhere.
    reference: Option<String>,
}

impl CartOut {
    pub(super) fn of(state: &State) -> Self {
        let opening = state.opening.as_ref();
        let attempt = state.attempt();
        let order = match &state.stage {
            Stage::Placed(paid) => Some(paid.order.to_string()),
            _ => None,
        };
        CartOut {
            id: state.id.to_string(),
            state: state.step().into(),
            market: opening.map(|opening| opening.market.id.0.clone()),
            currency: opening.map(|opening| opening.market.currency.to_string()),
            lines: state
                .lines
                .iter()
                .map(|line| LineOut {
                    sku: line.sku.to_string(),
                    product: line.product.to_string(),
                    quantity: line.quantity,
                })
                .collect(),
            country: state.address.as_ref().map(|address| address.country.clone()),
            shipping_method: state.shipping.clone(),
            quote: state.quote.as_ref().map(QuoteOut::of),
            payment: attempt.map(|attempt| PaymentOut {
                id: attempt.payment.to_string(),
                action_url: match &attempt.step {
                    PayStep::ActionNeeded { url } => Some(url.clone()),
                    _ => None,
                },
                reference: match &attempt.step {
                    PayStep::AwaitingPayment { reference } => Some(reference.clone()),
                    _ => None,
                },
            }),
            order,
            order_token: None,
            expires_at_ms: state.expires_at.as_millis(),
        }
    }
}

impl QuoteOut {
    fn of(quote: &Quote) -> Self {
        QuoteOut {
            id: quote.id.to_string(),
            lines: quote
                .lines
                .iter()
                .map(|line| QuoteLineOut {
                    number: line.number,
                    sku: line.sku.to_string(),
                    vendor: line.vendor.to_string(),
                    quantity: line.quantity,
                    unit_price_minor: line.unit_price.minor,
                    goods_minor: line.goods.minor,
                    shipping_minor: line.shipping.minor,
                })
                .collect(),
            goods_minor: quote.goods.minor,
            shipping_minor: quote.shipping.iter().map(|(_, sum)| sum.minor).sum(),
            tax_added_minor: quote.tax_added.minor,
            total_minor: quote.total.minor,
            currency: quote.total.currency.to_string(),
            valid_until_ms: quote.valid_until.as_millis(),
            assisted: quote.assisted,
        }
    }
}

/// Where a checkout is after a command. What else there is depends on the state.
#[derive(Default, Serialize, JsonSchema)]
pub(in crate::http) struct CheckoutAt {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<CheckoutState>,
    /// To pay it, name the quote and its total.
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<String>,
    /// The attempt to pay, when its shopper must do something.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    /// The order's short number, to be read out.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until_ms: Option<i64>,
    /// Shows the order and changes nothing: to be passed on to whoever receives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_token: Option<String>,
    /// The shopper's token, when somebody else opened the cart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) token: Option<String>,
}

impl CheckoutAt {
    pub(super) fn state(id: CheckoutId, state: CheckoutState) -> Self {
        CheckoutAt { id: id.to_string(), state: Some(state), ..Self::default() }
    }
}

/// Where a checkout is after a command, whatever the command was.
pub(in crate::http) fn at(id: CheckoutId, reply: &Reply) -> CheckoutAt {
    let at = |state| CheckoutAt::state(id, state);
    match reply {
        Reply::At { step } => at((*step).into()),
        Reply::Quoted { quote, total, valid_until } => CheckoutAt {
            quote: Some(quote.to_string()),
            total_minor: Some(total.minor),
            currency: Some(total.currency.to_string()),
            valid_until_ms: Some(valid_until.as_millis()),
            ..at(CheckoutState::Quoted)
        },
        Reply::ActionNeeded { payment } => {
            CheckoutAt { payment: Some(payment.to_string()), ..at(CheckoutState::ActionNeeded) }
        }
        Reply::AwaitingPayment { payment } => {
            CheckoutAt { payment: Some(payment.to_string()), ..at(CheckoutState::AwaitingPayment) }
        }
        Reply::Placed { order, total } => CheckoutAt {
            order: Some(order.to_string()),
            number: Some(order.number()),
            total_minor: Some(total.minor),
            currency: Some(total.currency.to_string()),
            ..at(CheckoutState::Placed)
        },
        // Said between machines only.
        Reply::Told(_) | Reply::Waiting | Reply::Noted => {
            CheckoutAt { id: id.to_string(), ..CheckoutAt::default() }
        }
    }
}
