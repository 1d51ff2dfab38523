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
use super::products::{OfferRow, ProductFilter, ProductRow};

/// The longest that a page is kept.
const KEPT: Duration = Duration::from_secs(1);
/// The most pages.
const PAGES_MAX: usize = 512;
/// The most rows of a page that is kept.
const ROWS_MAX: u32 = 60;

/// A page of products, each with those of its offers that are meant.
pub type Listing = Page<(ProductRow, Vec<OfferRow>), ProductId>;

/// What was asked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Asked {
    pub(super) filter: ProductFilter,
    pub(super) after: Option<ProductId>,
    pub(super) limit: u32,
}

#[derive(Debug)]
struct Kept {
    listing: Arc<Listing>,
    /// How often the catalogue had been written when it began to be read.
    written: u64,
    since: Instant,
}

/// The pages.
#[derive(Debug, Default)]
pub(super) struct Recent {
    written: AtomicU64,
    pages: Mutex<HashMap<Asked, Kept>>,
}

impl Recent {
    /// Something of the catalogue was written, or may have been.
    pub(super) fn was_written(&self) {
        self.written.fetch_add(1, Ordering::SeqCst);
    }

    /// To be taken before the tables are read.
    pub(super) fn now(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// The page, if it is still what the tables say.
    pub(super) fn find(&self, asked: &Asked) -> Option<Arc<Listing>> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = pages.get(asked)?;
        (kept.written == self.now() && kept.since.elapsed() < KEPT).then(|| Arc::clone(&kept.listing))
    }

    /// Keeps a page that was read after [`Recent::now`] said this.
    pub(super) fn keep(&self, asked: Asked, written: u64, listing: &Arc<Listing>) {
        if asked.limit > ROWS_MAX || written != self.now() {
            return;
        }
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= PAGES_MAX {
            pages.retain(|_, kept| kept.written == written && kept.since.elapsed() < KEPT);
        }
        if pages.len() < PAGES_MAX {
            let kept = Kept { listing: Arc::clone(listing), written, since: Instant::now() };
            pages.insert(asked, kept);
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

    fn nothing() -> Arc<Listing> {
        Arc::new(Page { items: Vec::new(), next_cursor: None })
    }

    #[test]
    fn a_page_is_kept_until_something_is_written() {
        let recent = Recent::default();
        let before = recent.now();
        recent.keep(asked(20), before, &nothing());
        assert!(recent.find(&asked(20)).is_some());
        assert!(recent.find(&asked(21)).is_none(), "another page");
        recent.was_written();
        assert!(recent.find(&asked(20)).is_none(), "older than what was written");
        recent.keep(asked(20), before, &nothing());
        assert!(recent.find(&asked(20)).is_none(), "read while it was written");
        recent.keep(asked(20), recent.now(), &nothing());
        assert!(recent.find(&asked(20)).is_some());
    }

    #[test]
    fn only_so_many_and_only_small_ones() {
        let recent = Recent::default();
        recent.keep(asked(ROWS_MAX + 1), recent.now(), &nothing());
        assert!(recent.find(&asked(ROWS_MAX + 1)).is_none());
        for n in 0..2 * PAGES_MAX as u128 {
            let asked = Asked { after: Some(ProductId(n)), ..asked(20) };
            recent.keep(asked, recent.now(), &nothing());
        }
        assert!(recent.pages.lock().unwrap().len() <= PAGES_MAX);
        recent.was_written();
        recent.keep(asked(20), recent.now(), &nothing());
        assert!(recent.find(&asked(20)).is_some(), "old ones make room");
    }
}
