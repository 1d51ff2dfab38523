//! What facts, variants and prices must look like, whatever the state.

use std::collections::{BTreeMap, BTreeSet};

use crate::market::{LocalizedText, MarketId};
use crate::money::AMOUNT_MAX;
use crate::text::{is_block, is_code, is_line};

use super::{
    CODE_MAX, DESCRIPTION_MAX, Facts, Field, LOCALES_MAX, MARKETS_MAX, NewOffer, OPTIONS_MAX, Price,
    REASON_MAX, Rejection, TITLE_MAX, VARIANTS_MAX, Variant,
};

type Checked = Result<(), Rejection>;

pub(super) fn facts(facts: &Facts) -> Checked {
    when(!facts.title.is_empty(), Field::Title)?;
    texts(&facts.title, Field::Title, |text| is_line(text, TITLE_MAX))?;
    texts(&facts.description, Field::Description, |text| is_block(text, DESCRIPTION_MAX))?;
    when(is_code(&facts.category, CODE_MAX), Field::Category)
}

/// The first variants of a product: each by itself, and all of them together.
pub(super) fn variants(variants: &[Variant]) -> Checked {
    if variants.len() > VARIANTS_MAX {
        return Err(Rejection::TooMany { field: Field::Variants });
    }
    let mut ids = BTreeSet::new();
    let mut choices = BTreeMap::new();
    for new in variants {
        variant(new)?;
        when(ids.insert(new.id), Field::Variants)?;
        if let Some(same) = choices.insert(&new.options, new.id) {
            return Err(Rejection::SameOptions { variant: same });
        }
    }
    Ok(())
}

pub(super) fn variant(variant: &Variant) -> Checked {
    if variant.options.len() > OPTIONS_MAX {
        return Err(Rejection::TooMany { field: Field::Options });
    }
    let written = |text: &String| is_line(text, CODE_MAX);
    when(variant.options.iter().all(|(name, value)| written(name) && written(value)), Field::Options)?;
    let scannable = |code: &String| is_line(code, CODE_MAX) && code.is_ascii();
    when(variant.barcode.as_ref().is_none_or(scannable), Field::Barcode)
}

/// An offer, but for what depends on the product.
pub(super) fn offer(offer: &NewOffer) -> Checked {
    when(is_line(&offer.code, CODE_MAX), Field::Code)?;
    if offer.prices.len() > MARKETS_MAX {
        return Err(Rejection::TooMany { field: Field::Market });
    }
    offer.prices.iter().try_for_each(|(id, cost)| price(id, *cost))
}

pub(super) fn price(market: &MarketId, price: Price) -> Checked {
    when(market.is_valid(), Field::Market)?;
    if price.unit.currency != price.shipping.currency {
        return Err(Rejection::CurrencyMismatch { expected: price.unit.currency });
    }
    let allowed = 0..=AMOUNT_MAX;
    if allowed.contains(&price.unit.minor) && allowed.contains(&price.shipping.minor) {
        Ok(())
    } else {
        Err(Rejection::InvalidPrice)
    }
}

pub(super) fn reason(reason: &str) -> Checked {
    when(is_block(reason, REASON_MAX), Field::Reason)
}

fn texts(texts: &LocalizedText, field: Field, written: impl Fn(&str) -> bool) -> Checked {
    if texts.len() > LOCALES_MAX {
        return Err(Rejection::TooMany { field });
    }
    when(texts.iter().all(|(locale, text)| is_locale(locale) && written(text)), field)
}

/// A language tag as BCP 47 shapes it: 2 or 3 letters, then parts of 1 to 8 letters and digits. Whether the
/// language exists is not asked.
fn is_locale(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && tag.len() <= 35
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

fn when(holds: bool, field: Field) -> Checked {
    if holds { Ok(()) } else { Err(Rejection::Invalid { field }) }
}
