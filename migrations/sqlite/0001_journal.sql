-- The journal: what happened, and what must still happen. Never edited by hand; see src/journal/.
-- Times are milliseconds since the Unix epoch.

-- One row. What must not change over the journal's life is compared at every start.
CREATE TABLE meta (
    id             BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    journal_id     TEXT   NOT NULL,
    format         BIGINT NOT NULL,
    partitions     BIGINT NOT NULL,
    stock_shards   BIGINT NOT NULL,
    placement_hash TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    -- Counts the starts of processes; an incarnation is a start's number and a counter, so it never repeats.
    starts         BIGINT NOT NULL
);

-- Who may write to a partition: the owner of the highest epoch.
CREATE TABLE leases (
    partition  BIGINT NOT NULL PRIMARY KEY,
    epoch      BIGINT NOT NULL,
    -- The number of the start that owns it; 0 is nobody.
    owner      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE events (
    partition    BIGINT NOT NULL,
    position     BIGINT NOT NULL,
    stream       TEXT   NOT NULL,
    seq          BIGINT NOT NULL,
    epoch        BIGINT NOT NULL,
    kind         TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    append_id    BLOB   NOT NULL,
    principal    TEXT   NOT NULL,
    cause_stream TEXT,
    cause_seq    BIGINT,
    trace        BLOB,
    recorded_at  BIGINT NOT NULL,
    payload      TEXT   NOT NULL,
    -- SHA-256 over every column above but the position.
    checksum     BLOB   NOT NULL,
    -- SHA-256 over the chain of the position before, this position and this checksum.
    chain        BLOB   NOT NULL,
    PRIMARY KEY (partition, position)
) WITHOUT ROWID;

CREATE UNIQUE INDEX events_stream_seq ON events (stream, seq);

-- The newest snapshot of a stream. Disposable: without it the stream is folded from its first event.
CREATE TABLE snapshots (
    stream    TEXT   NOT NULL PRIMARY KEY,
    partition BIGINT NOT NULL,
    seq       BIGINT NOT NULL,
    version   BIGINT NOT NULL,
    hash      BLOB   NOT NULL,
    state     TEXT   NOT NULL
) WITHOUT ROWID;

-- Orders to the outside world that have no recorded outcome yet.
CREATE TABLE outbox (
    stream      TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    n           BIGINT NOT NULL,
    partition   BIGINT NOT NULL,
    append_id   BLOB   NOT NULL,
    lane        TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    payload     TEXT   NOT NULL,
    attempts    BIGINT NOT NULL,
    next_try_at BIGINT NOT NULL,
    last_error  TEXT,
    -- 1 when it is given up and waits for an operator.
    dead        BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (stream, seq, n)
) WITHOUT ROWID;

CREATE INDEX outbox_open ON outbox (lane, dead, next_try_at);

-- When a stream must be brought back at the latest. May be early, is never late.
CREATE TABLE wakes (
    stream    TEXT   NOT NULL PRIMARY KEY,
    partition BIGINT NOT NULL,
    due_at    BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX wakes_due ON wakes (partition, due_at);

-- What a request was answered, so that its repeat is answered the same.
CREATE TABLE replies (
    command_id  BLOB   NOT NULL PRIMARY KEY,
    partition   BIGINT NOT NULL,
    stream      TEXT   NOT NULL,
    append_id   BLOB   NOT NULL,
    fingerprint BLOB   NOT NULL,
    outcome     TEXT   NOT NULL,
    recorded_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX replies_stream ON replies (stream, recorded_at);
CREATE INDEX replies_recorded_at ON replies (recorded_at);
