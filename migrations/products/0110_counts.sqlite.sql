-- How many active products are in a category: as last added up, and what has come and gone since. A line is only ever added;
-- triggers add it, so that it is right whatever release writes.
ALTER TABLE categories ADD COLUMN products BIGINT NOT NULL DEFAULT 0;
CREATE TABLE category_changes (
    id       INTEGER PRIMARY KEY,
    category TEXT   NOT NULL,
    delta    BIGINT NOT NULL
);

CREATE TRIGGER products_counted AFTER INSERT ON products WHEN NEW.status = 'active' AND NEW.category IS NOT NULL
BEGIN
    INSERT INTO category_changes (category, delta) VALUES (NEW.category, 1);
END;
CREATE TRIGGER products_recounted AFTER UPDATE OF category, status ON products
WHEN OLD.category IS NOT NEW.category OR OLD.status <> NEW.status
BEGIN
    INSERT INTO category_changes (category, delta)
    SELECT OLD.category, -1 WHERE OLD.status = 'active' AND OLD.category IS NOT NULL;
    INSERT INTO category_changes (category, delta)
    SELECT NEW.category, 1 WHERE NEW.status = 'active' AND NEW.category IS NOT NULL;
END;

INSERT INTO category_changes (category, delta)
SELECT category, COUNT(*) FROM products WHERE status = 'active' AND category IS NOT NULL GROUP BY category;
