//! Taking the partitions over, and keeping them.
//!
//! Lease time is the database's. A take-over updates the lease rows, so it waits for commits that are under way
//! on them; only after it the tails are read.

use std::time::{Duration, Instant};

use souk_core::ids::{PARTITIONS, Partition};
use souk_core::journal::Epoch;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::backend::Tail;
use super::checksum::{CHAIN_START, Hash};
use super::error::JournalError;
use super::lease::Lease;
use super::meta::begin_start;
use super::sql;
use super::sqlite::SqliteWriter;
use super::writer::Writer;

/// Nobody else can have the file, so the leases are simply taken; they do not lapse.
const TAKE_SQLITE: &str = "UPDATE leases SET epoch = epoch + 1, owner = $1, expires_at = 9223372036854775807 RETURNING partition, epoch";

/// Whether somebody else holds leases that have not lapsed. Takes no lock, so it disturbs nobody.
const HELD_BY_OTHERS: &str = "SELECT COUNT(*) FROM leases WHERE owner NOT IN (0, $1) \
     AND expires_at > (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint";
/// Locks in partition order, as commits do, and waits for those under way.
const LOCK_ALL: &str = "SELECT partition FROM leases ORDER BY partition FOR UPDATE";
const TAKE_POSTGRES: &str = "UPDATE leases SET epoch = epoch + 1, owner = $1, \
     expires_at = (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint + $2 \
     WHERE NOT EXISTS (SELECT 1 FROM leases WHERE owner NOT IN (0, $1) \
     AND expires_at > (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint) RETURNING partition, epoch";
const RENEW: &str = "WITH mine AS (SELECT partition FROM leases WHERE owner = $1 ORDER BY partition FOR UPDATE) \
     UPDATE leases SET expires_at = (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint + $2 \
     FROM mine WHERE leases.partition = mine.partition RETURNING leases.partition, leases.epoch";
const RELEASE: &str = "WITH mine AS (SELECT partition FROM leases WHERE owner = $1 ORDER BY partition FOR UPDATE) \
     UPDATE leases SET expires_at = 0 FROM mine WHERE leases.partition = mine.partition";

/// A process's start: its number, and (SQLite) where the partitions it took stand.
pub(super) struct Start {
    pub(super) number: u32,
    pub(super) tails: Vec<Tail>,
}

type TailRow = (i64, i64, Vec<u8>);

/// Where each taken partition stands; those without events are at the beginning.
fn tails(taken: &[(i64, i64)], rows: &[TailRow]) -> Result<Vec<Tail>, JournalError> {
    let tail = |(partition, epoch): &(i64, i64)| {
        let row = rows.iter().find(|row| row.0 == *partition);
        let chain: Hash = match row {
            None => CHAIN_START,
            Some((_, _, chain)) => chain.as_slice().try_into().map_err(|_| JournalError::Column {
                table: "events",
                column: "chain",
                value: format!("{} bytes", chain.len()),
            })?,
        };
        Ok(Tail {
            partition: Partition(*partition as u16),
            epoch: Epoch(*epoch as u64),
            position: row.map_or(0, |row| row.1 as u64),
            chain,
        })
    };
    taken.iter().map(tail).collect()
}

/// Creates the journal's own row if there is none, counts this start and takes every partition.
pub(super) async fn begin_start_sqlite(writer: &mut SqliteWriter) -> Result<Start, JournalError> {
    let failed = JournalError::database("take the journal over");
    async {
        let connection = writer.connection().await?;
        let (number,) = begin_start!(connection, "SELECT lower(hex(randomblob(16)))")?;
        let taken: Vec<(i64, i64)> =
            sqlx::query_as(TAKE_SQLITE).bind(number).fetch_all(&mut *connection).await?;
        let rows: Vec<TailRow> = sqlx::query_as(sql::TAILS).fetch_all(&mut *connection).await?;
        Ok((number, taken, rows))
    }
    .await
    .map_err(failed)
    .and_then(|(number, taken, rows)| {
        Ok(Start { number: start_number(number)?, tails: tails(&taken, &rows)? })
    })
}

/// Creates the journal's own row if there is none and counts this start.
pub(super) async fn begin_start_postgres(options: &PgConnectOptions) -> Result<Start, JournalError> {
    let failed = JournalError::database("start on the journal");
    let (number,) = async {
        let mut connection = options.connect().await?;
        begin_start!(&mut connection, "SELECT replace(gen_random_uuid()::text, '-', '')")
    }
    .await
    .map_err(failed)?;
    Ok(Start { number: start_number(number)?, tails: Vec::new() })
}

fn start_number(number: i64) -> Result<u32, JournalError> {
    let wrong = |_| JournalError::Column { table: "meta", column: "starts", value: number.to_string() };
    u32::try_from(number).map_err(wrong)
}

/// Tells the writer, then everybody else.
pub(super) async fn take_all(writer: &Writer, lease: &Lease, tails: Vec<Tail>) -> Result<(), JournalError> {
    let epochs: Vec<_> = tails.iter().map(|tail| (tail.partition, tail.epoch)).collect();
    writer.own(tails).await.map_err(|_| JournalError::WriterGone)?;
    lease.hold(epochs.into_iter());
    Ok(())
}

/// Takes the leases when nobody holds them, and renews them while this process does.
#[derive(Debug)]
pub(super) struct Keeper {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// What leases are kept by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// How long one lasts that is not renewed.
    pub(super) lasts: Duration,
    /// Whether the owner is about to give them up to this process.
    pub(super) is_successor: bool,
}

/// How often a successor looks for the leases.
const SUCCESSOR_LOOKS: Duration = Duration::from_millis(25);

impl Keeper {
    /// Tries to take the leases once before it returns, so that a lone server owns them from the start.
    pub(super) async fn spawn(
        options: PgConnectOptions,
        start: u32,
        terms: Terms,
        writer: Writer,
        lease: Lease,
    ) -> Result<Self, JournalError> {
        let Terms { lasts, is_successor } = terms;
        // A lock this one waits for is held by a commit, and those are cut off earlier than this. And should this
        // process be frozen while it holds them all, the server lets go of them.
        let lasting = lasts.as_millis();
        let options = options.options([
            ("lock_timeout", lasting),
            ("tcp_user_timeout", lasting),
            ("idle_in_transaction_session_timeout", lasting),
        ]);
        let mut keeping = Keeping { options, connection: None, start, lasts, is_successor, writer, lease };
        keeping.turn().await.map_err(JournalError::database("take the leases"))?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(keeping.run(stopped));
        Ok(Keeper { task, stop })
    }

    /// Gives the leases up, so that a standby need not wait for them to lapse.
    pub(super) async fn close(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

struct Keeping {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    start: u32,
    lasts: Duration,
    is_successor: bool,
    writer: Writer,
    lease: Lease,
}

impl Keeping {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        // A sender that is dropped without a word is a journal that was not closed: the leases then lapse.
        let close = loop {
            tokio::select! {
                told = &mut stopped => break told.is_ok(),
                () = tokio::time::sleep(self.pause()) => {}
            }
            if self.writer.is_gone() {
                // Nothing can be written here any more; the leases are for somebody else.
                break true;
            }
            let turn = tokio::time::timeout(self.lasts / 2, self.turn()).await;
            let error = match turn {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the database server does not answer".to_owned(),
            };
            tracing::warn!(error, "the leases could not be looked after; trying again");
            self.connection = None;
        };
        if close {
            let patience = self.lasts / 2;
            let release = async {
                let start = i64::from(self.start);
                sqlx::query(RELEASE).bind(start).execute(self.connection().await?).await
            };
            let released = tokio::time::timeout(patience, release).await;
            if !matches!(released, Ok(Ok(_))) {
                tracing::warn!("the leases could not be given up; they lapse by themselves");
            }
        }
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn turn(&mut self) -> Result<(), sqlx::Error> {
        if self.owns_any() { self.renew().await } else { self.take_over().await }
    }

    /// Until the next turn. A successor knows that the leases are about to be given up, and has requests waiting.
    fn pause(&self) -> Duration {
        if self.is_successor && !self.owns_any() { SUCCESSOR_LOOKS } else { self.lasts / 5 }
    }

    /// By its own account, whether or not its clock has run out.
    fn owns_any(&self) -> bool {
        self.lease.was_taken()
    }

    /// Short of the whole, so that this process stops before anybody else may start.
    fn counted(&self) -> Duration {
        self.lasts.mul_f64(0.8)
    }

    async fn renew(&mut self) -> Result<(), sqlx::Error> {
        let (start, lasts) = (i64::from(self.start), self.lasts.as_millis() as i64);
        let asked = Instant::now();
        let kept: Vec<(i64, i64)> =
            sqlx::query_as(RENEW).bind(start).bind(lasts).fetch_all(self.connection().await?).await?;
        let is_kept = |partition: u16| kept.iter().any(|row| row.0 == i64::from(partition));
        let lost: Vec<Partition> = (0..PARTITIONS).filter(|it| !is_kept(*it)).map(Partition).collect();
        if !lost.is_empty() {
            tracing::warn!(partitions = lost.len(), "another server has taken partitions over");
            lost.iter().for_each(|partition| self.lease.lose(*partition));
            // The writer may be waiting for the database itself; it must not hold up the renewal.
            let writer = self.writer.clone();
            tokio::spawn(async move { writer.lose(lost).await });
        }
        // Not before it is known what was lost: whoever comes back after its time must not answer for that, not even for
        // a moment.
        self.lease.extend(asked, self.counted());
        Ok(())
    }

    async fn take_over(&mut self) -> Result<(), sqlx::Error> {
        let (start, lasts, counted) = (i64::from(self.start), self.lasts.as_millis() as i64, self.counted());
        let connection = self.connection().await?;
        let (others,): (i64,) =
            sqlx::query_as(HELD_BY_OTHERS).bind(start).fetch_one(&mut *connection).await?;
        if others > 0 {
            return Ok(());
        }
        let mut transaction = sqlx::Connection::begin(&mut *connection).await?;
        sqlx::query(LOCK_ALL).fetch_all(&mut *transaction).await?;
        let asked = Instant::now();
        let taken: Vec<(i64, i64)> =
            sqlx::query_as(TAKE_POSTGRES).bind(start).bind(lasts).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        if taken.is_empty() {
            return Ok(());
        }
        let rows: Vec<TailRow> = sqlx::query_as(sql::TAILS).fetch_all(&mut *connection).await?;
        let tails = tails(&taken, &rows).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        tracing::info!(partitions = tails.len(), "this server owns the journal now");
        self.lease.extend(asked, counted);
        // A writer that has ended owns nothing, and says so to whoever asks.
        let _ = take_all(&self.writer, &self.lease, tails).await;
        Ok(())
    }
}
