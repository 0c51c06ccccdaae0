-- What words are looked for in, beside `search`, which release 0.1.0 writes and reads; it goes once that one is gone.
ALTER TABLE products ADD COLUMN words         TEXT   NOT NULL DEFAULT '';
-- Those that are found from their beginning: of the description too, and the singular of what is a plural.
ALTER TABLE products ADD COLUMN prose         TEXT   NOT NULL DEFAULT '';
-- Which version of the product they are of: 0.1.0 writes products without them, and they are prepared later.
ALTER TABLE products ADD COLUMN words_version BIGINT NOT NULL DEFAULT 0;
-- Until then everything is found as it was.
UPDATE products SET words = search;
CREATE INDEX products_unprepared ON products (id) WHERE words_version <> version;
