//! What happens to a product.

use crate::ask::AskId;
use crate::ids::{SkuId, VendorId};
use crate::market::MarketId;

use super::{Facts, NewOffer, Party, Price, Variant};

/// Something that happened to a product.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// It was created, as a draft.
    Created {
        /// Who keeps its facts.
        steward: VendorId,
        /// What is said of it.
        facts: Facts,
        /// Its first variants.
        variants: Vec<Variant>,
    },
    /// Something else is said of it.
    Revised {
        /// What.
        facts: Facts,
    },
    /// It has one more variant.
    VariantAdded {
        /// Which.
        variant: Variant,
    },
    /// It has one more offer.
    OfferAttached {
        /// Which.
        offer: NewOffer,
    },
    /// An offer has a price in a market.
    PriceSet {
        /// Which offer.
        sku: SkuId,
        /// Where.
        market: MarketId,
        /// What a unit costs.
        price: Price,
    },
    /// An offer is withheld.
    OfferWithheld {
        /// Which.
        sku: SkuId,
        /// By whom.
        by: Party,
    },
    /// It is no longer withheld by this party.
    OfferResumed {
        /// Which.
        sku: SkuId,
        /// By whom.
        by: Party,
    },
    /// None of a vendor's offers is for sale.
    OffersClosed {
        /// Whose.
        vendor: VendorId,
        /// The vendor's seq behind it.
        version: u64,
    },
    /// They may be again.
    OffersReopened {
        /// Whose.
        vendor: VendorId,
        /// The vendor's seq behind it.
        version: u64,
    },
    /// It waits for the operator.
    Submitted,
    /// The operator agreed.
    Approved,
    /// The operator did not.
    Rejected {
        /// Why.
        reason: String,
    },
    /// It is shown.
    Listed,
    /// It ended.
    Archived,
    /// A shard opened or closed a SKU as it was asked.
    SkuAnswered {
        /// Which ask.
        ask: AskId,
    },
}
