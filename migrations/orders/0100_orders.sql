-- An order as it is: the projection of its events, written in their transaction. `state` is the whole of it;
-- the other columns are what is looked up or must be unique.
CREATE TABLE orders (
    id          UUID   NOT NULL PRIMARY KEY,
    number      TEXT   NOT NULL UNIQUE,
    -- `user:` and the account, or `guest:` and the hash of the cart's token.
    owner       TEXT   NOT NULL,
    -- The idempotency key that placed it, and the hash of what was asked for with it.
    key         TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    cart_id     UUID   NOT NULL,
    status      TEXT   NOT NULL CHECK (status IN ('pending', 'confirmed', 'shipped', 'cancelling', 'cancelled')),
    -- How many events it has. An event is appended by whoever moves it on from the version that was decided on.
    version     BIGINT NOT NULL CHECK (version >= 1),
    state       JSONB  NOT NULL,
    -- The same key gives the same order.
    UNIQUE (owner, key)
);
-- A cart is ordered once; after a cancelled attempt it may be tried again.
CREATE UNIQUE INDEX orders_one_per_cart ON orders (cart_id) WHERE status <> 'cancelled';
CREATE INDEX orders_by_owner ON orders (owner, id);

-- What happened to each order: the truth and the audit trail. Rows are added, never changed.
CREATE TABLE order_events (
    order_id UUID        NOT NULL REFERENCES orders (id),
    version  BIGINT      NOT NULL CHECK (version >= 1),
    kind     TEXT        NOT NULL,
    -- What makes it happen once, where that is a key: of a shipment or a refund.
    key      TEXT,
    body     JSONB       NOT NULL,
    at       TIMESTAMPTZ NOT NULL,
    -- Two who decide on the same version cannot both be right.
    PRIMARY KEY (order_id, version),
    UNIQUE (order_id, kind, key)
);

-- What staff mean to pay back, written before payments are asked to: the same key is the same amount, and its reason
-- is known to whoever notes that it was paid.
CREATE TABLE refunds (
    order_id UUID   NOT NULL REFERENCES orders (id),
    key      TEXT   NOT NULL,
    -- In minor units of the order's currency.
    amount   BIGINT NOT NULL CHECK (amount > 0),
    reason   TEXT,
    PRIMARY KEY (order_id, key)
);

-- Orders on which something is still to be done; a row goes when all of it is. Times are the database's own.
CREATE TABLE sagas (
    order_id       UUID        NOT NULL PRIMARY KEY REFERENCES orders (id),
    -- When to go on, unless something wakes it earlier.
    due_at         TIMESTAMPTZ NOT NULL,
    woken          BOOLEAN     NOT NULL,
    -- Failures since the last decision.
    attempts       BIGINT      NOT NULL CHECK (attempts >= 0),
    -- Somebody drives it until then; NULL while nobody does.
    lease_until    TIMESTAMPTZ,
    -- Names the last lease: whoever holds an older one may no longer write.
    fence          UUID        NOT NULL,
    last_error     TEXT,
    -- It failed too often, and waits for a person.
    needs_operator BOOLEAN     NOT NULL
);
CREATE INDEX sagas_due ON sagas (due_at) WHERE NOT needs_operator;
