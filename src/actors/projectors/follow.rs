//! One projection's way through the journal.

use souk_core::ids::PARTITIONS;
use souk_core::journal::Recorded;
use souk_core::order::Order;
use souk_core::product::Product;
use souk_core::vendor::Vendor;

use crate::journal::{JournalError, Reader};
use crate::store::read::{Change, Projection, ReadModels};

use super::fold::States;
use super::stand::Stand;
use super::windows::{Gathered, Windows};
use super::{ledger, rows};

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
    windows: Windows,
    models: ReadModels,
    folds: Folds,
    /// `None` until the cursors are read.
    stand: Option<Stand>,
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
        Projector { projection, windows: Windows::new(reader, kinds(projection)), models, folds, stand: None }
    }

    /// What it fills.
    pub fn projection(&self) -> Projection {
        self.projection
    }

    /// The positions its rows contain, by partition; `None` while it does not know.
    pub fn reached(&self) -> Option<&[u64]> {
        self.stand.as_ref().map(Stand::read)
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
        let mut stand = match self.stand.take() {
            Some(stand) => stand,
            None => Stand::at(self.cursors().await?),
        };
        let ends = self.windows.reader().ends_to_follow().await?;
        let Gathered { advances, events, more } = self.windows.gather(stand.read(), &ends).await?;
        stand.pass(&advances);
        if !events.is_empty() || stand.is_due() {
            let changes = self.changes(&events).await?;
            let journal_id = &self.windows.reader().meta().journal_id;
            if !self.models.write(self.projection, journal_id, changes, &stand.unwritten()).await? {
                // Somebody else fills it too, or has dropped it: look again where it stands.
                tracing::info!(projection = %self.projection, "the cursors were moved by somebody else");
                self.forget();
                return Ok(true);
            }
            stand.is_written();
        }
        self.stand = Some(stand);
        Ok(more)
    }

    pub(super) fn forget(&mut self) {
        self.stand = None;
        match &mut self.folds {
            Folds::Vendors(states) => states.clear(),
            Folds::Catalogue(states) => states.clear(),
            Folds::Orders(states) => states.clear(),
            Folds::Ledger => {}
        }
    }

    /// Reads the cursors. When they mean nothing here, everything is dropped.
    async fn cursors(&mut self) -> Result<Vec<u64>, JournalError> {
        let cursors = self.models.cursors(self.projection).await?;
        // Only then where the journal ends: another server may have moved them on, while this one was frozen.
        let ends = self.windows.reader().ends().await?;
        if let Some(positions) = self.windows.stand(cursors, &ends) {
            return Ok(positions);
        }
        tracing::warn!(
            projection = %self.projection,
            "its cursors are of another journal or ahead of this one; rebuilding it"
        );
        self.models.reset(self.projection).await?;
        Ok(vec![0; usize::from(PARTITIONS)])
    }

    async fn changes(&mut self, events: &[Recorded]) -> Result<Vec<Change>, JournalError> {
        let reader = self.windows.reader();
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

/// Whose events it needs, as their kinds begin.
fn kinds(projection: Projection) -> &'static [&'static str] {
    match projection {
        Projection::Vendors => &["vendor."],
        Projection::Catalogue => &["product."],
        Projection::Orders | Projection::Ledger => &["order."],
    }
}
