//! SQL that both dialects speak.

pub(super) const EVENT_COLUMNS: &str = "partition, position, stream, seq, epoch, kind, version, append_id, \
     principal, cause_stream, cause_seq, trace, recorded_at, payload, checksum, chain";

/// Of every partition that has events: the last position and its chain. A seek each: SQLite keeps to the order of a CROSS
/// JOIN, and would else read every event to look up its partition.
pub(super) const TAILS: &str = "SELECT l.partition, e.position, e.chain FROM leases l CROSS JOIN events e \
     WHERE e.partition = l.partition \
     AND e.position = (SELECT MAX(position) FROM events WHERE events.partition = l.partition)";

pub(super) const MARK_EVENT: &str = "SELECT append_id FROM events WHERE stream = $1 AND seq = $2";
pub(super) const MARK_REPLY: &str = "SELECT append_id FROM replies WHERE command_id = $1";
pub(super) const MARK_OUTBOX: &str = "SELECT append_id FROM outbox WHERE stream = $1 AND seq = $2 AND n = $3";

/// A snapshot that is not newer than the one there changes nothing.
pub(super) const PUT_SNAPSHOT: &str = "INSERT INTO snapshots (stream, partition, seq, version, hash, state) \
     VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq, version = excluded.version, \
     hash = excluded.hash, state = excluded.state WHERE excluded.seq > snapshots.seq";

pub(super) const NOTE_FAILURE: &str = "UPDATE outbox SET attempts = attempts + 1, last_error = $4, \
     next_try_at = $5, dead = $6 WHERE stream = $1 AND seq = $2 AND n = $3";
pub(super) const REVIVE: &str = "UPDATE outbox SET dead = 0, attempts = 0, next_try_at = $4 \
     WHERE stream = $1 AND seq = $2 AND n = $3 AND dead = 1";
pub(super) const PRUNE_REPLIES: &str = "DELETE FROM replies WHERE command_id IN \
     (SELECT command_id FROM replies WHERE recorded_at < $1 ORDER BY recorded_at LIMIT $2)";

pub(super) const META: &str =
    "SELECT journal_id, format, partitions, stock_shards, placement_hash, created_at FROM meta WHERE id = 1";
pub(super) const NEXT_START: &str = "UPDATE meta SET starts = starts + 1 WHERE id = 1 RETURNING starts";
pub(super) const CREATE_META: &str = "INSERT INTO meta (id, journal_id, format, partitions, stock_shards, \
     placement_hash, created_at, starts) VALUES (1, $1, $2, $3, $4, $5, $6, 0) ON CONFLICT (id) DO NOTHING";
pub(super) const CREATE_LEASE: &str = "INSERT INTO leases (partition, epoch, owner, expires_at) \
     VALUES ($1, 0, 0, 0) ON CONFLICT (partition) DO NOTHING";
