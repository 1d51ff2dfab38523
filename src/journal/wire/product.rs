//! Events and outcomes of a product.

use std::collections::BTreeMap;

use souk_core::ids::{ProductId, SkuId, VariantId, VendorId};
use souk_core::market::MarketId;
use souk_core::money::{Currency, Money};
use souk_core::product::{self, Event};

use super::values::Ask;

events! {
    Event:
    "product.created" 1 => Created { steward: VendorId, facts: Facts, variants: Vec<Variant> },
    "product.revised" 1 => Revised { facts: Facts },
    "product.variant_added" 1 => VariantAdded { variant: Variant },
    "product.offer_attached" 1 => OfferAttached { offer: NewOffer },
    "product.price_set" 1 => PriceSet { sku: SkuId, market: MarketId, price: Price },
    "product.offer_withheld" 1 => OfferWithheld { sku: SkuId, by: Party },
    "product.offer_resumed" 1 => OfferResumed { sku: SkuId, by: Party },
    "product.offers_closed" 1 => OffersClosed { vendor: VendorId, version: u64 },
    "product.offers_reopened" 1 => OffersReopened { vendor: VendorId, version: u64 },
    "product.submitted" 1 => Submitted,
    "product.approved" 1 => Approved,
    "product.rejected" 1 => Rejected { reason: String },
    "product.listed" 1 => Listed,
    "product.archived" 1 => Archived,
    "product.sku_answered" 1 => SkuAnswered { ask: Ask },
}

mirror! {
    struct Facts = product::Facts {
        title: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        description: BTreeMap<String, String>,
        category: String,
    }

    struct Variant = product::Variant {
        id: VariantId,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        options: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        barcode: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        weight_g: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<Size>,
    }

    struct Size = product::Size { length_mm: u32, width_mm: u32, height_mm: u32 }

    struct NewOffer = product::NewOffer {
        sku: SkuId,
        variant: VariantId,
        vendor: VendorId,
        code: String,
        condition: Condition,
        prices: BTreeMap<MarketId, Price>,
    }

    enum Condition = product::Condition { New, Refurbished, Used }

    struct Price = product::Price { unit: Money, shipping: Money }

    enum Party = product::Party { Vendor, Operator }

    /// A product's yes, as a stored reply holds it.
    enum Yes = product::Reply {
        Product { product: ProductId, status: Status, version: u64 },
        Variant { product: ProductId, variant: VariantId, version: u64 },
        Offer { product: ProductId, sku: SkuId, for_sale: bool, version: u64 },
        Answer(answer: Answer),
        Noted,
    }

    enum Answer = product::Answer {
        Offer {
            sku: SkuId,
            variant: VariantId,
            vendor: VendorId,
            #[serde(rename = "unit")]
            unit_price: Money,
            #[serde(rename = "shipping")]
            unit_shipping: Money,
            version: u64,
        },
        NotForSale { sku: SkuId },
    }

    enum Status = product::Status { Draft, Submitted, Approved, Listed, Archived }

    /// A product's no, as a stored reply holds it.
    enum No = product::Rejection {
        NotFound,
        AlreadyExists,
        NotYours,
        WrongState { status: Status },
        NoVariant,
        UnknownVariant,
        UnknownOffer,
        SameOptions { variant: VariantId },
        SameOffer { sku: SkuId },
        TooMany { field: Field },
        Invalid { field: Field },
        InvalidPrice,
        CurrencyMismatch { expected: Currency },
        Stale,
    }

    enum Field = product::Field {
        Title,
        Description,
        Category,
        Variants,
        Options,
        Barcode,
        Offers,
        Code,
        Market,
        Reason,
    }
}
