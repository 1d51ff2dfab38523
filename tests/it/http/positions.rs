//! A reader that has just written waits for its own write.

use serde_json::json;
use souk::tenants::Role;

use super::rig::{Cart, PRODUCTS, Server, approved_vendor, open_stall, pay_body};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_shows_its_position_sees_its_own_write() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let (_, key) = approved_vendor(&server, &operator, 1).await;
    for n in 0..20 {
        let body = json!({ "title": { "en": "Thing" }, "category": format!("c{n}"), "variants": [{}] });
        let made = server.post(&key, &format!("create-{n}"), PRODUCTS, body).await;
        let id = made.ok()["id"].clone();
        let position = made.header("souk-position").expect("a position").to_owned();
        assert!(position.len() == 26 && !position.starts_with("000000"), "{position}");
        let list = format!("{PRODUCTS}?limit=200");
        let seen = server.get_with(&key, &list, &[("souk-position", &position)]).await;
        assert_eq!(seen.header("souk-stale"), None);
        let items = seen.ok()["items"].as_array().cloned().expect("items");
        assert!(items.iter().any(|item| item["id"] == id), "{id} is not in {items:?}");
        // A repeat says where, too.
        let again = server
            .post(
                &key,
                &format!("create-{n}"),
                PRODUCTS,
                json!({ "title": { "en": "Thing" }, "category": format!("c{n}"), "variants": [{}] }),
            )
            .await;
        assert!(again.is_repeat() && again.header("souk-position").is_some(), "{again:?}");
    }

    let stall = open_stall(&server, &operator, 2, 5).await;
    let cart = Cart::open(&server).await;
    cart.line(&server, &stall, 1).await.ok();
    let quote = cart.to_quote(&server).await;
    let paid = cart.post(&server, "pay", "pay", pay_body(&quote, "card_success")).await;
    let order = paid.ok()["order"].clone();
    let position = paid.header("souk-position").expect("a position").to_owned();
    let several = format!("{position}, {position}");
    for (who, path, name) in
        [(&stall.key, "/v1/vendor/orders", "order"), (&operator, "/v1/operator/orders", "id")]
    {
        let seen = server.get_with(who, path, &[("souk-position", &several)]).await;
        assert_eq!(seen.ok()["items"][0][name], order, "{seen:?}");
    }
    for wrong in ["7", "", "0000000000000000000000000z", &[position.as_str(); 9].join(",")] {
        let told = server.get_with(&operator, "/v1/operator/orders", &[("souk-position", wrong)]).await;
        told.is(400, "position_invalid");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_older_than_the_position_says_so() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    // A place that the journal has not come to: another server with the same key would name it.
    let place =
        souk::tenants::positions::Place { partition: souk_core::ids::Partition(5), position: 1 << 40 };
    let ahead = server.services.server_key.seal_place(place);
    let asked = tokio::time::Instant::now();
    let told = server.get_with(&operator, "/v1/operator/ledger", &[("souk-position", &ahead)]).await;
    assert_eq!((told.status, told.header("souk-stale")), (200, Some("true")));
    assert!(asked.elapsed() < std::time::Duration::from_secs(10));
    server.stop().await;
}

/// The search index follows as the lists do, and is waited for likewise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_shows_a_position_finds_what_was_written_there() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    for n in 0..3 {
        let title = format!("zebra{n}");
        let body = json!({ "title": { "en": title }, "category": "things", "variants": [{}] });
        let made = server.post(&stall.key, &title, PRODUCTS, body).await.ok();
        let id = made["id"].as_str().expect("an id").to_owned();
        let price = json!({ "unit_minor": 100, "currency": "EUR" });
        let offer = json!({ "variant": made["variants"][0], "code": title, "price": price });
        server.post(&stall.key, "offer", &format!("{PRODUCTS}/{id}/offers"), offer).await.ok();
        server.post(&stall.key, "submit", &format!("{PRODUCTS}/{id}/submit"), json!({})).await.ok();
        let approve = format!("/v1/operator/products/{id}/approve");
        let approved = server.post(&operator, "approve", &approve, json!({})).await;
        let position = approved.header("souk-position").expect("a position").to_owned();
        let found = server
            .get_with("", &format!("/v1/store/search?q={title}"), &[("souk-position", &position)])
            .await;
        assert_eq!(found.header("souk-stale"), None, "{found:?}");
        assert_eq!(found.ok()["items"][0]["id"], id.as_str(), "{found:?}");
    }
    let search = "/v1/store/search?q=zebra";
    server.get_with("", search, &[("souk-position", "x")]).await.is(400, "position_invalid");
    // One that nothing has reached yet is waited for, and then told.
    let far = souk::tenants::positions::Place { partition: souk_core::ids::Partition(0), position: 1 << 40 };
    let far = server.services.server_key.seal_place(far);
    let told = server.get_with("", search, &[("souk-position", &far)]).await;
    assert_eq!((told.status, told.header("souk-stale")), (200, Some("true")), "{told:?}");
    server.stop().await;
}
