//! What to do with a directory: which vendors, products, offers, stock and orders, in which order, with which ids.

use std::collections::{BTreeMap, BTreeSet};

use souk_core::ids::{CheckoutId, ProductId, SkuId, VendorId};
use souk_core::money::{Money, MoneyError};

use super::ids;
use super::names;
use super::read::{ItemRow, OrderRow, Source, SourceTime};
use super::scarcity::Scarcity;

/// What of a directory is replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// The first so many orders by time of purchase, those without items among them; all when `None`.
    pub orders: Option<usize>,
    /// How much of what those orders need is received.
    pub scarcity: Scarcity,
}

/// Everything a replay does, in the order it does it.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The vendors, whether or not they sell anything.
    pub vendors: Vec<Vendor>,
    /// The products, sold or not.
    pub products: Vec<Product>,
    /// The orders that have items, in order of purchase (ties by id).
    pub orders: Vec<Order>,
    /// Orders without items: nothing can be offered of them.
    pub orders_without_items: u64,
    /// What the source leaves out, over all of it.
    pub gaps: Gaps,
}

/// A vendor: a seller of the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vendor {
    /// Names it.
    pub id: VendorId,
    /// What the source calls it; `None` for the one vendor that keeps the products nobody ever sold.
    pub source: Option<String>,
    /// The name shoppers see; the source has none.
    pub name: String,
}

/// A product: listed with its offers, or a draft when it has none.
#[derive(Clone, PartialEq, Debug)]
pub struct Product {
    /// Names it.
    pub id: ProductId,
    /// What the source calls it.
    pub source: String,
    /// Category and short id.
    pub title: String,
    /// The category's code.
    pub category: String,
    /// Who keeps its facts: whoever sold it first, in the selection or after it, so that another selection names the
    /// same vendor. The first of `offers` is this vendor's.
    pub steward: VendorId,
    /// The offers that the selected orders bought, by their first sale. None: the product stays a draft.
    pub offers: Vec<Offer>,
}

/// A vendor's offer of a product.
#[derive(Clone, PartialEq, Debug)]
pub struct Offer {
    /// Names it.
    pub sku: SkuId,
    /// Who sells it.
    pub vendor: VendorId,
    /// The list price: that of the first sale.
    pub unit_price: Money,
    /// What shipping a unit costs: that of the first sale.
    pub unit_shipping: Money,
    /// Units that the selected orders want.
    pub needed: u32,
    /// Units that are received: all of them, or less when stock is scarce. Nothing is received when it is 0.
    pub received: u32,
}

/// An order to offer.
#[derive(Clone, PartialEq, Debug)]
pub struct Order {
    /// What the source calls it.
    pub source: String,
    /// Names it, and the cart that it is bought with.
    pub checkout: CheckoutId,
    /// When it was bought: a reference, not the time of anything that souk does.
    pub purchased_at: SourceTime,
    /// Which way it is sold.
    pub way: Way,
    /// What is bought, by the source's numbers. Two lines differ in SKU, price or shipping.
    pub lines: Vec<Line>,
    /// What the vendors do with it once every order was offered.
    pub fulfilment: Fulfilment,
}

/// A line of an order: units that are alike in everything.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// The offer.
    pub sku: SkuId,
    /// Of which product.
    pub product: ProductId,
    /// Who sells it.
    pub vendor: VendorId,
    /// How many units.
    pub quantity: u32,
    /// What a unit cost.
    pub unit_price: Money,
    /// What shipping a unit cost.
    pub unit_shipping: Money,
}

/// How an order is sold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// Cart, hold, pay, as a shopper would: every line costs what its offer costs. No SKU has two lines, as both
    /// would cost the same and so be one.
    Plain,
    /// An operator writes the lines and their prices and the shopper pays. A SKU that was bought at two prices is on
    /// two lines: the cart has one line of it, which the operator prices in parts.
    Assisted,
}

/// How far an order got in the source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fulfilment {
    /// Bought, and no more is known: approved, invoiced, processing.
    Placed,
    /// Every vendor handed its part over.
    Shipped,
    /// And all of it arrived.
    Delivered,
    /// Cancelled, or not to be had. Wins over a parcel on its way.
    Cancelled,
}

/// What a source leaves out. Nothing of this stops a replay.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gaps {
    /// Sellers that only items name.
    pub sellers_absent: u64,
    /// Products that only items name.
    pub products_absent: u64,
    /// Products without a category.
    pub products_uncategorised: u64,
    /// Categories that products name and nobody translated.
    pub categories_untranslated: BTreeSet<String>,
    /// Words for what became of an order that say nothing here: those orders go by their times.
    pub statuses_unknown: BTreeSet<String>,
}

/// One offer as the source knows it.
type Pair<'a> = (&'a str, &'a str);

impl Plan {
    /// Plans the selection of the source. The order of its rows means nothing.
    pub fn new(source: &Source, selection: Selection) -> Plan {
        let mut orders: Vec<&OrderRow> = source.orders.iter().collect();
        orders.sort_by(|a, b| (a.purchased_at, &a.id).cmp(&(b.purchased_at, &b.id)));
        let mut items: BTreeMap<&str, Vec<&ItemRow>> = BTreeMap::new();
        for item in &source.items {
            items.entry(&item.order).or_default().push(item);
        }
        items.values_mut().for_each(|items| items.sort_by_key(|item| item.number));
        let units = |order: &&OrderRow| items.get(order.id.as_str()).cloned().unwrap_or_default();

        // Stewards are looked for in all orders, everything else in the selected ones.
        let mut stewards: BTreeMap<&str, VendorId> = BTreeMap::new();
        for item in orders.iter().flat_map(units) {
            stewards.entry(&item.product).or_insert_with(|| ids::vendor(&item.seller));
        }
        orders.truncate(selection.orders.unwrap_or(usize::MAX));
        let mut offers = offers(orders.iter().flat_map(units), selection.scarcity);
        let mut planned = Vec::new();
        for row in &orders {
            let units = units(row);
            if !units.is_empty() {
                planned.push(order(row, &units, &offers));
            }
        }

        let mut gaps = Gaps::default();
        let products = products(source, &stewards, &mut offers, &mut gaps);
        let vendors = vendors(source, &products, &mut gaps);
        let statuses = source.orders.iter().filter_map(|order| order.status.as_deref());
        gaps.statuses_unknown =
            statuses.filter(|status| !STATUSES.contains(status)).map(str::to_owned).collect();
        let orders_without_items = (orders.len() - planned.len()) as u64;
        Plan { vendors, products, orders: planned, orders_without_items, gaps }
    }

    /// Every offer with its product.
    pub fn offers(&self) -> impl Iterator<Item = (&Product, &Offer)> {
        self.products.iter().flat_map(|product| product.offers.iter().map(move |offer| (product, offer)))
    }
}

impl Order {
    /// Whose parts it has, each once: as many vendor orders as there are of them.
    pub fn vendors(&self) -> BTreeSet<VendorId> {
        self.lines.iter().map(|line| line.vendor).collect()
    }

    /// What the shopper pays for it.
    ///
    /// # Errors
    /// When that is more than souk handles.
    pub fn total(&self) -> Result<Money, MoneyError> {
        let zero = Money::zero(super::CURRENCY);
        self.lines.iter().try_fold(zero, |sum, line| sum.plus(line.goods()?)?.plus(line.shipping()?))
    }
}

impl Line {
    /// The price of all its units.
    ///
    /// # Errors
    /// When that is more than souk handles.
    pub fn goods(&self) -> Result<Money, MoneyError> {
        self.unit_price.times(self.quantity)
    }

    /// The shipping of all its units.
    ///
    /// # Errors
    /// When that is more than souk handles.
    pub fn shipping(&self) -> Result<Money, MoneyError> {
        self.unit_shipping.times(self.quantity)
    }
}

/// One row, one unit: in order of purchase, the first of an offer sets its prices, and each is received or not.
fn offers<'a>(
    units: impl Iterator<Item = &'a ItemRow>,
    scarcity: Scarcity,
) -> BTreeMap<Pair<'a>, (u64, Offer)> {
    let mut offers: BTreeMap<Pair<'a>, (u64, Offer)> = BTreeMap::new();
    for (n, unit) in (1..).zip(units) {
        let (_, offer) = offers.entry((&unit.product, &unit.seller)).or_insert_with(|| {
            let vendor = ids::vendor(&unit.seller);
            let sku = ids::sku(ids::product(&unit.product), vendor);
            let (unit_price, unit_shipping) = (unit.price, unit.freight);
            (n, Offer { sku, vendor, unit_price, unit_shipping, needed: 0, received: 0 })
        });
        offer.needed += 1;
        offer.received += u32::from(scarcity.receives(n));
    }
    offers
}

fn order(row: &OrderRow, units: &[&ItemRow], offers: &BTreeMap<Pair<'_>, (u64, Offer)>) -> Order {
    let mut way = Way::Plain;
    let mut lines: Vec<Line> = Vec::new();
    for unit in units {
        let product = ids::product(&unit.product);
        let vendor = ids::vendor(&unit.seller);
        let line = Line {
            sku: ids::sku(product, vendor),
            product,
            vendor,
            quantity: 1,
            unit_price: unit.price,
            unit_shipping: unit.freight,
        };
        let offer = offers.get(&(unit.product.as_str(), unit.seller.as_str())).map(|(_, offer)| offer);
        if offer.is_none_or(|offer| (offer.unit_price, offer.unit_shipping) != (unit.price, unit.freight)) {
            way = Way::Assisted;
        }
        let alike = |other: &&mut Line| Line { quantity: 1, ..(**other).clone() } == line;
        match lines.iter_mut().find(alike) {
            Some(alike) => alike.quantity += 1,
            None => lines.push(line),
        }
    }
    Order {
        source: row.id.clone(),
        checkout: ids::checkout(&row.id),
        purchased_at: row.purchased_at,
        way,
        lines,
        fulfilment: fulfilment(row),
    }
}

/// Both spellings, as sources of this form are edited by people.
const CANCELLED: [&str; 3] = ["canceled", "cancelled", "unavailable"];
/// Every word that is understood.
const STATUSES: [&str; 9] = [
    "canceled",
    "cancelled",
    "unavailable",
    "created",
    "approved",
    "invoiced",
    "processing",
    "shipped",
    "delivered",
];

fn fulfilment(row: &OrderRow) -> Fulfilment {
    let status = row.status.as_deref().unwrap_or_default();
    if CANCELLED.contains(&status) {
        Fulfilment::Cancelled
    } else if status == "delivered" || row.delivered_at.is_some() {
        Fulfilment::Delivered
    } else if status == "shipped" || row.handed_over_at.is_some() {
        Fulfilment::Shipped
    } else {
        Fulfilment::Placed
    }
}

/// All products that the source knows, by their ids there; takes their offers.
fn products(
    source: &Source,
    stewards: &BTreeMap<&str, VendorId>,
    offers: &mut BTreeMap<Pair<'_>, (u64, Offer)>,
    gaps: &mut Gaps,
) -> Vec<Product> {
    let mut categories: BTreeMap<&str, Option<&str>> =
        source.products.iter().map(|row| (row.id.as_str(), row.category.as_deref())).collect();
    gaps.products_uncategorised = categories.values().filter(|category| category.is_none()).count() as u64;
    for product in stewards.keys() {
        categories.entry(product).or_insert_with(|| {
            gaps.products_absent += 1;
            None
        });
    }
    let mut by_product: BTreeMap<&str, Vec<(u64, Offer)>> = BTreeMap::new();
    for ((product, _), offer) in std::mem::take(offers) {
        by_product.entry(product).or_default().push(offer);
    }
    let mut products = Vec::with_capacity(categories.len());
    for (id, category) in categories {
        let english = category.and_then(|category| source.translations.get(category));
        if let (Some(category), None) = (category, english) {
            gaps.categories_untranslated.insert(category.to_owned());
        }
        let category = english.map(String::as_str).or(category);
        let mut offers = by_product.remove(id).unwrap_or_default();
        offers.sort_by_key(|(first_sale, _)| *first_sale);
        products.push(Product {
            id: ids::product(id),
            source: id.to_owned(),
            title: names::title(category, id),
            category: names::category_code(category),
            steward: stewards.get(id).copied().unwrap_or_else(ids::keeper),
            offers: offers.into_iter().map(|(_, offer)| offer).collect(),
        });
    }
    products
}

/// All vendors that the source knows, by their ids there, and the keeper if there is something to keep.
fn vendors(source: &Source, products: &[Product], gaps: &mut Gaps) -> Vec<Vendor> {
    let mut sellers: BTreeSet<&str> = source.sellers.iter().map(String::as_str).collect();
    for item in &source.items {
        gaps.sellers_absent += u64::from(sellers.insert(&item.seller));
    }
    let mut vendors: Vec<Vendor> = sellers
        .into_iter()
        .map(|id| Vendor { id: ids::vendor(id), source: Some(id.to_owned()), name: names::vendor(id) })
        .collect();
    if products.iter().any(|product| product.steward == ids::keeper()) {
        vendors.push(Vendor { id: ids::keeper(), source: None, name: names::KEEPER.to_owned() });
    }
    vendors
}
