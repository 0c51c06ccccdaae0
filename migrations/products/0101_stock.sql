-- How many of each variant there are: apart from the catalogue, because it changes with every order.
CREATE TABLE stock (
    sku       TEXT   NOT NULL PRIMARY KEY REFERENCES variants (sku),
    on_hand   BIGINT NOT NULL,
    reserved  BIGINT NOT NULL,
    -- How many lines its ledger has.
    movements BIGINT NOT NULL CHECK (movements >= 0),
    -- Nothing is promised that is not in the house, whatever the code does.
    CHECK (0 <= reserved AND reserved <= on_hand)
);

-- Every change of `on_hand`, append-only; the deltas of a variant add up to it.
CREATE TABLE stock_ledger (
    sku      TEXT        NOT NULL REFERENCES stock (sku),
    -- From 1 and without gaps; the lock of the variant's row in `stock` orders them.
    number   BIGINT      NOT NULL CHECK (number > 0),
    delta    BIGINT      NOT NULL,
    reason   TEXT        NOT NULL CHECK (reason IN ('initial', 'adjustment', 'sale', 'return')),
    order_id UUID,
    at       TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (sku, number),
    CHECK (delta <> 0 OR reason = 'initial')
);

-- What each order holds: reserved -> committed | expired | released. A released one without lines is a
-- tombstone: the order was given up before its reservation arrived.
CREATE TABLE reservations (
    order_id   UUID        NOT NULL PRIMARY KEY,
    state      TEXT        NOT NULL CHECK (state IN ('reserved', 'committed', 'expired', 'released')),
    expires_at TIMESTAMPTZ NOT NULL
);
-- The sweep looks for what is past its time.
CREATE INDEX reservations_due ON reservations (expires_at) WHERE state = 'reserved';

CREATE TABLE reservation_lines (
    order_id UUID   NOT NULL REFERENCES reservations (order_id),
    sku      TEXT   NOT NULL REFERENCES stock (sku),
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, sku)
);
