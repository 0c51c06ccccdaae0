-- How customers rate a product, as reviews tell it: the mean in hundredths of a point, and of how many.
ALTER TABLE products ADD COLUMN rating_average BIGINT CHECK (rating_average BETWEEN 100 AND 500);
ALTER TABLE products ADD COLUMN rating_count   BIGINT NOT NULL DEFAULT 0 CHECK (rating_count >= 0);
-- Which count of theirs that was: an earlier one that comes late changes nothing.
ALTER TABLE products ADD COLUMN rating_version BIGINT NOT NULL DEFAULT 0;
