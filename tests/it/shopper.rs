//! A shopper who does not give up: whatever was cut off is sent again, under the same name.

use std::time::Duration;

use serde_json::{Value, json};
use souk_core::ids::ProductId;
use tokio::time::Instant;

use crate::http::rig::{address, pay_body};
use crate::sales::{VENDORS, sku};
use crate::served::{Gone, Told, ask};

/// How long one request is repeated while it is said to be under way.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);

pub struct Shopper {
    token: &'static str,
    address: Value,
    cart: String,
    bearer: String,
    is_filled: bool,
    quote: Option<Value>,
    /// How often a quote was asked for and could not be had: whoever asks again must do so under another name.
    unquoted: u32,
    /// The final answer to the pay request.
    paid: Option<Told>,
    /// Every yes on the way, as it was told.
    pub yeses: Vec<Yes>,
}

/// A named request that was answered with a yes.
#[derive(Clone, Debug)]
pub struct Yes {
    pub method: &'static str,
    pub rest: String,
    pub key: String,
    pub body: Value,
    pub told: Told,
}

impl Shopper {
    pub fn with(token: &'static str) -> Self {
        Shopper {
            token,
            address: address(),
            cart: String::new(),
            bearer: String::new(),
            is_filled: false,
            quote: None,
            unquoted: 0,
            paid: None,
            yeses: Vec::new(),
        }
    }

    pub fn living_at(self, address: Value) -> Self {
        Shopper { address, ..self }
    }

    /// The order that this shopper was told of.
    pub fn order(&self) -> Option<String> {
        self.paid.as_ref().map(|told| told.text("order")).filter(|order| !order.is_empty())
    }

    /// The checkout's id, once there is one.
    pub fn checkout(&self) -> Option<&str> {
        self.cart.rsplit_once('/').map(|(_, id)| id)
    }

    /// Takes a cart, unless it has one.
    pub async fn enter(&mut self, addr: &str) -> Result<(), Gone> {
        if self.cart.is_empty() {
            let made = ask(addr, "POST", "/v1/store/carts", &[], "").await?;
            if is_passing(&made) {
                return Err(Gone);
            }
            assert_eq!(made.status, 201, "{made:?}");
            self.cart = format!("/v1/store/carts/{}", made.text("id"));
            self.bearer = format!("Bearer {}", made.text("token"));
        }
        Ok(())
    }

    /// Buys, from wherever it was cut off. What was answered before is asked once more: the answer must be the same.
    pub async fn go_on(&mut self, addr: &str) -> Result<(), Gone> {
        self.enter(addr).await?;
        if !self.is_filled {
            for n in VENDORS {
                let line = json!({ "product": ProductId(10 + n).to_string(), "quantity": 1 });
                let rest = format!("lines/{}", sku(n));
                self.yes(addr, "PUT", &rest, &rest, &line).await?;
            }
            let address = self.address.clone();
            self.yes(addr, "PUT", "address", "address", &address).await?;
            let standard = json!({ "method": "standard" });
            self.yes(addr, "PUT", "shipping", "shipping", &standard).await?;
            self.is_filled = true;
        }
        if self.quote.is_none() {
            let key = match self.unquoted {
                0 => "quote".to_owned(),
                n => format!("quote-{n}"),
            };
            self.quote = Some(self.yes(addr, "POST", "quote", &key, &json!({})).await?.json());
        }
        self.pay(addr).await?;
        self.pass_3ds(addr).await
    }

    async fn pay(&mut self, addr: &str) -> Result<(), Gone> {
        let method = match self.token.split('_').next() {
            Some("instant") => "instant",
            Some("pay") => "pay_later",
            _ => "card",
        };
        let mut body = pay_body(self.quote.as_ref().expect("quoted"), self.token);
        body["method"] = json!(method);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.send(addr, "POST", "pay", &body).await?;
            if is_final(&told) {
                if let Some(before) = &self.paid {
                    let same = (before.status, &before.body) == (told.status, &told.body);
                    assert!(same, "told {before:?}, and after a restart {told:?}");
                    assert!(told.head.contains("idempotent-replayed: true"), "{told:?}");
                }
                self.paid = Some(told);
                return Ok(());
            }
            let goes_on = matches!(told.status, 202 | 409 | 429 | 503 | 504);
            assert!(goes_on, "the pay request was told {told:?}");
            assert!(Instant::now() < deadline, "the pay request never had an end: {told:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whoever is asked by the bank says yes, as often as it is asked.
    async fn pass_3ds(&self, addr: &str) -> Result<(), Gone> {
        let Some(paid) = self.paid.as_ref().filter(|paid| paid.text("state") == "action_needed") else {
            return Ok(());
        };
        let page = format!("/test-bank/{}?result=pass", paid.text("payment"));
        let passed = ask(addr, "POST", &page, &[], "").await?;
        if is_passing(&passed) {
            return Err(Gone);
        }
        // Passed before, or given up meanwhile.
        assert!(matches!(passed.status, 200 | 409), "{passed:?}");
        Ok(())
    }

    async fn yes(
        &mut self,
        addr: &str,
        method: &'static str,
        rest: &str,
        key: &str,
        body: &Value,
    ) -> Result<Told, Gone> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.send_as(addr, method, rest, key, body).await?;
            if (200..300).contains(&told.status) {
                let (rest, key, body) = (rest.to_owned(), key.to_owned(), body.clone());
                self.yeses.push(Yes { method, rest, key, body, told: told.clone() });
                return Ok(told);
            }
            if told.text("code") == "no_answer" {
                self.unquoted += 1;
                return Err(Gone);
            }
            let goes_on = matches!(told.status, 409 | 429 | 503 | 504);
            assert!(goes_on && Instant::now() < deadline, "{method} {rest}: {told:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Everything that was answered with a yes is asked again: the answer must be the same, and known as a repeat.
    pub async fn ask_again(&self, addr: &str) -> Result<(), Gone> {
        for yes in &self.yeses {
            let told = self.send_as(addr, yes.method, &yes.rest, &yes.key, &yes.body).await?;
            if is_passing(&told) {
                return Err(Gone);
            }
            let same = (yes.told.status, &yes.told.body) == (told.status, &told.body);
            assert!(same && told.head.contains("idempotent-replayed: true"), "{yes:?}, and again {told:?}");
        }
        Ok(())
    }

    /// Cancels the order that this shopper was told of; `false` when there is nothing to cancel.
    pub async fn cancel(&mut self, addr: &str) -> Result<bool, Gone> {
        let Some(order) = self.order() else { return Ok(false) };
        let headers = [
            ("content-type", "application/json"),
            ("authorization", self.bearer.as_str()),
            ("idempotency-key", "cancel"),
        ];
        let told = ask(addr, "POST", &format!("/v1/store/orders/{order}/cancel"), &headers, "{}").await?;
        if is_passing(&told) {
            return Err(Gone);
        }
        assert_eq!(told.status, 200, "{order} was to be cancelled: {told:?}");
        Ok(true)
    }

    /// Sends a request about the cart.
    pub async fn send(&self, addr: &str, method: &str, rest: &str, body: &Value) -> Result<Told, Gone> {
        self.send_as(addr, method, rest, rest, body).await
    }

    /// The same under this name.
    async fn send_as(
        &self,
        addr: &str,
        method: &str,
        rest: &str,
        key: &str,
        body: &Value,
    ) -> Result<Told, Gone> {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", self.bearer.as_str()),
            ("idempotency-key", key),
        ];
        let path = format!("{}/{rest}", self.cart);
        ask(addr, method, &path, &headers, &body.to_string()).await
    }
}

/// Whether the server can do nothing at the moment, or does not know yet: to be sent again, here or elsewhere.
pub fn is_passing(told: &Told) -> bool {
    matches!(told.status, 429 | 503 | 504) || told.text("code") == "request_in_flight"
}

/// Whether a repeat is told the same for ever. Still under way, in flight and overloaded are not.
fn is_final(told: &Told) -> bool {
    match told.status {
        200 => true,
        // Without a payment it only says where the sale was when the request had waited long enough.
        202 => !told.text("payment").is_empty(),
        409 => told.text("code") != "request_in_flight",
        // The units were not held in time; that stays so, and is to be tried under another name.
        503 => told.text("code") == "no_answer",
        status => (400..500).contains(&status) && status != 429,
    }
}
