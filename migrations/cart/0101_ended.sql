-- Accounts' carts that are ended, by age: all but the latest of each account are forgotten after a while.
CREATE INDEX carts_ended ON carts (updated_at) WHERE user_id IS NOT NULL AND state <> 'open';
-- Whose lines went where: looked up for each cart that is forgotten.
CREATE INDEX carts_merged ON carts (merged_into) WHERE merged_into IS NOT NULL;
