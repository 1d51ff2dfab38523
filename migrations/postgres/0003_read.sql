-- Read models: may be deleted at any time and are rebuilt from the journal. See src/store/.

-- How far a projection has read, per partition. One that is ahead of the journal (a backup was restored), or
-- names another journal, starts over.
CREATE TABLE cursors (
    projection TEXT   NOT NULL,
    partition  BIGINT NOT NULL,
    journal_id TEXT   NOT NULL,
    position   BIGINT NOT NULL,
    PRIMARY KEY (projection, partition)
);
