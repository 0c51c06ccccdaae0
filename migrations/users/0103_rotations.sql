-- When a token was exchanged for one that can be made again from it, on the database's own clock, as replicas' clocks
-- differ. NULL where it was not, or 0.1.0 did it.
ALTER TABLE refresh_tokens ADD COLUMN rotated_at TIMESTAMPTZ;
-- The idempotency key that it was exchanged under: its HMAC with the token, so that it cannot be guessed.
ALTER TABLE refresh_tokens ADD COLUMN rotation_key TEXT;
