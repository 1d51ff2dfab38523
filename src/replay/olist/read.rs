//! The rows that a replay needs, of the files that hold them: orders, order_items, products, sellers,
//! product_category_name_translation. Other files and columns are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Serialize, Serializer};
use souk_core::money::Money;

use super::table::rows;

/// Everything of a directory that a replay needs, as it was written.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Source {
    /// The orders.
    pub orders: Vec<OrderRow>,
    /// What was in them; every one names an order that is there.
    pub items: Vec<ItemRow>,
    /// The products.
    pub products: Vec<ProductRow>,
    /// The sellers, by their ids.
    pub sellers: Vec<String>,
    /// English names of categories.
    pub translations: BTreeMap<String, String>,
}

/// An order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderRow {
    /// What the source calls it.
    pub id: String,
    /// What became of it, in the source's words.
    pub status: Option<String>,
    /// When it was bought.
    pub purchased_at: SourceTime,
    /// When the carrier had it.
    pub handed_over_at: Option<SourceTime>,
    /// When the customer had it.
    pub delivered_at: Option<SourceTime>,
}

/// One unit in an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemRow {
    /// Of which order.
    pub order: String,
    /// Its number within the order, from 1.
    pub number: u32,
    /// Of which product.
    pub product: String,
    /// By whom.
    pub seller: String,
    /// What the unit cost.
    pub price: Money,
    /// What its shipping cost.
    pub freight: Money,
}

/// A product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProductRow {
    /// What the source calls it.
    pub id: String,
    /// Its category, in the source's language.
    pub category: Option<String>,
}

/// Why a directory cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file is not there.
    #[error(
        "{} holds neither {name}.csv nor {name}.csv.zst: name the directory that holds the data set, with orders, \
         order_items, products, sellers and product_category_name_translation", dir.display()
    )]
    Missing {
        /// Where it was looked for.
        dir: PathBuf,
        /// Its name without an ending.
        name: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}; check that it is a file and that you may read it", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A packed file cannot be unpacked.
    #[error(
        "cannot unpack {}: {cause}; fetch it again, or unpack it with `zstd -d` and put the .csv there", file.display()
    )]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// Why.
        cause: String,
    },
    /// A file is longer than any of this form is.
    #[error("{} is longer than {max} bytes: this is not a file of the data set", file.display())]
    TooLong {
        /// Which file.
        file: PathBuf,
        /// The most that is read.
        max: u64,
    },
    /// A column is not there, or twice.
    #[error("{file} line 1 has {cause} column {column}; the header, separated by commas, is: {found}")]
    Header {
        /// Which file.
        file: String,
        /// Which column.
        column: &'static str,
        /// `no` or `more than one`.
        cause: &'static str,
        /// The columns that are there.
        found: String,
    },
    /// A row is not shaped as its header says.
    #[error("{file} line {line}: {cause}")]
    Row {
        /// Which file.
        file: String,
        /// Where the row begins.
        line: u64,
        /// What is wrong and what to do.
        cause: String,
    },
    /// A cell does not hold what it must.
    #[error("{file} line {line}: {column} {cause}")]
    Cell {
        /// Which file.
        file: String,
        /// Where the row begins.
        line: u64,
        /// Which column.
        column: &'static str,
        /// What is wrong and what to do.
        cause: String,
    },
}

/// Reads a directory.
///
/// # Errors
/// When a file is missing or damaged, a cell that is needed cannot be used, an id occurs twice, or an item names an
/// order that is not there: without its time of purchase it could not be sold, and without it no sum would be right.
/// Products and sellers that only items name are no error.
pub fn read(dir: &Path) -> Result<Source, ReadError> {
    let mut source = Source::default();
    let mut orders = BTreeSet::new();
    let columns = [
        "order_id",
        "order_status",
        "order_purchase_timestamp",
        "order_delivered_carrier_date",
        "order_delivered_customer_date",
    ];
    rows(dir, "orders", columns, |[id, status, purchased, handed_over, delivered]| {
        let order = OrderRow {
            id: id.id()?,
            status: status.text()?.map(str::to_lowercase),
            purchased_at: purchased.required_time()?,
            handed_over_at: handed_over.time()?,
            delivered_at: delivered.time()?,
        };
        if !orders.insert(order.id.clone()) {
            return Err(id.wrong(twice(&order.id)));
        }
        source.orders.push(order);
        Ok(())
    })?;

    let mut items = BTreeSet::new();
    let columns = ["order_id", "order_item_id", "product_id", "seller_id", "price", "freight_value"];
    rows(dir, "order_items", columns, |[order, number, product, seller, price, freight]| {
        let item = ItemRow {
            order: order.id()?,
            number: number.count()?,
            product: product.id()?,
            seller: seller.id()?,
            price: price.amount()?,
            freight: freight.amount()?,
        };
        if !orders.contains(&item.order) {
            let id = &item.order;
            return Err(
                order.wrong(format_args!("is {id}, which orders does not hold: use files of one data set"))
            );
        }
        if !items.insert((item.order.clone(), item.number)) {
            return Err(number.wrong(twice(&format!("{} of order {}", item.number, item.order))));
        }
        source.items.push(item);
        Ok(())
    })?;

    let mut products = BTreeSet::new();
    rows(dir, "products", ["product_id", "product_category_name"], |[id, category]| {
        let product = ProductRow { id: id.id()?, category: category.text()?.map(str::to_owned) };
        if !products.insert(product.id.clone()) {
            return Err(id.wrong(twice(&product.id)));
        }
        source.products.push(product);
        Ok(())
    })?;

    let mut sellers = BTreeSet::new();
    rows(dir, "sellers", ["seller_id"], |[id]| {
        let seller = id.id()?;
        if !sellers.insert(seller.clone()) {
            return Err(id.wrong(twice(&seller)));
        }
        source.sellers.push(seller);
        Ok(())
    })?;

    let columns = ["product_category_name", "product_category_name_english"];
    let mut categories = BTreeSet::new();
    rows(dir, "product_category_name_translation", columns, |[name, english]| {
        let Some(category) = name.text()? else { return Err(name.wrong("is empty: leave the row out")) };
        if !categories.insert(category.to_owned()) {
            return Err(name.wrong(twice(category)));
        }
        if let Some(english) = english.text()? {
            source.translations.insert(category.to_owned(), english.to_owned());
        }
        Ok(())
    })?;
    Ok(source)
}

fn twice(id: &str) -> String {
    format!("is {id}, which an earlier row is already: leave one of them out")
}

/// A point in time as the source writes it: `2020-01-31 10:00:00`, no zone named. It is compared and handed on, never
/// computed with. Of this form, the order of letters is the order of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceTime([u8; 19]);

/// Not of the form `2020-01-31 10:00:00`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a time is written 2020-01-31 10:00:00")]
pub struct InvalidTime;

impl SourceTime {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        // Only digits, `-`, `:` and a space were let in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for SourceTime {
    type Err = InvalidTime;
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        const FORM: &[u8; 19] = b"0000-00-00 00:00:00";
        let bytes: [u8; 19] = text.as_bytes().try_into().map_err(|_| InvalidTime)?;
        let shaped =
            |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
        let pair = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
        let fits = bytes.iter().zip(FORM).all(shaped)
            && (1..=12).contains(&pair(5))
            && (1..=31).contains(&pair(8))
            && pair(11) < 24
            && pair(14) < 60
            && pair(17) < 60;
        if fits { Ok(SourceTime(bytes)) } else { Err(InvalidTime) }
    }
}

impl fmt::Display for SourceTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SourceTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for SourceTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
