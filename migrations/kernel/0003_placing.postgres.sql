-- Whoever gives positions, a process of release 0.2.0 too, tells the others, once for all that it has placed: in the
-- transactions that publish, NOTIFY would have them commit one after another.
CREATE FUNCTION outbox_placed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    last BIGINT;
BEGIN
    SELECT MAX(position) INTO last FROM placed;
    IF last IS NOT NULL THEN
        UPDATE outbox_head SET next = last + 1 WHERE id = 1 AND next <= last;
        PERFORM pg_notify('outbox_' || TG_TABLE_SCHEMA, last::TEXT);
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER outbox_placed AFTER UPDATE ON outbox
       REFERENCING NEW TABLE AS placed
       FOR EACH STATEMENT EXECUTE FUNCTION outbox_placed();
