CREATE TABLE notes (
    id         UUID        NOT NULL PRIMARY KEY,
    -- Which request made it: a digest of its key and of who sent it.
    request    TEXT        NOT NULL UNIQUE,
    text       TEXT        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
-- The sweep looks for what is older than `template.keep_days`.
CREATE INDEX notes_created ON notes (created_at);
