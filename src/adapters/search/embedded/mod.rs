//! The embedded form: an index of tantivy in the data directory, written by this process alone.

mod collect;
mod fields;
mod matching;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use souk_core::ids::{ProductId, SkuId, VendorId};
use souk_core::market::MarketId;
use tantivy::collector::Count;
use tantivy::directory::{Directory as _, INDEX_WRITER_LOCK, MmapDirectory};
use tantivy::query::{AllQuery, TermSetQuery};
use tantivy::schema::Value as _;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError, Term};

use super::{Change, Document, FACET_VALUES_MAX, Facets, Found, Place, Query, SearchError, Stand};
use collect::{Collected, Ids, Page};
use fields::Fields;

/// Changes whenever documents are indexed otherwise; an index of another form is filled anew.
const FORM: u32 = 1;
/// What the writer may hold before it writes a segment.
const WRITER_BYTES: usize = 30_000_000;

/// The index; clones are the same one.
#[derive(Clone)]
pub struct Embedded {
    shared: Arc<Shared>,
}

struct Shared {
    dir: PathBuf,
    market: MarketId,
    fields: Fields,
    index: Index,
    reader: IndexReader,
    writer: Mutex<IndexWriter>,
}

/// What is written beside the documents, in the same commit.
#[derive(Serialize, Deserialize)]
struct Payload {
    form: u32,
    market: MarketId,
    stand: Stand,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("dir", &self.shared.dir).finish_non_exhaustive()
    }
}

impl Embedded {
    pub(super) fn open(dir: &Path, market: &MarketId) -> Result<Self, SearchError> {
        match Self::try_open(dir, market) {
            Err(error) if is_damage(&error) => {
                tracing::warn!(dir = %dir.display(), %error, "the search index cannot be read; it is filled anew");
                Self::open_anew(dir, market)
            }
            opened => opened.map_err(|error| failed("open", dir, error)),
        }
    }

    pub(super) fn open_anew(dir: &Path, market: &MarketId) -> Result<Self, SearchError> {
        let io = |source: std::io::Error| failed("empty", dir, TantivyError::from(source));
        fs::create_dir_all(dir).map_err(io)?;
        // Nobody's files are taken away under them.
        let lock = MmapDirectory::open(dir)
            .map_err(TantivyError::from)
            .and_then(|directory| Ok(directory.acquire_lock(&INDEX_WRITER_LOCK)?))
            .map_err(|error| failed("empty", dir, error))?;
        drop(lock);
        fs::remove_dir_all(dir).map_err(io)?;
        Self::try_open(dir, market).map_err(|error| failed("open", dir, error))
    }

    fn try_open(dir: &Path, market: &MarketId) -> tantivy::Result<Self> {
        fs::create_dir_all(dir)?;
        let fields = Fields::new();
        let index = Index::builder()
            .schema(fields.schema.clone())
            .tokenizers(words::tokenizers())
            .open_or_create(MmapDirectory::open(dir)?)?;
        // One thread: documents come in small batches, and the other cores sell.
        let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let (dir, market) = (dir.to_owned(), market.clone());
        let shared = Shared { dir, market, fields, index, reader, writer: Mutex::new(writer) };
        Ok(Embedded { shared: Arc::new(shared) })
    }

    pub(super) fn market(&self) -> &MarketId {
        &self.shared.market
    }

    /// Reads and writes files, and computes: never on a thread that others wait for.
    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Shared) -> tantivy::Result<T> + Send + 'static,
    ) -> Result<T, SearchError> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        let done = done.unwrap_or_else(|panic| Err(TantivyError::InternalError(panic.to_string())));
        done.map_err(|error| failed(doing, &self.shared.dir, error))
    }

    pub(super) async fn find(
        &self,
        query: Query,
        after: Option<Place>,
        limit: u32,
    ) -> Result<Found, SearchError> {
        self.run("search", move |shared| shared.find(&query, after, limit as usize)).await
    }

    pub(super) async fn stand(&self) -> Result<Option<Stand>, SearchError> {
        self.run("read", Shared::stand).await
    }

    pub(super) async fn write(&self, changes: Vec<Change>, stand: Stand) -> Result<(), SearchError> {
        self.run("write", move |shared| shared.write(changes, stand)).await
    }

    pub(super) async fn clear(&self) -> Result<(), SearchError> {
        self.run("empty", |shared| {
            let mut writer = shared.writer();
            writer.delete_all_documents()?;
            writer.commit()?;
            drop(writer);
            shared.reader.reload()
        })
        .await
    }

    pub(super) async fn count(&self) -> Result<u64, SearchError> {
        self.run("read", |shared| Ok(shared.reader.searcher().search(&AllQuery, &Count)? as u64)).await
    }

    pub(super) async fn documents(&self, products: Vec<ProductId>) -> Result<Vec<Document>, SearchError> {
        self.run("read", move |shared| {
            let id = shared.fields.id;
            let named = products.iter().map(|product| Term::from_field_text(id, &product.to_string()));
            let searcher = shared.reader.searcher();
            let found = searcher.search(&TermSetQuery::new(named), &tantivy::collector::DocSetCollector)?;
            found.into_iter().map(|address| shared.document(&searcher, address)).collect()
        })
        .await
    }

    pub(super) async fn naming(
        &self,
        vendors: Vec<VendorId>,
        skus: Vec<SkuId>,
    ) -> Result<Vec<ProductId>, SearchError> {
        self.run("read", move |shared| {
            let Fields { seller, sku, .. } = shared.fields;
            let vendors = vendors.iter().map(|vendor| Term::from_field_text(seller, &vendor.to_string()));
            let skus = skus.iter().map(|id| Term::from_field_text(sku, &id.to_string()));
            shared.reader.searcher().search(&TermSetQuery::new(vendors.chain(skus)), &Ids)
        })
        .await
    }
}

impl Shared {
    fn writer(&self) -> MutexGuard<'_, IndexWriter> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stand(&self) -> tantivy::Result<Option<Stand>> {
        let payload = self.index.load_metas()?.payload;
        let read = payload.and_then(|text| serde_json::from_str::<Payload>(&text).ok());
        Ok(read.filter(|read| read.form == FORM && read.market == self.market).map(|read| read.stand))
    }

    fn write(&self, changes: Vec<Change>, stand: Stand) -> tantivy::Result<()> {
        let unwritable = |error: serde_json::Error| TantivyError::InternalError(error.to_string());
        let payload = Payload { form: FORM, market: self.market.clone(), stand };
        let payload = serde_json::to_string(&payload).map_err(unwritable)?;
        let mut writer = self.writer();
        let written = (|| {
            for Change { product, document } in &changes {
                writer.delete_term(Term::from_field_text(self.fields.id, &product.to_string()));
                if let Some(document) = document {
                    writer.add_document(self.fields.entry(document).map_err(unwritable)?)?;
                }
            }
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&payload);
            commit.commit()
        })();
        if let Err(error) = written {
            // What was added and not committed must not come with the next batch.
            writer.rollback()?;
            return Err(error);
        }
        drop(writer);
        self.reader.reload()
    }

    /// Looks for all the words; for fewer when nothing has all of them.
    fn find(&self, query: &Query, after: Option<Place>, limit: usize) -> tantivy::Result<Found> {
        let words = matching::words_of(query);
        let searcher = self.reader.searcher();
        let page = Page { limit, after: after.map(|place| (place.rank, place.id)) };
        let look = |kept: u16| searcher.search(&self.fields.matching(query, &words, kept), &page);
        let all = (1u16 << words.len()) - 1;
        let mut kept = after.map_or(all, |place| place.words & all);
        let mut collected = look(kept)?;
        if collected.total == 0 && after.is_none() && words.len() > 1 {
            let (mut known, mut telling) = (0u16, 0u16);
            for (at, word) in words.iter().enumerate() {
                telling |= u16::from(!word.is_filler) << at;
                if searcher.search(&self.fields.having(word), &Count)? > 0 {
                    known |= 1 << at;
                }
            }
            kept = known;
            // A text of which no word that says anything is known finds nothing, not everything.
            while kept & telling != 0 && collected.total == 0 {
                collected = look(kept)?;
                if collected.total == 0 {
                    kept &= !(1 << kept.ilog2());
                }
            }
        }
        self.found(&searcher, query, kept, collected)
    }

    fn found(
        &self,
        searcher: &Searcher,
        query: &Query,
        kept: u16,
        collected: Collected,
    ) -> tantivy::Result<Found> {
        let Collected { page, more, total, categories, vendors } = collected;
        let next = page.last().filter(|_| more).map(|(rank, id, _)| Place::behind(query, kept, *rank, *id));
        let items = page.iter().map(|(_, _, address)| self.document(searcher, *address));
        let entry = |(text, count): (String, u64)| fields::vendor_of(&text).map(|vendor| (vendor, count));
        let facets = Facets {
            categories: highest(categories.into_iter().collect()),
            vendors: highest(vendors.into_iter().filter_map(entry).collect()),
        };
        Ok(Found { items: items.collect::<tantivy::Result<_>>()?, total, facets, next })
    }

    fn document(&self, searcher: &Searcher, address: tantivy::DocAddress) -> tantivy::Result<Document> {
        let stored: TantivyDocument = searcher.doc(address)?;
        let body = stored.get_first(self.fields.body).and_then(|value| value.as_str().map(str::to_owned));
        serde_json::from_str(&body.unwrap_or_default())
            .map_err(|error| TantivyError::InternalError(format!("a document cannot be read: {error}")))
    }
}

/// The values with the highest counts, and of equals the first by name.
fn highest<T: Ord>(mut counts: Vec<(T, u64)>) -> Vec<(T, u64)> {
    counts.sort_by(|(one, more), (other, less)| less.cmp(more).then_with(|| one.cmp(other)));
    counts.truncate(FACET_VALUES_MAX);
    counts
}

/// Whether the files are at fault, so that starting over helps.
fn is_damage(error: &TantivyError) -> bool {
    matches!(
        error,
        TantivyError::SchemaError(_)
            | TantivyError::DataCorruption(_)
            | TantivyError::IncompatibleIndex(_)
            | TantivyError::DeserializeError(_)
            | TantivyError::OpenReadError(_)
    )
}

fn failed(doing: &'static str, dir: &Path, error: TantivyError) -> SearchError {
    let dir = dir.to_owned();
    match error {
        TantivyError::LockFailure(..) => SearchError::InUse { dir },
        error => SearchError::Failed { doing, dir, source: error.into() },
    }
}
