-- What somebody ordered as a guest: see src/store/read/own_orders.rs.
CREATE INDEX orders_buyer ON orders (buyer, placed_at, id);

-- Those whom a person has shown to have been.
CREATE POLICY of_buyers ON orders FOR SELECT USING (
    buyer = ANY (string_to_array((SELECT scope_of('buyers')), ','))
);
