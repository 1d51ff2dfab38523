//! The append-only log: one writer that commits the decisions of many hosts together, readers, and everything a
//! stream needs to come back after a restart.
//!
//! - [`Journal::open`] brings the tables up to date, compares what the journal says about itself, and takes the
//!   partitions over; on Postgres a second server waits as a standby.
//! - A host starts with [`Journal::start`] (the barrier), loads with [`Journal::load`], and sends appends with
//!   [`Journal::append`]; what has become of them it hears through its [`OutcomeSink`].
//! - Projections follow a partition with [`Reader::tail`]; `souk verify` reads with [`audit`].
//!
//! SQL text lives here and in `store/` only.

pub mod audit;
mod backend;
pub mod backup;
pub mod checksum;
mod database;
mod encode;
mod error;
mod grants;
mod lease;
mod lock;
mod meta;
pub mod migrate;
mod newest;
mod offer;
mod owner;
mod pages;
mod parts;
#[cfg(test)]
mod plans;
mod postgres;
mod read;
mod roles;
mod sql;
mod sqlite;
mod stored;
pub mod wire;
mod writer;

use std::fs::File;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use souk_core::host::{Loaded, Snapshot};
use souk_core::ids::{Partition, StreamId};
use souk_core::journal::{Append, Incarnation};
use souk_core::machine::Machine;
use souk_core::time::Timestamp;

pub use database::{Database, Pool, Set, network_pool_options, pool_options};
pub(crate) use database::{in_time, on_pool};
pub use encode::{EncodedAppend, EventRow, OutboxRow, ReplyRow};
pub use error::JournalError;
pub use grants::refuse_mighty;
pub use lease::Lease;
pub use meta::Meta;
pub(crate) use meta::is_missing_table;
pub use pages::{StoredSnapshot, Window};
pub use read::{DueWake, EventPages, Reader};
pub use roles::Roles;
pub use stored::{StoredEffect, StoredEvent, StoredReply};
pub use writer::{
    OutcomeSink, Outcomes, Settled, StartError, Started, ToWrite, Writer, WriterGone, WriterHealth,
};

use backend::Backend;
use owner::{Keeper, Terms};
use postgres::PostgresWriter;
use sqlite::SqliteWriter;
use writer::Task;

/// What may be tuned about a journal.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a lease lasts that is not renewed. A standby takes over after that; only on Postgres.
    pub lease: Duration,
    /// How long a lock or leases that the server before this one is about to give up are looked for anew at once; zero
    /// for a server that succeeds nobody.
    pub lock_patience: Duration,
    /// Connections for reading.
    pub read_connections: u32,
    /// Messages that may wait for the writer.
    pub queue: usize,
    /// The most messages that go into one group.
    pub group_max: usize,
    /// The most pages (of 4 KiB) that the journal's file may have; only on SQLite. At the limit the journal
    /// behaves as on a full disk.
    pub max_pages: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            lease: Duration::from_secs(10),
            lock_patience: Duration::ZERO,
            read_connections: 8,
            queue: 4_096,
            group_max: 1_024,
            max_pages: None,
        }
    }
}

/// An open journal. Close it with [`Journal::close`]; dropping it leaves the leases to lapse.
#[derive(Debug)]
pub struct Journal {
    reader: Reader,
    writer: Writer,
    lease: Lease,
    held: Mutex<Held>,
}

/// What an open journal gives up when it is closed.
#[derive(Debug)]
struct Held {
    keeper: Option<Keeper>,
    /// The data directory's lock: no second server may use it meanwhile.
    lock: Option<File>,
}

impl Journal {
    /// Opens the journal with the default settings.
    ///
    /// # Errors
    /// As [`Journal::open_with`].
    pub async fn open(roles: impl Into<Roles>) -> Result<Journal, JournalError> {
        Self::open_with(roles, Settings::default()).await
    }

    /// Opens the journal for writing, creating it if there is none.
    ///
    /// On SQLite this process then owns every partition. On Postgres it does so as soon as no other server holds
    /// the leases: see [`Lease::wait_until_owner`].
    ///
    /// # Errors
    /// When the database cannot be used, holds a journal of another form, or (SQLite) is in use.
    pub async fn open_with(roles: impl Into<Roles>, settings: Settings) -> Result<Journal, JournalError> {
        let roles = roles.into();
        let database = &roles.engine;
        let lock = match database {
            Database::Sqlite { dir } => Some(lock::for_server(dir, settings.lock_patience).await?),
            Database::Postgres { .. } => None,
        };
        migrate::run(&roles).await?;
        let lease = Lease::new();
        let (start, backend) = match database {
            Database::Sqlite { dir } => {
                let connect = JournalError::database("open the journal's file");
                let mut writer =
                    SqliteWriter::connect(dir.clone(), settings.max_pages).await.map_err(connect)?;
                let start = owner::begin_start_sqlite(&mut writer).await?;
                (start, Backend::Sqlite(Box::new(writer)))
            }
            Database::Postgres { .. } => {
                let options = database.postgres_options(Set::Journal)?;
                let start = owner::begin_start_postgres(&options).await?;
                let patience = settings.lease / 3;
                (start, Backend::Postgres(Box::new(PostgresWriter::new(options, patience))))
            }
        };
        let (filling, newest) = newest::kept();
        let reader = Reader::open(database, settings.read_connections).await?.beside(newest);
        let number = start.number;
        let task = Task::new(backend, lease.clone(), number, filling);
        let writer = Writer::spawn(task, settings.queue, settings.group_max);
        let keeper = match database {
            Database::Sqlite { .. } => {
                owner::take_all(&writer, &lease, start.tails).await?;
                lease.extend_for_ever();
                None
            }
            Database::Postgres { .. } => {
                let options = database.postgres_options(Set::Journal)?;
                let terms = Terms { lasts: settings.lease, is_successor: !settings.lock_patience.is_zero() };
                Some(Keeper::spawn(options, number, terms, writer.clone(), lease.clone()).await?)
            }
        };
        Ok(Journal { reader, writer, lease, held: Mutex::new(Held { keeper, lock }) })
    }

    /// What the journal says about itself.
    pub fn meta(&self) -> &Meta {
        self.reader.meta()
    }

    /// For everything that reads.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// For hosts.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// What this process owns.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Starts a host: the barrier. See [`Writer::start`].
    ///
    /// # Errors
    /// When this process does not own the stream's partition, or the writer has ended.
    pub async fn start(&self, stream: StreamId, sink: OutcomeSink) -> Result<Started, StartError> {
        self.writer.start(stream, sink).await
    }

    /// Everything a host needs to come back. See [`Reader::load`].
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn load<M: Machine>(
        &self,
        stream: StreamId,
        now: Timestamp,
    ) -> Result<Loaded<M>, JournalError> {
        self.reader.load(stream, now).await
    }

    /// Makes rows of an append, here in the caller's task, and hands them to the writer. See [`Writer::write`].
    ///
    /// # Errors
    /// When the writer has ended, or a wire type is wrong.
    pub async fn append(&self, append: Append) -> Result<(), JournalError> {
        self.write(ToWrite::append(&append)?).await
    }

    /// Makes a row of a snapshot, here in the caller's task, and hands it to the writer. See
    /// [`Writer::write`].
    ///
    /// # Errors
    /// When the writer has ended, or the state has no JSON form.
    pub async fn snapshot<M: Machine>(&self, snapshot: Snapshot<M>) -> Result<(), JournalError> {
        self.write(ToWrite::snapshot(&snapshot)?).await
    }

    /// Hands rows to the writer. See [`Writer::write`].
    ///
    /// # Errors
    /// When the writer has ended.
    pub async fn write(&self, written: ToWrite) -> Result<(), JournalError> {
        self.writer.write(written).await.map_err(|_| JournalError::WriterGone)
    }

    /// Says that a host has ended and sends nothing more.
    pub async fn end(&self, stream: StreamId, incarnation: Incarnation) {
        // A writer that has ended has forgotten the host anyway.
        let _ = self.writer.end(stream, incarnation).await;
    }

    /// Whether this process owns the partition now, by its own clock. See [`Lease::is_held`].
    pub fn is_owner(&self, partition: Partition) -> bool {
        self.lease.is_held(partition)
    }

    /// Streams of the partitions this process owns whose wake has come, the longest due first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_wakes(&self, now: Timestamp, limit: u32) -> Result<Vec<StreamId>, JournalError> {
        let due = self.reader.due_wakes(&self.lease.held(), now, limit).await?;
        Ok(due.into_iter().map(|wake| wake.stream).collect())
    }

    /// Settles what was sent, gives leases and lock up, and ends. Whoever still sends is told that the writer is
    /// gone.
    pub async fn close(&self) {
        self.writer.close().await;
        let (keeper, lock) = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            (held.keeper.take(), held.lock.take())
        };
        if let Some(keeper) = keeper {
            keeper.close().await;
        }
        self.reader.close().await;
        drop(lock);
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(since.as_millis() as i64)
}
