-- One payment per order. A row is committed before its provider hears of it, so that a crash in between
-- leaves something to ask about; the provider's idempotency keys are made of order_id and need no column.
CREATE TABLE payments (
    id         UUID        NOT NULL PRIMARY KEY,
    order_id   UUID        NOT NULL UNIQUE,
    -- Who pays and may look: `user:{id}`, `guest:{hash of the cart's token}`, or nobody but staff.
    owner      TEXT,
    -- Both empty where an order was cancelled before its payment began: a tombstone.
    provider   TEXT        NOT NULL,
    method     TEXT        NOT NULL,
    status     TEXT        NOT NULL CHECK (status IN ('pending', 'action_required', 'authorized', 'captured',
                                                      'declined', 'voided', 'refunded', 'partially_refunded')),
    -- Decided by `cancel` and never undone: whatever is still held or taken goes back.
    given_up   BOOLEAN     NOT NULL,
    -- What the provider was asked to do without an answer that was noted; the reconciler asks again.
    open       TEXT        CHECK (open IN ('authorize', 'capture', 'void')),
    -- When it does, by the database's clock, and how often somebody has asked.
    due_at     TIMESTAMPTZ NOT NULL,
    tries      BIGINT      NOT NULL CHECK (tries >= 0),
    -- The provider's name for the charge, once it is known.
    reference  TEXT,
    currency   TEXT        NOT NULL,
    -- In minor units. `refunding` is promised to refunds whose outcome is not known.
    amount     BIGINT      NOT NULL CHECK (amount >= 0),
    refunded   BIGINT      NOT NULL CHECK (refunded >= 0),
    refunding  BIGINT      NOT NULL CHECK (refunding >= 0),
    reason     TEXT,
    action_url TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CHECK (refunded + refunding <= amount),
    CHECK (refunded + refunding = 0 OR status IN ('captured', 'partially_refunded', 'refunded')),
    CHECK (status <> 'refunded' OR refunded = amount)
);
CREATE INDEX payments_open ON payments (due_at) WHERE open IS NOT NULL;

-- What is paid back. A pending one has its amount in payments.refunding.
CREATE TABLE refunds (
    order_id   UUID        NOT NULL REFERENCES payments (order_id),
    key        TEXT        NOT NULL,
    amount     BIGINT      NOT NULL CHECK (amount > 0),
    status     TEXT        NOT NULL CHECK (status IN ('pending', 'done', 'declined')),
    reason     TEXT,
    due_at     TIMESTAMPTZ NOT NULL,
    tries      BIGINT      NOT NULL CHECK (tries >= 0),
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (order_id, key)
);
CREATE INDEX refunds_pending ON refunds (due_at) WHERE status = 'pending';

-- Every question to a provider, noted before it is asked. One without an outcome was cut off by a crash.
CREATE TABLE attempts (
    id          UUID        NOT NULL PRIMARY KEY,
    order_id    UUID        NOT NULL REFERENCES payments (order_id),
    what        TEXT        NOT NULL CHECK (what IN ('authorize', 'capture', 'void', 'refund', 'find')),
    -- The idempotency key that it was asked under, or about.
    key         TEXT        NOT NULL,
    outcome     TEXT,
    asked_at    TIMESTAMPTZ NOT NULL,
    answered_at TIMESTAMPTZ
);
CREATE INDEX attempts_by_order ON attempts (order_id, asked_at);

-- What providers told us, each once: written in the transaction of its effect.
CREATE TABLE webhook_events (
    provider    TEXT        NOT NULL,
    event_id    TEXT        NOT NULL,
    kind        TEXT        NOT NULL,
    order_id    UUID,
    received_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (provider, event_id)
);
