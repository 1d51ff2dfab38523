-- Plain tables: people, keys, vault. Not rebuildable from the journal. See src/store/.

-- One row: the journal these tables belong to.
CREATE TABLE about (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    journal_id TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
