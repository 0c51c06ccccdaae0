-- One connection writes, so the order of writing is that of the commits: an event is placed in the transaction that writes
-- it. A process of release 0.2.0, which places after the commit, finds nothing to do.
UPDATE outbox
   SET position = outbox_head.next + fresh.rank
  FROM outbox_head, (SELECT seq, ROW_NUMBER() OVER (ORDER BY seq) - 1 AS rank FROM outbox WHERE position IS NULL) AS fresh
 WHERE outbox.seq = fresh.seq;
UPDATE outbox_head SET next = COALESCE((SELECT MAX(position) + 1 FROM outbox), next) WHERE id = 1;

CREATE TRIGGER outbox_placing AFTER INSERT ON outbox WHEN NEW.position IS NULL
BEGIN
    UPDATE outbox SET position = (SELECT next FROM outbox_head WHERE id = 1) WHERE seq = NEW.seq;
    UPDATE outbox_head SET next = next + 1 WHERE id = 1;
END;
