-- How many active products are in a category: as last added up, and what has come and gone since. A line is only ever added,
-- so that no two products wait for each other; triggers add it, so that it is right whatever release writes.
ALTER TABLE categories ADD COLUMN products BIGINT NOT NULL DEFAULT 0;
CREATE TABLE category_changes (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    category TEXT   NOT NULL,
    delta    BIGINT NOT NULL
);

CREATE FUNCTION count_product() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status = 'active' AND OLD.category IS NOT NULL THEN
        INSERT INTO category_changes (category, delta) VALUES (OLD.category, -1);
    END IF;
    IF NEW.status = 'active' AND NEW.category IS NOT NULL THEN
        INSERT INTO category_changes (category, delta) VALUES (NEW.category, 1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER products_counted AFTER INSERT ON products FOR EACH ROW EXECUTE FUNCTION count_product();
CREATE TRIGGER products_recounted AFTER UPDATE OF category, status ON products FOR EACH ROW
    WHEN (OLD.category IS DISTINCT FROM NEW.category OR OLD.status <> NEW.status) EXECUTE FUNCTION count_product();

-- The triggers keep writers out until this is committed: nothing is counted twice, or left out.
INSERT INTO category_changes (category, delta)
SELECT category, COUNT(*) FROM products WHERE status = 'active' AND category IS NOT NULL GROUP BY category;
