-- The shelves of the shop.
CREATE TABLE categories (
    slug       TEXT        NOT NULL PRIMARY KEY,
    name       TEXT        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

-- What is sold. What is read together is stored together: tags and images are lists within the row.
CREATE TABLE products (
    id          UUID        NOT NULL PRIMARY KEY,
    slug        TEXT        NOT NULL UNIQUE,
    name        TEXT        NOT NULL,
    -- Sanitised before it is stored.
    description TEXT        NOT NULL,
    vendor      TEXT,
    category    TEXT        REFERENCES categories (slug),
    tags        JSONB       NOT NULL,
    images      JSONB       NOT NULL,
    status      TEXT        NOT NULL CHECK (status IN ('active', 'draft', 'archived')),
    -- Name, vendor and tags in plain lower-case ASCII: what words are looked for in.
    search      TEXT        NOT NULL,
    -- The name likewise, as bytes: text is ordered by each engine and locale in its own way, bytes are not.
    sort_name   BYTEA       NOT NULL,
    -- The lowest of its variants' prices, to sort by.
    price       BIGINT      NOT NULL CHECK (price >= 0),
    version     BIGINT      NOT NULL CHECK (version > 0),
    created_at  TIMESTAMPTZ NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL
);
-- One for each order of a listing, with and without a category.
CREATE INDEX products_newest          ON products (status, created_at, id);
CREATE INDEX products_name            ON products (status, sort_name, id);
CREATE INDEX products_price           ON products (status, price, id);
CREATE INDEX products_category_newest ON products (category, status, created_at, id);
CREATE INDEX products_category_name   ON products (category, status, sort_name, id);
CREATE INDEX products_category_price  ON products (category, status, price, id);

-- The forms in which a product is sold. They are never removed: orders and the stock ledger refer to them.
CREATE TABLE variants (
    sku              TEXT   NOT NULL PRIMARY KEY,
    product_id       UUID   NOT NULL REFERENCES products (id),
    -- Its place among its siblings, from 0.
    position         BIGINT NOT NULL CHECK (position >= 0),
    options          JSONB  NOT NULL,
    -- In minor units of `currency`, which is the shop's.
    price            BIGINT NOT NULL CHECK (price BETWEEN 0 AND 1000000000000),
    compare_at_price BIGINT CHECK (compare_at_price BETWEEN 0 AND 1000000000000),
    currency         TEXT   NOT NULL,
    weight_g         BIGINT NOT NULL CHECK (weight_g >= 0),
    barcode          TEXT,
    UNIQUE (product_id, position)
);
