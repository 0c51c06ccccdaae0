-- Webhook events are forgotten once no provider sends them again. An attempt is written together with its answer since: one
-- without an outcome was cut off by a crash of an earlier release.
CREATE INDEX webhook_events_received ON webhook_events (received_at);
