//! What bad input is told: what to do, by a stable code; and nothing changes.

use serde_json::{Value, json};
use souk::tenants::Role;

use super::rig::{Cart, PRODUCTS, Server, Stall, address, application, open_stall, pay_body};

/// A line of the table: who, method, path, body, status, code.
type Bad<'a> = (&'a str, &'a str, &'a str, &'a str, u16, &'a str);

async fn refuses(server: &Server, table: &[Bad<'_>]) {
    for (n, (who, method, path, body, status, code)) in table.iter().enumerate() {
        let before = server.ends().await;
        let (bearer, key) = (format!("Bearer {who}"), format!("bad-{n}"));
        let mut headers = vec![("authorization", bearer.as_str()), ("idempotency-key", &key)];
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        let told = server.send(method, path, &headers, body).await;
        assert_eq!(told.json()["code"], *code, "{method} {path} {body:.100} {told:?}");
        told.is(*status, code);
        assert_eq!(server.ends().await, before, "{method} {path} {body:.100} changed something");
    }
}

/// A body in which one field is another.
fn but(good: &Value, field: &str, value: Value) -> String {
    let mut bad = good.clone();
    match field.split_once('.') {
        Some((outer, inner)) => bad[outer][inner] = value,
        None => bad[field] = value,
    }
    bad.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shopper_is_told_what_to_do_and_nothing_changes() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let (cart, other) = (Cart::open(&server).await, Cart::open(&server).await);
    let me = cart.token.as_str();
    let own = |rest: &str| format!("{}/{rest}", cart.path);
    let line = own(&format!("lines/{}", stall.sku));
    let good = json!({ "product": stall.product, "quantity": 1 });
    let text = good.to_string();
    let quantity = |value: Value| but(&good, "quantity", value);
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(2 << 20));
    let deep = "[".repeat(100_000);
    let huge = text.replace(":1}", ":99999999999999999999}");
    let foreign = format!("{}/lines/{}", other.path, stall.sku);
    let foreign_product = but(&good, "product", json!("prd_00000000000000000000000001"));
    let home = address();
    let (addr, ship, pay) = (own("address"), own("shipping"), own("pay"));
    refuses(
        &server,
        &[
            (me, "PUT", &line, "{", 400, "malformed_json"),
            (me, "PUT", &line, &deep, 400, "malformed_json"),
            (me, "PUT", &line, &but(&good, "colour", json!(1)), 400, "unknown_field"),
            (me, "PUT", &line, "{}", 400, "invalid_field"),
            (me, "PUT", &line, "null", 400, "invalid_field"),
            (me, "PUT", &line, &format!("[\"{}\",1]", stall.product), 400, "invalid_field"),
            (me, "PUT", &line, &quantity(json!("one")), 400, "invalid_field"),
            (me, "PUT", &line, &quantity(json!(1.5)), 400, "invalid_field"),
            (me, "PUT", &line, &huge, 400, "invalid_field"),
            (me, "PUT", &line, &quantity(json!(0)), 422, "invalid_quantity"),
            (me, "PUT", &line, &quantity(json!(-1)), 422, "invalid_quantity"),
            (me, "PUT", &line, &quantity(json!(1_000_001)), 422, "invalid_quantity"),
            (me, "PUT", &line, &quantity(json!(i64::MAX)), 422, "invalid_quantity"),
            (me, "PUT", &line, &quantity(json!(i64::MIN)), 422, "invalid_quantity"),
            (me, "PUT", &line, &long, 413, "body_too_large"),
            (me, "PUT", &line, &foreign_product, 404, "unknown_sku"),
            (me, "PUT", &own("lines/sku_00000000000000000000000001"), &text, 404, "unknown_sku"),
            (me, "PUT", &own("lines/x"), &text, 404, "not_found"),
            (me, "PUT", &own("lines/%ff"), &text, 404, "not_found"),
            (me, "PUT", &foreign, &text, 404, "not_found"),
            (me, "GET", &other.path, "", 404, "not_found"),
            ("", "PUT", &line, &text, 401, "authentication_required"),
            ("souk_cart_x", "PUT", &line, &text, 401, "authentication_required"),
            (&operator, "PUT", &line, &text, 401, "authentication_required"),
            (me, "PUT", &addr, &but(&home, "name", json!("")), 422, "invalid_value"),
            (me, "PUT", &addr, &but(&home, "email", json!("ada")), 422, "invalid_value"),
            (me, "PUT", &addr, &but(&home, "street", json!("a\nb")), 422, "invalid_value"),
            (me, "PUT", &addr, &but(&home, "city", json!("x".repeat(201))), 422, "invalid_value"),
            (me, "PUT", &addr, &but(&home, "country", json!("germany")), 422, "invalid_value"),
            (me, "PUT", &addr, &but(&home, "country", json!("XX")), 422, "country_not_served"),
            (me, "PUT", &ship, "{\"method\":\"standard\"}", 409, "checkout_incomplete"),
            (me, "POST", &own("quote"), "", 409, "empty_cart"),
            (me, "POST", &own("quote"), "{\"x\":1}", 400, "unknown_field"),
            (me, "POST", &pay, "{}", 400, "invalid_field"),
            (me, "PATCH", &line, "", 405, "method_not_allowed"),
            (me, "GET", "/v1/nothing", "", 404, "not_found"),
            (
                me,
                "GET",
                &format!("/v1/store/orders/{}", "ord_00000000000000000000000001"),
                "",
                404,
                "not_found",
            ),
            ("", "GET", "/v1/store/products?colour=red", "", 400, "invalid_query"),
            ("", "GET", "/v1/store/products?limit=many", "", 400, "invalid_query"),
            ("", "GET", "/v1/store/products?cursor=%00", "", 400, "invalid_query"),
            ("", "GET", "/v1/store/products/prd_00000000000000000000000001", "", 404, "not_found"),
        ],
    )
    .await;
    let auth = format!("Bearer {me}");
    let headers = [("authorization", auth.as_str()), ("idempotency-key", "a b")];
    server.send("PUT", &line, &headers, &text).await.is(400, "idempotency_key_invalid");
    server.send("PUT", &line, &headers[..1], &text).await.is(415, "unsupported_media_type");
    assert_eq!(cart.show(&server).await["lines"], json!([]));

    // What is paid must be what was quoted.
    cart.line(&server, &stall, 2).await.ok();
    let quote = cart.to_quote(&server).await;
    let good = pay_body(&quote, "card_success");
    refuses(
        &server,
        &[
            (me, "POST", &pay, &but(&good, "currency", json!("USD")), 409, "quote_changed"),
            (me, "POST", &pay, &but(&good, "currency", json!("euro")), 422, "invalid_value"),
            (me, "POST", &pay, &but(&good, "total_minor", json!(1)), 409, "quote_changed"),
            (me, "POST", &pay, &but(&good, "total_minor", json!(-4_996)), 409, "quote_changed"),
            (
                me,
                "POST",
                &pay,
                &but(&good, "quote", json!("quo_00000000000000000000000001")),
                409,
                "quote_changed",
            ),
            (me, "POST", &pay, &but(&good, "method", json!("cheque")), 400, "invalid_field"),
            (me, "POST", &pay, &but(&good, "token", json!("")), 422, "invalid_value"),
            (me, "POST", &pay, &but(&good, "token", json!("x".repeat(1_000))), 422, "invalid_value"),
        ],
    )
    .await;
    let no_key = [("authorization", auth.as_str()), ("content-type", "application/json")];
    let before = server.ends().await;
    server.send("POST", &pay, &no_key, &good.to_string()).await.is(400, "idempotency_key_missing");
    assert_eq!(server.ends().await, before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_and_an_operator_are_told_what_to_do_and_nothing_changes() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let theirs = open_stall(&server, &operator, 2, 1).await;
    let me = stall.key.as_str();
    let price = json!({ "unit_minor": 2_999, "shipping_minor": 0, "currency": "EUR" });
    let offer = json!({ "variant": stall.variant, "code": "T-2", "condition": "used", "price": price });
    let product = json!({ "title": { "en": "Thing" }, "category": "things", "variants": [{}] });
    let (prices, receive, adjust) = (stall.offer("price"), stall.offer("receive"), stall.offer("adjust"));
    let offers = stall.path("offers");
    refuses(
        &server,
        &[
            (me, "PUT", &prices, &but(&price, "currency", json!("USD")), 422, "currency_mismatch"),
            (me, "PUT", &prices, &but(&price, "unit_minor", json!(-1)), 422, "invalid_price"),
            (me, "PUT", &prices, &but(&price, "unit_minor", json!(i64::MAX)), 422, "invalid_price"),
            (me, "PUT", &prices, &but(&price, "shipping_minor", json!(-1)), 422, "invalid_price"),
            (me, "PUT", &theirs.offer("price"), &price.to_string(), 404, "not_found"),
            (me, "POST", &offers, &offer.to_string().replace("used", "new"), 409, "already_exists"),
            (me, "POST", &offers, &but(&offer, "price.currency", json!("USD")), 422, "currency_mismatch"),
            (me, "POST", &offers, &but(&offer, "code", json!("")), 422, "invalid_value"),
            (me, "POST", &offers, &but(&offer, "condition", json!("broken")), 400, "invalid_field"),
            (me, "POST", &receive, "{\"quantity\":0}", 422, "invalid_quantity"),
            (me, "POST", &receive, "{\"quantity\":-5}", 422, "invalid_quantity"),
            (me, "POST", &receive, "{\"quantity\":9223372036854775807}", 422, "invalid_quantity"),
            (me, "POST", &theirs.offer("receive"), "{\"quantity\":1}", 404, "not_found"),
            (me, "POST", &theirs.offer("adjust"), "{\"delta\":1}", 404, "not_found"),
            (me, "POST", &adjust, "{\"delta\":-6}", 422, "invalid_quantity"),
            (me, "POST", &adjust, "{\"delta\":-9223372036854775808}", 422, "invalid_quantity"),
            (me, "POST", &adjust, "{\"delta\":9223372036854775807}", 422, "invalid_quantity"),
            (me, "POST", PRODUCTS, &but(&product, "title", json!({})), 422, "invalid_value"),
            (me, "POST", PRODUCTS, &but(&product, "title", json!({ "en": "" })), 422, "invalid_value"),
            (me, "POST", PRODUCTS, &but(&product, "category", json!("Things!")), 422, "invalid_value"),
            (me, "POST", PRODUCTS, &but(&product, "variants", json!(vec![json!({}); 500])), 422, "too_many"),
            (me, "POST", &stall.path("submit"), "", 409, "wrong_state"),
            (me, "POST", &theirs.path("submit"), "", 404, "not_found"),
            (me, "GET", &format!("{PRODUCTS}/{}", theirs.product), "", 404, "not_found"),
            (me, "POST", "/v1/operator/vendors", "{}", 403, "wrong_role"),
            (&operator, "POST", PRODUCTS, &product.to_string(), 403, "wrong_role"),
            ("", "POST", PRODUCTS, &product.to_string(), 401, "authentication_required"),
            ("souk_ven_0_0", "POST", PRODUCTS, &product.to_string(), 401, "authentication_required"),
        ],
    )
    .await;

    let apply = "/v1/operator/vendors";
    let good = application(3);
    let vendor = |rest: &str| format!("{apply}/{}/{rest}", stall.vendor);
    let unknown = "/v1/operator/vendors/ven_00000000000000000000000001";
    let reject = format!("/v1/operator/products/{}/reject", stall.product);
    let line =
        json!({ "sku": stall.sku, "product": stall.product, "quantity": 1, "unit_price_minor": 1_000 });
    let assisted = json!({ "lines": [line], "address": address(), "shipping_method": "standard" });
    let priced = |price: i64| {
        let mut bad = assisted.clone();
        bad["lines"][0]["unit_price_minor"] = json!(price);
        bad.to_string()
    };
    refuses(
        &server,
        &[
            (&operator, "POST", apply, &but(&good, "name", json!("")), 422, "invalid_value"),
            (
                &operator,
                "POST",
                apply,
                &but(&good, "legal_entity.country", json!("de")),
                422,
                "invalid_value",
            ),
            (&operator, "POST", apply, &but(&good, "settlement", json!("euros")), 422, "invalid_value"),
            (
                &operator,
                "POST",
                &vendor("approve"),
                "{\"commission_basis_points\":10001}",
                422,
                "invalid_value",
            ),
            (&operator, "POST", &vendor("approve"), "{\"commission_basis_points\":1}", 409, "wrong_state"),
            (&operator, "POST", &vendor("suspend"), "{\"reason\":\"\"}", 422, "invalid_value"),
            (&operator, "GET", unknown, "", 404, "not_found"),
            (&operator, "POST", &format!("{unknown}/suspend"), "{\"reason\":\"r\"}", 404, "not_found"),
            (&operator, "POST", &reject, "{\"reason\":\"r\"}", 409, "wrong_state"),
            (
                &operator,
                "POST",
                "/v1/operator/assisted-orders",
                &but(&assisted, "lines", json!([1])),
                400,
                "invalid_field",
            ),
            (&operator, "GET", "/v1/operator/dead-letters?cursor=x", "", 400, "invalid_query"),
            (
                &operator,
                "POST",
                "/v1/operator/dead-letters/ord_00000000000000000000000001/1/0/retry",
                "",
                404,
                "not_found",
            ),
        ],
    )
    .await;
    // An assisted order is written in steps; a price that cannot be is refused at the last.
    let told = server.call(&operator, "a-1", "POST", "/v1/operator/assisted-orders", json!({})).await;
    told.is(400, "invalid_field");
    for (key, price) in [("a-2", -1), ("a-3", i64::MAX)] {
        let body = serde_json::from_str(&priced(price)).expect("JSON");
        let told = server.post(&operator, key, "/v1/operator/assisted-orders", body).await;
        assert!((400..500).contains(&told.status), "{told:?}");
    }
    server.stop().await;
}

/// The reused key, the price that changed since the quote, and refusals that repeat, also after a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_repeat_one_request_and_refusals_repeat_too_also_after_a_restart() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let (cart, other) = (Cart::open(&server).await, Cart::open(&server).await);
    let first = cart.line(&server, &stall, 2).await;
    first.ok();
    let rest = format!("lines/{}", stall.sku);
    let body = json!({ "product": stall.product, "quantity": 3 });
    let before = server.ends().await;
    cart.put(&server, "line-2", &rest, body).await.is(422, "idempotency_key_reused");
    cart.line(&server, &stall, 2).await.repeats(&first);
    assert_eq!(server.ends().await, before);
    // The same key on another cart is another request.
    other.line(&server, &stall, 2).await.ok();

    // The price changes after it was quoted, and is quoted again.
    let old = cart.to_quote(&server).await;
    let new_price = json!({ "unit_minor": 2_999, "shipping_minor": 499, "currency": "EUR" });
    server.call(&stall.key, "price", "PUT", &stall.offer("price"), new_price).await.ok();
    let new = cart.post(&server, "quote-2", "quote", json!({})).await.ok();
    assert_eq!(new["total_minor"], 2 * (2_999 + 499));
    let changed = cart.post(&server, "pay-old", "pay", pay_body(&old, "card_success")).await;
    changed.is(409, "quote_changed");
    assert_eq!(
        (changed.json()["total_minor"].clone(), changed.json()["quote"].clone()),
        (new["total_minor"].clone(), new["quote"].clone())
    );
    let declined = cart.post(&server, "p1", "pay", pay_body(&new, "card_declined")).await;
    declined.is(402, "payment_declined");
    // More than there is: told at once, and nothing stays held.
    cart.put(&server, "six", &rest, json!({ "product": stall.product, "quantity": 6 })).await.ok();
    let quote = cart.post(&server, "quote-3", "quote", json!({})).await.ok();
    let sold_out = cart.post(&server, "p2", "pay", pay_body(&quote, "card_success")).await;
    sold_out.is(409, "out_of_stock");
    let free = server.get("", &format!("/v1/store/products/{}", stall.product)).await.ok();
    assert_eq!(free["offers"][0]["available"], 5);
    // A body that is spelled otherwise is the same request.
    let adjusted = server.post(&stall.key, "adjust", &stall.offer("adjust"), json!({ "delta": -9 })).await;
    adjusted.is(422, "invalid_quantity");

    let repeated = async |server: &Server| {
        server.quiet().await;
        let before = server.ends().await;
        cart.line(server, &stall, 2).await.repeats(&first);
        cart.post(server, "pay-old", "pay", pay_body(&old, "card_success")).await.repeats(&changed);
        cart.post(server, "p1", "pay", pay_body(&new, "card_declined")).await.repeats(&declined);
        cart.post(server, "p2", "pay", pay_body(&quote, "card_success")).await.repeats(&sold_out);
        let again = server.post(&stall.key, "adjust", &stall.offer("adjust"), json!({ "delta": -9 })).await;
        again.repeats(&adjusted);
        assert_eq!(server.ends().await, before, "a repeat changed something");
    };
    repeated(&server).await;
    let server = server.restart().await;
    repeated(&server).await;
    server.stop().await;
}

/// Somebody else's key never opens another's things.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_another_is_not_there() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let (mine, theirs): (Stall, Stall) =
        (open_stall(&server, &operator, 1, 5).await, open_stall(&server, &operator, 2, 5).await);
    let (cart, stranger) = (Cart::open(&server).await, Cart::open(&server).await);
    let order = cart.buy(&server, &mine, 1).await;
    server.quiet().await;
    let shop = |rest: &str| format!("/v1/store/orders/{order}{rest}");
    let vendor = |rest: &str| format!("/v1/vendor/orders/{order}/{rest}");
    refuses(
        &server,
        &[
            (&stranger.token, "GET", &shop(""), "", 404, "not_found"),
            (&stranger.token, "POST", &shop("/cancel"), "{}", 404, "not_found"),
            (&stranger.token, "POST", &format!("{}/abandon", cart.path), "", 404, "not_found"),
            (&theirs.key, "POST", &vendor("ship"), "{}", 404, "not_found"),
            (&theirs.key, "POST", &vendor("lines/1/cancel"), "{\"reason\":\"other\"}", 404, "not_found"),
            (&mine.key, "POST", &vendor("lines/2/cancel"), "{\"reason\":\"other\"}", 404, "not_found"),
            (&mine.key, "POST", &vendor("lines/x/cancel"), "{\"reason\":\"other\"}", 404, "not_found"),
            (&mine.key, "POST", &vendor("lines/1/cancel"), "{\"reason\":\"mood\"}", 400, "invalid_field"),
            (&mine.key, "POST", &vendor("ship"), "{\"lines\":[7]}", 404, "not_found"),
            (&mine.key, "POST", &vendor("ship"), "{\"tracking\":\"\"}", 422, "invalid_value"),
            (
                &mine.key,
                "POST",
                &vendor("parcels/pcl_00000000000000000000000001/deliver"),
                "",
                404,
                "not_found",
            ),
        ],
    )
    .await;
    server.stop().await;
}
