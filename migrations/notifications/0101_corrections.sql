-- Where mail about an order goes since its address was corrected: an event that tells of a time before says otherwise.
CREATE TABLE corrections (
    order_id  UUID   NOT NULL PRIMARY KEY,
    recipient TEXT   NOT NULL,
    -- The order's version with this address.
    version   BIGINT NOT NULL CHECK (version >= 1)
);
CREATE INDEX deliveries_order ON deliveries (order_id);
