//! What the read models show of a machine's state.

use souk_core::money::{Money, MoneyError};
use souk_core::order::{self, LineStage, OrderLine, PlacedOrder};
use souk_core::{product, vendor};

use crate::journal::JournalError;
use crate::store::read::{
    LineRow, OfferRow, OrderRow, OrderRows, ParcelRow, ProductRow, ProductRows, VendorOrderRow, VendorRow,
};

/// `None` for one that nobody has applied as.
pub(super) fn vendor(seq: u64, state: &vendor::State) -> Option<VendorRow> {
    let profile = state.profile.as_ref()?;
    Some(VendorRow {
        id: state.id,
        name: profile.application.name.clone(),
        status: profile.status,
        commission: profile.commission.as_ref().map(|commission| commission.rate),
        version: seq,
    })
}

/// `None` for one that was never created.
pub(super) fn product(seq: u64, state: &product::State) -> Option<ProductRows> {
    let known = state.known.as_ref()?;
    let offers = known.offers.iter().flat_map(|(sku, offer)| {
        let for_sale = known.is_for_sale(offer);
        offer.prices.iter().map(move |(market, price)| OfferRow {
            sku: *sku,
            market: market.clone(),
            product: state.id,
            variant: offer.variant,
            vendor: offer.vendor,
            code: offer.code.clone(),
            price: *price,
            for_sale,
        })
    });
    let product = ProductRow {
        id: state.id,
        seq,
        status: known.status,
        title: known.facts.title.clone(),
        category: known.facts.category.clone(),
        steward: known.steward,
        version: known.version,
    };
    Some(ProductRows { product, offers: offers.collect() })
}

/// `None` for one that was never placed.
pub(super) fn order(seq: u64, state: &order::State) -> Result<Option<OrderRows>, JournalError> {
    let (Some(placed), Some(summary)) = (&state.placed, order::summary(state)) else { return Ok(None) };
    let id = placed.id();
    let unsound = |error: MoneyError| JournalError::Column {
        table: "events",
        column: "payload",
        value: format!("an amount of {id}: {error}"),
    };
    let order = OrderRow {
        id,
        seq,
        number: placed.number.clone(),
        buyer: placed.buyer,
        market: placed.market.clone(),
        placed_at: state.placed_at,
        status: summary.status,
        charged: summary.charged,
        refunded: summary.refunded,
        assisted: placed.assisted,
        reference: placed.reference.clone(),
        flagged: summary.flagged,
    };
    let mut lines = Vec::with_capacity(placed.lines.len());
    for line in &placed.lines {
        let Some(now) = state.lines.get(&line.number) else { continue };
        lines.push(LineRow {
            line: line.number,
            vendor_order: now.vendor_order,
            sku: line.sku,
            product: line.product,
            variant: line.variant,
            quantity: line.quantity,
            unit_price: line.unit_price,
            goods: line.goods().map_err(unsound)?,
            freight: line.shipping,
            stage: now.stage,
        });
    }
    lines.sort_by_key(|line| line.line);
    let mut vendor_orders = Vec::with_capacity(summary.vendor_orders.len());
    for part in &summary.vendor_orders {
        let amounts = Amounts::of(placed, state, part.number).map_err(unsound)?;
        vendor_orders.push(VendorOrderRow {
            order: id,
            number: part.number,
            vendor: part.vendor,
            status: part.status,
            placed_at: state.placed_at,
            goods: amounts.goods,
            freight: amounts.freight,
            commission: amounts.commission,
            payable: amounts.payable,
            reversed: amounts.reversed,
        });
    }
    let mut parcels: Vec<ParcelRow> = state
        .parcels
        .iter()
        .map(|(id, parcel)| ParcelRow {
            id: *id,
            number: parcel.number,
            vendor_order: parcel.vendor_order,
            tracking: parcel.tracking.clone(),
            shipped_at: parcel.shipped_at,
            delivered_at: parcel.delivered_at,
        })
        .collect();
    parcels.sort_by_key(|parcel| parcel.number);
    Ok(Some(OrderRows { order, lines, vendor_orders, parcels }))
}

/// What a vendor order's lines come to.
struct Amounts {
    goods: Money,
    freight: Money,
    commission: Money,
    payable: Money,
    reversed: Money,
}

impl Amounts {
    fn of(placed: &PlacedOrder, state: &order::State, number: u32) -> Result<Self, MoneyError> {
        let zero = Money::zero(placed.currency);
        let mut sums =
            Amounts { goods: zero, freight: zero, commission: zero, payable: zero, reversed: zero };
        for line in &placed.lines {
            if let Some(now) = state.lines.get(&line.number)
                && now.vendor_order == number
            {
                sums.add(line, now.stage)?;
            }
        }
        Ok(sums)
    }

    fn add(&mut self, line: &OrderLine, stage: LineStage) -> Result<(), MoneyError> {
        let amounts = line.amounts()?;
        let payable = amounts.payable()?;
        self.goods = self.goods.plus(amounts.goods)?;
        self.freight = self.freight.plus(amounts.shipping)?;
        self.commission = self.commission.plus(amounts.commission)?;
        self.payable = self.payable.plus(payable)?;
        if stage == LineStage::Cancelled {
            self.reversed = self.reversed.plus(payable)?;
        }
        Ok(())
    }
}
