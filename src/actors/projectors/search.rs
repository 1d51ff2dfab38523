//! Fills the search index: one document per product that is listed, put together from three kinds of streams, which
//! lie in different partitions: the product, its vendors, the stock of its offers.
//!
//! Whichever of them moves, the document is put together anew from all three as they stand now, and written when it
//! differs from the one that is there. So the order in which they are seen does not matter, and a sale that leaves
//! something on the shelf writes nothing. The index and how far it goes are one commit of the index.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use souk_core::ids::{PARTITIONS, ProductId, STOCK_SHARDS, SkuId, StreamId, VendorId};
use souk_core::inventory::{Inventory, Published};
use souk_core::journal::Recorded;
use souk_core::machine::Machine;
use souk_core::product::{Product, Status};
use souk_core::vendor::{self, Vendor};

use crate::adapters::search::{Change, Document, Search, SearchError, Stand, VendorEntry};
use crate::journal::{JournalError, Reader};

use super::current::{Current, Seen};
use super::stand::advance;
use super::windows::{Gathered, Windows};

/// Documents of one commit, about.
const DOCUMENTS: usize = 1_000;
/// Positions that may lie between where it stands and what the index says, when no document changed meanwhile: so
/// many are looked through again after a restart.
const UNWRITTEN: u64 = 50_000;
/// Products and vendors whose states are kept between batches.
const KEPT_MAX: usize = 4_096;
/// The machines whose events it needs, as their kinds begin.
const MACHINES: [&str; 3] = ["vendor.", "product.", "stock."];

/// Why the index was not filled.
#[derive(Debug)]
pub enum IndexingError {
    /// The journal could not be read.
    Journal(JournalError),
    /// The index could not be read or written.
    Search(SearchError),
}

impl fmt::Display for IndexingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IndexingError::Journal(error) => error.fmt(f),
            IndexingError::Search(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for IndexingError {}

impl From<JournalError> for IndexingError {
    fn from(error: JournalError) -> Self {
        IndexingError::Journal(error)
    }
}

impl From<SearchError> for IndexingError {
    fn from(error: SearchError) -> Self {
        IndexingError::Search(error)
    }
}

/// Fills the search index from the journal, a batch at a time.
#[derive(Debug)]
pub struct Indexer {
    windows: Windows,
    search: Search,
    products: Current<Product>,
    vendors: Current<Vendor>,
    shards: Current<Inventory>,
    /// Whether something of an offer can be bought, where that has been found out.
    in_stock: HashMap<SkuId, bool>,
    /// Seen, and not yet in the index.
    dirty: BTreeSet<ProductId>,
    /// By partition; `None` until they are read.
    cursors: Option<Vec<u64>>,
    /// Positions that were passed since the index last said where it stands.
    unwritten: u64,
}

impl Indexer {
    /// An indexer that has read nothing yet; its first step finds out where the index stands.
    pub fn new(reader: Reader, search: Search) -> Self {
        Indexer {
            windows: Windows::new(reader, &MACHINES),
            search,
            products: Current::keeping(KEPT_MAX),
            vendors: Current::keeping(KEPT_MAX),
            shards: Current::keeping(usize::from(STOCK_SHARDS) + 1),
            in_stock: HashMap::new(),
            dirty: BTreeSet::new(),
            cursors: None,
            unwritten: 0,
        }
    }

    /// The positions that what is found contains, by partition; `None` while it does not know.
    pub fn reached(&self) -> Option<&[u64]> {
        self.cursors.as_deref().filter(|_| self.dirty.is_empty())
    }

    /// Takes up to a batch of what it has not seen. Returns whether there is more.
    ///
    /// # Errors
    /// When the journal or the index does not answer. Nothing was written then; step again.
    pub async fn step(&mut self) -> Result<bool, IndexingError> {
        let stepped = self.try_step().await;
        if stepped.is_err() {
            self.forget();
        }
        stepped
    }

    pub(super) fn forget(&mut self) {
        self.cursors = None;
        self.unwritten = 0;
        self.dirty.clear();
        self.in_stock.clear();
        self.products.clear();
        self.vendors.clear();
        self.shards.clear();
    }

    async fn try_step(&mut self) -> Result<bool, IndexingError> {
        let mut cursors = match self.cursors.take() {
            Some(cursors) => cursors,
            None => self.stand().await?,
        };
        let ends = self.windows.reader().ends_to_follow().await?;
        let more = self.gather(&mut cursors, &ends).await?;
        let changes = self.changes().await?;
        if !changes.is_empty() || self.unwritten >= UNWRITTEN {
            let journal_id = self.windows.reader().meta().journal_id.clone();
            // What is dirty still is behind these cursors: it is written with the next batch, and if there is none
            // because of a kill, the index must not say that it contains it.
            let positions = if self.dirty.is_empty() { cursors.clone() } else { self.safe().await? };
            self.search.write(changes, Stand { journal_id, positions }).await?;
            self.unwritten = 0;
        }
        self.cursors = Some(cursors);
        Ok(more || !self.dirty.is_empty())
    }

    /// How far the index may say that it goes while documents are missing: as far as it said before.
    async fn safe(&self) -> Result<Vec<u64>, IndexingError> {
        let stand = self.search.stand().await?;
        Ok(stand.map_or_else(|| vec![0; usize::from(PARTITIONS)], |stand| stand.positions))
    }

    /// Where the index stands. One of another journal, or ahead of this one (a backup was restored), holds what
    /// never happened here: everything is dropped.
    async fn stand(&mut self) -> Result<Vec<u64>, IndexingError> {
        let stand = self.search.stand().await?;
        // Only then where the journal ends, as projectors do.
        let ends = self.windows.reader().ends().await?;
        let known = |stand: &Stand| {
            stand.journal_id == self.windows.reader().meta().journal_id
                && stand.positions.len() == ends.len()
                && stand.positions.iter().zip(&ends).all(|(position, end)| position <= end)
        };
        match stand {
            Some(stand) if known(&stand) => return Ok(stand.positions),
            Some(_) => {
                tracing::warn!(
                    "the search index is of another journal or ahead of this one; filling it anew"
                );
            }
            None => {}
        }
        if self.search.count().await? > 0 {
            self.search.clear().await?;
        }
        Ok(vec![0; ends.len()])
    }

    /// Reads on, and notes which products' documents may have changed. Returns whether there is more.
    async fn gather(&mut self, cursors: &mut [u64], ends: &[u64]) -> Result<bool, IndexingError> {
        let Gathered { advances, events, more } = self.windows.gather(cursors, ends).await?;
        let (mut vendors, mut skus) = (BTreeSet::new(), BTreeSet::new());
        for recorded in &events {
            self.see(recorded, &mut vendors, &mut skus).await?;
        }
        advance(cursors, &advances);
        self.unwritten += advances.iter().map(|advance| advance.to - advance.from).sum::<u64>();
        if !vendors.is_empty() || !skus.is_empty() {
            let (vendors, skus) = (vendors.into_iter().collect(), skus.into_iter().collect());
            self.dirty.extend(self.search.naming(vendors, skus).await?);
        }
        Ok(more)
    }

    async fn see(
        &mut self,
        recorded: &Recorded,
        vendors: &mut BTreeSet<VendorId>,
        skus: &mut BTreeSet<SkuId>,
    ) -> Result<(), JournalError> {
        match recorded.stream {
            StreamId::Product(product) => {
                self.products.see(self.windows.reader(), recorded).await?;
                self.dirty.insert(product);
            }
            StreamId::Vendor(vendor) => {
                self.vendors.see(self.windows.reader(), recorded).await?;
                vendors.insert(vendor);
            }
            StreamId::Stock(_) => {
                let seen = self.shards.see(self.windows.reader(), recorded).await?;
                let (Some(seen), Some(event)) = (seen, Inventory::event(&recorded.event)) else {
                    return Ok(());
                };
                let state = self.shards.of(self.windows.reader(), recorded.stream).await?;
                let published = match seen {
                    Seen::Applied => Inventory::publish(state, std::slice::from_ref(event)),
                    // Which of its offers changed meanwhile is not known: all are looked at.
                    Seen::Read => Inventory::publish_all(state),
                };
                let Some(Published { stock }) = published else { return Ok(()) };
                for (sku, available, open) in stock {
                    let now = open && available > 0;
                    if self.in_stock.insert(sku, now) != Some(now) {
                        skus.insert(sku);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts documents together, and keeps those that differ from what is in the index.
    async fn changes(&mut self) -> Result<Vec<Change>, IndexingError> {
        let products: Vec<ProductId> = self.dirty.iter().take(DOCUMENTS).copied().collect();
        if products.is_empty() {
            return Ok(Vec::new());
        }
        let written = self.search.documents(products.clone()).await?;
        let written: BTreeMap<ProductId, Document> =
            written.into_iter().map(|document| (document.id, document)).collect();
        let mut changes = Vec::new();
        for product in products {
            let document = self.document(product).await?;
            self.dirty.remove(&product);
            if document.as_ref() != written.get(&product) {
                changes.push(Change { product, document });
            }
        }
        Ok(changes)
    }

    /// A product's document as everything stands; `None` when it is not listed.
    async fn document(&mut self, product: ProductId) -> Result<Option<Document>, JournalError> {
        let state = self.products.of(self.windows.reader(), StreamId::Product(product)).await?;
        let Some(known) = state.known.as_ref().filter(|known| known.status == Status::Listed) else {
            return Ok(None);
        };
        let mut document = Document {
            id: product,
            version: known.version,
            title: known.facts.title.clone(),
            description: known.facts.description.clone(),
            category: known.facts.category.clone(),
            vendors: Vec::new(),
            price: None,
            in_stock: false,
            sellers: known.offers.values().map(|offer| offer.vendor).collect(),
            skus: known.offers.keys().copied().collect(),
        };
        document.sellers.sort_unstable();
        document.sellers.dedup();
        let market = self.search.market();
        let for_sale: Vec<_> = known
            .offers
            .iter()
            .filter(|(_, offer)| known.is_for_sale(offer))
            .filter_map(|(sku, offer)| Some((*sku, offer.vendor, offer.prices.get(market)?.unit)))
            .collect();
        let mut names = BTreeMap::new();
        for (sku, vendor, price) in for_sale {
            if let std::collections::btree_map::Entry::Vacant(unknown) = names.entry(vendor) {
                unknown.insert(self.active_name(vendor).await?);
            }
            let Some(Some(_)) = names.get(&vendor) else { continue };
            if document.price.is_none_or(|lowest| price.minor < lowest.minor) {
                document.price = Some(price);
            }
            document.in_stock |= self.is_in_stock(sku).await?;
        }
        document.vendors =
            names.into_iter().filter_map(|(id, name)| Some(VendorEntry { id, name: name? })).collect();
        Ok(Some(document))
    }

    /// The vendor's name while it may sell.
    async fn active_name(&mut self, vendor: VendorId) -> Result<Option<String>, JournalError> {
        let state = self.vendors.of(self.windows.reader(), StreamId::Vendor(vendor)).await?;
        let active = state.profile.as_ref().filter(|profile| profile.status == vendor::Status::Active);
        Ok(active.map(|profile| profile.application.name.clone()))
    }

    async fn is_in_stock(&mut self, sku: SkuId) -> Result<bool, JournalError> {
        let state = self.shards.of(self.windows.reader(), StreamId::Stock(sku.shard())).await?;
        let now = state.skus.get(&sku).is_some_and(|sku| sku.open && sku.available() > 0);
        self.in_stock.insert(sku, now);
        Ok(now)
    }
}
