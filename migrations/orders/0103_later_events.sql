-- What happened to orders that release 0.1.0 has no word for: it could not read a history that had such a line. The
-- version of each is one that `order_events` leaves out. When no process of 0.1.0 is left, the two become one.
CREATE TABLE later_events (
    order_id UUID        NOT NULL REFERENCES orders (id),
    version  BIGINT      NOT NULL CHECK (version >= 1),
    kind     TEXT        NOT NULL,
    body     JSONB       NOT NULL,
    at       TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (order_id, version)
);
