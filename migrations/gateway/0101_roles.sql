-- What the account that sent it might do then: one that may do less now is not shown what was answered. NULL where 0.1.0
-- wrote it down, or nobody signed in sent it.
ALTER TABLE idempotency_keys ADD COLUMN role TEXT CHECK (role IN ('customer', 'staff', 'admin'));
