-- The guests that were given a `Cart-Token`. Only its hash is kept: who reads this table cannot open a cart.
CREATE TABLE guests (
    -- SHA-256 in hex.
    hash       TEXT        NOT NULL PRIMARY KEY CHECK (LENGTH(hash) = 64),
    -- Who signed in with it; from then on the token opens nothing.
    user_id    UUID,
    -- When their cart was last changed. Untouched for `cart.guest_days`, a guest is forgotten with all carts.
    touched_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX guests_touched ON guests (touched_at);

CREATE TABLE carts (
    id          UUID        NOT NULL PRIMARY KEY,
    -- Whose it is: an account's, or a guest's.
    user_id     UUID,
    guest       TEXT        REFERENCES guests (hash) ON DELETE CASCADE,
    state       TEXT        NOT NULL CHECK (state IN ('open', 'ordered', 'merged')),
    -- The order that ended it. One that was merged may be ordered as well: both happened at the same time.
    order_id    UUID,
    -- The account's cart that a guest's lines went to.
    merged_into UUID        REFERENCES carts (id),
    -- Counts changes, and goes on in the owner's next cart, so that no two states share an ETag.
    version     BIGINT      NOT NULL CHECK (version >= 0),
    updated_at  TIMESTAMPTZ NOT NULL,
    CHECK ((user_id IS NULL) <> (guest IS NULL)),
    CHECK (state <> 'open' OR order_id IS NULL),
    CHECK (state <> 'ordered' OR order_id IS NOT NULL),
    CHECK ((state = 'merged') = (merged_into IS NOT NULL))
);
-- One open cart per owner, however many requests try to make the first.
CREATE UNIQUE INDEX carts_open_user ON carts (user_id) WHERE state = 'open';
CREATE UNIQUE INDEX carts_open_guest ON carts (guest) WHERE state = 'open';
-- An owner's carts, for the next one's version and for the cascade.
CREATE INDEX carts_user ON carts (user_id);
CREATE INDEX carts_guest ON carts (guest);

CREATE TABLE cart_items (
    cart_id  UUID        NOT NULL REFERENCES carts (id) ON DELETE CASCADE,
    sku      TEXT        NOT NULL,
    quantity BIGINT      NOT NULL CHECK (quantity BETWEEN 1 AND 999),
    -- Name, picture and price when it was last put in: what is shown once it is no longer on sale.
    label    JSONB       NOT NULL,
    -- When it was first put in: the order of the lines.
    added_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (cart_id, sku)
);
