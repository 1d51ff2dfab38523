//! One pass over everything that matches: the page, the total, the counts.

use std::collections::{BTreeMap, BinaryHeap};

use souk_core::ids::ProductId;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use super::fields::{CATEGORY, ID_HIGH, ID_LOW, VENDOR_ENTRY, whole};

/// A document on a page: its rank (lower is better), its id, where it lies.
pub(super) type Ranked = (u32, ProductId, DocAddress);

/// Asks for the first of what lies behind a place.
pub(super) struct Page {
    pub(super) limit: usize,
    /// Rank and id of the last document of the page before.
    pub(super) after: Option<(u32, ProductId)>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Collected {
    /// In order.
    pub(super) page: Vec<Ranked>,
    /// Whether more lie behind them.
    pub(super) more: bool,
    pub(super) total: u64,
    pub(super) categories: BTreeMap<String, u64>,
    /// By what the column holds.
    pub(super) vendors: BTreeMap<String, u64>,
}

impl Collector for Page {
    type Fruit = Collected;
    type Child = SegmentPage;

    fn for_segment(&self, ordinal: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentPage> {
        let columns = segment.fast_fields();
        Ok(SegmentPage {
            ordinal,
            limit: self.limit,
            after: self.after,
            high: columns.u64(ID_HIGH)?,
            low: columns.u64(ID_LOW)?,
            best: BinaryHeap::new(),
            behind: 0,
            total: 0,
            categories: Counts::of(columns.str(CATEGORY)?),
            vendors: Counts::of(columns.str(VENDOR_ENTRY)?),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, segments: Vec<tantivy::Result<(Collected, u64)>>) -> tantivy::Result<Collected> {
        let mut all = Collected::default();
        let mut behind = 0;
        for segment in segments {
            let (segment, of_segment) = segment?;
            behind += of_segment;
            all.total += segment.total;
            all.page.extend(segment.page);
            for (name, count) in segment.categories {
                *all.categories.entry(name).or_default() += count;
            }
            for (name, count) in segment.vendors {
                *all.vendors.entry(name).or_default() += count;
            }
        }
        all.page.sort_unstable();
        all.page.truncate(self.limit);
        all.more = behind > all.page.len() as u64;
        Ok(all)
    }
}

/// The same for one segment of the index.
pub(super) struct SegmentPage {
    ordinal: SegmentOrdinal,
    limit: usize,
    after: Option<(u32, ProductId)>,
    high: Column<u64>,
    low: Column<u64>,
    /// The worst of the best on top.
    best: BinaryHeap<Ranked>,
    behind: u64,
    total: u64,
    categories: Counts,
    vendors: Counts,
}

impl SegmentCollector for SegmentPage {
    type Fruit = tantivy::Result<(Collected, u64)>;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.total += 1;
        self.categories.count(doc);
        self.vendors.count(doc);
        let id = whole(self.high.first(doc).unwrap_or_default(), self.low.first(doc).unwrap_or_default());
        let place = (rank(score), id);
        if self.after.is_some_and(|after| place <= after) {
            return;
        }
        self.behind += 1;
        let ranked = (place.0, place.1, DocAddress::new(self.ordinal, doc));
        if self.best.len() < self.limit {
            self.best.push(ranked);
        } else if let Some(mut worst) = self.best.peek_mut()
            && ranked < *worst
        {
            *worst = ranked;
        }
    }

    fn harvest(self) -> Self::Fruit {
        let collected = Collected {
            page: self.best.into_vec(),
            more: false,
            total: self.total,
            categories: self.categories.by_name()?,
            vendors: self.vendors.by_name()?,
        };
        Ok((collected, self.behind))
    }
}

/// A score (from zero, never more than a few hundred) as a number that is lower when it is better.
fn rank(score: Score) -> u32 {
    // Positive floats sort like their bits.
    u32::MAX - score.max(0.0).to_bits()
}

/// How often each value of a column was met.
struct Counts {
    column: Option<StrColumn>,
    by_ordinal: Vec<u64>,
}

impl Counts {
    fn of(column: Option<StrColumn>) -> Self {
        let values = column.as_ref().map_or(0, |column| column.num_terms());
        Counts { column, by_ordinal: vec![0; values] }
    }

    fn count(&mut self, doc: DocId) {
        let Some(column) = &self.column else { return };
        for ordinal in column.term_ords(doc) {
            if let Some(count) = self.by_ordinal.get_mut(ordinal as usize) {
                *count += 1;
            }
        }
    }

    fn by_name(self) -> tantivy::Result<BTreeMap<String, u64>> {
        let mut by_name = BTreeMap::new();
        let Some(column) = self.column else { return Ok(by_name) };
        let mut name = String::new();
        for (ordinal, count) in (0..).zip(self.by_ordinal).filter(|(_, count)| *count > 0) {
            if column.ord_to_str(ordinal, &mut name)? {
                by_name.insert(name.clone(), count);
            }
        }
        Ok(by_name)
    }
}

/// Collects which documents match, by id.
pub(super) struct Ids;

impl Collector for Ids {
    type Fruit = Vec<ProductId>;
    type Child = SegmentIds;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentIds> {
        let columns = segment.fast_fields();
        Ok(SegmentIds { high: columns.u64(ID_HIGH)?, low: columns.u64(ID_LOW)?, ids: Vec::new() })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Vec<ProductId>>) -> tantivy::Result<Vec<ProductId>> {
        Ok(segments.concat())
    }
}

pub(super) struct SegmentIds {
    high: Column<u64>,
    low: Column<u64>,
    ids: Vec<ProductId>,
}

impl SegmentCollector for SegmentIds {
    type Fruit = Vec<ProductId>;

    fn collect(&mut self, doc: DocId, _: Score) {
        self.ids
            .push(whole(self.high.first(doc).unwrap_or_default(), self.low.first(doc).unwrap_or_default()));
    }

    fn harvest(self) -> Vec<ProductId> {
        self.ids
    }
}
