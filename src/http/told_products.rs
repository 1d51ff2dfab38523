//! Products as they are told to those who work on them: the own ones to a vendor, all to an operator.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use souk_core::ids::{ProductId, SkuId, VendorId};
use souk_core::market::{LocalizedText, MarketId};
use souk_core::product::{Known, Offer, Reply};

use crate::store::read::ProductRow;

use super::store::products::VariantOut;
use super::wire::{ConditionWord, ProductState};

/// What a command did to a product.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct ProductChanged {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<ProductState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    /// The offer that it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_sale: Option<bool>,
    /// Its variants, in the order in which they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) variants: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

pub(super) fn told(id: ProductId, reply: &Reply) -> ProductChanged {
    let changed = ProductChanged { id: id.to_string(), ..ProductChanged::default() };
    match reply {
        Reply::Product { status, version, .. } => {
            ProductChanged { state: Some((*status).into()), version: Some(*version), ..changed }
        }
        Reply::Variant { variant, version, .. } => {
            ProductChanged { variant: Some(variant.to_string()), version: Some(*version), ..changed }
        }
        Reply::Offer { sku, for_sale, version, .. } => ProductChanged {
            sku: Some(sku.to_string()),
            for_sale: Some(*for_sale),
            version: Some(*version),
            ..changed
        },
        // Said between machines only.
        Reply::Answer(_) | Reply::Noted => changed,
    }
}

/// A product in the list of whoever works on it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WorkItem")]
pub(super) struct WorkItem {
    id: String,
    state: ProductState,
    #[schemars(with = "BTreeMap<String, String>")]
    title: LocalizedText,
    category: String,
    /// The vendor that keeps its facts.
    steward: String,
    version: u64,
}

impl From<&ProductRow> for WorkItem {
    fn from(row: &ProductRow) -> Self {
        WorkItem {
            id: row.id.to_string(),
            state: row.status.into(),
            title: row.title.clone(),
            category: row.category.clone(),
            steward: row.steward.to_string(),
            version: row.version,
        }
    }
}

/// A product as whoever works on it sees it. A vendor sees its own offers only.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WorkProduct")]
pub(super) struct WorkProduct {
    id: String,
    state: ProductState,
    #[schemars(with = "BTreeMap<String, String>")]
    title: LocalizedText,
    #[schemars(with = "BTreeMap<String, String>")]
    description: LocalizedText,
    category: String,
    /// The vendor that keeps its facts.
    steward: String,
    variants: Vec<VariantOut>,
    pub(super) offers: Vec<WorkOffer>,
    /// Why it was rejected last, if it was.
    rejected: Option<String>,
    version: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WorkOffer")]
pub(super) struct WorkOffer {
    sku: String,
    variant: String,
    vendor: String,
    /// What the vendor calls it.
    code: String,
    condition: ConditionWord,
    unit_price_minor: Option<i64>,
    unit_shipping_minor: Option<i64>,
    currency: Option<String>,
    for_sale: bool,
    /// Units that can be held now.
    pub(super) available: i64,
    /// Whether its stock shard sells it by now: the shard hears of an offer a moment after the product.
    pub(super) open: bool,
}

impl WorkProduct {
    /// With the offers of one vendor, or all.
    pub(super) fn of(id: ProductId, known: &Known, market: &MarketId, vendor: Option<VendorId>) -> Self {
        let offer = |(sku, offer): (&SkuId, &Offer)| {
            let price = offer.prices.get(market);
            WorkOffer {
                sku: sku.to_string(),
                variant: offer.variant.to_string(),
                vendor: offer.vendor.to_string(),
                code: offer.code.clone(),
                condition: offer.condition.into(),
                unit_price_minor: price.map(|price| price.unit.minor),
                unit_shipping_minor: price.map(|price| price.shipping.minor),
                currency: price.map(|price| price.unit.currency.to_string()),
                for_sale: known.is_for_sale(offer),
                available: 0,
                open: false,
            }
        };
        let shown =
            known.offers.iter().filter(|(_, offer)| vendor.is_none_or(|vendor| offer.vendor == vendor));
        WorkProduct {
            id: id.to_string(),
            state: known.status.into(),
            title: known.facts.title.clone(),
            description: known.facts.description.clone(),
            category: known.facts.category.clone(),
            steward: known.steward.to_string(),
            variants: known.variants.values().map(VariantOut::from).collect(),
            offers: shown.map(offer).collect(),
            rejected: known.rejected.clone(),
            version: known.version,
        }
    }
}
