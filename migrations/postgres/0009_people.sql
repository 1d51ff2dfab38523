-- What identifies or authenticates people. See src/store/credentials.rs and src/store/signing_keys.rs.

-- Each row is written before the event that names it; rows that no event came to name are swept.
CREATE TABLE credentials (
    -- mail, password, family
    kind    TEXT COLLATE "C" NOT NULL,
    -- Of a mail address a keyed hash, which makes it unique; of a password its crd_…; of a family its fam_….
    key     TEXT COLLATE "C" NOT NULL,
    -- The stream that names it, or will.
    stream  TEXT COLLATE "C" NOT NULL,
    -- Of a mail address the sub_… that has it in the vault; of a password its hash; of a family half of its secret.
    content BYTEA  NOT NULL,
    -- When it was last put.
    put_at  BIGINT NOT NULL,
    -- 1 once its stream was seen to name it.
    named   BIGINT NOT NULL,
    PRIMARY KEY (kind, key)
);

CREATE INDEX credentials_unnamed ON credentials (put_at, kind, key) WHERE named = 0;
CREATE INDEX credentials_stream ON credentials (stream, kind);

-- The keys that sign access tokens: halves, worth nothing without server.key.
CREATE TABLE signing_keys (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    salt    BYTEA  NOT NULL CHECK (length(salt) = 32),
    made_at BIGINT NOT NULL
);
