-- Row level security: the second line behind the filters of src/store/read/predicate.rs.
--
-- Whoever reads for a handler sets `souk.scope` in its transaction (src/store/read/scoped.rs); without one there are no
-- rows. The engine's connections have `engine` for as long as they live, those of keys, credentials and vault have `vault`.
-- The owner of the tables is bound, too: in development one role does everything. Superusers are not, ever, nor who may
-- bypass it: `souk serve` refuses both in production.

-- The scope, or nothing. After a transaction that had set it the setting is empty, not absent.
CREATE FUNCTION scope() RETURNS TEXT STABLE PARALLEL SAFE LANGUAGE SQL AS
$$ SELECT NULLIF(current_setting('souk.scope', true), '') $$;

-- What stands behind the kind, if it is that kind of scope: of `vendor:ven_1` it is `ven_1` for `vendor`.
CREATE FUNCTION scope_of(kind TEXT) RETURNS TEXT STABLE PARALLEL SAFE LANGUAGE SQL AS
$$ SELECT CASE WHEN starts_with(current_setting('souk.scope', true), kind || ':')
   THEN substr(current_setting('souk.scope', true), length(kind) + 2) END $$;

DO $$
DECLARE
    named TEXT;
BEGIN
    FOREACH named IN ARRAY ARRAY[
        'cursors', 'vendors', 'products', 'offers', 'orders', 'order_lines', 'vendor_orders', 'parcels',
        'ledger_postings', 'ledger_balances', 'vendor_standings', 'vendor_products'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', named);
        EXECUTE format(
            'CREATE POLICY of_engine ON %I USING ((SELECT scope()) = ''engine'') WITH CHECK ((SELECT scope()) = ''engine'')',
            named
        );
    END LOOP;
    -- What operators are shown; the rest nobody is.
    FOREACH named IN ARRAY ARRAY[
        'vendors', 'products', 'offers', 'orders', 'order_lines', 'vendor_orders', 'parcels', 'ledger_balances'
    ] LOOP
        EXECUTE format('CREATE POLICY of_operator ON %I FOR SELECT USING ((SELECT scope()) = ''operator'')', named);
    END LOOP;
END
$$;

-- Everybody: what is listed, and what of it can be bought (docs/adr/0010).
CREATE POLICY of_store ON products FOR SELECT USING ((SELECT scope()) = 'store' AND status = 'listed');
CREATE POLICY of_store ON offers FOR SELECT USING ((SELECT scope()) = 'store' AND for_sale = 1);

-- A vendor: its offers, the products whose facts it keeps or that it has an offer on, its parts of orders.
CREATE POLICY of_vendor ON offers FOR SELECT USING (vendor = (SELECT scope_of('vendor')));
CREATE POLICY of_vendor ON products FOR SELECT USING (
    (SELECT scope_of('vendor')) IS NOT NULL
    AND (
        steward = (SELECT scope_of('vendor'))
        OR EXISTS (
            SELECT 1 FROM offers WHERE offers.product = products.id AND offers.vendor = (SELECT scope_of('vendor'))
        )
    )
);
CREATE POLICY of_vendor ON vendor_orders FOR SELECT USING (vendor = (SELECT scope_of('vendor')));

-- A shopper: the one order that the token names, if it is the shopper's. What belongs to it shows when it does.
CREATE POLICY of_buyer ON orders FOR SELECT USING (buyer || '/' || id = (SELECT scope_of('buyer')));
CREATE POLICY of_buyer ON order_lines FOR SELECT USING (
    (SELECT scope_of('buyer')) IS NOT NULL AND EXISTS (SELECT 1 FROM orders WHERE orders.id = order_lines.order_id)
);
CREATE POLICY of_buyer ON vendor_orders FOR SELECT USING (
    (SELECT scope_of('buyer')) IS NOT NULL AND EXISTS (SELECT 1 FROM orders WHERE orders.id = vendor_orders.order_id)
);
CREATE POLICY of_buyer ON parcels FOR SELECT USING (
    (SELECT scope_of('buyer')) IS NOT NULL AND EXISTS (SELECT 1 FROM orders WHERE orders.id = parcels.order_id)
);

-- The plain tables lie in a schema of their own, which may be older than this one: read models may be dropped, and are
-- left out of backups.
DO $$
DECLARE
    named TEXT;
BEGIN
    FOREACH named IN ARRAY ARRAY['about', 'vault', 'api_keys', 'credentials', 'signing_keys'] LOOP
        EXECUTE format('ALTER TABLE plain.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', named);
        EXECUTE format('DROP POLICY IF EXISTS of_vault ON plain.%I', named);
        EXECUTE format(
            'CREATE POLICY of_vault ON plain.%I USING ((SELECT NULLIF(current_setting(''souk.scope'', true), '''')) = ''vault'') '
            'WITH CHECK ((SELECT NULLIF(current_setting(''souk.scope'', true), '''')) = ''vault'')',
            named
        );
    END LOOP;
END
$$;
