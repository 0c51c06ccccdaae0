-- The books of the `test` provider, which plays somebody else's company: nothing but provider/test.rs touches
-- them, in transactions of its own, so that it remembers a charge although the shop crashed before its answer.
CREATE TABLE test_charges (
    reference TEXT        NOT NULL PRIMARY KEY,
    -- The shop's idempotency key: one key, one charge.
    key       TEXT        NOT NULL UNIQUE,
    order_id  UUID        NOT NULL,
    method    TEXT        NOT NULL,
    amount    BIGINT      NOT NULL,
    currency  TEXT        NOT NULL,
    state     TEXT        NOT NULL CHECK (state IN ('action_required', 'authorized', 'captured', 'declined', 'voided')),
    reason    TEXT,
    refunded  BIGINT      NOT NULL CHECK (refunded >= 0 AND refunded <= amount),
    -- How often the charge was asked for.
    asked     BIGINT      NOT NULL,
    at        TIMESTAMPTZ NOT NULL
);
CREATE INDEX test_charges_by_order ON test_charges (order_id);

-- What was done with a charge, once per key.
CREATE TABLE test_operations (
    key       TEXT        NOT NULL PRIMARY KEY,
    reference TEXT        NOT NULL REFERENCES test_charges (reference),
    what      TEXT        NOT NULL CHECK (what IN ('capture', 'void', 'refund')),
    amount    BIGINT      NOT NULL,
    -- Why it was refused; nothing was done then.
    refused   TEXT,
    asked     BIGINT      NOT NULL,
    at        TIMESTAMPTZ NOT NULL
);
CREATE INDEX test_operations_by_charge ON test_operations (reference);
