//! Asking for a quote.

use crate::ask::{AskAnswer, AskId};
use crate::ids::{QuoteId, SkuId, VendorId};
use crate::machine::{Ctx, Decision};
use crate::{product, vendor};

use super::decide::{Decided, editable, happened, named, noted, parked};
use super::quote::{self, Unpriced};
use super::{
    CartLine, Event, LINES_MAX, Offered, Opening, QuoteDropped, Quoting, Rejection, Reply, Stage, State,
    Terms, WrittenLine,
};

/// A quote is asked for; the request waits for it.
pub(super) fn request(state: &State, written: Vec<WrittenLine>, ctx: &Ctx) -> Decided {
    editable(state)?;
    if matches!(state.stage, Stage::Quoting(_)) {
        return Err(Rejection::QuoteInProgress);
    }
    if state.lines.is_empty() {
        return Err(Rejection::EmptyCart);
    }
    if state.address.is_none() || state.shipping.is_none() {
        return Err(Rejection::Incomplete { step: state.step() });
    }
    let opening = opening(state)?;
    Ok(parked(Event::QuoteAsked {
        quote: quote_id(state, ctx),
        written,
        until: ctx.now.plus_millis(opening.limits.quote_ttl_ms),
        key: ctx.key,
    }))
}

/// An operator prices the cart: every unit of it, and nothing else.
pub(super) fn write(state: &State, lines: &[WrittenLine], ctx: &Ctx) -> Decided {
    editable(state)?;
    if lines.len() > LINES_MAX {
        return Err(Rejection::TooManyLines);
    }
    let currency = opening(state)?.market.currency;
    let sound = |line: &WrittenLine| {
        [line.unit_price, line.unit_shipping]
            .iter()
            .all(|price| price.currency == currency && price.minor >= 0)
    };
    let in_cart = |sku: SkuId| state.lines.iter().any(|line| line.sku == sku);
    let complete = lines.iter().all(|line| in_cart(line.sku))
        && state.lines.iter().all(|line| is_priced_whole(line, lines));
    if !complete || !lines.iter().all(sound) {
        return Err(Rejection::QuoteMismatch);
    }
    request(state, lines.to_vec(), ctx)
}

/// Whether an offer's parts come to what is in the cart.
fn is_priced_whole(line: &CartLine, written: &[WrittenLine]) -> bool {
    let parts = written.iter().filter(|part| part.sku == line.sku);
    let units: Vec<u32> = parts.map(|part| part.quantity.unwrap_or(line.quantity)).collect();
    let sum: u64 = units.iter().copied().map(u64::from).sum();
    units.iter().all(|units| *units > 0) && sum == u64::from(line.quantity)
}

/// A quote's name: the checkout's key moved on by the seq of the event that asks for it, so that no two quotes
/// of a checkout share one.
fn quote_id(state: &State, ctx: &Ctx) -> QuoteId {
    QuoteId(state.id.0.wrapping_add(u128::from(ctx.next_seq)))
}

fn opening(state: &State) -> Result<&Opening, Rejection> {
    state.opening.as_ref().ok_or(Rejection::UnknownCheckout)
}

/// A product answered.
pub(super) fn offered(state: &State, ask: AskId, sku: SkuId, answer: &AskAnswer, ctx: &Ctx) -> Decided {
    let offer = match answer {
        AskAnswer::Product(product::Answer::Offer {
            sku: of,
            variant,
            vendor,
            unit_price,
            unit_shipping,
            version,
        }) if *of == sku => Some(Offered {
            variant: *variant,
            vendor: *vendor,
            unit_price: *unit_price,
            unit_shipping: *unit_shipping,
            version: *version,
        }),
        AskAnswer::Product(_) | AskAnswer::Unknown => None,
        _ => return noted(),
    };
    let Stage::Quoting(quoting) = &state.stage else { return noted() };
    let mut quoting = quoting.clone();
    quoting.offers.insert(sku, offer);
    next(state, quoting, Event::OfferAnswered { ask, sku, offer }, ctx)
}

/// A vendor answered.
pub(super) fn terms(state: &State, ask: AskId, vendor: VendorId, answer: &AskAnswer, ctx: &Ctx) -> Decided {
    let terms = match answer {
        AskAnswer::Vendor(vendor::Answer::Terms {
            active,
            commission,
            rule,
            seller_of_record,
            version,
            ..
        }) => active.then(|| Terms {
            commission: *commission,
            rule: rule.clone(),
            seller_of_record: *seller_of_record,
            version: *version,
        }),
        AskAnswer::Unknown => None,
        _ => return noted(),
    };
    let Stage::Quoting(quoting) = &state.stage else { return noted() };
    let mut quoting = quoting.clone();
    quoting.terms.insert(vendor, terms.clone());
    next(state, quoting, Event::TermsAnswered { ask, vendor, terms }, ctx)
}

/// With this answer the quote is complete, or cannot be, or waits for more.
fn next(state: &State, quoting: Quoting, answered: Event, ctx: &Ctx) -> Decided {
    if quoting.offers.len() < state.lines.len() {
        return Ok(Decision::of(vec![answered], Reply::Noted));
    }
    let unavailable = quoting.offers.values().any(Option::is_none);
    let vendors_known =
        quoting.offers.values().flatten().all(|offer| quoting.terms.contains_key(&offer.vendor));
    if !vendors_known && !unavailable {
        return Ok(Decision::of(vec![answered], Reply::Noted));
    }
    let opening = opening(state)?;
    let valid_until = ctx.now.plus_millis(opening.limits.quote_ttl_ms);
    let priced = if unavailable {
        Err(Unpriced::NotForSale(without_offer(state, &quoting)))
    } else {
        quote::price(&opening.market, &state.lines, &quoting, valid_until)
    };
    Ok(match priced {
        Ok(quote) => {
            let reply = Reply::Quoted { quote: quote.id, total: quote.total, valid_until };
            happened(state, Event::Quoted(quote), Reply::Noted, Ok(reply))
        }
        Err(Unpriced::NotForSale(lines)) => {
            let why = QuoteDropped::NotForSale { lines: lines.clone() };
            let event = Event::QuoteDropped { why };
            happened(state, event, Reply::Noted, Err(Rejection::NotForSale { lines: named(&lines) }))
        }
        Err(Unpriced::TooLarge) => {
            let event = Event::QuoteDropped { why: QuoteDropped::TooLarge };
            happened(state, event, Reply::Noted, Err(Rejection::TooLarge))
        }
    })
}

/// The numbers of the lines whose product has nothing to sell.
fn without_offer(state: &State, quoting: &Quoting) -> Vec<u32> {
    let offered = |sku: SkuId| quoting.offers.get(&sku).is_some_and(Option::is_some);
    (1..).zip(&state.lines).filter(|(_, line)| !offered(line.sku)).map(|(number, _)| number).collect()
}
