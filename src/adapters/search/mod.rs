//! The port to the search engine: one document per product that is listed, one type of question, the same counts
//! whoever answers. The embedded form keeps its index in the data directory.
//!
//! An index is a projection: it contains the journal up to a [`Stand`], which is written together with the documents,
//! and may be thrown away at any time. Nothing personal is in it: products, vendors' shop names, prices, one bit of
//! stock.
//!
//! All words of a question must be in a document, each spelled as it is, as another form of the same word, or with
//! typing errors: none in words of up to four letters, one in words of up to eight, two in longer ones. The last word
//! may be the beginning of one. Words that no document has are left out as long as others remain; when no document
//! has all that remain, the last is left out, and so on. What resembles a word that was left out comes before the rest.

mod embedded;
mod place;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use souk_core::ids::{ProductId, SkuId, VendorId};
use souk_core::market::{LocalizedText, MarketId};
use souk_core::money::Money;

use crate::tenants::StoreScope;

pub use embedded::Embedded;
pub use place::{InvalidPlace, Place};

/// The longest text that is searched for, in characters; what is longer is refused by whoever takes it in.
pub const TEXT_MAX: usize = 200;
/// Words of a text that are searched for; those behind are not looked at.
pub const WORDS_MAX: usize = 10;
/// The most documents of one answer.
pub const LIMIT_MAX: u32 = 100;
/// The most values of one facet: those with the highest counts.
pub const FACET_VALUES_MAX: usize = 100;

/// What the index knows of a product.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Document {
    /// Which.
    pub id: ProductId,
    /// The product's version that this is from.
    pub version: u64,
    /// Its name.
    pub title: LocalizedText,
    /// What is said of it.
    pub description: LocalizedText,
    /// The category's code.
    pub category: String,
    /// Who has it for sale, by id; empty when nobody has, and then it is not found.
    pub vendors: Vec<VendorEntry>,
    /// The lowest price of a unit in the market.
    pub price: Option<Money>,
    /// Whether anything of it can be bought now.
    pub in_stock: bool,
    /// Every vendor with an offer on it, for sale or not: what happens to one of them happens to this document.
    pub sellers: Vec<VendorId>,
    /// Every offer on it, likewise.
    pub skus: Vec<SkuId>,
}

impl Document {
    /// Whether a shopper may find it.
    pub fn is_shown(&self) -> bool {
        !self.vendors.is_empty() && self.price.is_some()
    }
}

/// A vendor, as shoppers see it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct VendorEntry {
    /// Which.
    pub id: VendorId,
    /// Its name.
    pub name: String,
}

/// A document that is there from now on, or is not.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// Of which product.
    pub product: ProductId,
    /// As it stands; `None` when nobody may find it.
    pub document: Option<Document>,
}

/// How far into a journal an index has read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stand {
    /// Of which journal; another one's positions mean nothing here.
    pub journal_id: String,
    /// The last position it contains, by partition.
    pub positions: Vec<u64>,
}

/// What is looked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query {
    /// Words; everything is meant when there are none.
    pub text: String,
    /// Only those.
    pub filter: Filter,
}

/// Which products are meant; all of it must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Those of this category.
    pub category: Option<String>,
    /// Those that this vendor has for sale.
    pub vendor: Option<VendorId>,
    /// Those whose lowest price is at least this, in minor units of the market's currency.
    pub price_min: Option<i64>,
    /// Those whose lowest price is at most this, likewise.
    pub price_max: Option<i64>,
    /// Those that can be bought now, or cannot.
    pub in_stock: Option<bool>,
}

/// A page of what was found, the best first.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// The page.
    pub items: Vec<Document>,
    /// How many there are on all pages together.
    pub total: u64,
    /// How many of them have which category and vendor.
    pub facets: Facets,
    /// Where the next page begins; `None` behind the last.
    pub next: Option<Place>,
}

/// Counts over everything that was found, the highest first, at most [`FACET_VALUES_MAX`] each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facets {
    /// By category.
    pub categories: Vec<(String, u64)>,
    /// By vendor. A product that several have for sale counts for each.
    pub vendors: Vec<(VendorEntry, u64)>,
}

/// The index does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Another process writes it.
    #[error("the search index in {} is in use by another process: stop that server first", dir.display())]
    InUse {
        /// Where it is.
        dir: PathBuf,
    },
    /// Its files cannot be used.
    #[error(
        "cannot {doing} the search index in {}: {source}. Check that this user may write there and that the disk \
         is not full; the index may be removed at any time, or dropped by `souk rebuild search`", dir.display()
    )]
    Failed {
        /// What was tried.
        doing: &'static str,
        /// Where it is.
        dir: PathBuf,
        /// What the engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SearchError {
    /// Whether another process writes the index.
    pub fn is_in_use(&self) -> bool {
        matches!(self, SearchError::InUse { .. })
    }
}

/// A search engine; clones are the same one.
#[derive(Clone, Debug)]
pub enum Search {
    /// In process, its files in the data directory.
    Embedded(Embedded),
}

impl Search {
    /// The embedded form, in this directory: as it was left, or empty. One that another version made, or that was
    /// damaged, is emptied: it is filled again from the journal.
    ///
    /// # Errors
    /// When the directory cannot be used, or another process writes there.
    pub fn embedded(dir: &Path, market: &MarketId) -> Result<Self, SearchError> {
        Embedded::open(dir, market).map(Search::Embedded)
    }

    /// The same, empty whatever was there.
    ///
    /// # Errors
    /// As [`Search::embedded`].
    pub fn embedded_anew(dir: &Path, market: &MarketId) -> Result<Self, SearchError> {
        Embedded::open_anew(dir, market).map(Search::Embedded)
    }

    /// The market whose prices are in the documents.
    pub fn market(&self) -> &MarketId {
        match self {
            Search::Embedded(embedded) => embedded.market(),
        }
    }

    /// Looks for products that anybody may see: up to `limit` (1 to [`LIMIT_MAX`]), behind a place.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn find(
        &self,
        _: &StoreScope,
        query: &Query,
        after: Option<Place>,
        limit: u32,
    ) -> Result<Found, SearchError> {
        let limit = limit.clamp(1, LIMIT_MAX);
        match self {
            Search::Embedded(embedded) => embedded.find(query.clone(), after, limit).await,
        }
    }

    /// How far the documents go; `None` for an index that nothing was written to.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn stand(&self) -> Result<Option<Stand>, SearchError> {
        match self {
            Search::Embedded(embedded) => embedded.stand().await,
        }
    }

    /// Writes documents and how far they go, all or nothing; they are found from then on.
    ///
    /// # Errors
    /// When the engine refuses; nothing was written then.
    pub async fn write(&self, changes: Vec<Change>, stand: Stand) -> Result<(), SearchError> {
        match self {
            Search::Embedded(embedded) => embedded.write(changes, stand).await,
        }
    }

    /// Drops every document.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn clear(&self) -> Result<(), SearchError> {
        match self {
            Search::Embedded(embedded) => embedded.clear().await,
        }
    }

    /// How many documents there are, found or not.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn count(&self) -> Result<u64, SearchError> {
        match self {
            Search::Embedded(embedded) => embedded.count().await,
        }
    }

    /// What was written last of these products; those without a document are left out.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn documents(&self, products: Vec<ProductId>) -> Result<Vec<Document>, SearchError> {
        match self {
            Search::Embedded(embedded) => embedded.documents(products).await,
        }
    }

    /// Products whose documents name one of these vendors or offers, for sale or not.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn naming(
        &self,
        vendors: Vec<VendorId>,
        skus: Vec<SkuId>,
    ) -> Result<Vec<ProductId>, SearchError> {
        match self {
            Search::Embedded(embedded) => embedded.naming(vendors, skus).await,
        }
    }
}
