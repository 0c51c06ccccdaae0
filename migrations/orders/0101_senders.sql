-- Who sent the key of a refund: the same key of somebody else is another refund. NULL where 0.1.0 wrote it down.
ALTER TABLE refunds ADD COLUMN sender TEXT;
