-- What somebody ordered as a guest: see src/store/read/own_orders.rs.
CREATE INDEX orders_buyer ON orders (buyer, placed_at, id);
