//! A vendor's part of an order, as it is told to that vendor and to nobody else.

use schemars::JsonSchema;
use serde::Serialize;
use souk_core::ids::VendorId;
use souk_core::order::{State, summary};

use crate::store::read::VendorOrderRow;
use crate::store::vault::Address;

use super::told_orders::{LineOut, ParcelOut, parcels};
use super::wire::OrderState;

/// A vendor's part of an order, with what it must send.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VendorOrder")]
pub(super) struct OwnPart {
    order: String,
    /// The order's short number, to be read out.
    order_number: String,
    number: u32,
    state: OrderState,
    placed_at_ms: i64,
    currency: String,
    lines: Vec<LineOut>,
    parcels: Vec<ParcelOut>,
    /// Where it goes, while there is something to send or on its way; null when that is over, or the person was erased.
    pub(super) ship_to: Option<ShipTo>,
}

/// Where parcels go.
#[derive(Serialize, JsonSchema)]
pub(super) struct ShipTo {
    name: String,
    street: String,
    postal_code: String,
    city: String,
    /// ISO 3166 alpha-2.
    country: String,
}

impl From<&Address> for ShipTo {
    /// Without the mail address: a parcel needs none.
    fn from(address: &Address) -> Self {
        ShipTo {
            name: address.name.expose().to_owned(),
            street: address.street.expose().to_owned(),
            postal_code: address.postal_code.expose().to_owned(),
            city: address.city.expose().to_owned(),
            country: address.country.expose().to_owned(),
        }
    }
}

impl OwnPart {
    /// Whether somebody works on it who must know where it goes.
    pub(super) fn is_under_way(&self) -> bool {
        match self.state {
            OrderState::Placed | OrderState::Accepted | OrderState::PartlyShipped | OrderState::Shipped => {
                true
            }
            OrderState::Delivered | OrderState::Cancelled => false,
        }
    }

    /// `None` when the vendor has no part in it, or there is no such order.
    pub(super) fn of(state: &State, vendor: VendorId) -> Option<Self> {
        let placed = state.placed.as_ref()?;
        let summary = summary(state)?;
        let part = summary.vendor_orders.iter().find(|part| part.vendor == vendor)?;
        let own = placed.lines.iter().filter(|line| line.vendor == vendor);
        Some(OwnPart {
            order: placed.id().to_string(),
            order_number: placed.number.clone(),
            number: part.number,
            state: part.status.into(),
            placed_at_ms: state.placed_at.as_millis(),
            currency: placed.currency.to_string(),
            lines: own.map(|line| LineOut::of(state, line)).collect(),
            parcels: parcels(state, |parcel| parcel.vendor_order == part.number),
            ship_to: None,
        })
    }
}

/// A vendor order in a list. Amounts are as placed; what cancellations took back of the payable stands beside them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VendorOrderItem")]
pub(super) struct PartItem {
    order: String,
    number: u32,
    state: OrderState,
    placed_at_ms: i64,
    currency: String,
    goods_minor: i64,
    shipping_minor: i64,
    /// This and the next two are left out for members whose role sees no money.
    #[serde(skip_serializing_if = "Option::is_none")]
    commission_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payable_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reversed_minor: Option<i64>,
}

impl PartItem {
    pub(super) fn of(row: &VendorOrderRow, sees_money: bool) -> Self {
        let told = |minor: i64| sees_money.then_some(minor);
        PartItem {
            order: row.order.to_string(),
            number: row.number,
            state: row.status.into(),
            placed_at_ms: row.placed_at.as_millis(),
            currency: row.goods.currency.to_string(),
            goods_minor: row.goods.minor,
            shipping_minor: row.freight.minor,
            commission_minor: told(row.commission.minor),
            payable_minor: told(row.payable.minor),
            reversed_minor: told(row.reversed.minor),
        }
    }
}
