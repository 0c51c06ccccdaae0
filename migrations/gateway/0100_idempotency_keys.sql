-- The requests that clients named with `Idempotency-Key`, and what they were answered.
CREATE TABLE idempotency_keys (
    -- Who sent it: two clients may well choose the same key.
    scope        TEXT        NOT NULL,
    -- SHA-256 of the key. The key itself is kept nowhere: it salts the fingerprint.
    key_hash     TEXT        NOT NULL,
    -- SHA-256 of key, method, path with query and body: the same key for something else is a mistake.
    fingerprint  TEXT        NOT NULL,
    state        TEXT        NOT NULL CHECK (state IN ('running', 'done')),
    -- The run that may write the answer; a run that lost its lease finds another one's here.
    fence        UUID        NOT NULL,
    -- Until when a run is believed to be alive; a time of the database's own clock, as replicas' clocks differ.
    leased_until TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    status       BIGINT      CHECK (status BETWEEN 100 AND 499),
    headers      JSONB,
    body         BYTEA,
    PRIMARY KEY (scope, key_hash),
    CHECK (state = 'running' OR (status IS NOT NULL AND headers IS NOT NULL AND body IS NOT NULL))
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
