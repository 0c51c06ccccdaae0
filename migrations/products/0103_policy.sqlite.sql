-- Whether a variant is taxed, and whether it is on sale: one that is not stays, for orders and the ledger refer to it.
ALTER TABLE variants ADD COLUMN taxable BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE variants ADD COLUMN on_sale BOOLEAN NOT NULL DEFAULT TRUE;

-- SQLite cannot change a CHECK: the table is made anew, and so are those that refer to it. They refer to the new one
-- while it has its first name, and follow it when it is renamed.
CREATE TABLE new_stock (
    sku       TEXT   NOT NULL PRIMARY KEY REFERENCES variants (sku),
    on_hand   BIGINT NOT NULL,
    reserved  BIGINT NOT NULL,
    -- How many lines its ledger has.
    movements BIGINT NOT NULL CHECK (movements >= 0),
    -- What happens when a variant is out of stock: nothing more is sold, or it is sold all the same.
    policy    TEXT   NOT NULL DEFAULT 'deny' CHECK (policy IN ('deny', 'continue')),
    -- How many more than there are had been promised when it was last set to `deny`, or counted.
    oversold  BIGINT NOT NULL DEFAULT 0 CHECK (oversold >= 0),
    -- Nothing is promised that is not in the house, whatever the code does, but where it may be.
    CHECK (0 <= reserved AND (policy = 'continue' OR reserved <= on_hand + oversold))
);
INSERT INTO new_stock (sku, on_hand, reserved, movements) SELECT sku, on_hand, reserved, movements FROM stock;

CREATE TABLE new_stock_ledger (
    sku      TEXT        NOT NULL REFERENCES new_stock (sku),
    -- From 1 and without gaps; the lock of the variant's row in `stock` orders them.
    number   BIGINT      NOT NULL CHECK (number > 0),
    delta    BIGINT      NOT NULL,
    reason   TEXT        NOT NULL CHECK (reason IN ('initial', 'adjustment', 'sale', 'return')),
    order_id UUID,
    at       TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (sku, number),
    CHECK (delta <> 0 OR reason = 'initial')
);
INSERT INTO new_stock_ledger (sku, number, delta, reason, order_id, at)
SELECT sku, number, delta, reason, order_id, at FROM stock_ledger;

CREATE TABLE new_reservation_lines (
    order_id UUID   NOT NULL REFERENCES reservations (order_id),
    sku      TEXT   NOT NULL REFERENCES new_stock (sku),
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, sku)
);
INSERT INTO new_reservation_lines (order_id, sku, quantity) SELECT order_id, sku, quantity FROM reservation_lines;

DROP TABLE reservation_lines;
DROP TABLE stock_ledger;
DROP TABLE stock;
ALTER TABLE new_stock RENAME TO stock;
ALTER TABLE new_stock_ledger RENAME TO stock_ledger;
ALTER TABLE new_reservation_lines RENAME TO reservation_lines;
