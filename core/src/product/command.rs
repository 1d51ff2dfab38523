//! Orders to a product.

use crate::ask::{AskAnswer, AskId};
use crate::ids::{SkuId, VendorId};
use crate::market::MarketId;

use super::{Facts, NewOffer, Price, Request, Variant};

/// For whom a command acts. Whether the caller may act for it was checked before; whether it may touch this
/// product, variant or offer is checked here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Actor {
    /// For this vendor.
    Vendor(VendorId),
    /// For the marketplace.
    Operator,
}

/// An order to a product.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// A new product.
    Create {
        /// Who wants it.
        by: Actor,
        /// The vendor that keeps its facts.
        steward: VendorId,
        /// What is said of it.
        facts: Facts,
        /// Its first variants; a draft may have none yet.
        variants: Vec<Variant>,
    },
    /// Says something else of it. The steward may while it is a draft: what was approved changes by the operator
    /// only.
    Revise {
        /// Who wants it.
        by: Actor,
        /// What is said now.
        facts: Facts,
    },
    /// Adds a variant. The steward may unless the operator is just looking at it.
    AddVariant {
        /// Who wants it.
        by: Actor,
        /// The variant.
        variant: Variant,
    },
    /// Adds an offer. Vendors other than the steward may once it is approved.
    AttachOffer {
        /// Who wants it.
        by: Actor,
        /// The offer.
        offer: NewOffer,
    },
    /// Gives an offer a price in a market. A quote keeps the price it was given.
    SetPrice {
        /// Who wants it.
        by: Actor,
        /// Which offer.
        sku: SkuId,
        /// Where.
        market: MarketId,
        /// What a unit costs.
        price: Price,
    },
    /// Stops selling an offer for now.
    Withhold {
        /// Who wants it. The vendor and the operator withhold independently of each other.
        by: Actor,
        /// Which offer.
        sku: SkuId,
    },
    /// Takes one's own [`Command::Withhold`] back.
    Resume {
        /// Who wants it.
        by: Actor,
        /// Which offer.
        sku: SkuId,
    },
    /// The vendor was suspended or closed: none of its offers is for sale.
    CloseOffersOf {
        /// Which vendor.
        vendor: VendorId,
        /// The seq of the vendor's event behind this; of two words about one vendor the higher wins.
        version: u64,
    },
    /// The vendor may sell again. What it or the operator withholds stays withheld.
    ReopenOffersOf {
        /// Which vendor.
        vendor: VendorId,
        /// The seq of the vendor's event behind this.
        version: u64,
    },
    /// The steward wants it approved.
    Submit {
        /// Who wants it.
        by: Actor,
    },
    /// The operator agrees.
    Approve {
        /// Whether it is listed at once; else the steward lists it when it wants.
        list: bool,
    },
    /// The operator does not agree: it is a draft again.
    Reject {
        /// Why; the steward reads it.
        reason: String,
    },
    /// Shows it.
    List {
        /// Who wants it: the steward or the operator.
        by: Actor,
    },
    /// Ends it, wherever it stands.
    Archive {
        /// Who wants it: the steward or the operator.
        by: Actor,
    },
    /// Another machine's question.
    Ask(Request),
    /// A shard's answer to the product's own ask.
    Answered {
        /// Which ask.
        id: AskId,
        /// What it said.
        answer: AskAnswer,
    },
}
