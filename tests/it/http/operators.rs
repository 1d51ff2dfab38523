//! What an operator does: who may sell, what is shown, what could not be sent.

use serde_json::json;
use souk::tenants::Role;
use souk_core::ids::{PARTITIONS, Partition};
use souk_core::time::Timestamp;

use super::rig::{Cart, Server, approved_vendor, draft, open_stall, pay_body, put_on_sale, text, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_vendor_sells_nothing_until_it_is_reinstated() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let vendor = |rest: &str| format!("/v1/operator/vendors/{}/{rest}", stall.vendor);
    let cart = Cart::open(&server).await;
    cart.line(&server, &stall, 1).await.ok();
    cart.to_quote(&server).await;

    let why = json!({ "reason": "papers are missing" });
    let suspended = server.post(&operator, "s", &vendor("suspend"), why.clone()).await;
    assert_eq!(text(&suspended.ok(), "state"), "suspended");
    server.post(&operator, "s", &vendor("suspend"), why).await.repeats(&suspended);
    let shown = server.get(&operator, vendor("").trim_end_matches('/')).await.ok();
    assert_eq!(
        (text(&shown, "state"), text(&shown, "reason")),
        ("suspended".into(), "papers are missing".into())
    );
    cart.post(&server, "q2", "quote", json!({})).await.is(409, "not_for_sale");

    let back = server.post(&operator, "r", &vendor("reinstate"), json!({})).await;
    assert_eq!(text(&back.ok(), "state"), "active");
    // Its product hears of it a moment later.
    let mut tries = 0;
    until("for sale again", async || {
        tries += 1;
        let quoted = cart.post(&server, &format!("q3-{tries}"), "quote", json!({})).await;
        if quoted.status == 409 { Err(quoted.body) } else { Ok(quoted.ok()) }
    })
    .await;
    // A vendor that was never approved cannot be reinstated.
    let made = server.post(&operator, "apply", "/v1/operator/vendors", super::rig::application(7)).await.ok();
    let early = format!("/v1/operator/vendors/{}/reinstate", text(&made, "id"));
    server.post(&operator, "r", &early, json!({})).await.is(409, "wrong_state");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_is_rejected_with_a_reason_its_vendor_reads() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = draft(&server, approved_vendor(&server, &operator, 1).await, "things", 1_999).await;
    let judge = |verdict: &str| format!("/v1/operator/products/{}/{verdict}", stall.product);
    let why = json!({ "reason": "the picture shows something else" });
    server.post(&operator, "early", &judge("reject"), why.clone()).await.is(409, "wrong_state");
    server.post(&stall.key, "submit-1", &stall.path("submit"), json!({})).await.ok();
    let rejected = server.post(&operator, "r", &judge("reject"), why.clone()).await;
    assert_eq!(text(&rejected.ok(), "state"), "draft");
    server.post(&operator, "r", &judge("reject"), why).await.repeats(&rejected);
    let own = server.get(&stall.key, stall.path("").trim_end_matches('/')).await.ok();
    assert_eq!(
        (text(&own, "state"), text(&own, "rejected")),
        ("draft".into(), "the picture shows something else".into())
    );
    let public = format!("/v1/store/products/{}", stall.product);
    server.get("", &public).await.is(404, "not_found");
    // Its vendor corrects it: other facts, one more variant to choose.
    let product = stall.path("").trim_end_matches('/').to_owned();
    let facts = json!({ "title": { "en": "Another thing" }, "category": "things/other" });
    let stranger = approved_vendor(&server, &operator, 2).await.1;
    server.call(&stranger, "f", "PUT", &product, facts.clone()).await.is(404, "not_found");
    let wrong = json!({ "title": {}, "category": "things" });
    server.call(&stall.key, "f-0", "PUT", &product, wrong).await.is(422, "invalid_value");
    let revised = server.call(&stall.key, "f", "PUT", &product, facts.clone()).await;
    assert_eq!(text(&revised.ok(), "state"), "draft");
    server.call(&stall.key, "f", "PUT", &product, facts).await.repeats(&revised);
    let large = json!({ "options": { "size": "large" } });
    let added = server.post(&stall.key, "v", &stall.path("variants"), large.clone()).await;
    let variant = text(&added.ok(), "variant");
    server.post(&stall.key, "v", &stall.path("variants"), large.clone()).await.repeats(&added);
    server.post(&stall.key, "v-2", &stall.path("variants"), large).await.is(409, "already_exists");
    let own = server.get(&stall.key, &product).await.ok();
    assert_eq!((&own["title"]["en"], &own["category"]), (&json!("Another thing"), &json!("things/other")));
    let variants = own["variants"].as_array().expect("variants");
    assert!(variants.iter().any(|known| known["id"] == variant.as_str()), "{own}");
    put_on_sale(&server, &operator, &stall, 2).await;
    assert_eq!(server.get("", &public).await.ok()["title"]["en"], "Another thing");
    let late = json!({ "title": { "en": "Late" }, "category": "things" });
    server.call(&stall.key, "f-4", "PUT", &product, late).await.is(409, "wrong_state");
    server.stop().await;
}

/// The commission changes for what is quoted from then on, and a vendor that is closed never sells again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_s_commission_is_set_and_the_vendor_closed() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let vendor = |rest: &str| format!("/v1/operator/vendors/{}/{rest}", stall.vendor);
    let commission = async |order: &str| {
        let path = format!("/v1/operator/orders/{order}");
        server.get(&operator, &path).await.ok()["lines"][0]["commission_minor"].clone()
    };
    let before = Cart::open(&server).await.buy(&server, &stall, 1).await;
    let points = |points: u32| json!({ "commission_basis_points": points });
    let set = server.call(&operator, "c", "PUT", &vendor("commission"), points(500)).await;
    assert_eq!(text(&set.ok(), "state"), "active");
    server.call(&operator, "c", "PUT", &vendor("commission"), points(500)).await.repeats(&set);
    server
        .call(&operator, "c-2", "PUT", &vendor("commission"), points(10_001))
        .await
        .is(422, "invalid_value");
    server.call(&operator, "c-3", "PUT", &vendor("commission"), json!({})).await.is(400, "invalid_field");
    server.call(&stall.key, "c-4", "PUT", &vendor("commission"), points(0)).await.is(403, "wrong_role");
    let after = Cart::open(&server).await.buy(&server, &stall, 1).await;
    assert_eq!((commission(&before).await, commission(&after).await), (json!(200), json!(100)));

    let cart = Cart::open(&server).await;
    cart.line(&server, &stall, 1).await.ok();
    let why = json!({ "reason": "has left the marketplace" });
    server.post(&operator, "x-0", &vendor("close"), json!({ "reason": "" })).await.is(422, "invalid_value");
    let closed = server.post(&operator, "x", &vendor("close"), why.clone()).await;
    assert_eq!(text(&closed.ok(), "state"), "closed");
    server.post(&operator, "x", &vendor("close"), why).await.repeats(&closed);
    let shown = server.get(&operator, vendor("").trim_end_matches('/')).await.ok();
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("closed"), &json!("has left the marketplace")));
    assert_eq!(shown["commission_basis_points"], 500);
    cart.put(&server, "address", "address", super::rig::address()).await.ok();
    cart.put(&server, "shipping", "shipping", json!({ "method": "standard" })).await.ok();
    cart.post(&server, "quote", "quote", json!({})).await.is(409, "not_for_sale");
    server.post(&operator, "r", &vendor("reinstate"), json!({})).await.is(409, "wrong_state");
    server.call(&operator, "c-5", "PUT", &vendor("commission"), points(1)).await.is(409, "wrong_state");
    server.stop().await;
}

/// A refund that the bank declines is shown, and asked for again by an operator and nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_refund_is_asked_for_again() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let cart = Cart::open(&server).await;
    cart.line(&server, &stall, 1).await.ok();
    let quote = cart.to_quote(&server).await;
    let placed = cart.post(&server, "pay", "pay", pay_body(&quote, "card_refund_declined")).await.ok();
    let id = text(&placed, "order");
    server.post(&cart.token, "cancel", &format!("/v1/store/orders/{id}/cancel"), json!({})).await.ok();
    let path = format!("/v1/operator/orders/{id}");
    let stands = async |wanted: &[&str]| {
        until("refunds", async || {
            let order = server.get(&operator, &path).await.ok();
            let refunds = order["refunds"].as_array().cloned().unwrap_or_default();
            let states: Vec<String> = refunds.iter().map(|refund| text(refund, "state")).collect();
            if states == wanted { Ok(order) } else { Err(order.to_string()) }
        })
        .await
    };
    let order = stands(&["refused"]).await;
    assert_eq!(order["flagged"], json!(true));
    let retry = format!("{path}/refunds/1/retry");
    server.post(&stall.key, "r", &retry, json!({})).await.is(403, "wrong_role");
    server.post(&operator, "r9", &format!("{path}/refunds/9/retry"), json!({})).await.is(404, "not_found");
    let retried = server.post(&operator, "r", &retry, json!({})).await;
    assert_eq!(retried.ok()["refund"], json!(2));
    server.post(&operator, "r", &retry, json!({})).await.repeats(&retried);
    let order = stands(&["replaced", "done"]).await;
    assert_eq!(order["flagged"], json!(false));
    assert_eq!(order["refunded_minor"], order["charged_minor"]);
    server.post(&operator, "r2", &format!("{path}/refunds/2/retry"), json!({})).await.is(409, "wrong_state");
    server.stop().await;
}

/// A letter that cannot be sent is given up, listed, and sent after all when somebody has looked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_listed_and_tried_again() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    // Letters go into a folder of this name; a file in its place stops them.
    let folder = server.data_dir().join("outbox");
    std::fs::write(&folder, "in the way").expect("written");
    let order = Cart::open(&server).await.buy(&server, &stall, 1).await;
    let journal = server.services.node.journal();
    let list = "/v1/operator/dead-letters";
    assert_eq!(server.get(&operator, list).await.ok()["items"], json!([]));
    // It is tried every minute, ten times; that the last one failed is told in its place.
    let everywhere: Vec<Partition> = (0..PARTITIONS).map(Partition).collect();
    let later = Timestamp::from_millis(i64::MAX);
    let letter = until("tried", async || {
        let waiting = journal.reader().open_effects("mail", &everywhere, later, 10).await.expect("read");
        match waiting.as_slice() {
            [letter] if letter.attempts == 1 => Ok(letter.id),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(order.ends_with(letter.stream.to_string().trim_start_matches("chk")), "{letter:?} {order}");
    let given_up = journal.writer().note_failure(letter, "the folder is a file", Timestamp::ZERO, true).await;
    given_up.expect("noted");
    let dead = until("given up", async || {
        let dead = server.get(&operator, list).await.ok();
        if dead["items"].as_array().is_some_and(|items| !items.is_empty()) {
            Ok(dead)
        } else {
            Err(dead.to_string())
        }
    })
    .await;
    assert_eq!(dead["items"].as_array().map(Vec::len), Some(1), "{dead}");
    assert_eq!(text(&dead["items"][0], "last_error"), "the folder is a file");
    assert!(!dead.to_string().contains("Ada"), "{dead}");
    server.get(&stall.key, list).await.is(403, "wrong_role");

    std::fs::remove_file(&folder).expect("removed");
    let retry = format!("{list}/{}/retry", text(&dead["items"][0], "id"));
    let revived = server.post(&operator, "r", &retry, json!({})).await.ok();
    assert_eq!(text(&revived, "state"), "waiting");
    server.post(&operator, "r2", &retry, json!({})).await.is(404, "not_found");
    assert_eq!(server.get(&operator, list).await.ok()["items"], json!([]));
    until("sent", async || match std::fs::read_dir(&folder).map(Iterator::count) {
        Ok(1) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    server.stop().await;
}
