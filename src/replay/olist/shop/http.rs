//! The shop over HTTP: its shoppers, vendors and operators, each with a key or token of their own.

use anyhow::{Context, anyhow, bail};
use hyper::Method;
use serde_json::{Value, json};
use souk_core::ids::{OrderId, ParcelId, ProductId, SkuId, VariantId, VendorId};
use souk_core::money::Rate;

use super::super::CURRENCY;
use super::super::plan::{Offer, Order, Product, Vendor};
use super::super::run::VendorKeys;
use super::client::{Client, Request};
use super::secrets::{Hidden, cart_secret};
use super::wire::{OrderIn, address_body, cart, field, quoted};
use super::{
    CARD, COUNTRY, Cart, CartAccess, Figures, KEY_NAME, Quoted, Refused, SHIPPING, Seller, SellerAccess,
    Told, Wanted, code, key, numbered,
};

/// How many keys are asked for in place of one that was made and never seen.
const KEYS_MAX: u32 = 8;

/// A shop that is reached over HTTP.
#[derive(Debug)]
pub struct HttpShop {
    client: Client,
    operator: Hidden,
    cart_secret: Hidden,
    vendor_keys: VendorKeys,
}

impl HttpShop {
    /// With an operator's key, and the vendors' keys that a run before this one was given.
    pub fn new(client: Client, operator_key: String, vendor_keys: VendorKeys) -> Self {
        let cart_secret = Hidden(cart_secret(&operator_key));
        HttpShop { client, operator: Hidden(operator_key), cart_secret, vendor_keys }
    }

    async fn ask(
        &self,
        who: &str,
        key: String,
        (method, path): (Method, String),
        body: Option<Value>,
    ) -> Told<Value> {
        let key = Some(key);
        self.client.send(Request { method, path, bearer: Some(who), key, client_secret: None, body }).await
    }

    /// The same for what must not be refused.
    async fn must(
        &self,
        who: &str,
        key: String,
        (method, path): (Method, String),
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let what = format!("{method} {path}");
        match self.ask(who, key, (method, path), body).await? {
            Ok(body) => Ok(body),
            Err(Refused(code)) => bail!("{what} was refused: {code}{}", hint(&code)),
        }
    }

    async fn read(&self, who: &str, path: String) -> anyhow::Result<Value> {
        let what = path.clone();
        let request = Request {
            method: Method::GET,
            path,
            bearer: Some(who),
            key: None,
            client_secret: None,
            body: None,
        };
        let told = self.client.send(request).await?;
        told.map_err(|Refused(code)| anyhow!("GET {what} was refused: {code}"))
    }

    pub(super) async fn vendor(&self, vendor: &Vendor, commission: Rate) -> anyhow::Result<Seller> {
        let operator = &self.operator.0;
        let entity = json!({ "name": vendor.name, "country": COUNTRY, "series": "A" });
        let body = json!({ "name": vendor.name, "legal_entity": entity, "settlement": CURRENCY.code() });
        let made =
            self.must(operator, key("apply", vendor.id), post("/v1/operator/vendors"), Some(body)).await?;
        let id: VendorId = field(&made, "id")?;
        let approve = post(format!("/v1/operator/vendors/{id}/approve"));
        let body = json!({ "commission_basis_points": commission.0 });
        self.must(operator, key("approve", vendor.id), approve, Some(body)).await?;
        let text = match self.vendor_keys.get(vendor.id) {
            Some(text) => text,
            None => self.new_key(vendor, id).await?,
        };
        Ok(Seller { vendor: id, access: SellerAccess::Key(Hidden(text)) })
    }

    /// Kept before it is used for the first time: who acts is part of what every request of the vendor is called.
    async fn new_key(&self, vendor: &Vendor, id: VendorId) -> anyhow::Result<String> {
        for attempt in 1..=KEYS_MAX {
            let body = Some(json!({ "name": KEY_NAME }));
            let name = key(&numbered("key", attempt), vendor.id);
            let path = post(format!("/v1/operator/vendors/{id}/keys"));
            match self.ask(&self.operator.0, name, path, body).await? {
                Ok(made) => {
                    let text: String = field(&made, "key")?;
                    self.vendor_keys.keep(vendor.id, &text)?;
                    return Ok(text);
                }
                // Its answer was lost in a run that ended long ago, so nobody has used it.
                Err(Refused(code)) if code == "secret_already_shown" => {}
                Err(Refused(code)) => bail!("a key for {id} was refused: {code}"),
            }
        }
        bail!("the keys of {id} were all shown before: was the file of the vendors' keys removed?")
    }

    pub(super) async fn create(
        &self,
        seller: &Seller,
        product: &Product,
    ) -> anyhow::Result<(ProductId, VariantId)> {
        let body =
            json!({ "title": { "en": product.title }, "category": product.category, "variants": [{}] });
        let name = key("create", product.id);
        let made = self.must(seller.key(), name, post("/v1/vendor/products"), Some(body)).await?;
        let variant = made["variants"][0].as_str().context("a product without a variant")?;
        Ok((field(&made, "id")?, variant.parse()?))
    }

    pub(super) async fn attach(
        &self,
        seller: &Seller,
        (product, variant): (ProductId, VariantId),
        planned: &Product,
        offer: &Offer,
    ) -> anyhow::Result<SkuId> {
        let price = json!({
            "unit_minor": offer.unit_price.minor,
            "shipping_minor": offer.unit_shipping.minor,
            "currency": CURRENCY.code(),
        });
        let body = json!({ "variant": variant.to_string(), "code": code(planned), "price": price });
        let path = post(format!("/v1/vendor/products/{product}/offers"));
        let made = self.must(seller.key(), key("attach", offer.sku), path, Some(body)).await?;
        field(&made, "sku")
    }

    pub(super) async fn list(&self, seller: &Seller, product: ProductId) -> anyhow::Result<()> {
        let submit = post(format!("/v1/vendor/products/{product}/submit"));
        self.must(seller.key(), key("submit", product), submit, None).await?;
        let approve = post(format!("/v1/operator/products/{product}/approve"));
        self.must(&self.operator.0, key("approve", product), approve, Some(json!({ "list": true }))).await?;
        Ok(())
    }

    pub(super) async fn receive(
        &self,
        seller: &Seller,
        (product, sku): (ProductId, SkuId),
        quantity: u32,
    ) -> anyhow::Result<()> {
        let path = post(format!("/v1/vendor/products/{product}/offers/{sku}/receive"));
        let body = Some(json!({ "quantity": quantity }));
        self.must(seller.key(), key("receive", sku), path, body).await?;
        Ok(())
    }

    pub(super) async fn is_open(
        &self,
        seller: &Seller,
        (product, sku): (ProductId, SkuId),
    ) -> anyhow::Result<bool> {
        let shown = self.read(seller.key(), format!("/v1/vendor/products/{product}")).await?;
        let offers = shown["offers"].as_array().context("a product without offers")?;
        let offer = offers.iter().find(|offer| offer["sku"] == sku.to_string().as_str());
        Ok(offer.is_some_and(|offer| offer["open"] == true))
    }

    pub(super) async fn fill_cart(&self, order: &Order, lines: &[Wanted]) -> anyhow::Result<Cart> {
        let request = Request {
            method: Method::POST,
            path: "/v1/store/carts".to_owned(),
            bearer: None,
            key: Some(key("open", order.checkout)),
            client_secret: Some(&self.cart_secret.0),
            body: Some(json!({ "reference": order.source })),
        };
        let made = self.client.send(request).await?;
        let made = made.map_err(|Refused(code)| anyhow!("a cart was refused: {code}"))?;
        let cart = cart(&made)?;
        let base = format!("/v1/store/carts/{}", cart.id);
        let token = cart.token();
        for Wanted { sku, product, line } in lines {
            let body = json!({ "product": product.to_string(), "quantity": line.quantity });
            self.must(token, key("line", sku), put(format!("{base}/lines/{sku}")), Some(body)).await?;
        }
        let address = Some(address_body(order));
        self.must(token, key("address", cart.id), put(format!("{base}/address")), address).await?;
        let shipping = Some(json!({ "method": SHIPPING }));
        self.must(token, key("shipping", cart.id), put(format!("{base}/shipping")), shipping).await?;
        Ok(cart)
    }

    pub(super) async fn quote(&self, cart: &Cart, attempt: u32) -> Told<Quoted> {
        let path = post(format!("/v1/store/carts/{}/quote", cart.id));
        let told = self.ask(cart.token(), key(&numbered("quote", attempt), cart.id), path, None).await?;
        told.map(|body| quoted(&body)).transpose_inner()
    }

    pub(super) async fn assist(&self, order: &Order, lines: &[Wanted], attempt: u32) -> Told<(Cart, Quoted)> {
        let lines: Vec<Value> = lines
            .iter()
            .map(|Wanted { sku, product, line }| {
                json!({
                    "sku": sku.to_string(),
                    "product": product.to_string(),
                    "quantity": line.quantity,
                    "unit_price_minor": line.unit_price.minor,
                    "unit_shipping_minor": line.unit_shipping.minor,
                })
            })
            .collect();
        let body = json!({
            "lines": lines,
            "address": address_body(order),
            "shipping_method": SHIPPING,
            "reference": order.source,
        });
        let name = key(&numbered("assist", attempt), order.checkout);
        let path = post("/v1/operator/assisted-orders");
        let told = self.ask(&self.operator.0, name, path, Some(body)).await?;
        told.map(|body| Ok((cart(&body)?, quoted(&body)?))).transpose_inner()
    }

    pub(super) async fn pay(&self, cart: &Cart, quoted: Quoted, attempt: u32) -> Told<OrderId> {
        let body = json!({
            "quote": quoted.quote.to_string(),
            "total_minor": quoted.total.minor,
            "currency": quoted.total.currency.code(),
            "method": "card",
            "token": CARD,
        });
        let path = post(format!("/v1/store/carts/{}/pay", cart.id));
        let told = self.ask(cart.token(), key(&numbered("pay", attempt), cart.id), path, Some(body)).await?;
        told.map(|body| field(&body, "order")).transpose_inner()
    }

    pub(super) async fn abandon(&self, cart: &Cart) -> Told<()> {
        let path = post(format!("/v1/store/carts/{}/abandon", cart.id));
        let told = self.ask(cart.token(), key("abandon", cart.id), path, None).await?;
        Ok(told.map(|_| ()))
    }

    pub(super) async fn ship(&self, seller: &Seller, order: OrderId) -> anyhow::Result<ParcelId> {
        let path = post(format!("/v1/vendor/orders/{order}/ship"));
        let told = self.must(seller.key(), key("ship", order), path, Some(json!({}))).await?;
        field(&told, "parcel")
    }

    pub(super) async fn deliver(
        &self,
        seller: &Seller,
        order: OrderId,
        parcel: ParcelId,
    ) -> anyhow::Result<()> {
        let path = post(format!("/v1/vendor/orders/{order}/parcels/{parcel}/deliver"));
        self.must(seller.key(), key("deliver", parcel), path, None).await?;
        Ok(())
    }

    pub(super) async fn cancel_line(&self, seller: &Seller, order: OrderId, line: u32) -> anyhow::Result<()> {
        let path = post(format!("/v1/vendor/orders/{order}/lines/{line}/cancel"));
        let body = Some(json!({ "reason": "not_available" }));
        self.must(seller.key(), key("cancel", line), path, body).await?;
        Ok(())
    }

    pub(super) async fn figures(&self, order: OrderId) -> anyhow::Result<Figures> {
        let shown = self.read(&self.operator.0, format!("/v1/operator/orders/{order}")).await?;
        let order: OrderIn = serde_json::from_value(shown)?;
        order.figures()
    }
}

impl Seller {
    fn key(&self) -> &str {
        match &self.access {
            SellerAccess::Key(text) => &text.0,
            // Made by the other form of the shop; the server will say that it is no key.
            SellerAccess::Principal(_) => "",
        }
    }
}

impl Cart {
    fn token(&self) -> &str {
        match &self.access {
            CartAccess::Token(text) => &text.0,
            CartAccess::Buyer(_) => "",
        }
    }
}

/// `Result<anyhow::Result<T>, E>` inside out.
trait TransposeInner<T> {
    fn transpose_inner(self) -> Told<T>;
}

impl<T> TransposeInner<T> for Result<anyhow::Result<T>, Refused> {
    fn transpose_inner(self) -> Told<T> {
        match self {
            Ok(told) => told.map(Ok),
            Err(refused) => Ok(Err(refused)),
        }
    }
}

fn post(path: impl Into<String>) -> (Method, String) {
    (Method::POST, path.into())
}

fn put(path: String) -> (Method, String) {
    (Method::PUT, path)
}

/// What to do about a refusal that is the server's settings' fault.
fn hint(code: &str) -> &'static str {
    match code {
        "currency_mismatch" | "country_not_served" => {
            "; the server must sell in BRL to BR: start it with SOUK_MARKET__CURRENCY=BRL SOUK_MARKET__COUNTRIES=BR"
        }
        _ => "",
    }
}
