-- Every message: written once, in the transaction that handles the event it tells of, then sent.
CREATE TABLE deliveries (
    id          UUID        NOT NULL PRIMARY KEY,
    event_id    UUID        NOT NULL,
    channel     TEXT        NOT NULL,
    kind        TEXT        NOT NULL,
    order_id    UUID,
    -- Whose list it is in; a guest's is in nobody's.
    customer_id UUID,
    recipient   TEXT        NOT NULL,
    subject     TEXT        NOT NULL,
    text        TEXT        NOT NULL,
    html        TEXT        NOT NULL,
    status      TEXT        NOT NULL CHECK (status IN ('queued', 'sent', 'failed', 'suppressed')),
    -- How often a sender has claimed it; also the number of the claim that may note what became of it.
    attempts    BIGINT      NOT NULL CHECK (attempts >= 0),
    -- When it may be claimed: 1970 at first, and again once a claim or a pause is over.
    due_at      TIMESTAMPTZ NOT NULL,
    last_error  TEXT,
    created_at  TIMESTAMPTZ NOT NULL,
    sent_at     TIMESTAMPTZ,
    -- An event that comes twice is told once.
    UNIQUE (event_id, channel),
    CHECK ((status = 'sent') = (sent_at IS NOT NULL))
);
-- No two events can confirm one order.
CREATE UNIQUE INDEX deliveries_one_confirmation ON deliveries (order_id) WHERE kind = 'order_confirmed';
CREATE INDEX deliveries_due ON deliveries (due_at, id) WHERE status = 'queued';
CREATE INDEX deliveries_customer ON deliveries (customer_id, id);
CREATE INDEX deliveries_status ON deliveries (status, id);

-- What customers want to be told; one without a row wants news of orders and no offers.
CREATE TABLE preferences (
    user_id       UUID        NOT NULL PRIMARY KEY,
    order_updates BOOLEAN     NOT NULL,
    marketing     BOOLEAN     NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL
);
