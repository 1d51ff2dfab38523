-- What the walker of src/actors/projectors/standings.rs knows: how vendors stand, which products have offers of theirs,
-- and what these were told. May be deleted at any time, as all read models: then it reads and tells all of it again.

-- A vendor that was suspended, closed or reinstated at least once.
CREATE TABLE vendor_standings (
    vendor TEXT NOT NULL PRIMARY KEY,
    -- 1 when it may sell.
    sells  BIGINT NOT NULL,
    -- The vendor's event that says so.
    seq    BIGINT NOT NULL
);

-- A product with an offer of this vendor.
CREATE TABLE vendor_products (
    vendor  TEXT NOT NULL,
    product TEXT NOT NULL,
    -- The vendor's event that the product was told of last; 0 before the first.
    told    BIGINT NOT NULL,
    PRIMARY KEY (vendor, product)
);
