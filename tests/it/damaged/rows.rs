//! The events of a journal taken out, and put back with checksums and chains that are right: whoever can write the
//! tables can do that, so only what the rows say can give the damage away.

use std::collections::BTreeMap;
use std::path::Path;

use souk::journal::checksum::{CHAIN_START, Covered, Hash, next_chain};
use souk::journal::{Database, Set, StoredEvent, wire};
use souk_core::ids::{Partition, StreamId};
use souk_core::journal::Recorded;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

const COLUMNS: &str = "partition, position, stream, seq, epoch, kind, version, append_id, principal, cause_stream, \
     cause_seq, trace, recorded_at, payload, checksum, chain";

/// A connection to the tables of one set.
pub async fn tables(dir: &Path, set: Set) -> SqliteConnection {
    let options = Database::sqlite_options(dir, set);
    SqliteConnection::connect_with(&options).await.expect("a connection")
}

pub async fn execute(connection: &mut SqliteConnection, sql: &str) {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.expect(sql);
}

/// Every event, partition by partition.
pub async fn take_out(journal: &mut SqliteConnection) -> Vec<Recorded> {
    let every = AssertSqlSafe(format!("SELECT {COLUMNS} FROM events ORDER BY partition, position"));
    let rows: Vec<StoredEvent> = sqlx::query_as(every).fetch_all(journal).await.expect("events");
    rows.iter().map(|row| row.decode().expect("nothing is wrong yet")).collect()
}

/// After something was taken out or put in: seqs and positions without gaps again.
pub fn renumber(events: &mut [Recorded]) {
    let mut seqs: BTreeMap<StreamId, u64> = BTreeMap::new();
    let mut positions: BTreeMap<Partition, u64> = BTreeMap::new();
    for recorded in events {
        let seq = seqs.entry(recorded.stream).or_default();
        *seq += 1;
        recorded.seq = *seq;
        let position = positions.entry(recorded.partition).or_default();
        *position += 1;
        recorded.position = *position;
    }
}

/// Writes these events instead of those that are there.
pub async fn put_back(journal: &mut SqliteConnection, events: &[Recorded]) {
    let mut transaction = journal.begin().await.expect("a transaction");
    transaction.execute("DELETE FROM events").await.expect("emptied");
    let mut chains: BTreeMap<Partition, Hash> = BTreeMap::new();
    for recorded in events {
        let encoded = wire::encode(&recorded.event).expect("an event");
        let (stream, append_id) = (recorded.stream.to_string(), recorded.append_id.to_bytes());
        let principal = recorded.origin.principal.to_string();
        let cause = recorded.origin.cause.map(|(stream, seq)| (stream.to_string(), seq));
        let trace = recorded.origin.trace.map(u128::to_be_bytes);
        let checksum = Covered {
            partition: recorded.partition.0,
            stream: &stream,
            seq: recorded.seq,
            epoch: recorded.epoch.0,
            kind: encoded.kind,
            version: encoded.version,
            append_id: &append_id,
            principal: &principal,
            cause: cause.as_ref().map(|(stream, seq)| (stream.as_str(), *seq)),
            trace: trace.as_ref().map(<[u8; 16]>::as_slice),
            recorded_at: recorded.at.as_millis(),
            payload: &encoded.payload,
        }
        .checksum();
        let chain = chains.entry(recorded.partition).or_insert(CHAIN_START);
        *chain = next_chain(chain, recorded.position, &checksum);
        let insert = AssertSqlSafe(format!(
            "INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ));
        let insert = sqlx::query(insert)
            .bind(i64::from(recorded.partition.0))
            .bind(recorded.position as i64)
            .bind(&stream)
            .bind(recorded.seq as i64)
            .bind(recorded.epoch.0 as i64)
            .bind(encoded.kind)
            .bind(i64::from(encoded.version))
            .bind(append_id.as_slice())
            .bind(&principal)
            .bind(cause.as_ref().map(|(stream, _)| stream.as_str()))
            .bind(cause.as_ref().map(|(_, seq)| *seq as i64))
            .bind(trace.as_ref().map(<[u8; 16]>::as_slice))
            .bind(recorded.at.as_millis())
            .bind(&encoded.payload)
            .bind(checksum.as_slice())
            .bind(chain.as_slice());
        insert.execute(&mut *transaction).await.expect("inserted");
    }
    transaction.commit().await.expect("written");
}
