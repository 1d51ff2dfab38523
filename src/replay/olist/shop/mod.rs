//! What a replay asks of a shop, in two forms: over HTTP like everybody, or given to the actors directly.
//!
//! Both name every request alike, so both make the same commands with the same ids, and things that are made are
//! called the same. A request that is asked again under its name is told the same again.

mod actors;
mod client;
mod figures;
mod http;
mod refusals;
mod secrets;
mod wire;

use std::fmt::Display;

use souk_core::checkout::AssistedLine;
use souk_core::ids::{CheckoutId, OrderId, ParcelId, ProductId, QuoteId, SkuId, VariantId, VendorId};
use souk_core::money::{Money, Rate};

use crate::store::vault::Address;

use super::plan::{Line, Offer, Order, Product, Vendor};

pub use actors::Actors;
pub use client::Client;
pub use figures::{Figures, LineFigures};
pub use http::HttpShop;
pub use secrets::{cart_secret, operator_key};

/// The card that always pays.
const CARD: &str = "card_success";
/// The one way of shipping.
const SHIPPING: &str = "standard";
/// Where everything is sold to.
const COUNTRY: &str = "BR";
/// What a vendor's key is called.
const KEY_NAME: &str = "replay";

/// A shop to replay into.
#[derive(Debug)]
pub enum Shop {
    /// Through its actors, in this process: for measuring.
    Actors(Actors),
    /// Over HTTP.
    Http(HttpShop),
}

/// Somebody who acts for a vendor.
#[derive(Clone, Debug)]
pub struct Seller {
    /// The vendor, as the shop calls it.
    pub vendor: VendorId,
    access: SellerAccess,
}

/// With what a seller proves who it is.
#[derive(Clone, Debug)]
enum SellerAccess {
    Principal(souk_core::ids::Principal),
    Key(secrets::Hidden),
}

/// A shopper's cart.
#[derive(Clone, Debug)]
pub struct Cart {
    /// The checkout, as the shop calls it.
    pub id: CheckoutId,
    access: CartAccess,
}

#[derive(Clone, Debug)]
enum CartAccess {
    Buyer(souk_core::ids::BuyerId),
    Token(secrets::Hidden),
}

/// What something costs, and under which name it is paid.
#[derive(Clone, Copy, Debug)]
pub struct Quoted {
    /// The quote.
    pub quote: QuoteId,
    /// Its total.
    pub total: Money,
}

/// Why the shop said no: the code that its API tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused(pub String);

/// What was asked for, or a no that the asker must deal with; anything else that goes wrong is an error.
pub type Told<T> = anyhow::Result<Result<T, Refused>>;

/// The idempotency key of a request: the same in every run.
fn key(step: &str, what: impl Display) -> String {
    format!("olist/{step}/{what}")
}

/// A key of a step that may have to be taken again with another outcome.
fn numbered(step: &str, attempt: u32) -> String {
    format!("{step}-{attempt}")
}

/// Does the same with whichever form it is.
macro_rules! either {
    ($self:expr, $shop:ident => $then:expr) => {
        match $self {
            Shop::Actors($shop) => $then,
            Shop::Http($shop) => $then,
        }
    };
}

impl Shop {
    /// Lets a vendor apply, approves it, and returns somebody who acts for it.
    ///
    /// # Errors
    /// As all of these: when the shop refuses what it must not refuse, or cannot be reached for long.
    pub async fn vendor(&self, vendor: &Vendor, commission: Rate) -> anyhow::Result<Seller> {
        either!(self, shop => shop.vendor(vendor, commission).await)
    }

    /// Creates a draft with its one variant.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn create(&self, seller: &Seller, product: &Product) -> anyhow::Result<(ProductId, VariantId)> {
        either!(self, shop => shop.create(seller, product).await)
    }

    /// Offers a variant.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn attach(
        &self,
        seller: &Seller,
        (product, variant): (ProductId, VariantId),
        planned: &Product,
        offer: &Offer,
    ) -> anyhow::Result<SkuId> {
        either!(self, shop => shop.attach(seller, (product, variant), planned, offer).await)
    }

    /// Submits a draft, and lists it.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn list(&self, seller: &Seller, product: ProductId) -> anyhow::Result<()> {
        either!(self, shop => shop.list(seller, product).await)
    }

    /// Receives units.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn receive(
        &self,
        seller: &Seller,
        offer: (ProductId, SkuId),
        quantity: u32,
    ) -> anyhow::Result<()> {
        either!(self, shop => shop.receive(seller, offer, quantity).await)
    }

    /// Whether every offer of the seller on this product can be held by now.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn is_open(&self, seller: &Seller, offer: (ProductId, SkuId)) -> anyhow::Result<bool> {
        either!(self, shop => shop.is_open(seller, offer).await)
    }

    /// Opens a shopper's cart with these lines, addressed.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn fill_cart(&self, order: &Order, lines: &[Wanted]) -> anyhow::Result<Cart> {
        either!(self, shop => shop.fill_cart(order, lines).await)
    }

    /// Asks what a cart costs.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn quote(&self, cart: &Cart, attempt: u32) -> Told<Quoted> {
        either!(self, shop => shop.quote(cart, attempt).await)
    }

    /// Lets an operator write a cart and its prices.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn assist(&self, order: &Order, lines: &[Wanted], attempt: u32) -> Told<(Cart, Quoted)> {
        either!(self, shop => shop.assist(order, lines, attempt).await)
    }

    /// Pays a cart.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn pay(&self, cart: &Cart, quoted: Quoted, attempt: u32) -> Told<OrderId> {
        either!(self, shop => shop.pay(cart, quoted, attempt).await)
    }

    /// Leaves a cart, so that nothing of it stays held. One that has ended is left already.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn abandon(&self, cart: &Cart) -> Told<()> {
        either!(self, shop => shop.abandon(cart).await)
    }

    /// Sends everything of the seller's part.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn ship(&self, seller: &Seller, order: OrderId) -> anyhow::Result<ParcelId> {
        either!(self, shop => shop.ship(seller, order).await)
    }

    /// Says that a parcel has arrived.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn deliver(&self, seller: &Seller, order: OrderId, parcel: ParcelId) -> anyhow::Result<()> {
        either!(self, shop => shop.deliver(seller, order, parcel).await)
    }

    /// Cancels a line of the seller's part, which cannot be had.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn cancel_line(&self, seller: &Seller, order: OrderId, line: u32) -> anyhow::Result<()> {
        either!(self, shop => shop.cancel_line(seller, order, line).await)
    }

    /// The order's own figures.
    ///
    /// # Errors
    /// As [`Shop::vendor`].
    pub async fn figures(&self, order: OrderId) -> anyhow::Result<Figures> {
        either!(self, shop => shop.figures(order).await)
    }
}

/// A line of the plan, under the names that the shop gave.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The offer.
    pub sku: SkuId,
    /// Of which product.
    pub product: ProductId,
    /// What is wanted of it.
    pub line: Line,
}

impl Wanted {
    fn assisted(&self) -> AssistedLine {
        let Line { quantity, unit_price, unit_shipping, .. } = self.line;
        AssistedLine { sku: self.sku, product: self.product, quantity, unit_price, unit_shipping }
    }
}

/// The source has no names; these stand in, so that the vault does its work.
fn address(order: &Order) -> Address {
    let short: String = order.source.chars().take(8).collect();
    Address {
        name: format!("Shopper {short}").into(),
        street: format!("Rua {short}").into(),
        postal_code: "00000-000".into(),
        city: "Cidade".into(),
        country: COUNTRY.into(),
        email: format!("{short}@example.org").into(),
    }
}

/// What the vendor itself calls a product.
fn code(product: &Product) -> String {
    product.source.chars().take(32).collect()
}
