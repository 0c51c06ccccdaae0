-- The next position of the outbox; its lock makes one reader at a time give positions.
CREATE TABLE outbox_head (
    id   BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    next BIGINT NOT NULL
);
INSERT INTO outbox_head (id, next) VALUES (1, 1);

-- How far this module has read each source.
CREATE TABLE inbox_cursors (
    source   TEXT   NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);

-- Every event that was received. `done` rows make a second delivery harmless; `parked` ones wait for
-- another attempt, and `dead` ones for a person.
CREATE TABLE inbox (
    source   TEXT        NOT NULL,
    event_id UUID        NOT NULL,
    subject  TEXT        NOT NULL,
    position BIGINT      NOT NULL,
    state    TEXT        NOT NULL CHECK (state IN ('done', 'parked', 'dead')),
    attempts BIGINT      NOT NULL,
    due_at   TIMESTAMPTZ NOT NULL,
    reason   TEXT,
    event    JSONB,
    PRIMARY KEY (source, event_id)
);
CREATE INDEX inbox_waiting ON inbox (source, subject, position) WHERE state <> 'done';
