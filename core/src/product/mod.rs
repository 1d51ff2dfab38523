//! A product: facts and approval, its variants, and the vendors' offers on them.
//!
//! draft → submitted → approved → listed → archived; a rejected product is a draft again. An offer is *for sale*
//! while its product is listed and nobody withholds it: neither its vendor, nor the operator, nor its vendor's
//! suspension. Whenever that changes, the product asks the stock shard to open or close the SKU; the shard, not a
//! view, is what stops a sale.

mod check;
mod command;
mod decide;
mod event;
mod machine;
mod offers;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ProductId, SkuId, VariantId, VendorId};
use crate::market::{LocalizedText, MarketId};
use crate::money::{Currency, Money};

pub use command::{Actor, Command};
pub use event::Event;
pub use machine::Product;
pub use state::{Known, Offer, Party, Standing, State};

/// The most variants of a product.
pub const VARIANTS_MAX: usize = 100;
/// The most offers on a product, of all vendors together.
pub const OFFERS_MAX: usize = 1_000;
/// The most markets an offer has a price in.
pub const MARKETS_MAX: usize = 50;
/// The most locales of a text.
pub const LOCALES_MAX: usize = 20;
/// The longest title, in characters.
pub const TITLE_MAX: usize = 300;
/// The longest description, in characters.
pub const DESCRIPTION_MAX: usize = 10_000;
/// The longest code of a category or of a vendor's offer, and the longest barcode, in characters.
pub const CODE_MAX: usize = 64;
/// The most options of a variant, and the longest name or value of one, in characters.
pub const OPTIONS_MAX: usize = 10;
/// The longest reason, in characters.
pub const REASON_MAX: usize = 500;

/// What another machine may ask a product.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// The checkout's quote: what does this offer cost in this market, and who sells it?
    Offer {
        /// Which offer.
        sku: SkuId,
        /// Where.
        market: MarketId,
    },
}

/// What a product answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The offer as of now.
    Offer {
        /// Which.
        sku: SkuId,
        /// Of which variant.
        variant: VariantId,
        /// Who sells it.
        vendor: VendorId,
        /// The list price of one unit.
        unit_price: Money,
        /// What shipping one unit costs.
        unit_shipping: Money,
        /// The product's version this is from.
        version: u64,
    },
    /// It cannot be bought: not listed, withheld, no price in that market, or no such offer.
    NotForSale {
        /// Which.
        sku: SkuId,
    },
}

/// What is said of a product, whoever sells it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// Its name.
    pub title: LocalizedText,
    /// What is to be said of it; may be empty.
    pub description: LocalizedText,
    /// The category's code.
    pub category: String,
}

/// One choice of a product's options.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Variant {
    /// Names it.
    pub id: VariantId,
    /// Which choice it is (`color: red`); empty for a product that comes in one form.
    pub options: BTreeMap<String, String>,
    /// What a scanner reads.
    pub barcode: Option<String>,
    /// What one unit weighs.
    pub weight_g: Option<u32>,
    /// How large one unit is, packed.
    pub size: Option<Size>,
}

/// The size of a packed unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Size {
    /// Its longest side.
    pub length_mm: u32,
    /// The next.
    pub width_mm: u32,
    /// The shortest.
    pub height_mm: u32,
}

/// In which state a vendor sells a variant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum Condition {
    /// Never used.
    #[default]
    New,
    /// Used, and put in order by a professional.
    Refurbished,
    /// Used.
    Used,
}

/// What one unit costs in one market.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Price {
    /// The list price, from zero.
    pub unit: Money,
    /// Its shipping, from zero, in the same currency.
    pub shipping: Money,
}

/// A vendor's wish to sell a variant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewOffer {
    /// Names it.
    pub sku: SkuId,
    /// Of which variant.
    pub variant: VariantId,
    /// Who sells it.
    pub vendor: VendorId,
    /// What the vendor calls it.
    pub code: String,
    /// In which state it is sold.
    pub condition: Condition,
    /// What it costs, by market.
    pub prices: BTreeMap<MarketId, Price>,
}

/// Where a product stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Status {
    /// Being written, or sent back by the operator.
    Draft,
    /// Waiting for the operator.
    Submitted,
    /// The operator agreed; not shown yet.
    Approved,
    /// Shown, and sold where there are offers.
    Listed,
    /// Never shown or sold again.
    Archived,
}

/// A product's yes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// Where the product stands after the command.
    Product {
        /// Which.
        product: ProductId,
        /// Where it stands.
        status: Status,
        /// The seq of the last event that changed what a buyer, a vendor or a reader can see of it.
        version: u64,
    },
    /// A variant was added (or was there already).
    Variant {
        /// Of which product.
        product: ProductId,
        /// Which.
        variant: VariantId,
        /// The product's version.
        version: u64,
    },
    /// An offer was attached, priced, withheld or resumed (or was so already).
    Offer {
        /// On which product.
        product: ProductId,
        /// Which.
        sku: SkuId,
        /// Whether it is for sale now. The shard follows as soon as it has heard.
        for_sale: bool,
        /// The product's version.
        version: u64,
    },
    /// What was asked.
    Answer(Answer),
    /// An answer to one of the product's own asks was taken note of.
    Noted,
}

/// A product's no.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Rejection {
    /// There is no such product.
    NotFound,
    /// The id names a product, variant or offer with other facts.
    AlreadyExists,
    /// It belongs to another vendor. Told to nobody outside but as "not found".
    NotYours,
    /// The product does not stand where this can be done.
    WrongState {
        /// Where it stands.
        status: Status,
    },
    /// There is nothing to submit: the product has no variant.
    NoVariant,
    /// There is no such variant.
    UnknownVariant,
    /// There is no such offer.
    UnknownOffer,
    /// Another variant is the same choice of options.
    SameOptions {
        /// Which.
        variant: VariantId,
    },
    /// The vendor already sells that variant in that condition.
    SameOffer {
        /// As which offer.
        sku: SkuId,
    },
    /// One more would be more than [`VARIANTS_MAX`], [`OFFERS_MAX`], [`MARKETS_MAX`] or [`LOCALES_MAX`].
    TooMany {
        /// Of what.
        field: Field,
    },
    /// A text is empty, too long, or not written as it must be.
    Invalid {
        /// Which.
        field: Field,
    },
    /// A price or its shipping is below zero or above [`crate::money::AMOUNT_MAX`].
    InvalidPrice,
    /// The prices of that market are in another currency.
    CurrencyMismatch {
        /// In this one.
        expected: Currency,
    },
    /// A later word about this vendor was already handled.
    Stale,
}

/// What of a command a rejection is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Field {
    /// 1 to [`LOCALES_MAX`] titles of 1 to [`TITLE_MAX`] characters in one line, each under a language tag.
    Title,
    /// At most [`LOCALES_MAX`] texts of 1 to [`DESCRIPTION_MAX`] characters.
    Description,
    /// 1 to [`CODE_MAX`] lower-case letters, digits, `_`, `-`, `.` and `/`.
    Category,
    /// At most [`VARIANTS_MAX`] variants, each id once.
    Variants,
    /// At most [`OPTIONS_MAX`] options, names and values of 1 to [`CODE_MAX`] characters.
    Options,
    /// 1 to [`CODE_MAX`] printable ASCII characters, when there is one.
    Barcode,
    /// At most [`OFFERS_MAX`] offers.
    Offers,
    /// The vendor's code: 1 to [`CODE_MAX`] characters in one line.
    Code,
    /// `mkt_` and 1 to 60 lower-case letters, digits, `_` and `-`; at most [`MARKETS_MAX`] of them.
    Market,
    /// 1 to [`REASON_MAX`] characters.
    Reason,
}
