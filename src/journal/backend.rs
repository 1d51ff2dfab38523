//! The one connection that writes, of either kind, and what can come of an offer.

use souk_core::ids::Partition;
use souk_core::journal::{EffectId, Epoch};
use souk_core::time::Timestamp;

use super::checksum::Hash;
use super::offer::Offer;
use super::postgres::PostgresWriter;
use super::sqlite::SqliteWriter;

/// Why an offer was not written, or may not have been.
#[derive(Debug)]
pub(super) enum Fault {
    /// These partitions have another owner. Nothing was written.
    Fenced(Vec<Partition>),
    /// A row stands in the way of one that was offered, or one was not acceptable. Nothing was written.
    Conflict(String),
    /// It did not work. Nothing was written, unless `doubtful`: then the connection was lost when COMMIT was, or may have
    /// been, under way, and only offering the same rows again can tell.
    Failed {
        /// Whether it may have been written all the same.
        doubtful: bool,
        /// Why.
        reason: String,
    },
    /// The database can no longer be trusted with what it says is on disk.
    Fatal(String),
}

impl Fault {
    pub(super) fn failed(error: impl ToString) -> Fault {
        Fault::Failed { doubtful: false, reason: error.to_string() }
    }
}

/// Where a partition stands when it is taken over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub(super) partition: Partition,
    pub(super) epoch: Epoch,
    pub(super) position: u64,
    pub(super) chain: Hash,
}

/// Small changes that are no decisions of a machine. They go through the writer, so that nothing else ever
/// holds the write lock.
#[derive(Clone, Debug)]
pub(super) enum Upkeep {
    /// An effect was tried and failed.
    NoteFailure { id: EffectId, error: String, next_try_at: Timestamp, dead: bool },
    /// An effect that was given up is to be tried again.
    Revive { id: EffectId, now: Timestamp },
    /// Replies older than this are forgotten, at most so many.
    PruneReplies { before: Timestamp, limit: u32 },
}

/// The writing connection.
#[derive(Debug)]
pub(super) enum Backend {
    Sqlite(Box<SqliteWriter>),
    Postgres(Box<PostgresWriter>),
}

impl Backend {
    /// Writes all of it in one transaction, or nothing. An empty offer needs no transaction.
    pub(super) async fn write(&mut self, offer: &Offer) -> Result<(), Fault> {
        match self {
            Backend::Sqlite(writer) => writer.write(offer).await,
            Backend::Postgres(writer) => writer.write(offer).await,
        }
    }

    /// Whether this very offer is in the journal. Ask only when no other connection can still be writing it,
    /// which [`Backend::write`] makes sure of.
    pub(super) async fn holds(&mut self, offer: &Offer) -> Result<bool, Fault> {
        match self {
            Backend::Sqlite(writer) => writer.holds(offer).await,
            Backend::Postgres(writer) => writer.holds(offer).await,
        }
    }

    /// Returns how many rows changed.
    pub(super) async fn upkeep(&mut self, upkeep: &Upkeep) -> Result<u64, Fault> {
        match self {
            Backend::Sqlite(writer) => writer.upkeep(upkeep).await,
            Backend::Postgres(writer) => writer.upkeep(upkeep).await,
        }
    }

    pub(super) async fn close(self) {
        match self {
            Backend::Sqlite(writer) => writer.close().await,
            Backend::Postgres(writer) => writer.close().await,
        }
    }
}
