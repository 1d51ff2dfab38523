//! What the API's bodies look like, as far as a replay writes and reads them.

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};
use souk_core::money::Money;

use super::super::CURRENCY;
use super::super::plan::Order;
use super::secrets::Hidden;
use super::{Cart, CartAccess, Figures, LineFigures, Quoted, address};

/// An order as the operators' API shows it, as far as it is counted here.
#[derive(Deserialize)]
pub(super) struct OrderIn {
    assisted: bool,
    charged_minor: i64,
    refunded_minor: i64,
    settled: bool,
    lines: Vec<LineIn>,
    vendor_orders: Vec<serde::de::IgnoredAny>,
    parcels: Vec<ParcelIn>,
}

#[derive(Deserialize)]
struct LineIn {
    number: u32,
    vendor: String,
    quantity: u32,
    unit_price_minor: i64,
    shipping_minor: i64,
    commission_minor: i64,
    state: String,
}

#[derive(Deserialize)]
struct ParcelIn {
    delivered_at_ms: Option<i64>,
}

impl OrderIn {
    pub(super) fn figures(self) -> anyhow::Result<Figures> {
        let line = |line: LineIn| {
            Ok(LineFigures {
                number: line.number,
                vendor: line.vendor.parse()?,
                quantity: line.quantity,
                unit_price_minor: line.unit_price_minor,
                shipping_minor: line.shipping_minor,
                commission_minor: line.commission_minor,
                cancelled: line.state == "cancelled",
            })
        };
        let arrived = self.parcels.iter().filter(|parcel| parcel.delivered_at_ms.is_some()).count();
        Ok(Figures {
            assisted: self.assisted,
            charged_minor: self.charged_minor,
            refunded_minor: self.refunded_minor,
            vendor_orders: self.vendor_orders.len() as u64,
            parcels_shipped: self.parcels.len() as u64,
            parcels_delivered: arrived as u64,
            settled: self.settled,
            lines: self.lines.into_iter().map(line).collect::<anyhow::Result<_>>()?,
        })
    }
}

pub(super) fn address_body(order: &Order) -> Value {
    let address = address(order);
    json!({
        "name": address.name.expose(),
        "street": address.street.expose(),
        "postal_code": address.postal_code.expose(),
        "city": address.city.expose(),
        "country": address.country.expose(),
        "email": address.email.expose(),
    })
}

/// A field that must be there, of the type that it must have.
pub(super) fn field<T>(body: &Value, name: &str) -> anyhow::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = body[name].as_str().with_context(|| format!("an answer without {name}: is this souk?"))?;
    text.parse().with_context(|| format!("{name} in an answer"))
}

pub(super) fn cart(body: &Value) -> anyhow::Result<Cart> {
    let token: String = field(body, "token")?;
    Ok(Cart { id: field(body, "id")?, access: CartAccess::Token(Hidden(token)) })
}

pub(super) fn quoted(body: &Value) -> anyhow::Result<Quoted> {
    let total = body["total_minor"].as_i64().context("a quote without a total")?;
    Ok(Quoted { quote: field(body, "quote")?, total: Money::new(total, CURRENCY) })
}
