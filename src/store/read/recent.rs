//! Pages of the catalogue that were read a moment ago.
//!
//! Most shoppers look at the same few pages, and a page costs two queries. One is kept until this process writes anything
//! of the catalogue, and never longer than a second: another process may fill these tables, too. What is kept is what the
//! tables say; the stock is none of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use souk_core::ids::ProductId;

use super::Page;
use super::catalogue::ProductFilter;
use super::products::{OfferRow, ProductRow};

/// The longest that a page is kept.
const KEPT: Duration = Duration::from_secs(1);
/// The most pages.
const PAGES_MAX: usize = 512;
/// The most rows of a page that is kept.
const ROWS_MAX: u32 = 60;

/// A page of products, each with those of its offers that are meant.
#[derive(Debug)]
pub struct Listing {
    /// What the tables say.
    pub page: Page<(ProductRow, Vec<OfferRow>), ProductId>,
    /// When they said it.
    pub read: ReadAt,
}

/// When the catalogue's tables were read.
#[derive(Clone, Copy, Debug)]
pub struct ReadAt {
    /// How often they had been written by this process.
    written: u64,
    since: Instant,
}

/// What was asked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Asked {
    pub(super) filter: ProductFilter,
    pub(super) after: Option<ProductId>,
    pub(super) limit: u32,
}

/// The pages.
#[derive(Debug, Default)]
pub(super) struct Recent {
    written: AtomicU64,
    pages: Mutex<HashMap<Asked, Arc<Listing>>>,
}

impl Recent {
    /// Something of the catalogue was written, or may have been.
    pub(super) fn was_written(&self) {
        self.written.fetch_add(1, Ordering::SeqCst);
    }

    /// To be taken before the tables are read.
    pub(super) fn now(&self) -> ReadAt {
        ReadAt { written: self.written.load(Ordering::SeqCst), since: Instant::now() }
    }

    /// Whether what was read then is what the tables say, as far as this process knows.
    pub(super) fn is_still(&self, read: ReadAt) -> bool {
        read.written == self.written.load(Ordering::SeqCst) && read.since.elapsed() < KEPT
    }

    /// The page, if it is still what the tables say.
    pub(super) fn find(&self, asked: &Asked) -> Option<Arc<Listing>> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.get(asked).filter(|kept| self.is_still(kept.read)).map(Arc::clone)
    }

    /// Keeps a page.
    pub(super) fn keep(&self, asked: Asked, listing: &Arc<Listing>) {
        if asked.limit > ROWS_MAX || !self.is_still(listing.read) {
            return;
        }
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= PAGES_MAX {
            pages.retain(|_, kept| self.is_still(kept.read));
        }
        if pages.len() < PAGES_MAX {
            pages.insert(asked, Arc::clone(listing));
        }
    }
}

#[cfg(test)]
mod tests {
    use souk_core::market::MarketId;

    use super::*;

    fn asked(limit: u32) -> Asked {
        Asked { filter: ProductFilter::all(MarketId::main()), after: None, limit }
    }

    fn nothing(read: ReadAt) -> Arc<Listing> {
        Arc::new(Listing { page: Page { items: Vec::new(), next_cursor: None }, read })
    }

    #[test]
    fn a_page_is_kept_until_something_is_written() {
        let recent = Recent::default();
        let before = recent.now();
        recent.keep(asked(20), &nothing(before));
        assert!(recent.find(&asked(20)).is_some() && recent.is_still(before));
        assert!(recent.find(&asked(21)).is_none(), "another page");
        recent.was_written();
        assert!(recent.find(&asked(20)).is_none() && !recent.is_still(before), "older than what was written");
        recent.keep(asked(20), &nothing(before));
        assert!(recent.find(&asked(20)).is_none(), "read while it was written");
        recent.keep(asked(20), &nothing(recent.now()));
        assert!(recent.find(&asked(20)).is_some());
    }

    #[test]
    fn only_so_many_and_only_small_ones() {
        let recent = Recent::default();
        recent.keep(asked(ROWS_MAX + 1), &nothing(recent.now()));
        assert!(recent.find(&asked(ROWS_MAX + 1)).is_none());
        for n in 0..2 * PAGES_MAX as u128 {
            let asked = Asked { after: Some(ProductId(n)), ..asked(20) };
            recent.keep(asked, &nothing(recent.now()));
        }
        assert!(recent.pages.lock().unwrap().len() <= PAGES_MAX);
        recent.was_written();
        recent.keep(asked(20), &nothing(recent.now()));
        assert!(recent.find(&asked(20)).is_some(), "old ones make room");
    }
}
