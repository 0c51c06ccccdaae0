-- Where people live. Whoever has an address has a default one.
CREATE TABLE addresses (
    id          UUID        NOT NULL PRIMARY KEY,
    user_id     UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name        TEXT        NOT NULL,
    line1       TEXT        NOT NULL,
    line2       TEXT,
    city        TEXT        NOT NULL,
    region      TEXT,
    postal_code TEXT        NOT NULL,
    country     TEXT        NOT NULL CHECK (length(country) = 2),
    phone       TEXT,
    is_default  BOOLEAN     NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX addresses_user ON addresses (user_id, id);
CREATE UNIQUE INDEX addresses_default ON addresses (user_id) WHERE is_default;

-- What was taken out, without what it said: for a while, taking it out again is answered alike.
CREATE TABLE removed_addresses (
    id         UUID        NOT NULL PRIMARY KEY,
    user_id    UUID        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    removed_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX removed_addresses_age ON removed_addresses (removed_at);
