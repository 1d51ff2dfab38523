//! What a seed draws for a history of sales: who sells what, how shoppers pay, and how long things may take.

use souk_core::checkout::{Limits, Opening};
use souk_core::ids::{BuyerId, CheckoutId, ProductId, SkuId, VariantId, VendorId};
use souk_core::market::{Market, MarketId, TaxRule};
use souk_core::money::{Currency, Money, Rate};

use crate::rng::Rng;
use crate::schedule::{MS, Micros};

/// Checkouts are numbered from here; whoever holds units without a checkout machine has a lower number.
const FIRST_CHECKOUT: u128 = 1_000_000;

/// One offer of one product.
#[derive(Clone, Debug)]
pub struct Goods {
    /// The offer.
    pub sku: SkuId,
    /// Its product.
    pub product: ProductId,
    /// Who sells it.
    pub vendor: VendorId,
    /// What a unit costs.
    pub price: Money,
    /// What shipping a unit costs.
    pub shipping: Money,
}

impl Goods {
    /// The one variant it comes in.
    pub fn variant(&self) -> VariantId {
        VariantId(self.sku.0)
    }
}

/// The conditions of a history of sales.
#[derive(Clone, Debug)]
pub struct Shop {
    /// What is sold; the first is what everybody wants.
    pub goods: Vec<Goods>,
    /// Who sells.
    pub vendors: Vec<VendorId>,
    /// Where.
    pub market: Market,
    /// How long things may take.
    pub limits: Limits,
    /// There are no faults until everything is on sale.
    pub calm_opening: bool,
    /// How shoppers pay: tokens that tell the bank what to do.
    pub cards: Vec<String>,
    /// How many carts each shopper fills after the first.
    pub carts: u64,
    /// How often a shopper tries to pay a cart.
    pub tries: u64,
    /// How often open rows of the outbox are read again.
    pub rows_every: Micros,
    /// How long a caller waits for the bank.
    pub call_patience: Micros,
    /// The longest time the bank takes for what it does late.
    pub late_max: Micros,
    /// How many things the operator does besides.
    pub meddling: u64,
    /// A process ends soon after it has taken a step of a sale, per mille.
    pub crash_at_step: u64,
    /// The bank tells something in the very moment in which the attempt runs out, per mille.
    pub photo_finish: u64,
    /// What vendors and the operator cancel, per mille.
    pub cancels: u64,
}

impl Shop {
    /// The conditions of this seed, selling these.
    pub fn draw(rng: &mut Rng, skus: &[SkuId]) -> Self {
        let vendors: Vec<VendorId> = (1..=rng.range(1, 2)).map(|n| VendorId(u128::from(n))).collect();
        let goods = (0..).zip(skus).map(|(n, sku)| Goods {
            sku: *sku,
            product: ProductId(sku.0),
            vendor: vendors[n % vendors.len()],
            price: brl(rng.range(1, 5_000) as i64),
            shipping: brl(rng.pick(&[0, 1, 499])),
        });
        let goods = goods.collect();
        let tax = rng.chance(500).then(|| TaxRule { jurisdiction: "BR".to_owned(), rate: Rate(725) });
        // Where everything is tight, whatever takes long comes too late.
        let long = rng.pick(&[500, 2_000, 8_000]);
        let card_ms = rng.range(100, long) as i64;
        let late_max = rng.pick(&[100, 2_000, 8_000]) * MS;
        Shop {
            goods,
            vendors,
            market: Market {
                id: MarketId::main(),
                countries: vec!["BR".to_owned()],
                currency: Currency::BRL,
                locale: "pt-BR".to_owned(),
                prices_include_tax: rng.chance(500),
                tax,
            },
            limits: Limits {
                cart_ttl_ms: rng.pick(&[800, 3_000, 20_000]),
                quote_ttl_ms: rng.range(200, long) as i64,
                hold_ttl_ms: rng.range(150, long) as i64,
                card_ms,
                instant_ms: card_ms,
                pay_later_ms: rng.range(200, 2 * long) as i64,
                look_up_every_ms: rng.range(50, 800) as i64,
                // Longer than the bank and whoever carries the call to it take together.
                late_money_ms: (late_max / MS) as i64 + 10_000,
            },
            calm_opening: rng.chance(800),
            cards: (0..rng.range(1, 5)).map(|_| draw_card(rng)).collect(),
            carts: rng.range(0, 2),
            tries: rng.range(2, 5),
            rows_every: rng.pick(&[50, 200, 1_000]) * MS,
            call_patience: rng.range(20, 500) * MS,
            late_max,
            crash_at_step: rng.pick(&[0, 10, 40, 100]),
            meddling: rng.range(0, 5),
            photo_finish: rng.pick(&[0, 100, 400]),
            cancels: rng.pick(&[0, 200, 500]),
        }
    }

    /// What the checkout of the `n`th shopper begins with.
    pub fn opening(&self, n: usize) -> Opening {
        let buyer = BuyerId(1 + n as u128);
        Opening { market: self.market.clone(), buyer, limits: self.limits, reference: None }
    }
}

/// `method:verdict:delivery`, see [`Habit`](crate::bank::Habit). A good part of the cards is just good.
fn draw_card(rng: &mut Rng) -> String {
    let method = rng.pick(&["card", "card", "card", "instant", "later"]);
    let verdict = match method {
        "card" => {
            rng.pick(&["yes", "yes", "yes", "ask", "no", "no_capture", "takes", "keeps_stray", "keeps_first"])
        }
        "instant" => rng.pick(&["yes", "yes", "no", "keeps_stray", "keeps_first"]),
        _ => rng.pick(&["yes", "yes", "despite_void"]),
    };
    let delivery = rng.pick(&[
        "plain",
        "plain",
        "plain",
        "silent",
        "deaf",
        "late",
        "late_silent",
        "twice",
        "days_late",
        "error_done",
        "error_kept",
    ]);
    format!("{method}:{verdict}:{delivery}")
}

/// The checkout of the `n`th shopper's cart of this number.
pub fn checkout(n: usize, cart: u64) -> CheckoutId {
    CheckoutId(FIRST_CHECKOUT * (1 + u128::from(cart)) + n as u128)
}

/// Whether this checkout is a machine of its own.
pub fn is_machine(checkout: CheckoutId) -> bool {
    checkout.0 >= FIRST_CHECKOUT
}

/// An amount.
pub fn brl(minor: i64) -> Money {
    Money::new(minor, Currency::BRL)
}
