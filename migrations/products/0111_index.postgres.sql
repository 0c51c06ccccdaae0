-- An index of what `words` and `prose` have in them. It need not be exact, for what is found by it is looked at again; but
-- nothing may be missing. So triggers note every product whose words have changed, whatever release has written it, and
-- until it is indexed it is looked at in any case.
CREATE TABLE products_unindexed (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id UUID   NOT NULL
);
-- Each term there is, by each part of it that a search may begin with; as bytes, which all engines order alike.
CREATE TABLE term_parts (
    part   BYTEA   NOT NULL,
    term   TEXT    NOT NULL,
    -- So many products have it that it tells nothing; for those that are indexed later it is not noted.
    common BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (part, term)
);
CREATE TABLE product_terms (
    term       TEXT NOT NULL,
    product_id UUID NOT NULL,
    PRIMARY KEY (term, product_id)
);

CREATE FUNCTION note_unindexed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO products_unindexed (product_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER products_worded AFTER INSERT ON products FOR EACH ROW EXECUTE FUNCTION note_unindexed();
CREATE TRIGGER products_reworded AFTER UPDATE OF words, prose ON products FOR EACH ROW
    WHEN (OLD.words <> NEW.words OR OLD.prose <> NEW.prose) EXECUTE FUNCTION note_unindexed();

INSERT INTO products_unindexed (product_id) SELECT id FROM products;
