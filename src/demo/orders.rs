//! What was bought in the demo market, by whom, and what has become of it.

use souk_core::checkout::CartLine;
use souk_core::ids::CheckoutId;
use souk_core::market::Market;
use souk_core::payment::Method;

use crate::store::vault::Address;

use super::draw::Draw;
use super::ids::hash;
use super::plan::Product;
use super::words::{CITIES, FAMILY_NAMES, GIVEN_NAMES, STREETS};

/// How many orders there are.
const ORDERS: usize = 36;
/// Units of the product that is sold out, one an order.
const SOLD_OUT_UNITS: usize = 3;

/// An order.
#[derive(Clone, PartialEq, Debug)]
pub struct Order {
    /// The checkout, and the order's key.
    pub checkout: CheckoutId,
    /// Who buys; invented.
    pub name: String,
    /// Where to.
    pub street: String,
    /// Where to.
    pub postal_code: String,
    /// Where to.
    pub city: String,
    /// ISO 3166 alpha-2.
    pub country: String,
    /// What.
    pub lines: Vec<CartLine>,
    /// How it is paid.
    pub method: Method,
    /// What becomes of it.
    pub fate: Fate,
}

/// How far an order goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Nobody has looked at it yet.
    Placed,
    /// Its vendors pack.
    Accepted,
    /// It is on its way.
    Shipped,
    /// It arrived.
    Delivered,
    /// It was called off, and the money went back.
    Cancelled,
}

impl Order {
    /// What the vault keeps.
    pub(super) fn address(&self) -> Address {
        let mailbox = self.name.to_ascii_lowercase().replace(' ', ".");
        Address {
            name: self.name.as_str().into(),
            street: self.street.as_str().into(),
            postal_code: self.postal_code.as_str().into(),
            city: self.city.as_str().into(),
            country: self.country.as_str().into(),
            email: format!("{mailbox}@example.org").into(),
        }
    }
}

/// The orders; the first few buy all there is of one product.
pub(super) fn draw(seed: u64, market: &Market, products: &[Product], sold_out: usize) -> Vec<Order> {
    let mut draw = Draw::new(seed, "orders");
    (0..ORDERS).map(|number| order(seed, market, products, sold_out, number, &mut draw)).collect()
}

fn order(
    seed: u64,
    market: &Market,
    products: &[Product],
    sold_out: usize,
    number: usize,
    draw: &mut Draw,
) -> Order {
    let line = |product: &Product, offer: usize, quantity: u32| CartLine {
        sku: product.offers[offer].sku,
        product: product.id,
        quantity,
    };
    let mut lines: Vec<CartLine> = Vec::new();
    if number < SOLD_OUT_UNITS {
        lines.push(line(&products[sold_out], 0, 1));
    }
    for _ in 0..draw.between(1, 3) {
        let at = draw.below(products.len());
        let product = &products[at];
        let line = line(product, draw.below(product.offers.len()), draw.between(1, 2));
        if at != sold_out && lines.iter().all(|known| known.sku != line.sku) {
            lines.push(line);
        }
    }
    if lines.is_empty() {
        lines.push(line(&products[usize::from(sold_out == 0)], 0, 1));
    }
    let fate = match draw.below(100) {
        // What is sold out stays so.
        _ if number < SOLD_OUT_UNITS => Fate::Delivered,
        0..40 => Fate::Delivered,
        40..60 => Fate::Shipped,
        60..75 => Fate::Accepted,
        75..88 => Fate::Placed,
        _ => Fate::Cancelled,
    };
    let method = match draw.below(10) {
        0 | 1 => Method::Instant { token: "instant".to_owned() },
        2 => Method::Card { token: "card_duplicate_notice".to_owned() },
        _ => Method::Card { token: "card_success".to_owned() },
    };
    let served: Vec<_> =
        CITIES.iter().filter(|(country, ..)| market.countries.iter().any(|c| c == country)).collect();
    let (country, city, postal_code) = match (served.is_empty(), market.countries.first()) {
        (true, Some(country)) => (country.as_str(), "Capital", "1000"),
        _ => **draw.of(&served),
    };
    Order {
        checkout: CheckoutId(hash(seed, "order", &number.to_string())),
        name: format!("{} {}", draw.of(&GIVEN_NAMES), draw.of(&FAMILY_NAMES)),
        street: format!("{} {}", draw.of(&STREETS), draw.between(1, 99)),
        postal_code: postal_code.to_owned(),
        city: city.to_owned(),
        country: country.to_owned(),
        lines,
        method,
        fate,
    }
}
