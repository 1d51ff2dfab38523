//! The last append: the order exists exactly once or not at all.

use crate::ids::OrderId;
use crate::ledger;
use crate::machine::Decision;
use crate::money::{Money, MoneyError};
use crate::order::{self, LineHold, OrderLine, PlacedOrder};

use super::decide::happened;
use super::{Attempt, AttemptEnded, Checkout, Event, Paid, QuoteLine, Reply, State, paying};

/// Every hold is committed and the money is here: the order is placed, in the append that says so.
pub(super) fn place(state: &State, attempt: &Attempt, reply: Reply) -> Decision<Checkout> {
    // What was quoted was summed before, so this cannot fail; if it could, no order would be written that does
    // not balance, and the money would go back.
    let Ok(Some(order)) = placed_order(state, attempt) else {
        return paying::ended(state, AttemptEnded::CommitRefused, reply);
    };
    let total = state.quote.as_ref().map_or(Money::zero(order.currency), |quote| quote.total);
    let paid = Paid { order: order.id(), payment: attempt.payment, total };
    let placed = Reply::Placed { order: paid.order, total };
    let mut decision = happened(state, Event::Placed(paid), reply, Ok(placed));
    decision.creates.push(order::place(order));
    decision
}

fn placed_order(state: &State, attempt: &Attempt) -> Result<Option<PlacedOrder>, MoneyError> {
    let (Some(opening), Some(address), Some(quote)) = (&state.opening, &state.address, &state.quote) else {
        return Ok(None);
    };
    let Some(lines) = quote.lines.iter().map(|line| order_line(line, attempt)).collect::<Option<Vec<_>>>()
    else {
        return Ok(None);
    };
    let currency = opening.market.currency;
    let amounts = lines.iter().map(OrderLine::amounts).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(PlacedOrder {
        checkout: state.id,
        buyer: opening.buyer,
        subject: address.subject,
        country: address.country.clone(),
        market: opening.market.id.clone(),
        currency,
        sale: ledger::sale(currency, &amounts)?,
        lines,
        payments: vec![(attempt.payment, quote.total)],
        number: OrderId(state.id.0).number(),
        reference: opening.reference.clone(),
        assisted: quote.assisted,
    }))
}

fn order_line(line: &QuoteLine, attempt: &Attempt) -> Option<OrderLine> {
    let hold = attempt.holds.iter().find(|hold| hold.line == line.number)?;
    Some(OrderLine {
        number: line.number,
        sku: line.sku,
        product: line.product,
        variant: Some(line.variant),
        vendor: line.vendor,
        quantity: line.quantity,
        list_price: line.list_price,
        unit_price: line.unit_price,
        discounts: line.discounts.clone(),
        taxes: line.taxes.clone(),
        shipping: line.shipping,
        commission: line.commission.clone(),
        seller_of_record: line.seller_of_record,
        hold: LineHold { id: hold.hold, shard: line.sku.shard(), location: hold.location()? },
    })
}
