//! What the demo market holds: a pure function of the seed and the market.

use std::collections::{BTreeMap, BTreeSet};

use souk_core::ids::{MovementId, ProductId, SkuId, VariantId, VendorId};
use souk_core::market::{LocalizedText, Market};
use souk_core::money::{Currency, Money};
use souk_core::product::{Facts, Price, Variant};

use super::draw::Draw;
use super::ids::hash;
use super::orders::{self, Order};
use super::words::{Both, CLOSINGS, CRAFTS, Craft, OPENINGS};

/// Products of one vendor.
const PRODUCTS_EACH: usize = 20;
/// A product that a second vendor sells too, so many times in a hundred.
const SHARED: usize = 12;
/// A product that speaks German too, so many times in a hundred.
const GERMAN: usize = 60;
/// The same of an offer of which one unit is left, and of one of which there are few.
const LAST_UNIT: usize = 6;
const FEW_UNITS: usize = 12;

/// A whole market.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// What it is made from.
    pub seed: u64,
    /// Who sells.
    pub vendors: Vec<Vendor>,
    /// What is sold.
    pub products: Vec<Product>,
    /// Who has bought.
    pub orders: Vec<Order>,
}

/// A vendor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vendor {
    /// Its id.
    pub id: VendorId,
    /// The name shoppers see.
    pub name: String,
    /// Where it is at home.
    pub city: &'static str,
    /// ISO 3166 alpha-2.
    pub country: &'static str,
}

/// A product with its offers.
#[derive(Clone, PartialEq, Debug)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// The vendor that keeps its facts and sells every variant.
    pub steward: VendorId,
    /// What is said of it.
    pub facts: Facts,
    /// Its forms.
    pub variants: Vec<Variant>,
    /// Who sells them, the steward first.
    pub offers: Vec<Offer>,
}

/// An offer and its stock.
#[derive(Clone, PartialEq, Debug)]
pub struct Offer {
    /// Its id.
    pub sku: SkuId,
    /// Of which variant.
    pub variant: VariantId,
    /// Who sells it.
    pub vendor: VendorId,
    /// What the vendor calls it.
    pub code: String,
    /// What a unit costs.
    pub price: Price,
    /// Names the one receipt of its stock.
    pub receipt: MovementId,
    /// Units that arrive: those that are ordered, and those that are left.
    pub received: u32,
}

impl Plan {
    /// The market of this seed, in the currency and for the countries of `market`.
    pub fn new(seed: u64, market: &Market) -> Plan {
        let vendors: Vec<Vendor> = CRAFTS.iter().map(|craft| vendor(seed, craft)).collect();
        let mut products = Vec::with_capacity(vendors.len() * PRODUCTS_EACH);
        for (at, craft) in CRAFTS.iter().enumerate() {
            products.extend(products_of(seed, market.currency, craft, at, &vendors));
        }
        let sold_out = sell_out(seed, &mut products);
        let orders = orders::draw(seed, market, &products, sold_out);
        for line in orders.iter().flat_map(|order| &order.lines) {
            let offers = products.iter_mut().flat_map(|product| &mut product.offers);
            if let Some(offer) = offers.into_iter().find(|offer| offer.sku == line.sku) {
                offer.received += line.quantity;
            }
        }
        Plan { seed, vendors, products, orders }
    }

    /// Every offer.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        self.products.iter().flat_map(|product| &product.offers)
    }
}

fn vendor(seed: u64, craft: &Craft) -> Vendor {
    let mut draw = Draw::new(seed, &format!("vendor {}", craft.category));
    let (name, city, country) = *draw.of(&craft.vendors);
    Vendor { id: VendorId(hash(seed, "vendor", craft.category)), name: name.to_owned(), city, country }
}

/// A vendor's products, no two of the same name.
fn products_of(seed: u64, currency: Currency, craft: &Craft, at: usize, vendors: &[Vendor]) -> Vec<Product> {
    let mut draw = Draw::new(seed, &format!("products {}", craft.category));
    let names = draw.shuffled(craft.nouns.len() * craft.qualities.len());
    let of = |name: &usize| (name % craft.nouns.len(), name / craft.nouns.len());
    // Something of everything first, then whatever comes.
    let (mut first, mut rest): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut kinds = BTreeSet::new();
    for name in names {
        if kinds.insert(of(&name).0) { first.push(name) } else { rest.push(name) }
    }
    first.extend(rest);
    first.truncate(PRODUCTS_EACH);
    first
        .iter()
        .zip(1..)
        .map(|(name, number)| {
            let (noun, quality) = of(name);
            product(seed, currency, craft, &mut draw, (noun, quality), number, at, vendors)
        })
        .collect()
}

#[allow(clippy::too_many_arguments, reason = "one product, from everything that makes it")]
fn product(
    seed: u64,
    currency: Currency,
    craft: &Craft,
    draw: &mut Draw,
    (noun, quality): (usize, usize),
    number: u32,
    at: usize,
    vendors: &[Vendor],
) -> Product {
    let name = format!("{}/{noun}/{quality}", craft.category);
    let steward = &vendors[at];
    let facts = facts(craft, draw, (noun, quality), steward);
    let base = craft.nouns[noun].1 * draw.between(85, 140) / 100;
    let forms = if draw.per_cent(45) { 1 } else { draw.between(2, 3) as usize };
    let (option, values) = craft.option;
    let mut variants = Vec::new();
    let mut offers = Vec::new();
    for (form, value) in values.iter().take(forms).enumerate() {
        let id = VariantId(hash(seed, "variant", &format!("{name}/{value}")));
        let options = BTreeMap::from([(option.to_owned(), (*value).to_owned())]);
        let options = if forms == 1 { BTreeMap::new() } else { options };
        variants.push(Variant { id, options, barcode: None, weight_g: None, size: None });
        let dearer = if option == "size" || option == "metal" { 25 } else { 0 };
        let unit = base * (100 + form as u32 * dearer) / 100;
        let code = format!("{}-{number:02}{}", code_of(craft.category), ["", "b", "c"][form]);
        offers.push(offer(seed, currency, draw, (id, steward.id), code, unit, craft.shipping));
    }
    // Another vendor has it too, for a little more or less.
    if draw.per_cent(SHARED) {
        let other = &vendors[(at + draw.between(1, vendors.len() as u32 - 1) as usize) % vendors.len()];
        let unit = base * draw.between(92, 108) / 100;
        let code = format!("EXT-{}-{number:02}", code_of(craft.category));
        let variant = variants[0].id;
        offers.push(offer(seed, currency, draw, (variant, other.id), code, unit, craft.shipping + 100));
    }
    Product { id: ProductId(hash(seed, "product", &name)), steward: steward.id, facts, variants, offers }
}

fn code_of(category: &str) -> String {
    category.chars().take(3).collect::<String>().to_ascii_uppercase()
}

fn facts(craft: &Craft, draw: &mut Draw, (noun, quality): (usize, usize), steward: &Vendor) -> Facts {
    let ((noun, noun_de), _) = craft.nouns[noun];
    let (quality, quality_de) = craft.qualities[quality];
    let (material, material_de): Both = *draw.of(&craft.materials);
    let (opening, opening_de): Both = *draw.of(&OPENINGS);
    let (closing, closing_de): Both = *draw.of(&CLOSINGS);
    let city = steward.city;
    let text = |locale: &str, text: String| (locale.to_owned(), text);
    let mut title = LocalizedText::from([text("en", format!("{quality} {noun}"))]);
    let about = format!("{opening} {city}, from {material}. {closing}");
    let mut description = LocalizedText::from([text("en", about)]);
    if draw.per_cent(GERMAN) {
        title.extend([text("de", format!("{noun_de}, {quality_de}"))]);
        let about = format!("{opening_de} {city}, aus {material_de}. {closing_de}");
        description.extend([text("de", about)]);
    }
    Facts { title, description, category: craft.category.to_owned() }
}

fn offer(
    seed: u64,
    currency: Currency,
    draw: &mut Draw,
    (variant, vendor): (VariantId, VendorId),
    code: String,
    unit: u32,
    shipping: u32,
) -> Offer {
    // Prices end as prices do.
    let unit = unit / 50 * 50 + if unit.is_multiple_of(3) { 0 } else { 40 };
    let left = match draw.below(100) {
        chance if chance < LAST_UNIT => 1,
        chance if chance < LAST_UNIT + FEW_UNITS => draw.between(2, 3),
        _ => draw.between(4, 40),
    };
    let name = format!("{variant}/{vendor}");
    let money = |minor: u32| Money::new(i64::from(minor), currency);
    Offer {
        sku: SkuId(hash(seed, "sku", &name)),
        variant,
        vendor,
        code,
        price: Price { unit: money(unit), shipping: money(shipping) },
        receipt: MovementId(hash(seed, "receipt", &name)),
        received: left,
    }
}

/// Of one product nothing will be left. Returns which.
fn sell_out(seed: u64, products: &mut [Product]) -> usize {
    let mut draw = Draw::new(seed, "sold out");
    let single: Vec<usize> = products
        .iter()
        .enumerate()
        .filter(|(_, product)| product.offers.len() == 1)
        .map(|(at, _)| at)
        .collect();
    let sold_out = if single.is_empty() { 0 } else { *draw.of(&single) };
    products[sold_out].offers.iter_mut().for_each(|offer| offer.received = 0);
    sold_out
}

#[cfg(test)]
mod tests {
    use super::*;
    use souk_core::market::MarketId;

    fn market() -> Market {
        Market {
            id: MarketId::main(),
            countries: vec!["DE".to_owned(), "FR".to_owned()],
            currency: Currency::EUR,
            locale: "en".to_owned(),
            prices_include_tax: true,
            tax: None,
        }
    }

    #[test]
    fn a_seed_is_a_market() {
        let plan = Plan::new(7, &market());
        assert_eq!(plan, Plan::new(7, &market()));
        let other = Plan::new(8, &market());
        assert_ne!(plan.products[0].id, other.products[0].id);
        assert_ne!(titles(&plan), titles(&other));
        // A founding that was cut short before an update goes on after it: what was drawn must not change.
        assert_eq!(plan.vendors[0].id.to_string(), FIRST_VENDOR);
    }

    const FIRST_VENDOR: &str = "ven_54010qeaddk6v460ft19knezth";

    fn titles(plan: &Plan) -> BTreeSet<&String> {
        plan.products.iter().map(|product| &product.facts.title["en"]).collect()
    }

    #[test]
    fn it_is_small_and_lively() {
        for seed in [0, 7, 8, u64::MAX] {
            let plan = Plan::new(seed, &market());
            assert_eq!((plan.vendors.len(), plan.products.len()), (12, 240));
            assert_eq!(titles(&plan).len(), 240, "no two of a name");
            let skus: BTreeSet<SkuId> = plan.offers().map(|offer| offer.sku).collect();
            assert_eq!(skus.len(), plan.offers().count());
            assert!(plan.products.iter().any(|product| product.variants.len() > 1));
            let sellers = |product: &Product| -> BTreeSet<VendorId> {
                product.offers.iter().map(|offer| offer.vendor).collect()
            };
            assert!(plan.products.iter().any(|product| sellers(product).len() > 1));
            let german =
                plan.products.iter().filter(|product| product.facts.title.contains_key("de")).count();
            assert!((100..200).contains(&german), "{german}");
            assert!(plan.offers().all(|offer| (100..50_000).contains(&offer.price.unit.minor)));
            assert!(plan.orders.iter().all(|order| ["DE", "FR"].contains(&order.country.as_str())));

            let ordered = |sku: SkuId| -> u32 {
                let lines = plan.orders.iter().flat_map(|order| &order.lines);
                lines.filter(|line| line.sku == sku).map(|line| line.quantity).sum()
            };
            let left: Vec<u32> = plan.offers().map(|offer| offer.received - ordered(offer.sku)).collect();
            assert_eq!(left.iter().filter(|left| **left == 0).count(), 1, "one is sold out");
            assert!(left.iter().filter(|left| **left == 1).count() >= 5, "some have a last unit");
        }
    }
}
