-- Whether a variant is taxed, and whether it is on sale: one that is not stays, for orders and the ledger refer to it.
ALTER TABLE variants ADD COLUMN taxable BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE variants ADD COLUMN on_sale BOOLEAN NOT NULL DEFAULT TRUE;

-- What happens when a variant is out of stock: nothing more is sold, or it is sold all the same.
ALTER TABLE stock ADD COLUMN policy TEXT NOT NULL DEFAULT 'deny' CHECK (policy IN ('deny', 'continue'));
-- How many more than there are had been promised when it was last set to `deny`, or counted.
ALTER TABLE stock ADD COLUMN oversold BIGINT NOT NULL DEFAULT 0 CHECK (oversold >= 0);
ALTER TABLE stock DROP CONSTRAINT stock_check;
-- Nothing is promised that is not in the house, whatever the code does, but where it may be.
ALTER TABLE stock ADD CONSTRAINT stock_check
    CHECK (0 <= reserved AND (policy = 'continue' OR reserved <= on_hand + oversold));
