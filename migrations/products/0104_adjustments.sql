-- Which request made a movement, where one that is sent again must not make another: a digest of its key and of who sent
-- it. Release 0.1.0 knows none.
ALTER TABLE stock_ledger ADD COLUMN request TEXT;
CREATE UNIQUE INDEX stock_ledger_requests ON stock_ledger (request) WHERE request IS NOT NULL;
