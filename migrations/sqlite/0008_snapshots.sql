-- Not WITHOUT ROWID any more: there a row is its own key, and whoever looked for any stream read the whole states of those
-- that it was compared with on the way, which for a busy stock shard are hundreds of kilobytes.
CREATE TABLE snapshots_by_rowid (
    stream    TEXT   NOT NULL PRIMARY KEY,
    partition BIGINT NOT NULL,
    seq       BIGINT NOT NULL,
    version   BIGINT NOT NULL,
    hash      BLOB   NOT NULL,
    state     TEXT   NOT NULL
);

INSERT INTO snapshots_by_rowid (stream, partition, seq, version, hash, state)
SELECT stream, partition, seq, version, hash, state FROM snapshots;

DROP TABLE snapshots;

ALTER TABLE snapshots_by_rowid RENAME TO snapshots;
