//! A server in this process, a client that keeps what it was told, and the first steps of most stories.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use souk::app::{Doors, ShopOptions};
use souk::clock::Clock;
use souk::config::{Config, Flag, Sources};
use souk::http::{Opening, Services, serve};
use souk::journal::Database;
use souk::store::{keys, plain};
use souk::tenants::keys::issue;
use souk::tenants::{OperatorScope, Role};
use souk_core::ids::VendorId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::servers::Backend;

pub const PRODUCTS: &str = "/v1/vendor/products";
/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked again and again until it is as it should be.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(instead) => assert!(Instant::now() < deadline, "never {what}: {instead}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A server in this process.
pub struct Server {
    backend: Backend,
    settings: Vec<(&'static str, String)>,
    pub addr: String,
    /// What its handlers use.
    pub services: Arc<Services>,
    stop: Option<oneshot::Sender<()>>,
    pub served: JoinHandle<()>,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With other settings than the default ones.
    pub async fn start_with(settings: &[(&'static str, &dyn Display)]) -> Self {
        Self::on(Backend::sqlite(), settings).await
    }

    pub async fn on(backend: Backend, settings: &[(&'static str, &dyn Display)]) -> Self {
        let settings = settings.iter().map(|(key, value)| (*key, value.to_string())).collect();
        Self::open(backend, settings, true).await
    }

    async fn open(backend: Backend, settings: Vec<(&'static str, String)>, following: bool) -> Self {
        let mut given = vec![
            ("database.data_dir", backend.data_dir().display().to_string()),
            ("database.url", backend.url().to_owned()),
            ("payments.test_bank_delay_ms", "0".to_owned()),
            ("payments.notice_delay_ms", "0".to_owned()),
            ("checkout.pay_answer_ms", "5000".to_owned()),
        ];
        given.retain(|(key, _)| settings.iter().all(|(other, _)| other != key));
        given.extend(settings.iter().cloned());
        let flags = given.into_iter().map(|(key, value)| Flag { flag: "--test", key, value }).collect();
        let config = Config::load(Sources { flags, ..Sources::default() }).expect("good settings").config;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound").to_string();
        let options = ShopOptions { projectors: following, ..ShopOptions::of(&config) };
        let doors = Doors::open_with(&config, Clock::system(), options).await.expect("the shop opens");
        let services = Arc::clone(&doors.services);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(listener, doors.services.clone(), doors.limits, &Opening::default(), stopped).await;
            doors.close().await;
        });
        Server { backend, settings, addr, services, stop: Some(stop), served }
    }

    /// As SIGTERM does.
    pub fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }

    pub async fn stop(self) {
        drop(self.ended().await);
    }

    /// Stops it in order and starts another one on the same data.
    pub async fn restart(self) -> Self {
        self.restart_following(true).await
    }

    /// The same; whatever follows the journal does so only when it is told to.
    pub async fn restart_following(self, following: bool) -> Self {
        let (backend, settings) = self.ended().await;
        Self::open(backend, settings, following).await
    }

    /// Stops it in order and leaves its data.
    pub async fn end(self) -> Backend {
        self.ended().await.0
    }

    async fn ended(mut self) -> (Backend, Vec<(&'static str, String)>) {
        self.tell_to_stop();
        drop(self.services);
        self.served.await.expect("it ends in order");
        (self.backend, self.settings)
    }

    /// As `souk keys create` does, while the server runs.
    pub async fn key(&self, role: Role) -> String {
        let database: Database = self.backend.url().parse().expect("an address");
        let pool = plain::open(&database).await.expect("the keys open");
        let (text, record) = issue(role, "test", Clock::system().now()).expect("a key");
        keys::create(&pool, &OperatorScope::of_console(), &record).await.expect("stored");
        pool.close().await;
        text.expose().to_owned()
    }

    /// Where its files are.
    pub fn data_dir(&self) -> &Path {
        self.backend.data_dir()
    }

    /// Where every partition of the journal ends: equal before and after means that nothing happened.
    pub async fn ends(&self) -> Vec<u64> {
        self.services.node.journal().reader().ends().await.expect("the journal can be read")
    }

    /// Waits until the journal has stopped growing: what follows a payment (notices, refunds) has come.
    pub async fn quiet(&self) {
        let (mut last, mut same) = (self.ends().await, 0);
        until("quiet", async || {
            let now = self.ends().await;
            same = if now == last { same + 1 } else { 0 };
            last = now;
            if same >= 10 { Ok(()) } else { Err(format!("{last:?}")) }
        })
        .await;
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut stream = TcpStream::connect(&self.addr).await.expect("it listens");
        stream.write_all(request(method, path, headers, body).as_bytes()).await.expect("sent");
        let told = Response::read(stream).await;
        super::openapi::describes(method, path, &told);
        told
    }

    /// JSON by somebody, named.
    pub async fn call(&self, who: &str, key: &str, method: &str, path: &str, body: Value) -> Response {
        let bearer = format!("Bearer {who}");
        let mut headers = vec![("content-type", "application/json"), ("idempotency-key", key)];
        if !who.is_empty() {
            headers.push(("authorization", bearer.as_str()));
        }
        self.send(method, path, &headers, &body.to_string()).await
    }

    pub async fn post(&self, who: &str, key: &str, path: &str, body: Value) -> Response {
        self.call(who, key, "POST", path, body).await
    }

    pub async fn get(&self, who: &str, path: &str) -> Response {
        self.get_with(who, path, &[]).await
    }

    pub async fn get_with(&self, who: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let bearer = format!("Bearer {who}");
        let mut headers = headers.to_vec();
        if !who.is_empty() {
            headers.push(("authorization", bearer.as_str()));
        }
        self.send("GET", path, &headers, "").await
    }
}

pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: souk\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}content-length: {}\r\n\r\n{body}", body.len())
}

pub struct Response {
    pub status: u16,
    pub head: String,
    pub bytes: Vec<u8>,
    pub body: String,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.head, self.body)
    }
}

impl Response {
    pub async fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("an answer");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&bytes)));
        let bytes_of_body = bytes.split_off(end + 4);
        let head = String::from_utf8(bytes).expect("text").to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let body = String::from_utf8_lossy(&bytes_of_body).into_owned();
        Response { status, head, bytes: bytes_of_body, body }
    }

    /// A header's value, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of a yes.
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }

    pub fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.json()["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert!(self.header("x-request-id").is_some(), "{self:?}");
        assert!(self.json()["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{self:?}");
    }

    pub fn is_repeat(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// The same answer as before, and known as such.
    pub fn repeats(&self, first: &Response) {
        assert!(self.is_repeat(), "not known as a repeat: {self:?}");
        assert!(!first.is_repeat(), "the first was one already: {first:?}");
        assert_eq!((self.status, &self.bytes), (first.status, &first.bytes));
    }
}

pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

/// A vendor with one product that is for sale.
pub struct Stall {
    pub vendor: String,
    pub key: String,
    pub product: String,
    pub variant: String,
    pub sku: String,
}

impl Stall {
    /// The path of something about its product.
    pub fn path(&self, rest: &str) -> String {
        format!("{PRODUCTS}/{}/{rest}", self.product)
    }

    /// The path of something about its offer.
    pub fn offer(&self, rest: &str) -> String {
        self.path(&format!("offers/{}/{rest}", self.sku))
    }
}

pub fn application(n: u32) -> Value {
    let name = format!("Vendor {n}");
    json!({ "name": name, "legal_entity": { "name": name, "country": "DE", "series": "A" } })
}

/// A vendor that may sell: its id and its key.
pub async fn approved_vendor(server: &Server, operator: &str, n: u32) -> (String, String) {
    let made = server.post(operator, &format!("apply-{n}"), "/v1/operator/vendors", application(n)).await;
    let vendor = text(&made.ok(), "id");
    let approve = format!("/v1/operator/vendors/{vendor}/approve");
    server.post(operator, "approve", &approve, json!({})).await.ok();
    let key = server.key(Role::Vendor(vendor.parse::<VendorId>().expect("an id"))).await;
    (vendor, key)
}

/// A product with one offer, not submitted yet.
pub async fn draft(server: &Server, vendor: (String, String), category: &str, unit_minor: i64) -> Stall {
    let (vendor, key) = vendor;
    let product = json!({ "title": { "en": "Thing" }, "category": category, "variants": [{}] });
    let made = server.post(&key, &format!("create-{category}"), PRODUCTS, product).await.ok();
    let (product, variant) = (text(&made, "id"), made["variants"][0].as_str().expect("one").to_owned());
    let price = json!({ "unit_minor": unit_minor, "shipping_minor": 499, "currency": "EUR" });
    let offer = json!({ "variant": variant, "code": "T-1", "price": price });
    let offer = server.post(&key, "offer", &format!("{PRODUCTS}/{product}/offers"), offer).await.ok();
    Stall { vendor, key, product, variant, sku: text(&offer, "sku") }
}

/// Receives units, submits and approves, and waits until it can be bought.
pub async fn put_on_sale(server: &Server, operator: &str, stall: &Stall, units: u32) {
    if units > 0 {
        let received =
            server.post(&stall.key, "receive", &stall.offer("receive"), json!({ "quantity": units })).await;
        assert_eq!(received.ok()["available"], units);
    }
    server.post(&stall.key, "submit", &stall.path("submit"), json!({})).await.ok();
    let approve = format!("/v1/operator/products/{}/approve", stall.product);
    server.post(operator, "approve", &approve, json!({})).await.ok();
    // The shard hears of it from the product, a moment later.
    let path = format!("/v1/store/products/{}", stall.product);
    until("for sale", async || {
        let seen = server.get("", &path).await.ok();
        if seen["offers"][0]["available"] == units { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
}

pub async fn open_stall(server: &Server, operator: &str, n: u32, units: u32) -> Stall {
    let stall = draft(server, approved_vendor(server, operator, n).await, "things", 1_999).await;
    put_on_sale(server, operator, &stall, units).await;
    stall
}

/// A cart and its token.
pub struct Cart {
    pub path: String,
    pub token: String,
}

impl Cart {
    pub async fn open(server: &Server) -> Self {
        let made = server.send("POST", "/v1/store/carts", &[], "").await.ok();
        Cart { path: format!("/v1/store/carts/{}", text(&made, "id")), token: text(&made, "token") }
    }

    pub async fn put(&self, server: &Server, key: &str, rest: &str, body: Value) -> Response {
        server.call(&self.token, key, "PUT", &format!("{}/{rest}", self.path), body).await
    }

    pub async fn post(&self, server: &Server, key: &str, rest: &str, body: Value) -> Response {
        server.call(&self.token, key, "POST", &format!("{}/{rest}", self.path), body).await
    }

    pub async fn show(&self, server: &Server) -> Value {
        server.get(&self.token, &self.path).await.ok()
    }

    pub async fn line(&self, server: &Server, stall: &Stall, quantity: i64) -> Response {
        let body = json!({ "product": stall.product, "quantity": quantity });
        self.put(server, &format!("line-{quantity}"), &format!("lines/{}", stall.sku), body).await
    }

    pub async fn to_quote(&self, server: &Server) -> Value {
        self.put(server, "address", "address", address()).await.ok();
        self.put(server, "shipping", "shipping", json!({ "method": "standard" })).await.ok();
        self.post(server, "quote", "quote", json!({})).await.ok()
    }

    /// Buys one unit; the order's id.
    pub async fn buy(&self, server: &Server, stall: &Stall, quantity: i64) -> String {
        self.line(server, stall, quantity).await.ok();
        let quote = self.to_quote(server).await;
        let placed = self.post(server, "pay", "pay", pay_body(&quote, "card_success")).await.ok();
        assert_eq!(text(&placed, "state"), "placed");
        text(&placed, "order")
    }

    pub async fn is_in(&self, server: &Server, state: &str) -> Value {
        until(state, async || {
            let seen = self.show(server).await;
            if text(&seen, "state") == state { Ok(seen) } else { Err(seen.to_string()) }
        })
        .await
    }
}

pub fn address() -> Value {
    json!({ "name": "Ada Example", "street": "Example 1", "postal_code": "10115", "city": "Berlin", "country": "DE", "email": "ada@example.org" })
}

pub fn pay_body(quote: &Value, token: &str) -> Value {
    json!({ "quote": quote["quote"], "total_minor": quote["total_minor"], "currency": "EUR", "method": "card", "token": token })
}
