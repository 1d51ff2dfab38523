-- When a service key was last used: told to whoever looks after keys, and of no consequence. See src/store/key_uses.rs.
CREATE TABLE key_uses (
    key     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    used_at BIGINT NOT NULL
);

-- Pages of others that may use the store in a browser. See src/store/publishable_keys.rs.
CREATE TABLE publishable_keys (
    -- pk_… ; shown to everybody.
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    market     TEXT   NOT NULL,
    -- A JSON list of origins.
    origins    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- As migration 10 says of the tables beside these.
ALTER TABLE key_uses ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_vault ON key_uses
    USING ((SELECT NULLIF(current_setting('souk.scope', true), '')) = 'vault')
    WITH CHECK ((SELECT NULLIF(current_setting('souk.scope', true), '')) = 'vault');
ALTER TABLE publishable_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_vault ON publishable_keys
    USING ((SELECT NULLIF(current_setting('souk.scope', true), '')) = 'vault')
    WITH CHECK ((SELECT NULLIF(current_setting('souk.scope', true), '')) = 'vault');
