-- Read models: rows that projections fill from the journal. See src/store/read/.
-- `seq` is the stream's last event that the row contains; an older one never overwrites it. Amounts are minor units,
-- times milliseconds since the Unix epoch.

CREATE TABLE vendors (
    id             TEXT   NOT NULL PRIMARY KEY,
    name           TEXT   NOT NULL,
    status         TEXT   NOT NULL,
    -- Hundredths of a per cent; nothing until it is approved.
    commission_bps BIGINT,
    version        BIGINT NOT NULL
);

CREATE TABLE products (
    id       TEXT   NOT NULL PRIMARY KEY,
    seq      BIGINT NOT NULL,
    status   TEXT   NOT NULL,
    -- JSON: locale and text.
    title    TEXT   NOT NULL,
    category TEXT   NOT NULL,
    steward  TEXT   NOT NULL,
    version  BIGINT NOT NULL
);

CREATE INDEX products_category ON products (category, id);

-- One row per offer and market it has a price in.
CREATE TABLE offers (
    sku            TEXT   NOT NULL,
    market         TEXT   NOT NULL,
    product        TEXT   NOT NULL,
    variant        TEXT   NOT NULL,
    vendor         TEXT   NOT NULL,
    code           TEXT   NOT NULL,
    price_minor    BIGINT NOT NULL,
    shipping_minor BIGINT NOT NULL,
    currency       TEXT   NOT NULL,
    -- 1 when it can be bought, as far as product and vendor say; stock is the shards' to say.
    for_sale       BIGINT NOT NULL,
    PRIMARY KEY (sku, market)
);

CREATE INDEX offers_product ON offers (product, vendor);
CREATE INDEX offers_vendor ON offers (vendor, product);

CREATE TABLE orders (
    id             TEXT   NOT NULL PRIMARY KEY,
    seq            BIGINT NOT NULL,
    number         TEXT   NOT NULL,
    buyer          TEXT   NOT NULL,
    market         TEXT   NOT NULL,
    currency       TEXT   NOT NULL,
    placed_at      BIGINT NOT NULL,
    status         TEXT   NOT NULL,
    charged_minor  BIGINT NOT NULL,
    refunded_minor BIGINT NOT NULL,
    -- 1 when an operator wrote the quote.
    assisted       BIGINT NOT NULL,
    -- What the source calls it, when it came from elsewhere.
    reference      TEXT,
    -- 1 when a person must look at it.
    flagged        BIGINT NOT NULL
);

CREATE INDEX orders_placed_at ON orders (placed_at, id);
CREATE INDEX orders_number ON orders (number);

CREATE TABLE order_lines (
    order_id         TEXT   NOT NULL,
    line             BIGINT NOT NULL,
    vendor_order     BIGINT NOT NULL,
    sku              TEXT   NOT NULL,
    product          TEXT   NOT NULL,
    variant          TEXT,
    quantity         BIGINT NOT NULL,
    unit_price_minor BIGINT NOT NULL,
    goods_minor      BIGINT NOT NULL,
    freight_minor    BIGINT NOT NULL,
    stage            TEXT   NOT NULL,
    parcel           TEXT,
    PRIMARY KEY (order_id, line)
);

-- Amounts as placed; what cancellations took back of the payable stands beside them.
CREATE TABLE vendor_orders (
    order_id         TEXT   NOT NULL,
    number           BIGINT NOT NULL,
    vendor           TEXT   NOT NULL,
    status           TEXT   NOT NULL,
    placed_at        BIGINT NOT NULL,
    currency         TEXT   NOT NULL,
    goods_minor      BIGINT NOT NULL,
    freight_minor    BIGINT NOT NULL,
    commission_minor BIGINT NOT NULL,
    payable_minor    BIGINT NOT NULL,
    reversed_minor   BIGINT NOT NULL,
    PRIMARY KEY (order_id, number)
);

CREATE INDEX vendor_orders_vendor ON vendor_orders (vendor, placed_at, order_id);

CREATE TABLE parcels (
    order_id     TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    number       BIGINT NOT NULL,
    vendor_order BIGINT NOT NULL,
    tracking     TEXT,
    shipped_at   BIGINT NOT NULL,
    delivered_at BIGINT,
    PRIMARY KEY (order_id, id)
);

CREATE TABLE ledger_postings (
    stream      TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    n           BIGINT NOT NULL,
    account     TEXT   NOT NULL,
    currency    TEXT   NOT NULL,
    -- Debit positive, credit negative.
    minor       BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (stream, seq, n)
);

CREATE TABLE ledger_balances (
    account  TEXT   NOT NULL,
    currency TEXT   NOT NULL,
    minor    BIGINT NOT NULL,
    PRIMARY KEY (account, currency)
);
