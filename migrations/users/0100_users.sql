-- Who has an account, and what they may do.
CREATE TABLE users (
    id         UUID        NOT NULL PRIMARY KEY,
    -- As it was given, for the mail.
    email      TEXT        NOT NULL,
    -- In lower case, for whoever spells it otherwise.
    email_key  TEXT        NOT NULL UNIQUE,
    name       TEXT        NOT NULL,
    -- Argon2id, as a PHC string: parameters and salt are in it.
    password   TEXT        NOT NULL CHECK (password LIKE '$argon2id$%'),
    role       TEXT        NOT NULL CHECK (role IN ('customer', 'staff', 'admin')),
    version    BIGINT      NOT NULL CHECK (version > 0),
    created_at TIMESTAMPTZ NOT NULL
);
-- Few, and all of them locked when one of them is demoted.
CREATE INDEX users_admins ON users (id) WHERE role = 'admin';

-- Wrong passwords, by the SHA-256 of the e-mail address: there may be no account to count them at.
CREATE TABLE sign_in_failures (
    account  TEXT        NOT NULL PRIMARY KEY,
    failures BIGINT      NOT NULL CHECK (failures > 0),
    -- The window is fixed: it begins with the first failure and is not prolonged by later ones.
    began_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sign_in_failures_began ON sign_in_failures (began_at);
