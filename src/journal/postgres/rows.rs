//! A group as one Postgres statement, whatever the number of rows: it checks, writes and, being a transaction of its own,
//! commits. Four round trips would be four times as many wake-ups of two processes, while the hosts wait.

use std::collections::BTreeMap;

use souk_core::ids::{Partition, StreamId};
use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgBindIterExt};

use super::super::offer::Offer;
use super::super::wire::EncodedSnapshot;

/// What must be true before anything is written, and then the events. The rows of the leases are locked in partition
/// order, as take-overs lock them, so that neither can wait for the other in a circle; a take-over that was faster is
/// waited for, and its epoch seen (`FOR SHARE` reads the newest version of a row, unlike the rest of the statement).
/// Nothing is written unless the gate has its row.
macro_rules! checked_events {
    () => {
        "WITH held AS (SELECT partition, epoch FROM leases WHERE partition = ANY($1::bigint[]) \
         ORDER BY partition FOR SHARE), \
         confirmed AS (SELECT COUNT(*) AS n FROM UNNEST($3::text[], $4::bigint[]) AS s(stream, seq) \
         JOIN events e ON e.stream = s.stream AND e.seq = s.seq), \
         gate AS (SELECT 1 WHERE (SELECT n FROM confirmed) = cardinality($3::text[]) \
         AND (SELECT COUNT(*) FROM held JOIN UNNEST($1::bigint[], $2::bigint[]) AS w(partition, epoch) \
         ON held.partition = w.partition AND held.epoch = w.epoch) = cardinality($1::bigint[]) \
         AND cardinality($1::bigint[]) > 0), \
         written AS (INSERT INTO events (partition, position, stream, seq, epoch, kind, version, append_id, \
         principal, cause_stream, cause_seq, trace, recorded_at, payload, checksum, chain) \
         SELECT u.* FROM gate, UNNEST($5::bigint[], $6::bigint[], $7::text[], $8::bigint[], $9::bigint[], \
         $10::text[], $11::bigint[], $12::bytea[], $13::text[], $14::text[], $15::bigint[], $16::bytea[], \
         $17::bigint[], $18::text[], $19::bytea[], $20::bytea[]) AS u)"
    };
}
/// What the gate was decided by.
macro_rules! seen {
    () => {
        " SELECT partition, epoch, n, (SELECT COUNT(*) FROM gate) FROM held, confirmed ORDER BY partition"
    };
}
/// A group that has nothing but events: the holds of a shard that sells fast.
const EVENTS: &str = concat!(checked_events!(), seen!());
/// Everything of a group. Its parts see the database as it was before, so none may rest on another: a wake is set or goes,
/// never both (`Offer::build`), an effect is closed only after the group that ordered it was durable, and of a stream's
/// snapshots only the newest is written.
const GROUP: &str = concat!(
    checked_events!(),
    ", new_replies AS (INSERT INTO replies \
     (command_id, partition, stream, append_id, fingerprint, outcome, recorded_at) \
     SELECT u.* FROM gate, UNNEST($21::bytea[], $22::bigint[], $23::text[], $24::bytea[], $25::bytea[], \
     $26::text[], $27::bigint[]) AS u), \
     wakes_set AS (INSERT INTO wakes (stream, partition, due_at) \
     SELECT u.* FROM gate, UNNEST($28::text[], $29::bigint[], $30::bigint[]) AS u \
     ON CONFLICT (stream) DO UPDATE SET due_at = excluded.due_at), \
     wakes_gone AS (DELETE FROM wakes USING gate WHERE stream = ANY($31::text[])), \
     ordered AS (INSERT INTO outbox (stream, seq, n, partition, append_id, lane, kind, version, payload, \
     next_try_at, created_at, attempts, dead) \
     SELECT u.*, 0, 0 FROM gate, UNNEST($32::text[], $33::bigint[], $34::bigint[], $35::bigint[], $36::bytea[], \
     $37::text[], $38::text[], $39::bigint[], $40::text[], $41::bigint[], $42::bigint[]) AS u), \
     closed AS (DELETE FROM outbox o USING gate, UNNEST($43::text[], $44::bigint[], $45::bigint[]) \
     AS c(stream, seq, n) WHERE o.stream = c.stream AND o.seq = c.seq AND o.n = c.n), \
     kept AS (INSERT INTO snapshots (stream, partition, seq, version, hash, state) \
     SELECT u.* FROM gate, UNNEST($46::text[], $47::bigint[], $48::bigint[], $49::bigint[], $50::bytea[], \
     $51::text[]) AS u ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq, version = excluded.version, \
     hash = excluded.hash, state = excluded.state WHERE excluded.seq > snapshots.seq)",
    seen!(),
);
/// A row of what the gate was decided by: a lease's partition and epoch, how many of the stated events are there, and
/// whether it was passed.
pub(super) type Seen = (i64, i64, i64, i64);

/// A statement with its arguments.
pub(super) type Statement = (&'static str, PgArguments);

macro_rules! add_all {
    ($arguments:ident, $($value:expr),+ $(,)?) => {
        $($arguments.add($value)?;)+
    };
}

/// The partitions whose lease is not the one the offer was made under. What was seen is in partition order.
pub(super) fn fenced(offer: &Offer, seen: &[Seen]) -> Vec<Partition> {
    let is_ours = |partition: Partition, epoch: i64| {
        let row = seen.binary_search_by_key(&i64::from(partition.0), |(partition, ..)| *partition);
        row.is_ok_and(|at| seen[at].1 == epoch)
    };
    let lost = offer.leases.iter().filter(|(partition, epoch)| !is_ours(**partition, epoch.0 as i64));
    lost.map(|(partition, _)| *partition).collect()
}

/// Everything that is to be checked and written.
pub(super) fn statement(offer: &Offer) -> Result<Statement, BoxDynError> {
    let mut arguments = PgArguments::default();
    add_checks(&mut arguments, offer)?;
    add_events(&mut arguments, offer)?;
    if has_events_only(offer) {
        return Ok((EVENTS, arguments));
    }
    add_all_else(&mut arguments, offer)?;
    add_snapshots(&mut arguments, offer)?;
    Ok((GROUP, arguments))
}

fn has_events_only(offer: &Offer) -> bool {
    offer.wakes.is_empty()
        && offer.snapshots.is_empty()
        && offer
            .appends()
            .all(|append| append.replies.is_empty() && append.outbox.is_empty() && append.closes.is_empty())
}

/// In the order of the first numbers of both.
fn add_checks(arguments: &mut PgArguments, offer: &Offer) -> Result<(), BoxDynError> {
    add_all!(
        arguments,
        offer.leases.keys().map(|partition| i64::from(partition.0)).bind_iter(),
        offer.leases.values().map(|epoch| epoch.0 as i64).bind_iter(),
        offer.unconfirmed().map(|(stream, _)| &**stream).bind_iter(),
        offer.unconfirmed().map(|(_, seq)| seq as i64).bind_iter(),
    );
    Ok(())
}

/// In the order of the other numbers of [`EVENTS`].
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

/// In the order of the next numbers of [`GROUP`].
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

/// In the order of the last numbers of [`GROUP`].
fn add_snapshots(arguments: &mut PgArguments, offer: &Offer) -> Result<(), BoxDynError> {
    let mut newest: BTreeMap<StreamId, &EncodedSnapshot> = BTreeMap::new();
    for snapshot in &offer.snapshots {
        let kept = newest.entry(snapshot.stream).or_insert(snapshot);
        if snapshot.seq > kept.seq {
            *kept = snapshot;
        }
    }
    let rows = || newest.values();
    let streams: Vec<String> = newest.keys().map(ToString::to_string).collect();
    add_all!(
        arguments,
        streams.iter().map(String::as_str).bind_iter(),
        rows().map(|row| i64::from(row.stream.partition().0)).bind_iter(),
        rows().map(|row| row.seq as i64).bind_iter(),
        rows().map(|row| i64::from(row.version)).bind_iter(),
        rows().map(|row| row.hash).bind_iter(),
        rows().map(|row| row.state.as_str()).bind_iter(),
    );
    Ok(())
}
