-- API keys. Of a key's secret only the SHA-256 is here. See src/tenants/keys.rs.
CREATE TABLE api_keys (
    -- key_… ; names the key in events, too, and is no secret.
    id          TEXT   NOT NULL PRIMARY KEY,
    role        TEXT   NOT NULL CHECK (role IN ('operator', 'vendor')),
    -- ven_… ; whose key it is.
    vendor      TEXT,
    name        TEXT   NOT NULL,
    secret_hash BLOB   NOT NULL CHECK (length(secret_hash) = 32),
    created_at  BIGINT NOT NULL,
    -- Rows stay after they were revoked: events name them.
    revoked_at  BIGINT,
    CHECK ((role = 'vendor') = (vendor IS NOT NULL))
) WITHOUT ROWID;

CREATE INDEX api_keys_created ON api_keys (created_at, id);
