-- What this module has published. A row is written in the transaction of the change that it tells of.
CREATE TABLE outbox (
    -- The order of writing; only its order within one aggregate, whose lock the writer holds, means anything.
    seq      INTEGER     NOT NULL PRIMARY KEY AUTOINCREMENT,
    id       UUID        NOT NULL UNIQUE,
    -- The order of reading: given after the commit, from 1 and without gaps.
    position BIGINT      UNIQUE,
    kind     TEXT        NOT NULL,
    subject  TEXT        NOT NULL,
    data     JSONB       NOT NULL,
    at       TIMESTAMPTZ NOT NULL,
    trace    TEXT        NOT NULL
);
CREATE INDEX outbox_unplaced ON outbox (seq) WHERE position IS NULL;
