-- The vault: personal data, sealed with a key per subject. Events hold the subject's id and nothing else of a person.
-- See src/store/vault/. Times are milliseconds since the Unix epoch. Names sort by byte, as on SQLite.

CREATE TABLE vault (
    subject     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- The stream that will name the subject. The row is written before the event, so it may be that none ever does.
    stream      TEXT COLLATE "C" NOT NULL,
    -- 1 once that stream was seen to name it.
    named       BIGINT NOT NULL,
    put_at      BIGINT NOT NULL,
    -- Which key of the key file wraps the subject's own key. Erasing a person is deleting the row, and so the key.
    key_version BIGINT NOT NULL,
    wrapped_key BYTEA  NOT NULL,
    address     BYTEA  NOT NULL
);

CREATE INDEX vault_forgotten ON vault (put_at, subject) WHERE named = 0;
CREATE INDEX vault_key_version ON vault (key_version, subject);
