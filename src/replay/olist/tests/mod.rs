//! A made-up directory, and one suite per step. Nothing here is a row of the real set.

mod planning;
mod reading;
mod real_data;
mod reporting;

use std::fs;

use souk_core::money::{Money, Rate};
use tempfile::TempDir;

use super::CURRENCY;
use super::plan::{Order, Plan, Selection};
use super::read::{self, ReadError, Source};

const ORDERS: &str = "order_id,customer_id,order_status,order_purchase_timestamp,order_delivered_carrier_date,\
                      order_delivered_customer_date\n";
const ITEMS: &str = "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n";
const PRODUCTS: &str = "product_id,product_category_name,product_weight_g\n";
const SELLERS: &str = "seller_id,seller_city\n";
const TRANSLATION: &str = "product_category_name,product_category_name_english\n";

const TEN_PER_CENT: Rate = Rate(1_000);

/// A directory whose files hold these rows under the usual headers.
#[derive(Clone, Default)]
struct Rows {
    orders: Vec<String>,
    items: Vec<String>,
    products: Vec<String>,
    sellers: Vec<String>,
    translation: Vec<String>,
}

impl Rows {
    /// An order that was bought at `minute` past ten, and what else its row says.
    fn order(mut self, id: &str, minute: u32, rest: &str) -> Self {
        let rest = if rest.is_empty() { "processing,,".to_owned() } else { rest.to_owned() };
        let (status, times) = rest.split_once(',').expect("status, two times");
        self.orders.push(format!("{id},c,{status},2020-01-01 10:{minute:02}:00,{times}"));
        self
    }

    /// Units of an order, numbered on: product, seller, price, freight each.
    fn items(mut self, order: &str, units: &[(&str, &str, &str, &str)]) -> Self {
        let before = self.items.iter().filter(|row| row.starts_with(&format!("{order},"))).count();
        for (n, (product, seller, price, freight)) in (before + 1..).zip(units) {
            self.items.push(format!("{order},{n},{product},{seller},,{price},{freight}"));
        }
        self
    }

    fn product(mut self, row: &str) -> Self {
        self.products.push(format!("{row},100"));
        self
    }

    fn seller(mut self, id: &str) -> Self {
        self.sellers.push(format!("{id},somewhere"));
        self
    }

    fn translation(mut self, row: &str) -> Self {
        self.translation.push(row.to_owned());
        self
    }

    fn directory(&self) -> TempDir {
        let file = |header: &str, rows: &[String]| format!("{header}{}", rows.join("\n"));
        directory(&[
            ("orders.csv", file(ORDERS, &self.orders).as_bytes()),
            ("order_items.csv", file(ITEMS, &self.items).as_bytes()),
            ("products.csv", file(PRODUCTS, &self.products).as_bytes()),
            ("sellers.csv", file(SELLERS, &self.sellers).as_bytes()),
            ("product_category_name_translation.csv", file(TRANSLATION, &self.translation).as_bytes()),
        ])
    }

    fn source(&self) -> Source {
        read::read(self.directory().path()).expect("a directory of the right form")
    }

    fn plan(&self) -> Plan {
        self.plan_of(Selection::default())
    }

    fn plan_of(&self, selection: Selection) -> Plan {
        Plan::new(&self.source(), selection)
    }
}

fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory for this test");
    for (name, content) in files {
        fs::write(dir.path().join(name), content).expect("written");
    }
    dir
}

/// A sound directory in which one file is another.
fn with(file: &str, content: impl AsRef<[u8]>) -> Result<Source, ReadError> {
    let dir = Rows::default()
        .order("o1", 1, "")
        .items("o1", &[("p1", "s1", "1.00", "0.50")])
        .product("p1,mesas")
        .seller("s1")
        .translation("mesas,tables")
        .directory();
    fs::write(dir.path().join(file), content).expect("written");
    read::read(dir.path())
}

fn brl(minor: i64) -> Money {
    Money::new(minor, CURRENCY)
}

fn order<'a>(plan: &'a Plan, source: &str) -> &'a Order {
    plan.orders.iter().find(|order| order.source == source).expect("planned")
}
