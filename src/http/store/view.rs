//! A checkout as the holder of its token sees it. No name and no street: they stay in the vault.

use serde::Serialize;
use souk_core::checkout::{PayStep, Quote, Stage, State};

use crate::http::wire;

/// A checkout.
#[derive(Serialize)]
pub(super) struct CartOut {
    id: String,
    state: &'static str,
    market: Option<String>,
    currency: Option<String>,
    lines: Vec<LineOut>,
    country: Option<String>,
    shipping_method: Option<String>,
    quote: Option<QuoteOut>,
    payment: Option<PaymentOut>,
    order: Option<String>,
    expires_at_ms: i64,
}

#[derive(Serialize)]
struct LineOut {
    sku: String,
    product: String,
    quantity: u32,
}

/// What everything costs.
#[derive(Serialize)]
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

#[derive(Serialize)]
struct QuoteLineOut {
    number: u32,
    sku: String,
    vendor: String,
    quantity: u32,
    unit_price_minor: i64,
    goods_minor: i64,
    shipping_minor: i64,
}

#[derive(Serialize)]
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
            state: wire::step(state.step()),
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
