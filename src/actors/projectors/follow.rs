//! One projection's way through the journal.

use souk_core::ids::{PARTITIONS, Partition};
use souk_core::journal::Recorded;
use souk_core::order::Order;
use souk_core::product::Product;
use souk_core::vendor::Vendor;

use crate::journal::{JournalError, Reader};
use crate::store::read::{Advance, Change, Projection, ReadModels};

use super::fold::States;
use super::{ledger, rows};

/// Events of one transaction, about.
const BATCH: usize = 500;
/// Positions of one partition that are looked through at a time.
const WINDOW: u64 = 500;

/// What a projection keeps between batches.
#[derive(Debug)]
enum Folds {
    Vendors(States<Vendor>),
    Catalogue(States<Product>),
    Orders(States<Order>),
    /// A posting needs nothing but its event.
    Ledger,
}

/// Fills one projection from the journal, a batch at a time.
#[derive(Debug)]
pub struct Projector {
    projection: Projection,
    reader: Reader,
    models: ReadModels,
    folds: Folds,
    /// By partition; `None` until they are read.
    cursors: Option<Vec<u64>>,
    /// Where the next batch begins, so that no partition starves the others.
    turn: u16,
}

impl Projector {
    /// A projector that has read nothing yet; its first step finds out where it stands.
    pub fn new(projection: Projection, reader: Reader, models: ReadModels) -> Self {
        let folds = match projection {
            Projection::Vendors => Folds::Vendors(States::default()),
            Projection::Catalogue => Folds::Catalogue(States::default()),
            Projection::Orders => Folds::Orders(States::default()),
            Projection::Ledger => Folds::Ledger,
        };
        Projector { projection, reader, models, folds, cursors: None, turn: 0 }
    }

    /// What it fills.
    pub fn projection(&self) -> Projection {
        self.projection
    }

    /// The positions its rows contain, by partition; `None` while it does not know.
    pub fn reached(&self) -> Option<&[u64]> {
        self.cursors.as_deref()
    }

    /// Drops everything, so that the next steps fill it from the beginning.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reset(&mut self) -> Result<(), JournalError> {
        self.forget();
        self.models.reset(self.projection).await
    }

    /// Takes up to a batch of what it has not seen. Returns whether there is more.
    ///
    /// # Errors
    /// When a database does not answer or a row was damaged. Nothing was written then; step again.
    pub async fn step(&mut self) -> Result<bool, JournalError> {
        let stepped = self.try_step().await;
        if stepped.is_err() {
            self.forget();
        }
        stepped
    }

    async fn try_step(&mut self) -> Result<bool, JournalError> {
        let ends = self.reader.ends().await?;
        let mut cursors = match self.cursors.take() {
            Some(cursors) => cursors,
            None => self.stand(&ends).await?,
        };
        let (advances, events, more) = self.gather(&cursors, &ends).await?;
        if advances.is_empty() {
            self.cursors = Some(cursors);
            return Ok(false);
        }
        let changes = self.changes(&events).await?;
        let journal_id = &self.reader.meta().journal_id;
        if !self.models.write(self.projection, journal_id, changes, &advances).await? {
            // Somebody else fills it too, or has dropped it: look again where it stands.
            tracing::info!(projection = %self.projection, "the cursors were moved by somebody else");
            self.forget();
            return Ok(true);
        }
        for advance in &advances {
            if let Some(cursor) = cursors.get_mut(usize::from(advance.partition.0)) {
                *cursor = advance.to;
            }
        }
        self.cursors = Some(cursors);
        Ok(more)
    }

    fn forget(&mut self) {
        self.cursors = None;
        match &mut self.folds {
            Folds::Vendors(states) => states.clear(),
            Folds::Catalogue(states) => states.clear(),
            Folds::Orders(states) => states.clear(),
            Folds::Ledger => {}
        }
    }

    /// Reads the cursors. Those of another journal, or ahead of this one (a backup was restored), say that the rows
    /// are of events that never happened here: everything is dropped.
    async fn stand(&mut self, ends: &[u64]) -> Result<Vec<u64>, JournalError> {
        let mut positions = vec![0; usize::from(PARTITIONS)];
        for cursor in self.models.cursors(self.projection).await? {
            let at = usize::from(cursor.partition.0);
            let known = cursor.journal_id == self.reader.meta().journal_id
                && ends.get(at).is_some_and(|end| cursor.position <= *end);
            match positions.get_mut(at) {
                Some(position) if known => *position = cursor.position,
                _ => {
                    tracing::warn!(
                        projection = %self.projection,
                        "its cursors are of another journal or ahead of this one; rebuilding it"
                    );
                    self.models.reset(self.projection).await?;
                    return Ok(vec![0; usize::from(PARTITIONS)]);
                }
            }
        }
        Ok(positions)
    }

    /// What one transaction will take: how far each cursor goes, the events in between, and whether some are left.
    async fn gather(
        &mut self,
        cursors: &[u64],
        ends: &[u64],
    ) -> Result<(Vec<Advance>, Vec<Recorded>, bool), JournalError> {
        let (mut advances, mut events, mut more) = (Vec::new(), Vec::new(), false);
        let first = self.turn;
        for turn in 0..PARTITIONS {
            let partition = Partition((first + turn) % PARTITIONS);
            let at = usize::from(partition.0);
            let (from, end) = (cursors.get(at).copied().unwrap_or(0), ends.get(at).copied().unwrap_or(0));
            if from >= end {
                continue;
            }
            if events.len() >= BATCH {
                self.turn = partition.0;
                more = true;
                break;
            }
            let to = end.min(from + WINDOW);
            more |= to < end;
            events.extend(self.reader.window(partition, from, to, self.machine()).await?);
            advances.push(Advance { partition, from, to });
        }
        // Two writers must meet at the rows in the same order.
        advances.sort_by_key(|advance| advance.partition);
        Ok((advances, events, more))
    }

    /// Whose events it needs, as their kinds begin.
    fn machine(&self) -> &'static str {
        match self.projection {
            Projection::Vendors => "vendor",
            Projection::Catalogue => "product",
            Projection::Orders | Projection::Ledger => "order",
        }
    }

    async fn changes(&mut self, events: &[Recorded]) -> Result<Vec<Change>, JournalError> {
        let reader = &self.reader;
        match &mut self.folds {
            Folds::Vendors(states) => {
                states
                    .fold(reader, events, |_, seq, state| Ok(rows::vendor(seq, state).map(Change::Vendor)))
                    .await
            }
            Folds::Catalogue(states) => {
                states
                    .fold(reader, events, |_, seq, state| Ok(rows::product(seq, state).map(Change::Product)))
                    .await
            }
            Folds::Orders(states) => {
                states
                    .fold(reader, events, |_, seq, state| Ok(rows::order(seq, state)?.map(Change::Order)))
                    .await
            }
            Folds::Ledger => Ok(events.iter().flat_map(ledger::postings).map(Change::Posting).collect()),
        }
    }
}
