//! The rules of offers: who may attach, price, withhold and resume them, and what a buyer is told.

use crate::ids::{SkuId, VendorId};
use crate::machine::Decision;
use crate::market::MarketId;
use crate::money::Currency;

use super::decide::{Decided, Deciding, acts_for};
use super::{
    Actor, Answer, Event, Field, MARKETS_MAX, NewOffer, OFFERS_MAX, Offer, Party, Price, Rejection, Reply,
    Request, Standing, Status, check,
};

pub(super) fn attach(product: &Deciding<'_>, by: Actor, new: &NewOffer) -> Decided {
    let known = product.known;
    if !acts_for(by, new.vendor) {
        return Err(Rejection::NotYours);
    }
    if let Some(there) = known.offers.get(&new.sku) {
        return again(product, by, new, there);
    }
    check_open_to(product, by)?;
    check::offer(new)?;
    if !known.variants.contains_key(&new.variant) {
        return Err(Rejection::UnknownVariant);
    }
    if known.offers.len() >= OFFERS_MAX {
        return Err(Rejection::TooMany { field: Field::Offers });
    }
    let same = |offer: &Offer| {
        (offer.variant, offer.vendor, offer.condition) == (new.variant, new.vendor, new.condition)
    };
    if let Some((sku, _)) = known.offers.iter().find(|(_, offer)| same(offer)) {
        return Err(Rejection::SameOffer { sku: *sku });
    }
    new.prices.iter().try_for_each(|(market, price)| check_currency(product, market, price.unit.currency))?;
    let for_sale = known.status == Status::Listed && sells(product, new.vendor);
    Ok(reply(product, new.sku, vec![Event::OfferAttached { offer: new.clone() }], for_sale))
}

/// The same offer asked for again is the same offer. Its prices may have changed since.
fn again(product: &Deciding<'_>, by: Actor, new: &NewOffer, there: &Offer) -> Decided {
    if !acts_for(by, there.vendor) {
        return Err(Rejection::NotYours);
    }
    let same = there.variant == new.variant
        && there.vendor == new.vendor
        && there.condition == new.condition
        && there.code == new.code;
    if same { Ok(unchanged(product, new.sku, there)) } else { Err(Rejection::AlreadyExists) }
}

/// A draft is its steward's own; others see a product from its approval on.
fn check_open_to(product: &Deciding<'_>, by: Actor) -> Result<(), Rejection> {
    match product.known.status {
        Status::Archived => product.wrong_state(),
        Status::Approved | Status::Listed => Ok(()),
        Status::Draft | Status::Submitted if acts_for(by, product.known.steward) => Ok(()),
        Status::Draft | Status::Submitted => Err(Rejection::NotYours),
    }
}

pub(super) fn set_price(
    product: &Deciding<'_>,
    by: Actor,
    sku: SkuId,
    market: &MarketId,
    price: Price,
) -> Decided {
    let offer = own_offer(product, by, sku)?;
    if product.known.status == Status::Archived {
        return product.wrong_state();
    }
    check::price(market, price)?;
    if offer.prices.get(market) == Some(&price) {
        return Ok(unchanged(product, sku, offer));
    }
    if !offer.prices.contains_key(market) && offer.prices.len() >= MARKETS_MAX {
        return Err(Rejection::TooMany { field: Field::Market });
    }
    check_currency(product, market, price.unit.currency)?;
    let event = Event::PriceSet { sku, market: market.clone(), price };
    Ok(reply(product, sku, vec![event], product.known.is_for_sale(offer)))
}

/// A market has one currency. Which one is in the caller's table of markets; here the first price stands for it,
/// so that a product at least never holds two.
fn check_currency(product: &Deciding<'_>, market: &MarketId, currency: Currency) -> Result<(), Rejection> {
    match product.known.currencies.get(market) {
        Some(expected) if *expected != currency => Err(Rejection::CurrencyMismatch { expected: *expected }),
        _ => Ok(()),
    }
}

pub(super) fn withhold(product: &Deciding<'_>, by: Actor, sku: SkuId) -> Decided {
    let offer = own_offer(product, by, sku)?;
    let by = party(by);
    if offer.withheld.contains(&by) {
        return Ok(unchanged(product, sku, offer));
    }
    if product.known.status == Status::Archived {
        return product.wrong_state();
    }
    Ok(reply(product, sku, vec![Event::OfferWithheld { sku, by }], false))
}

pub(super) fn resume(product: &Deciding<'_>, by: Actor, sku: SkuId) -> Decided {
    let offer = own_offer(product, by, sku)?;
    let by = party(by);
    if !offer.withheld.contains(&by) {
        return Ok(unchanged(product, sku, offer));
    }
    if product.known.status == Status::Archived {
        return product.wrong_state();
    }
    let last = offer.withheld.len() == 1;
    let for_sale = last && product.known.status == Status::Listed && sells(product, offer.vendor);
    Ok(reply(product, sku, vec![Event::OfferResumed { sku, by }], for_sale))
}

/// Word about a vendor comes from its own stream by a walker that may repeat itself after a restart; of two words
/// the one with the higher seq wins. It is kept for vendors without an offer too: one may be on its way.
pub(super) fn set_standing(product: &Deciding<'_>, vendor: VendorId, sells: bool, version: u64) -> Decided {
    let known = product.known;
    let events = match known.standings.get(&vendor).copied() {
        _ if known.status == Status::Archived => Vec::new(),
        Some(last) if version < last.version => return Err(Rejection::Stale),
        Some(last) if last == (Standing { sells, version }) => Vec::new(),
        None if sells => Vec::new(),
        _ if sells => vec![Event::OffersReopened { vendor, version }],
        _ => vec![Event::OffersClosed { vendor, version }],
    };
    let version = product.version_after(events.len());
    let reply = Reply::Product { product: product.state.id, status: known.status, version };
    Ok(Decision::of(events, reply))
}

/// What a buyer is told. Prices are those of this moment; the quote keeps them.
pub(super) fn answer(product: &Deciding<'_>, request: &Request) -> Answer {
    let Request::Offer { sku, market } = request;
    let known = product.known;
    let offer = known.offers.get(sku).filter(|offer| known.is_for_sale(offer));
    match offer.and_then(|offer| Some((offer, offer.prices.get(market)?))) {
        Some((offer, price)) => Answer::Offer {
            sku: *sku,
            variant: offer.variant,
            vendor: offer.vendor,
            unit_price: price.unit,
            unit_shipping: price.shipping,
            version: known.version,
        },
        None => Answer::NotForSale { sku: *sku },
    }
}

fn own_offer<'a>(product: &Deciding<'a>, by: Actor, sku: SkuId) -> Result<&'a Offer, Rejection> {
    let offer = product.known.offers.get(&sku).ok_or(Rejection::UnknownOffer)?;
    if acts_for(by, offer.vendor) { Ok(offer) } else { Err(Rejection::NotYours) }
}

fn party(by: Actor) -> Party {
    match by {
        Actor::Vendor(_) => Party::Vendor,
        Actor::Operator => Party::Operator,
    }
}

fn sells(product: &Deciding<'_>, vendor: VendorId) -> bool {
    product.known.standings.get(&vendor).is_none_or(|standing| standing.sells)
}

fn unchanged(product: &Deciding<'_>, sku: SkuId, offer: &Offer) -> Decision<super::Product> {
    reply(product, sku, Vec::new(), product.known.is_for_sale(offer))
}

fn reply(product: &Deciding<'_>, sku: SkuId, events: Vec<Event>, for_sale: bool) -> Decision<super::Product> {
    let version = product.version_after(events.len());
    Decision::of(events, Reply::Offer { product: product.state.id, sku, for_sale, version })
}
