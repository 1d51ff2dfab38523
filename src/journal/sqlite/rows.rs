//! A group as SQLite statements: multi-row statements in a few fixed sizes, so that each is prepared once. What a size
//! has too many of is filled up with empty rows that nothing comes of: another statement would cost more, because each is
//! handed to the connection's thread and back. For the same reason a small group is one text of several statements, with
//! its COMMIT.

use std::fmt::Write as _;
use std::sync::Arc;

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, SqlSafeStr, SqlStr};

use super::super::backend::Fault;
use super::super::encode::EncodedAppend;
use super::super::offer::{FullRow, Offer};
use super::super::sql;

/// The most rows of one statement. Larger ones gain nothing, and each size is a statement in the cache.
const CHUNK_MAX: usize = 256;
/// The most rows of a group that is one text. Larger ones are rarer and of more shapes, each of which is a text in the
/// cache.
const TOGETHER_MAX: usize = 64;
/// A statement with its arguments, or several that take them one after the other.
pub(super) type Statement = (SqlStr, SqliteArguments);

/// Adds each value to the arguments of a statement.
macro_rules! add_all {
    ($arguments:ident, $($value:expr),+ $(,)?) => {
        $($arguments.add($value).map_err(Fault::failed)?;)+
    };
}

/// What must be true before anything is written.
pub(super) struct Checks {
    /// JSON object of partition and epoch.
    pub(super) leases: String,
    /// JSON list of stream and seq.
    pub(super) stated: String,
    /// How many of them.
    pub(super) expected: i64,
}

impl Checks {
    pub(super) fn of(offer: &Offer) -> Self {
        let mut leases = String::with_capacity(offer.leases.len() * 10 + 2);
        leases.push('{');
        for (partition, epoch) in &offer.leases {
            let comma = if leases.len() == 1 { "" } else { "," };
            let _ = write!(leases, "{comma}\"{}\":{}", partition.0, epoch.0);
        }
        leases.push('}');
        let mut stated = String::from("[");
        let mut expected = 0;
        for (stream, seq) in offer.unconfirmed() {
            let comma = if expected == 0 { "" } else { "," };
            let _ = write!(stated, "{comma}[\"{stream}\",{seq}]");
            expected += 1;
        }
        stated.push(']');
        Checks { leases, stated, expected }
    }
}

fn add_event(arguments: &mut SqliteArguments, row: &FullRow<'_>) -> Result<(), Fault> {
    let (append, event) = (row.append, row.event);
    add_all!(
        arguments,
        i64::from(append.partition.0),
        row.position as i64,
        event.stream.clone(),
        event.seq as i64,
        append.epoch.0 as i64,
        event.kind,
        i64::from(event.version),
        append.append_id.as_slice(),
        append.principal.clone(),
        append.cause.as_ref().map(|(stream, _)| stream.clone()),
        append.cause.as_ref().map(|(_, seq)| *seq as i64),
        append.trace.as_ref().map(<[u8; 16]>::as_slice),
        append.at.as_millis(),
        event.payload.clone(),
        event.checksum.as_slice(),
        row.chain.as_slice(),
    );
    Ok(())
}

/// The smallest power of two that takes what is left, or as much of it as a statement takes. Of four where several become
/// one text, so that there are fewer of those.
fn size_for(left: usize, is_together: bool) -> usize {
    let power = left.clamp(1, CHUNK_MAX).next_power_of_two();
    if is_together && power.ilog2() % 2 == 1 { power * 2 } else { power }
}

/// Ends the transaction, and says so: of a connection whose thread ends in the middle nothing is heard, which looks like an
/// end without rows.
pub(super) const COMMIT: &str = "COMMIT; SELECT 1";

/// What is to be written, as it grows.
#[derive(Default)]
struct Written {
    /// Each with its arguments, or all with those of `arguments`.
    statements: Vec<Statement>,
    /// When everything becomes one text.
    together: Option<SqliteArguments>,
}

impl Written {
    /// One statement per [`CHUNK_MAX`] rows of so many columns.
    fn rows<T>(
        &mut self,
        sizes: &Sizes,
        rows: impl Iterator<Item = T>,
        mut add: impl FnMut(&mut SqliteArguments, T) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let rows: Vec<T> = rows.collect();
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        while left > 0 {
            let is_together = self.together.is_some();
            let size = size_for(left, is_together);
            let mut own = SqliteArguments::default();
            let arguments = self.together.as_mut().unwrap_or(&mut own);
            arguments.reserve(size * sizes.columns, 0);
            for row in rows.by_ref().take(size) {
                add(arguments, row)?;
            }
            let empty = size.saturating_sub(left);
            for _ in 0..empty * sizes.columns {
                add_all!(arguments, None::<i64>);
            }
            left = left.saturating_sub(size);
            self.statements.push((sizes.of(size, empty > 0 || is_together), own));
        }
        Ok(())
    }

    fn finish(self) -> Statements {
        let Some(arguments) = self.together else { return Statements::Each(self.statements) };
        let mut text = String::with_capacity(4_096);
        for (statement, _) in &self.statements {
            text.push_str(statement.as_str());
            text.push(';');
        }
        text.push_str(COMMIT);
        // Made of constants only.
        Statements::Whole((AssertSqlSafe(text).into_sql_str(), arguments))
    }
}

/// A group.
pub(super) enum Statements {
    /// One text that ends the transaction, too.
    Whole(Statement),
    /// Several, and the transaction is still to be ended.
    Each(Vec<Statement>),
}

/// The same statement for 1, 2, 4 … rows.
#[derive(Debug)]
struct Sizes {
    columns: usize,
    full: Vec<SqlStr>,
    /// With empty rows among them. Slower: every row is copied once more to leave those out.
    filled_up: Vec<SqlStr>,
}

impl Sizes {
    /// One that takes empty rows as they are: nothing equals NULL.
    fn new(head: &str, row: &str, tail: &str) -> Self {
        let full = texts(CHUNK_MAX, head, row, tail);
        Sizes { columns: row.matches('?').count(), filled_up: full.clone(), full }
    }

    /// Inserts rows; the empty ones are left out. A row that cannot be inserted ends the transaction: to undo its statement
    /// alone, SQLite would copy every page before that statement changes it.
    fn inserting(into: &str, row: &str, on_conflict: &str) -> Self {
        let head = format!("INSERT OR ROLLBACK INTO {into}");
        let full = texts(CHUNK_MAX, &format!("{head} VALUES"), row, on_conflict);
        let head = format!("{head} SELECT * FROM (VALUES");
        let tail = format!(") WHERE column1 IS NOT NULL {on_conflict}");
        let filled_up = texts(CHUNK_MAX, &head, row, &tail);
        Sizes { columns: row.matches('?').count(), full, filled_up }
    }

    fn of(&self, rows: usize, has_empty: bool) -> SqlStr {
        let texts = if has_empty { &self.filled_up } else { &self.full };
        texts[rows.ilog2() as usize].clone()
    }
}

fn texts(rows_max: usize, head: &str, row: &str, tail: &str) -> Vec<SqlStr> {
    let text = |power| {
        let rows = vec![row; 1usize << power].join(",");
        // Made of constants only; shared, so that no offer copies it.
        AssertSqlSafe(Arc::<str>::from(format!("{head} {rows} {tail}"))).into_sql_str()
    };
    (0..=rows_max.ilog2()).map(text).collect()
}

#[derive(Debug)]
pub(super) struct Texts {
    events: Sizes,
    replies: Sizes,
    wakes: Sizes,
    wakes_gone: Sizes,
    outbox: Sizes,
    closes: Sizes,
}

impl Texts {
    pub(super) fn new() -> Self {
        Texts {
            events: Sizes::inserting(
                &format!("events ({})", sql::EVENT_COLUMNS),
                "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                "",
            ),
            replies: Sizes::inserting(
                "replies (command_id, partition, stream, append_id, fingerprint, outcome, recorded_at)",
                "(?,?,?,?,?,?,?)",
                "",
            ),
            wakes: Sizes::inserting(
                "wakes (stream, partition, due_at)",
                "(?,?,?)",
                "ON CONFLICT (stream) DO UPDATE SET due_at = excluded.due_at",
            ),
            wakes_gone: Sizes::new("DELETE FROM wakes WHERE stream IN (", "?", ")"),
            outbox: Sizes::inserting(
                "outbox (stream, seq, n, partition, append_id, lane, kind, version, payload, next_try_at, created_at, \
                 attempts, dead)",
                "(?,?,?,?,?,?,?,?,?,?,?,0,0)",
                "",
            ),
            closes: Sizes::new("DELETE FROM outbox WHERE (stream, seq, n) IN (VALUES", "(?,?,?)", ")"),
        }
    }

    /// Everything that is to be written.
    pub(super) fn of(&self, offer: &Offer) -> Result<Statements, Fault> {
        let rows = |append: &EncodedAppend| append.replies.len() + append.outbox.len() + append.closes.len();
        let rows = offer.events().count() + offer.wakes.len() + offer.appends().map(rows).sum::<usize>();
        let is_small = rows <= TOGETHER_MAX && offer.snapshots.is_empty();
        let mut written = Written { together: is_small.then(SqliteArguments::default), ..Written::default() };
        written.rows(&self.events, offer.events(), |arguments, row| add_event(arguments, &row))?;
        let replies = offer.appends().flat_map(|append| append.replies.iter().map(move |row| (append, row)));
        written.rows(&self.replies, replies, |arguments, (append, reply)| {
            add_all!(
                arguments,
                reply.command_id.as_slice(),
                i64::from(append.partition.0),
                append.stream_text.clone(),
                append.append_id.as_slice(),
                reply.fingerprint.as_slice(),
                reply.outcome.clone(),
                append.at.as_millis(),
            );
            Ok(())
        })?;
        let set = offer.wakes.iter().filter_map(|wake| wake.due_at.map(|due_at| (wake, due_at)));
        written.rows(&self.wakes, set, |arguments, (wake, due_at)| {
            add_all!(arguments, wake.stream.clone(), i64::from(wake.partition.0), due_at.as_millis());
            Ok(())
        })?;
        let gone = offer.wakes.iter().filter(|wake| wake.due_at.is_none());
        written.rows(&self.wakes_gone, gone, |arguments, wake| {
            add_all!(arguments, wake.stream.clone());
            Ok(())
        })?;
        let effects = offer.appends().flat_map(|append| append.outbox.iter().map(move |row| (append, row)));
        written.rows(&self.outbox, effects, |arguments, (append, row)| {
            add_all!(
                arguments,
                row.stream.clone(),
                row.id.seq as i64,
                i64::from(row.id.n),
                i64::from(append.partition.0),
                append.append_id.as_slice(),
                row.effect.lane.as_str(),
                row.effect.kind.as_str(),
                i64::from(row.effect.version),
                row.effect.payload.as_str(),
                append.at.as_millis(),
                append.at.as_millis(),
            );
            Ok(())
        })?;
        let closes = offer.appends().flat_map(|append| &append.closes);
        written.rows(&self.closes, closes, |arguments, (stream, id)| {
            add_all!(arguments, stream.clone(), id.seq as i64, i64::from(id.n));
            Ok(())
        })?;
        for snapshot in &offer.snapshots {
            let arguments = &mut SqliteArguments::default();
            add_all!(
                arguments,
                snapshot.stream.to_string(),
                i64::from(snapshot.stream.partition().0),
                snapshot.seq as i64,
                i64::from(snapshot.version),
                snapshot.hash.as_slice(),
                snapshot.state.as_str(),
            );
            written.statements.push((sql::PUT_SNAPSHOT.into_sql_str(), std::mem::take(arguments)));
        }
        Ok(written.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_statement_and_the_rest_of_it_is_empty() {
        let sizes = Sizes::inserting("t (a, b)", "(?,?,0)", "");
        for (rows, expected) in
            [(0, vec![]), (1, vec![1]), (3, vec![4]), (39, vec![64]), (600, vec![256, 256, 128])]
        {
            let mut written = Written::default();
            let mut added = 0;
            let add = |arguments: &mut SqliteArguments, row: i64| {
                added += 1;
                add_all!(arguments, row, row);
                Ok(())
            };
            written.rows(&sizes, 0..rows, add).unwrap();
            let found: Vec<usize> = written
                .statements
                .iter()
                .map(|(text, arguments)| {
                    let holes = text.as_str().matches('?').count();
                    assert_eq!(arguments.len(), holes);
                    holes / 2
                })
                .collect();
            assert_eq!((found, added), (expected, rows));
        }
    }
}
