//! Read models: tables that projections fill from the journal, with their cursors. They may be deleted at any time.
//!
//! Writing is the projectors' (`src/actors/projectors/`): rows and cursor in one transaction, by [`ReadModels::write`].
//! Reading takes a scope first, so that no question can forget to ask whose things these are.

mod catalogue;
mod ledger;
mod mutant;
mod orders;
mod own_orders;
mod predicate;
mod products;
mod recent;
mod sales;
mod scoped;
mod standings;
mod statement;
mod vendors;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use souk_core::ids::Partition;
use sqlx::sqlite::SqliteSynchronous;

use crate::journal::{
    Database, JournalError, Pool, Roles, Set, is_missing_table, network_pool_options, on_pool, pool_options,
};

pub use catalogue::{OfferFilter, ProductFilter};
pub use ledger::{Balance, PostingRow, account_name};
#[cfg(feature = "plant")]
pub use mutant::plant;
pub use orders::{LineRow, OrderRow, OrderRows, ParcelRow, VendorOrderRow};
pub use products::{OfferRow, ProductRow, ProductRows};
pub use recent::{Listing, ReadAt};
pub use sales::{PlacedCursor, StatementRow};
pub use standings::{Standing, Word};
pub use vendors::VendorRow;

use recent::Recent;
use scoped::Reads;
use statement::{Statement, Texts, run, run_at_length, values};

/// The most rows that one page of a list holds.
pub const PAGE_MAX: u32 = 500;

const CURSORS: &str = "SELECT partition, journal_id, position FROM cursors WHERE projection = $1";
const ALL_CURSORS: &str =
    "SELECT projection, partition, journal_id, position FROM cursors ORDER BY projection, partition";
const BEGIN_CURSOR: &str = "INSERT INTO cursors (projection, partition, journal_id, position) \
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
/// Cursors are moved together: `$3` is a list of partition, where it stands and where it will. SQLite would read the list
/// again for every cursor of the projection, if it were not told to read it once.
const MOVE_CURSORS: Texts = Texts {
    sqlite: "WITH m (partition, stands, moves) AS MATERIALIZED \
         (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($3)) \
         UPDATE cursors SET position = m.moves FROM m WHERE projection = $1 AND journal_id = $2 \
         AND cursors.partition = m.partition AND position = m.stands",
    postgres: "UPDATE cursors SET position = (m.value ->> 2)::bigint FROM json_array_elements($3::json) AS m(value) \
         WHERE projection = $1 AND journal_id = $2 AND partition = (m.value ->> 0)::bigint \
         AND position = (m.value ->> 1)::bigint",
};
const DROP_CURSORS: &str = "DELETE FROM cursors WHERE projection = $1";

/// A set of read models that is filled and rebuilt together, and has one cursor per partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Projection {
    /// Vendors and where they stand.
    Vendors,
    /// Products and offers.
    Catalogue,
    /// Orders, their lines, vendor orders and parcels.
    Orders,
    /// Postings and balances.
    Ledger,
}

impl Projection {
    /// All of them.
    pub const ALL: [Projection; 4] =
        [Projection::Vendors, Projection::Catalogue, Projection::Orders, Projection::Ledger];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Projection::Vendors => "vendors",
            Projection::Catalogue => "catalogue",
            Projection::Orders => "orders",
            Projection::Ledger => "ledger",
        }
    }

    /// Its tables: name, all rows dropped, all rows counted.
    const fn tables(self) -> &'static [(&'static str, &'static str, &'static str)] {
        macro_rules! tables {
            ($($name:literal),*) => {
                &[$(($name, concat!("DELETE FROM ", $name), concat!("SELECT COUNT(*) FROM ", $name))),*]
            };
        }
        match self {
            Projection::Vendors => tables!("vendors"),
            Projection::Catalogue => tables!("products", "offers"),
            Projection::Orders => tables!("orders", "order_lines", "vendor_orders", "parcels"),
            Projection::Ledger => tables!("ledger_postings", "ledger_balances"),
        }
    }
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No projection has this name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no projection {name:?}: there are vendors, catalogue, orders and ledger")]
pub struct UnknownProjection {
    name: String,
}

impl FromStr for Projection {
    type Err = UnknownProjection;
    fn from_str(text: &str) -> Result<Self, UnknownProjection> {
        let found = Projection::ALL.into_iter().find(|projection| projection.name() == text);
        found.ok_or_else(|| UnknownProjection { name: text.to_owned() })
    }
}

/// How far a projection has read a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// Of which partition.
    pub partition: Partition,
    /// Of which journal; another one's positions mean nothing here.
    pub journal_id: String,
    /// The last position it contains.
    pub position: u64,
}

/// A cursor's step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advance {
    /// Of which partition.
    pub partition: Partition,
    /// Where it stands; 0 when there is none yet.
    pub from: u64,
    /// Where it will stand.
    pub to: u64,
}

/// New rows.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// A vendor as it stands.
    Vendor(VendorRow),
    /// A product as it stands.
    Product(ProductRows),
    /// An order as it stands.
    Order(OrderRows),
    /// A posting.
    Posting(PostingRow),
}

impl Change {
    fn statement(self) -> Result<Statement, JournalError> {
        match self {
            Change::Vendor(row) => Ok(vendors::put(row)),
            Change::Product(rows) => products::put(rows),
            Change::Order(rows) => Ok(orders::put(rows)),
            Change::Posting(row) => Ok(ledger::put(row)),
        }
    }
}

/// A page of a list. The next one begins behind `next_cursor`; there is none when that is `None`.
#[derive(Clone, PartialEq, Debug)]
pub struct Page<T, C> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins.
    pub next_cursor: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Out of one row more than the page holds, if there are so many.
    fn of(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Self {
        let limit = page_rows(limit) as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = if more { items.last().map(cursor) } else { None };
        Page { items, next_cursor }
    }
}

fn page_rows(limit: u32) -> u32 {
    limit.clamp(1, PAGE_MAX)
}

/// Rows to ask for: one more than are shown tells whether there is a next page.
fn page_limit(limit: u32) -> i64 {
    i64::from(page_rows(limit)) + 1
}

/// The tables, to write and to read; cheap to clone.
#[derive(Clone, Debug)]
pub struct ReadModels {
    writes: Pool,
    reads: Reads,
    recent: Arc<Recent>,
}

impl ReadModels {
    /// Connects: as the engine to fill them, as the app to read for handlers. The tables must be up to date.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn open(roles: impl Into<Roles>, connections: u32) -> Result<Self, JournalError> {
        let roles = roles.into();
        let connect = failed("connect to the read models");
        let writes = match &roles.engine {
            Database::Sqlite { dir } => {
                // A lost transaction is only read again from the journal: rows and cursor are lost together.
                let options = Database::sqlite_options(dir, Set::Read).synchronous(SqliteSynchronous::Normal);
                let pool = pool_options(1).connect_with(options).await;
                pool.map(Pool::Sqlite).map_err(connect)?
            }
            Database::Postgres { .. } => {
                let options = roles.engine.postgres_options(Set::Read)?;
                let pool = network_pool_options(2).connect_with(options).await;
                pool.map(Pool::Postgres).map_err(connect)?
            }
        };
        let reads = Reads::open(&roles.app, connections).await?;
        Ok(ReadModels { writes, reads, recent: Arc::default() })
    }

    /// Ends its connections.
    pub async fn close(&self) {
        self.writes.close().await;
        self.reads.close().await;
    }

    /// Writes rows and moves cursors in one transaction. `false`, and nothing is written, when a cursor does not
    /// stand where it was expected: somebody else fills this projection too, or has just dropped it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn write(
        &self,
        projection: Projection,
        journal_id: &str,
        changes: Vec<Change>,
        advances: &[Advance],
    ) -> Result<bool, JournalError> {
        let is_of_catalogue = projection == Projection::Catalogue && !changes.is_empty();
        let mut statements = moves(projection.name(), journal_id, advances);
        for change in changes {
            statements.push(change.statement()?);
        }
        let written = run(&self.writes, "fill a read model", statements).await;
        // Also when it failed: it may have happened.
        if is_of_catalogue {
            self.recent.was_written();
        }
        written
    }

    /// Drops a projection's rows and cursors.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reset(&self, projection: Projection) -> Result<(), JournalError> {
        let mut statements = vec![Statement::new(DROP_CURSORS, values![projection.name()])];
        statements
            .extend(projection.tables().iter().map(|(_, delete, _)| Statement::new(*delete, Vec::new())));
        let dropped = run_at_length(&self.writes, "drop a read model", statements).await.map(|_| ());
        self.recent.was_written();
        dropped
    }

    /// How many rows a projection's tables have.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn counts(&self, projection: Projection) -> Result<Vec<(&'static str, u64)>, JournalError> {
        let mut counts = Vec::new();
        for (name, _, count) in projection.tables() {
            let (rows,): (i64,) =
                on_pool!(&self.writes, pool => sqlx::query_as(*count).fetch_one(pool).await)
                    .map_err(failed("count a read model's rows"))?;
            counts.push((*name, rows as u64));
        }
        Ok(counts)
    }

    /// Where a projection's cursors stand.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cursors(&self, projection: Projection) -> Result<Vec<Cursor>, JournalError> {
        self.cursors_of(projection.name()).await
    }

    async fn cursors_of(&self, name: &str) -> Result<Vec<Cursor>, JournalError> {
        // Asked of the writing connection: a replica that is behind would tell an old place.
        let rows: Vec<(i64, String, i64)> = on_pool!(&self.writes, pool => {
            sqlx::query_as(CURSORS).bind(name).fetch_all(pool).await
        })
        .map_err(failed("read a projection's cursors"))?;
        Ok(rows.into_iter().map(cursor).collect())
    }
}

/// The steps of cursors. First in a transaction: their rows are what two writers meet at. Should they wait for each other
/// in a circle, the database ends one of them, which looks again where the cursors stand.
fn moves(name: &str, journal_id: &str, advances: &[Advance]) -> Vec<Statement> {
    let (new, moved): (Vec<&Advance>, Vec<&Advance>) = advances.iter().partition(|advance| advance.from == 0);
    let begin = |advance: &&Advance| {
        let values = values![name, u32::from(advance.partition.0), journal_id, advance.to];
        Statement::new(BEGIN_CURSOR, values).required()
    };
    let mut statements: Vec<Statement> = new.iter().map(begin).collect();
    if !moved.is_empty() {
        let each: Vec<String> = moved
            .iter()
            .map(|advance| format!("[{},{},{}]", advance.partition.0, advance.from, advance.to))
            .collect();
        let values = values![name, journal_id, format!("[{}]", each.join(","))];
        statements.push(Statement::new(MOVE_CURSORS, values).required_rows(moved.len() as u64));
    }
    statements
}

/// Every projection's cursors, by its name; also of projections that this souk does not know. For `souk verify`.
///
/// # Errors
/// When the database does not answer.
pub async fn all_cursors(database: &Database) -> Result<Vec<(String, Cursor)>, JournalError> {
    let pool = database.read_pool(Set::Read, 1).await?;
    let rows: Vec<(String, i64, String, i64)> =
        on_pool!(&pool, pool => sqlx::query_as(ALL_CURSORS).fetch_all(pool).await).map_err(|error| {
            // Dropped, or not restored: as when the file is not there.
            if is_missing_table(&error) {
                return JournalError::Absent;
            }
            failed("read the projections' cursors")(error)
        })?;
    pool.close().await;
    Ok(rows
        .into_iter()
        .map(|(projection, partition, journal, position)| {
            (projection, cursor((partition, journal, position)))
        })
        .collect())
}

fn cursor((partition, journal_id, position): (i64, String, i64)) -> Cursor {
    Cursor { partition: Partition(partition as u16), journal_id, position: position as u64 }
}

fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> JournalError {
    move |source| JournalError::Database { doing, source }
}

fn parsed<T: FromStr>(table: &'static str, column: &'static str, text: &str) -> Result<T, JournalError> {
    text.parse().map_err(|_| JournalError::Column { table, column, value: text.to_owned() })
}

fn parsed_if<T: FromStr>(
    table: &'static str,
    column: &'static str,
    text: Option<String>,
) -> Result<Option<T>, JournalError> {
    text.map(|text| parsed(table, column, &text)).transpose()
}

/// The word that stands for a value in a column.
fn word<T: PartialEq>(words: &[(T, &'static str)], value: &T) -> &'static str {
    words.iter().find(|(known, _)| known == value).map_or("", |(_, word)| word)
}

/// The value that a column's word stands for.
fn of_word<T: Copy>(
    words: &[(T, &'static str)],
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, JournalError> {
    let found = words.iter().find(|(_, word)| *word == text).map(|(value, _)| *value);
    found.ok_or_else(|| JournalError::Column { table, column, value: text.to_owned() })
}
