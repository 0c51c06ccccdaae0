-- Corrections are events like any other, now that every release that runs has a word for them.
INSERT INTO order_events (order_id, version, kind, body, at)
SELECT order_id, version, kind, body, at
  FROM later_events;
DROP TABLE later_events;
