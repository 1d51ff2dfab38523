//! A group as Postgres statements: one for everything, whatever the number of rows, and one per snapshot.

use souk_core::ids::Partition;
use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgBindIterExt};

use super::super::offer::Offer;
use super::super::sql;

/// In partition order, as take-overs lock them, so that neither can wait for the other in a circle.
pub(super) const LEASES: &str =
    "SELECT partition, epoch FROM leases WHERE partition = ANY($1) ORDER BY partition FOR SHARE";
pub(super) const CONFIRMED: &str = "SELECT COUNT(*) FROM UNNEST($1::text[], $2::bigint[]) AS s(stream, seq) \
     JOIN events e ON e.stream = s.stream AND e.seq = s.seq";
/// The events of a group. Also the last part of [`GROUP`], so its numbers are the first.
macro_rules! events {
    () => {
        "INSERT INTO events (partition, position, stream, seq, epoch, kind, version, append_id, \
         principal, cause_stream, cause_seq, trace, recorded_at, payload, checksum, chain) \
         SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], \
         $7::bigint[], $8::bytea[], $9::text[], $10::text[], $11::bigint[], $12::bytea[], $13::bigint[], \
         $14::text[], $15::bytea[], $16::bytea[])"
    };
}
/// A group that has nothing but events: the holds of a shard that sells fast.
const EVENTS: &str = events!();
/// Everything of a group but its snapshots, in one round trip. Its parts see the database as it was before, so none may
/// rest on another: a wake is set or goes, never both (`Offer::build`), and an effect is closed only after the group that
/// ordered it was durable.
const GROUP: &str = concat!(
    "WITH new_replies AS (INSERT INTO replies \
     (command_id, partition, stream, append_id, fingerprint, outcome, recorded_at) \
     SELECT * FROM UNNEST($17::bytea[], $18::bigint[], $19::text[], $20::bytea[], $21::bytea[], $22::text[], \
     $23::bigint[])), \
     wakes_set AS (INSERT INTO wakes (stream, partition, due_at) \
     SELECT * FROM UNNEST($24::text[], $25::bigint[], $26::bigint[]) \
     ON CONFLICT (stream) DO UPDATE SET due_at = excluded.due_at), \
     wakes_gone AS (DELETE FROM wakes WHERE stream = ANY($27::text[])), \
     ordered AS (INSERT INTO outbox (stream, seq, n, partition, append_id, lane, kind, version, payload, \
     next_try_at, created_at, attempts, dead) \
     SELECT u.*, 0, 0 FROM UNNEST($28::text[], $29::bigint[], $30::bigint[], $31::bigint[], $32::bytea[], \
     $33::text[], $34::text[], $35::bigint[], $36::text[], $37::bigint[], $38::bigint[]) AS u), \
     closed AS (DELETE FROM outbox o USING UNNEST($39::text[], $40::bigint[], $41::bigint[]) \
     AS c(stream, seq, n) WHERE o.stream = c.stream AND o.seq = c.seq AND o.n = c.n) ",
    events!(),
);

/// A statement with its arguments.
pub(super) type Statement = (&'static str, PgArguments);

macro_rules! add_all {
    ($arguments:ident, $($value:expr),+ $(,)?) => {
        $($arguments.add($value)?;)+
    };
}

macro_rules! arguments {
    ($($value:expr),+ $(,)?) => {{
        let mut arguments = PgArguments::default();
        add_all!(arguments, $($value),+);
        arguments
    }};
}

/// The partitions whose lease is not the one the offer was made under. `held` is in partition order.
pub(super) fn fenced(leases: &[(Partition, i64)], held: &[(i64, i64)]) -> Vec<Partition> {
    let is_ours = |(partition, epoch): &(Partition, i64)| {
        let row = held.binary_search_by_key(&i64::from(partition.0), |(partition, _)| *partition);
        row.is_ok_and(|at| held[at].1 == *epoch)
    };
    leases.iter().filter(|lease| !is_ours(lease)).map(|(partition, _)| *partition).collect()
}

/// What must be true before anything is written.
pub(super) struct Checks {
    pub(super) leases: Vec<(Partition, i64)>,
    pub(super) partitions: PgArguments,
    /// Streams and seqs, when there are any.
    pub(super) stated: Option<PgArguments>,
    /// How many of them.
    pub(super) expected: i64,
}

impl Checks {
    pub(super) fn of(offer: &Offer) -> Result<Self, BoxDynError> {
        let partitions = arguments!(offer.leases.keys().map(|partition| i64::from(partition.0)).bind_iter());
        let stated = arguments!(
            offer.unconfirmed().map(|(stream, _)| &**stream).bind_iter(),
            offer.unconfirmed().map(|(_, seq)| seq as i64).bind_iter(),
        );
        let expected = offer.unconfirmed().count() as i64;
        Ok(Checks {
            leases: offer.leases.iter().map(|(partition, epoch)| (*partition, epoch.0 as i64)).collect(),
            partitions,
            stated: (expected > 0).then_some(stated),
            expected,
        })
    }
}

/// Everything that is to be written.
pub(super) fn statements(offer: &Offer) -> Result<Vec<Statement>, BoxDynError> {
    let mut statements = Vec::new();
    // A group of snapshots alone has nothing else.
    if !offer.group.placed.is_empty() {
        let mut arguments = PgArguments::default();
        add_events(&mut arguments, offer)?;
        if has_events_only(offer) {
            statements.push((EVENTS, arguments));
        } else {
            add_all_else(&mut arguments, offer)?;
            statements.push((GROUP, arguments));
        }
    }
    for snapshot in &offer.snapshots {
        let arguments = arguments!(
            snapshot.stream.to_string(),
            i64::from(snapshot.stream.partition().0),
            snapshot.seq as i64,
            i64::from(snapshot.version),
            snapshot.hash.as_slice(),
            snapshot.state.as_str(),
        );
        statements.push((sql::PUT_SNAPSHOT, arguments));
    }
    Ok(statements)
}

fn has_events_only(offer: &Offer) -> bool {
    offer.wakes.is_empty()
        && offer
            .appends()
            .all(|append| append.replies.is_empty() && append.outbox.is_empty() && append.closes.is_empty())
}

/// In the order of the numbers in [`EVENTS`].
fn add_events(arguments: &mut PgArguments, offer: &Offer) -> Result<(), BoxDynError> {
    let rows = || offer.events();
    add_all!(
        arguments,
        rows().map(|row| i64::from(row.append.partition.0)).bind_iter(),
        rows().map(|row| row.position as i64).bind_iter(),
        rows().map(|row| &*row.event.stream).bind_iter(),
        rows().map(|row| row.event.seq as i64).bind_iter(),
        rows().map(|row| row.append.epoch.0 as i64).bind_iter(),
        rows().map(|row| row.event.kind).bind_iter(),
        rows().map(|row| i64::from(row.event.version)).bind_iter(),
        rows().map(|row| row.append.append_id).bind_iter(),
        rows().map(|row| &*row.append.principal).bind_iter(),
        rows().map(|row| row.append.cause.as_ref().map(|(stream, _)| &**stream)).bind_iter(),
        rows().map(|row| row.append.cause.as_ref().map(|(_, seq)| *seq as i64)).bind_iter(),
        rows().map(|row| row.append.trace).bind_iter(),
        rows().map(|row| row.append.at.as_millis()).bind_iter(),
        rows().map(|row| &*row.event.payload).bind_iter(),
        rows().map(|row| row.event.checksum).bind_iter(),
        rows().map(|row| *row.chain).bind_iter(),
    );
    Ok(())
}

/// In the order of the other numbers in [`GROUP`].
fn add_all_else(arguments: &mut PgArguments, offer: &Offer) -> Result<(), BoxDynError> {
    let replies = || offer.appends().flat_map(|append| append.replies.iter().map(move |row| (append, row)));
    let set = || offer.wakes.iter().filter_map(|wake| wake.due_at.map(|due_at| (wake, due_at)));
    let gone = || offer.wakes.iter().filter(|wake| wake.due_at.is_none());
    let effects = || offer.appends().flat_map(|append| append.outbox.iter().map(move |row| (append, row)));
    let closes = || offer.appends().flat_map(|append| &append.closes);
    add_all!(
        arguments,
        replies().map(|(_, reply)| reply.command_id).bind_iter(),
        replies().map(|(append, _)| i64::from(append.partition.0)).bind_iter(),
        replies().map(|(append, _)| &*append.stream_text).bind_iter(),
        replies().map(|(append, _)| append.append_id).bind_iter(),
        replies().map(|(_, reply)| reply.fingerprint).bind_iter(),
        replies().map(|(_, reply)| &*reply.outcome).bind_iter(),
        replies().map(|(append, _)| append.at.as_millis()).bind_iter(),
        set().map(|(wake, _)| &*wake.stream).bind_iter(),
        set().map(|(wake, _)| i64::from(wake.partition.0)).bind_iter(),
        set().map(|(_, due_at)| due_at.as_millis()).bind_iter(),
        gone().map(|wake| &*wake.stream).bind_iter(),
        effects().map(|(_, row)| &*row.stream).bind_iter(),
        effects().map(|(_, row)| row.id.seq as i64).bind_iter(),
        effects().map(|(_, row)| i64::from(row.id.n)).bind_iter(),
        effects().map(|(append, _)| i64::from(append.partition.0)).bind_iter(),
        effects().map(|(append, _)| append.append_id).bind_iter(),
        effects().map(|(_, row)| &*row.effect.lane).bind_iter(),
        effects().map(|(_, row)| &*row.effect.kind).bind_iter(),
        effects().map(|(_, row)| i64::from(row.effect.version)).bind_iter(),
        effects().map(|(_, row)| &*row.effect.payload).bind_iter(),
        effects().map(|(append, _)| append.at.as_millis()).bind_iter(),
        effects().map(|(append, _)| append.at.as_millis()).bind_iter(),
        closes().map(|(stream, _)| &**stream).bind_iter(),
        closes().map(|(_, id)| id.seq as i64).bind_iter(),
        closes().map(|(_, id)| i64::from(id.n)).bind_iter(),
    );
    Ok(())
}
