//! What a scope lets somebody see of each table: the one place from which every filter of a question comes.
//!
//! A question's text names the tables that it reads in braces, `{offers}`, where the condition on their rows stands. On
//! Postgres the policies of migration 10 say the same once more, about connections that handlers read by.

use std::borrow::Cow;

use crate::tenants::{BuyerScope, BuyersScope, OperatorScope, StoreScope, VendorScope};

use super::mutant;
use super::statement::{Value, values};

/// A condition on the rows of one table; each `?` stands for the next of the values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Filter {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

impl Filter {
    const ALL_ROWS: &str = "1 = 1";
    const NO_ROWS: &str = "1 = 0";

    fn of(text: impl Into<Cow<'static, str>>, values: Vec<Value>) -> Self {
        Filter { text: text.into(), values }
    }

    fn everything() -> Self {
        Filter::of(Filter::ALL_ROWS, Vec::new())
    }

    /// Of a table that a scope has nothing to do with.
    fn nothing() -> Self {
        Filter::of(Filter::NO_ROWS, Vec::new())
    }
}

/// Whose rows a question is about.
pub(super) trait Scope: Send + Sync {
    /// As the policies on Postgres know it.
    fn name(&self) -> String;

    /// Which rows of this table it reaches.
    fn filter(&self, table: &str) -> Filter;

    /// The same, unless this is the function that was made to forget it.
    fn predicate(&self, function: &str, table: &str) -> Filter {
        if mutant::is(function) { Filter::everything() } else { self.filter(table) }
    }
}

impl Scope for OperatorScope {
    fn name(&self) -> String {
        "operator".to_owned()
    }

    fn filter(&self, _: &str) -> Filter {
        Filter::everything()
    }
}

impl Scope for StoreScope {
    fn name(&self) -> String {
        "store".to_owned()
    }

    fn filter(&self, table: &str) -> Filter {
        match table {
            "products" => Filter::of("products.status = 'listed'", Vec::new()),
            "offers" => Filter::of("offers.for_sale = 1", Vec::new()),
            _ => Filter::nothing(),
        }
    }
}

impl Scope for VendorScope {
    fn name(&self) -> String {
        format!("vendor:{}", self.vendor())
    }

    fn filter(&self, table: &str) -> Filter {
        let vendor = self.vendor().to_string();
        match table {
            // Those whose facts it keeps, and those it has an offer on.
            "products" => Filter::of(
                "(products.steward = ? OR EXISTS \
                 (SELECT 1 FROM offers WHERE offers.product = products.id AND offers.vendor = ?))",
                values![vendor.as_str(), vendor.as_str()],
            ),
            "offers" => Filter::of("offers.vendor = ?", values![vendor]),
            "vendor_orders" => Filter::of("vendor_orders.vendor = ?", values![vendor]),
            _ => Filter::nothing(),
        }
    }
}

impl Scope for BuyerScope {
    fn name(&self) -> String {
        format!("buyer:{}/{}", self.buyer(), self.order())
    }

    fn filter(&self, table: &str) -> Filter {
        let order = self.order().to_string();
        match table {
            // The buyer too: a token names both.
            "orders" => {
                Filter::of("orders.id = ? AND orders.buyer = ?", values![order, self.buyer().to_string()])
            }
            "order_lines" => Filter::of("order_lines.order_id = ?", values![order]),
            "vendor_orders" => Filter::of("vendor_orders.order_id = ?", values![order]),
            "parcels" => Filter::of("parcels.order_id = ?", values![order]),
            _ => Filter::nothing(),
        }
    }
}

impl Scope for BuyersScope {
    fn name(&self) -> String {
        let buyers: Vec<String> = self.buyers().iter().map(ToString::to_string).collect();
        format!("buyers:{}", buyers.join(","))
    }

    fn filter(&self, table: &str) -> Filter {
        let buyers: Vec<Value> =
            self.buyers().iter().map(|buyer| Value::Text(Some(buyer.to_string()))).collect();
        if table != "orders" || buyers.is_empty() {
            return Filter::nothing();
        }
        let places = vec!["?"; buyers.len()].join(", ");
        Filter::of(format!("orders.buyer IN ({places})"), buyers)
    }
}

/// The text with the scope's conditions in it, and all values to bind: the question's own come first.
pub(super) fn within(
    text: &str,
    mut values: Vec<Value>,
    scope: &dyn Scope,
    function: &str,
) -> (String, Vec<Value>) {
    debug_assert!(names_its_tables(text), "a table is read without a condition: {text}");
    let mut whole = String::with_capacity(2 * text.len());
    let mut rest = text;
    while let Some((before, (table, behind))) =
        rest.split_once('{').and_then(|(before, behind)| Some((before, behind.split_once('}')?)))
    {
        whole.push_str(before);
        let filter = scope.predicate(function, table);
        for (n, part) in filter.text.split('?').enumerate() {
            if n > 0 {
                whole.push('$');
                whole.push_str(&(values.len() + n).to_string());
            }
            whole.push_str(part);
        }
        values.extend(filter.values);
        rest = behind;
    }
    whole.push_str(rest);
    (whole, values)
}

/// Whether every table that the text reads is followed by the place of its condition.
fn names_its_tables(text: &str) -> bool {
    text.split(" FROM ").skip(1).all(|read| {
        let name: String = read.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        let behind = &read[name.len()..];
        // A function's rows are nobody's.
        behind.starts_with('(') || behind.starts_with(&format!(" WHERE {{{name}}}"))
    })
}

#[cfg(test)]
mod tests {
    use souk_core::ids::VendorId;
    use souk_core::time::Timestamp;

    use super::*;
    use crate::tenants::keys::{PresentedKey, issue};
    use crate::tenants::{Access, Role};

    fn vendor() -> VendorScope {
        let (text, record) = issue(Role::Vendor(VendorId(7)), "test", Timestamp::ZERO).unwrap();
        let presented: PresentedKey = text.expose().parse().unwrap();
        match record.admit(&presented).unwrap() {
            Access::Vendor(scope) => scope,
            Access::Operator(_) => panic!("not a vendor's"),
        }
    }

    #[test]
    fn conditions_stand_where_the_tables_are_named_and_their_values_behind_the_question_s_own() {
        let asked = "SELECT id FROM products WHERE {products} AND id > $1 AND EXISTS (SELECT 1 FROM offers WHERE {offers})";
        let (text, bound) = within(asked, values!["prd_1"], &vendor(), "a test");
        let id = VendorId(7).to_string();
        assert_eq!(
            text,
            "SELECT id FROM products WHERE (products.steward = $2 OR EXISTS (SELECT 1 FROM offers WHERE \
             offers.product = products.id AND offers.vendor = $3)) AND id > $1 AND EXISTS (SELECT 1 FROM offers WHERE \
             offers.vendor = $4)"
        );
        assert_eq!(bound, values!["prd_1", id.as_str(), id.as_str(), id.as_str()]);
    }

    #[test]
    fn a_table_that_is_not_known_shows_nothing() {
        for scope in [&vendor() as &dyn Scope, &StoreScope::of_anybody()] {
            for table in ["orders", "ledger_balances", "vendors", "prodcuts"] {
                assert_eq!(scope.filter(table), Filter::nothing(), "{table}");
            }
        }
    }

    #[test]
    fn a_question_that_reads_a_table_without_a_condition_is_known() {
        for (text, is_named) in [
            ("SELECT id FROM offers WHERE {offers} AND sku = $1", true),
            ("SELECT id FROM offers WHERE sku = $1", false),
            ("SELECT id FROM offers WHERE {products} AND sku = $1", false),
            ("SELECT id FROM offers", false),
            (
                "SELECT id FROM offers WHERE {offers} AND EXISTS (SELECT 1 FROM products WHERE id = product)",
                false,
            ),
            ("SELECT id FROM offers, orders WHERE {offers}", false),
            ("SELECT id FROM offers JOIN orders ON sku = id WHERE {offers}", false),
            ("SELECT id FROM offers WHERE {offers} AND product IN (SELECT value FROM json_each($1))", true),
        ] {
            assert_eq!(names_its_tables(text), is_named, "{text}");
        }
    }
}
