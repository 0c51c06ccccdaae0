-- What customers bought, as orders tell it: who bought a product may review it, however long ago that was.
CREATE TABLE purchases (
    customer_id UUID    NOT NULL,
    sku         TEXT    NOT NULL,
    order_id    UUID    NOT NULL,
    -- Kept rather than deleted: that the order was confirmed may be heard of after that it was cancelled.
    cancelled   BOOLEAN NOT NULL,
    PRIMARY KEY (customer_id, sku, order_id)
);

CREATE TABLE reviews (
    id          UUID        NOT NULL PRIMARY KEY,
    product_id  UUID        NOT NULL,
    -- Who wrote it; shown to nobody.
    customer_id UUID        NOT NULL,
    -- Which request made it: a digest of its key and of who sent it.
    request     TEXT        NOT NULL UNIQUE,
    -- What its writer wants to be called.
    author      TEXT        NOT NULL,
    rating      BIGINT      NOT NULL CHECK (rating BETWEEN 1 AND 5),
    text        TEXT        NOT NULL,
    -- What the shop says to it.
    answer      TEXT,
    answered_at TIMESTAMPTZ,
    visibility  TEXT        NOT NULL CHECK (visibility IN ('visible', 'hidden')),
    version     BIGINT      NOT NULL CHECK (version > 0),
    created_at  TIMESTAMPTZ NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL,
    -- A customer reviews a product once, however many requests say so at the same time.
    UNIQUE (product_id, customer_id),
    CHECK ((answer IS NULL) = (answered_at IS NULL))
);
-- A product's reviews, the latest first: identifiers grow with time.
CREATE INDEX reviews_product ON reviews (product_id, id);

-- What the visible reviews of each product add up to; changed in the transaction that changes a review.
CREATE TABLE ratings (
    product_id UUID   NOT NULL PRIMARY KEY,
    reviews    BIGINT NOT NULL CHECK (reviews >= 0),
    points     BIGINT NOT NULL,
    -- Counts changes, and the last one that the catalogue was told.
    version    BIGINT NOT NULL,
    told       BIGINT NOT NULL CHECK (0 <= told AND told <= version),
    CHECK (reviews <= points AND points <= 5 * reviews)
);
CREATE INDEX ratings_untold ON ratings (product_id) WHERE told < version;
