//! The doors, through a real server on a free port: one cart of two vendors entirely over HTTP, what bad input is
//! told, repeats after a restart, and the end in order.

use std::time::Duration;

use serde_json::{Value, json};
use souk::app::Doors;
use souk::clock::Clock;
use souk::config::{Config, Flag, Sources};
use souk::http::serve;
use souk::journal::Database;
use souk::store::keys;
use souk::tenants::keys::issue;
use souk::tenants::{OperatorScope, Role};
use souk_core::ids::VendorId;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const PRODUCTS: &str = "/v1/vendor/products";

/// A server in this process.
struct Server {
    dir: TempDir,
    addr: String,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        Self::on(tempfile::tempdir().expect("a directory")).await
    }

    async fn on(dir: TempDir) -> Self {
        let flag = |flag, key, value: String| Flag { flag, key, value };
        let flags = vec![
            flag("--data", "database.data_dir", dir.path().display().to_string()),
            flag("--delay", "payments.test_bank_delay_ms", "0".to_owned()),
            flag("--pay-answer", "checkout.pay_answer_ms", "5000".to_owned()),
        ];
        let config = Config::load(Sources { flags, ..Sources::default() }).expect("good settings").config;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound").to_string();
        let doors = Doors::open(&config, Clock::system()).await.expect("the shop opens");
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(listener, doors.services.clone(), doors.limits, stopped).await;
            doors.close().await;
        });
        Server { dir, addr, stop: Some(stop), served }
    }

    /// As SIGTERM does.
    fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }

    async fn stop(mut self) -> TempDir {
        self.tell_to_stop();
        self.served.await.expect("it ends in order");
        self.dir
    }

    /// As `souk keys create` does, while the server runs.
    async fn key(&self, role: Role) -> String {
        let database = Database::Sqlite { dir: self.dir.path().to_owned() };
        let pool = keys::open(&database).await.expect("the keys open");
        let (text, record) = issue(role, "test", Clock::system().now()).expect("a key");
        keys::create(&pool, &OperatorScope::of_console(), &record).await.expect("stored");
        pool.close().await;
        text.expose().to_owned()
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut stream = TcpStream::connect(&self.addr).await.expect("it listens");
        stream.write_all(request(method, path, headers, body).as_bytes()).await.expect("sent");
        Response::read(stream).await
    }

    /// JSON by somebody, named.
    async fn call(&self, who: &str, key: &str, method: &str, path: &str, body: Value) -> Response {
        let bearer = format!("Bearer {who}");
        let mut headers = vec![("content-type", "application/json"), ("idempotency-key", key)];
        if !who.is_empty() {
            headers.push(("authorization", bearer.as_str()));
        }
        self.send(method, path, &headers, &body.to_string()).await
    }

    async fn get(&self, who: &str, path: &str) -> Response {
        self.send("GET", path, &[("authorization", &format!("Bearer {who}"))], "").await
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: souk\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}content-length: {}\r\n\r\n{body}", body.len())
}

#[derive(Debug)]
struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    async fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("an answer");
        let text = String::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Response { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of a yes.
    fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }

    fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.json()["code"].as_str()), (status, Some(code)), "{self:?}");
        assert!(
            self.head.contains("application/problem+json") && self.head.contains("x-request-id"),
            "{self:?}"
        );
    }

    fn is_repeat(&self) -> bool {
        self.head.contains("idempotent-replayed: true")
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

/// A vendor with one product that is for sale.
struct Stall {
    key: String,
    product: String,
    sku: String,
}

async fn open_stall(server: &Server, operator: &str, n: u32, units: u32) -> Stall {
    let name = format!("Vendor {n}");
    let application =
        json!({ "name": name, "legal_entity": { "name": name, "country": "DE", "series": "A" } });
    let vendor =
        server.call(operator, &format!("apply-{n}"), "POST", "/v1/operator/vendors", application).await.ok();
    let vendor = text(&vendor, "id");
    let approve = format!("/v1/operator/vendors/{vendor}/approve");
    server.call(operator, "approve", "POST", &approve, json!({})).await.ok();
    let key = server.key(Role::Vendor(vendor.parse::<VendorId>().expect("an id"))).await;

    let product = json!({ "title": { "en": "Thing" }, "category": "things", "variants": [{}] });
    let made = server.call(&key, "create", "POST", PRODUCTS, product).await.ok();
    let product = text(&made, "id");
    let offer = json!({ "variant": made["variants"][0], "code": "T-1", "price": { "unit_minor": 1999, "shipping_minor": 499, "currency": "EUR" } });
    let offer = server.call(&key, "offer", "POST", &format!("{PRODUCTS}/{product}/offers"), offer).await.ok();
    let sku = text(&offer, "sku");
    let receive = format!("{PRODUCTS}/{product}/offers/{sku}/receive");
    let received = server.call(&key, "receive", "POST", &receive, json!({ "quantity": units })).await.ok();
    assert_eq!(received["available"], units);
    server.call(&key, "submit", "POST", &format!("{PRODUCTS}/{product}/submit"), json!({})).await.ok();
    let approve = format!("/v1/operator/products/{product}/approve");
    server.call(operator, "approve", "POST", &approve, json!({})).await.ok();

    // The shard hears of it from the product, a moment later.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let seen = server.send("GET", &format!("/v1/store/products/{product}"), &[], "").await.ok();
        if seen["offers"][0]["available"] == units {
            return Stall { key, product, sku };
        }
        assert!(Instant::now() < deadline, "never for sale: {seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A cart and its token.
struct Cart {
    path: String,
    token: String,
}

impl Cart {
    async fn open(server: &Server) -> Self {
        let made = server.send("POST", "/v1/store/carts", &[], "").await.ok();
        Cart { path: format!("/v1/store/carts/{}", text(&made, "id")), token: text(&made, "token") }
    }

    async fn put(&self, server: &Server, key: &str, rest: &str, body: Value) -> Response {
        server.call(&self.token, key, "PUT", &format!("{}/{rest}", self.path), body).await
    }

    async fn post(&self, server: &Server, key: &str, rest: &str, body: Value) -> Response {
        server.call(&self.token, key, "POST", &format!("{}/{rest}", self.path), body).await
    }

    async fn line(&self, server: &Server, stall: &Stall, quantity: i64) -> Response {
        let body = json!({ "product": stall.product, "quantity": quantity });
        self.put(server, &format!("line-{quantity}"), &format!("lines/{}", stall.sku), body).await
    }

    async fn to_quote(&self, server: &Server) -> Value {
        let address = json!({ "name": "Ada Example", "street": "Example 1", "postal_code": "10115", "city": "Berlin", "country": "DE", "email": "ada@example.org" });
        self.put(server, "address", "address", address).await.ok();
        self.put(server, "shipping", "shipping", json!({ "method": "standard" })).await.ok();
        self.post(server, "quote", "quote", json!({})).await.ok()
    }
}

fn pay_body(quote: &Value, token: &str) -> Value {
    json!({ "quote": quote["quote"], "total_minor": quote["total_minor"], "currency": "EUR", "method": "card", "token": token })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_of_two_vendors_becomes_an_order_and_repeats_survive_a_restart() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let (first, second) =
        (open_stall(&server, &operator, 1, 5).await, open_stall(&server, &operator, 2, 5).await);

    let cart = Cart::open(&server).await;
    cart.line(&server, &first, 2).await.ok();
    cart.line(&server, &second, 1).await.ok();
    let quote = cart.to_quote(&server).await;
    assert_eq!(quote["total_minor"], 3 * (1_999 + 499));
    let pay = pay_body(&quote, "card_success");
    let paid = cart.post(&server, "pay", "pay", pay.clone()).await;
    assert!(!paid.is_repeat());
    let placed = paid.ok();
    assert_eq!((paid.status, text(&placed, "state").as_str()), (200, "placed"));
    let seen = server.get(&cart.token, &cart.path).await.ok();
    assert_eq!(text(&seen, "state"), "placed");
    assert!(!seen.to_string().contains("Ada"), "names stay in the vault: {seen}");
    let order = format!("/v1/store/orders/{}", text(&placed, "order"));
    let shown = server.get(&cart.token, &order).await.ok();
    assert_eq!(shown["vendor_orders"].as_array().map(Vec::len), Some(2));

    let repeat = cart.post(&server, "pay", "pay", pay.clone()).await;
    assert!(repeat.is_repeat() && repeat.body == paid.body, "{repeat:?}");
    let server = Server::on(server.stop().await).await;
    let repeat = cart.post(&server, "pay", "pay", pay).await;
    assert!(repeat.is_repeat() && repeat.body == paid.body, "{repeat:?}");
    assert_eq!(repeat.status, 200);

    // Each vendor ships its own part; another's is not there for it.
    let ship = order.replace("/store/", "/vendor/") + "/ship";
    let shipped = server.call(&first.key, "ship", "POST", &ship, json!({ "tracking": "T1" })).await.ok();
    let deliver = ship.replace("/ship", &format!("/parcels/{}/deliver", text(&shipped, "parcel")));
    server.call(&second.key, "deliver", "POST", &deliver, json!({})).await.is(404, "not_found");
    server.call(&first.key, "deliver", "POST", &deliver, json!({})).await.ok();
    let cancel = format!("{order}/cancel");
    server.call(&cart.token, "cancel", "POST", &cancel, json!({ "line": 2 })).await.ok();
    assert_eq!(text(&server.get(&cart.token, &order).await.ok(), "state"), "delivered");

    // An operator prices a cart for a shopper, who then pays it.
    let address = json!({ "name": "Bo", "street": "S 1", "postal_code": "1", "city": "C", "country": "DE", "email": "bo@example.org" });
    let line = json!({ "sku": first.sku, "product": first.product, "quantity": 1, "unit_price_minor": 1000 });
    let assisted = json!({ "lines": [line], "address": address, "shipping_method": "standard" });
    let written = server.call(&operator, "a1", "POST", "/v1/operator/assisted-orders", assisted).await.ok();
    assert_eq!(written["total_minor"], 1_000);
    let cart =
        Cart { path: format!("/v1/store/carts/{}", text(&written, "id")), token: text(&written, "token") };
    cart.post(&server, "pay", "pay", pay_body(&written, "card_success")).await.ok();
    server.get("", "/readyz").await.ok();
    assert!(server.get("", "/metrics").await.body.contains("souk_http_responses_total{class=\"2xx\"}"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_told_what_to_do_and_changes_nothing() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let (cart, other) = (Cart::open(&server).await, Cart::open(&server).await);
    let line = format!("{}/lines/{}", cart.path, stall.sku);
    let good = json!({ "product": stall.product, "quantity": 1 }).to_string();
    let bearer = format!("Bearer {}", cart.token);
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(2 << 20));
    let unknown = format!("{}/lines/sku_00000000000000000000000001", cart.path);
    let (json_type, auth) = (("content-type", "application/json"), ("authorization", bearer.as_str()));
    for (method, path, headers, body, status, code) in [
        ("PUT", line.as_str(), vec![json_type, auth], "{", 400, "malformed_json"),
        ("PUT", &line, vec![json_type, auth], "{\"colour\":1}", 400, "unknown_field"),
        ("PUT", &line, vec![json_type, auth], "{\"quantity\":\"one\"}", 400, "invalid_field"),
        ("PUT", &line, vec![json_type, auth], &good.replace(":1", ":0"), 422, "invalid_quantity"),
        ("PUT", &line, vec![json_type, auth], &good.replace(":1", ":-1"), 422, "invalid_quantity"),
        ("PUT", &line, vec![json_type, auth], &good.replace(":1", ":1000001"), 422, "invalid_quantity"),
        ("PUT", &line, vec![json_type, auth], &long, 413, "body_too_large"),
        ("PUT", &line, vec![auth], &good, 415, "unsupported_media_type"),
        ("PUT", &line, vec![json_type], &good, 401, "authentication_required"),
        (
            "PUT",
            &line,
            vec![json_type, auth, ("idempotency-key", "a b")],
            &good,
            400,
            "idempotency_key_invalid",
        ),
        ("PUT", &unknown, vec![json_type, auth], &good, 404, "unknown_sku"),
        ("PUT", &format!("{}/lines/x", cart.path), vec![json_type, auth], &good, 404, "not_found"),
        (
            "PUT",
            &format!("{}/lines/{}", other.path, stall.sku),
            vec![json_type, auth],
            &good,
            404,
            "not_found",
        ),
        ("POST", &format!("{}/pay", cart.path), vec![json_type, auth], "{}", 400, "invalid_field"),
        ("POST", &format!("{}/quote", cart.path), vec![auth], "", 409, "empty_cart"),
        ("PATCH", &line, vec![auth], "", 405, "method_not_allowed"),
        ("GET", "/v1/nothing", vec![], "", 404, "not_found"),
        ("POST", "/v1/operator/vendors", vec![json_type, auth], "{}", 401, "authentication_required"),
    ] {
        let told = server.send(method, path, &headers, body).await;
        assert_eq!(told.json()["code"], code, "{method} {path} {told:?}");
        told.is(status, code);
    }
    assert_eq!(server.get(&cart.token, &cart.path).await.ok()["lines"], json!([]));
    server.call(&stall.key, "k", "POST", "/v1/operator/vendors", json!({})).await.is(403, "wrong_role");

    // A key that is used for another body, and for the same one.
    let first = cart.line(&server, &stall, 2).await;
    first.ok();
    let body = json!({ "product": stall.product, "quantity": 3 });
    let rest = format!("lines/{}", stall.sku);
    cart.put(&server, "line-2", &rest, body).await.is(422, "idempotency_key_reused");
    let repeat = cart.line(&server, &stall, 2).await;
    assert!(repeat.is_repeat() && repeat.body == first.body, "{repeat:?}");
    // The same key on another cart is another request.
    other.line(&server, &stall, 2).await.ok();

    // The price changes after it was quoted, and is quoted again.
    let old = cart.to_quote(&server).await;
    let price = format!("{PRODUCTS}/{}/offers/{}/price", stall.product, stall.sku);
    let new_price = json!({ "unit_minor": 2999, "shipping_minor": 499, "currency": "EUR" });
    server.call(&stall.key, "price", "PUT", &price, new_price.clone()).await.ok();
    let mut dollars = new_price;
    dollars["currency"] = json!("USD");
    server.call(&stall.key, "usd", "PUT", &price, dollars).await.is(422, "currency_mismatch");
    let new = cart.post(&server, "quote-2", "quote", json!({})).await.ok();
    assert_eq!(new["total_minor"], 2 * (2_999 + 499));
    let refused = cart.post(&server, "pay-old", "pay", pay_body(&old, "card_success")).await;
    refused.is(409, "quote_changed");
    assert_eq!(
        (refused.json()["total_minor"].clone(), refused.json()["quote"].clone()),
        (new["total_minor"].clone(), new["quote"].clone())
    );
    let again = cart.post(&server, "pay-old", "pay", pay_body(&old, "card_success")).await;
    assert!(again.is_repeat() && again.body == refused.body, "a refusal repeats too: {again:?}");
    let no_key = [json_type, auth];
    let pay = pay_body(&new, "card_success").to_string();
    server
        .send("POST", &format!("{}/pay", cart.path), &no_key, &pay)
        .await
        .is(400, "idempotency_key_missing");
    cart.post(&server, "p1", "pay", pay_body(&new, "card_declined")).await.is(402, "payment_declined");

    // More than there is: told at once, and nothing stays held.
    let rest = format!("lines/{}", stall.sku);
    cart.put(&server, "six", &rest, json!({ "product": stall.product, "quantity": 6 })).await.ok();
    let quote = cart.post(&server, "quote-3", "quote", json!({})).await.ok();
    cart.post(&server, "p2", "pay", pay_body(&quote, "card_success")).await.is(409, "out_of_stock");
    let foreign = open_stall(&server, &operator, 2, 1).await;
    let theirs = format!("{PRODUCTS}/{}/offers/{}/receive", stall.product, stall.sku);
    server.call(&foreign.key, "k", "POST", &theirs, json!({ "quantity": 1 })).await.is(404, "not_found");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_with_the_same_key_get_carts_of_their_own_and_3ds_is_passed_at_the_bank() {
    let server = Server::start().await;
    let open = async |secret: Option<&str>| {
        let mut headers = vec![("idempotency-key", "1")];
        headers.extend(secret.map(|secret| ("souk-client-secret", secret)));
        server.send("POST", "/v1/store/carts", &headers, "").await
    };
    assert_ne!(open(None).await.ok()["id"], open(None).await.ok()["id"]);
    let (ours, theirs) = ("a".repeat(32), "b".repeat(32));
    let first = open(Some(&ours)).await;
    let repeat = open(Some(&ours)).await;
    assert!(repeat.is_repeat() && repeat.body == first.body, "{repeat:?}");
    assert_ne!(open(Some(&theirs)).await.ok()["id"], first.ok()["id"]);

    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let cart = Cart::open(&server).await;
    cart.line(&server, &stall, 1).await.ok();
    let quote = cart.to_quote(&server).await;
    let told = cart.post(&server, "pay", "pay", pay_body(&quote, "card_3ds")).await;
    assert_eq!((told.status, text(&told.ok(), "state").as_str()), (202, "action_needed"));
    let url = text(&server.get(&cart.token, &cart.path).await.ok()["payment"], "action_url");
    let list = "/v1/store/products?category=things&limit=1";
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.send("GET", list, &[], "").await.ok()["items"][0]["id"] != stall.product.as_str() {
        assert!(Instant::now() < deadline, "never listed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.send("GET", "/v1/store/products?colour=red", &[], "").await.is(400, "invalid_query");
    let page = url.trim_start_matches("http://localhost:8080").to_owned();
    assert!(server.send("GET", &page, &[], "").await.body.contains("<button>Confirm"));
    assert_eq!(server.send("POST", &format!("{page}?result=pass"), &[], "").await.status, 200);
    let deadline = Instant::now() + Duration::from_secs(20);
    while text(&server.get(&cart.token, &cart.path).await.ok(), "state") != "placed" {
        assert!(Instant::now() < deadline, "never placed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_waits_for_requests_under_way_and_takes_no_more() {
    let mut server = Server::start().await;
    // Half a request is under way when the server is told to stop.
    let mut slow = TcpStream::connect(&server.addr).await.expect("it listens");
    let whole = request("POST", "/v1/store/carts", &[("content-type", "application/json")], "{}");
    let (head, rest) = whole.split_at(whole.len() - 1);
    slow.write_all(head.as_bytes()).await.expect("sent");
    let ready = server.get("", "/readyz").await;
    assert_eq!(ready.status, 200, "{ready:?}");
    server.tell_to_stop();
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(&server.addr).await.is_ok() {
        assert!(Instant::now() < deadline, "it still listens");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    slow.write_all(rest.as_bytes()).await.expect("sent");
    assert_eq!(Response::read(slow).await.status, 201);
    server.served.await.expect("it ends in order");
}
