//! ETags and compression.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;
use souk::actors::{Handling, Trap};
use souk::tenants::Role;
use souk_core::ids::{ProductId, SkuId, StreamId};

use super::rig::{Cart, PRODUCTS, Server, approved_vendor, draft, open_stall, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_is_not_sent_again_until_it_changes() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let cart = Cart::open(&server).await;
    // Lists follow the journal a moment behind, and a page that fills meanwhile is another page.
    until("listed", async || {
        let list = server.get("", "/v1/store/products").await.ok();
        let item = &list["items"][0];
        let is_whole =
            item["id"] == stall.product.as_str() && item["offers"] == 1 && item["in_stock"] == true;
        if is_whole { Ok(()) } else { Err(list.to_string()) }
    })
    .await;
    let product = format!("/v1/store/products/{}", stall.product);
    for (who, path) in [
        ("", product.as_str()),
        ("", "/v1/store/products"),
        (&cart.token, &cart.path),
        (&operator, "/v1/operator/ledger"),
    ] {
        let first = server.get(who, path).await;
        let tag = first.header("etag").unwrap_or_else(|| panic!("no ETag: {first:?}")).to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        let expected = if who.is_empty() { "no-cache" } else { "private, no-cache" };
        assert_eq!(first.header("cache-control"), Some(expected));
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let again = server.get_with(who, path, &[("if-none-match", &known)]).await;
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path} {known}");
            assert_eq!(again.header("etag"), Some(tag.as_str()));
        }
        let other = server.get_with(who, path, &[("if-none-match", "\"x\"")]).await;
        assert_eq!((other.status, &other.body), (200, &first.body));
    }
    // The stock has changed, and so has the product; the cart has changed, and so has its version.
    let before = server.get("", &product).await;
    let of_cart = server.get(&cart.token, &cart.path).await;
    server.post(&stall.key, "more", &stall.offer("receive"), json!({ "quantity": 1 })).await.ok();
    cart.line(&server, &stall, 1).await.ok();
    for (who, path, before) in [("", product.as_str(), before), (&cart.token, &cart.path, of_cart)] {
        let tag = before.header("etag").expect("a tag").to_owned();
        let now = server.get_with(who, path, &[("if-none-match", &tag)]).await;
        assert_eq!(now.status, 200, "{now:?}");
        assert_ne!(now.header("etag"), Some(tag.as_str()));
    }
    // A refusal is no version of anything.
    assert_eq!(
        server.get("", "/v1/store/products/prd_00000000000000000000000001").await.header("etag"),
        None
    );
    server.stop().await;
}

/// Answers about the catalogue are kept, and must not be told once something has been said to have changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_told_of_a_change_sees_it_however_many_look() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let product = format!("/v1/store/products/{}", stall.product);
    let is_over = AtomicBool::new(false);
    let looked = AtomicU64::new(0);
    let others = async || {
        while !is_over.load(Ordering::Relaxed) {
            assert_eq!(server.get("", &product).await.status, 200);
            looked.fetch_add(1, Ordering::Relaxed);
        }
    };
    let changes = async {
        for n in 1..=50 {
            let name = format!("more-{n}");
            server.post(&stall.key, &name, &stall.offer("receive"), json!({ "quantity": 1 })).await.ok();
            for accepted in ["", "gzip"] {
                let shown = server.get_with("", &product, &[("accept-encoding", accepted)]).await;
                assert_eq!(shown.ok()["offers"][0]["available"], 5 + n);
            }
            let price = json!({ "unit_minor": 1_000 + n, "shipping_minor": 100, "currency": "EUR" });
            server.call(&stall.key, &name, "PUT", &stall.offer("price"), price).await.ok();
            let shown = server.get("", &product).await;
            assert_eq!(shown.ok()["offers"][0]["unit_price_minor"], 1_000 + n);
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(others(), others(), changes);
    assert!(looked.load(Ordering::Relaxed) > 50);
    // Two that are told the same are still two requests.
    let (first, second) = (server.get("", &product).await, server.get("", &product).await);
    assert_eq!((&first.body, first.header("etag")), (&second.body, second.header("etag")));
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    let gone = stall.path("archive");
    server.post(&stall.key, "gone", &gone, json!({})).await.ok();
    server.get("", &product).await.is(404, "not_found");
    server.stop().await;
}

/// An actor that ends when what it decided is durable, and before it could say so, leaves nobody with what was before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_actor_that_panicked_could_not_say_is_seen_all_the_same() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 5).await;
    let product = format!("/v1/store/products/{}", stall.product);
    let (id, sku): (ProductId, SkuId) =
        (stall.product.parse().expect("an id"), stall.sku.parse().expect("an id"));
    for (n, trap) in (1..).zip([Trap::Before(Handling::Settled), Trap::After(Handling::Settled)]) {
        // Kept from here on.
        assert_eq!(server.get("", &product).await.ok(), server.get("", &product).await.ok());
        server.services.node.set_trap(StreamId::Product(id), trap);
        let (name, price) = (format!("change-{n}"), json!({ "unit_minor": 1_000 + n, "currency": "EUR" }));
        server.call(&stall.key, &name, "PUT", &stall.offer("price"), price).await.ok();
        assert_eq!(server.get("", &product).await.ok()["offers"][0]["unit_price_minor"], 1_000 + n);
        server.services.node.set_trap(StreamId::Stock(sku.shard()), trap);
        server.post(&stall.key, &name, &stall.offer("receive"), json!({ "quantity": 1 })).await.ok();
        assert_eq!(server.get("", &product).await.ok()["offers"][0]["available"], 5 + n);
    }
    assert_eq!(server.services.node.traps_waiting(), Vec::new(), "somebody came by everywhere");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_large_is_compressed_as_the_client_accepts_and_what_is_small_is_not() {
    let server = Server::start().await;
    let operator = server.key(Role::Operator).await;
    let stall = draft(&server, approved_vendor(&server, &operator, 1).await, "things", 1_999).await;
    let long = "clay and glaze, ".repeat(200).trim_end().to_owned();
    let body = json!({ "title": { "en": "Bowl" }, "description": { "en": long }, "category": "bowls" });
    let made = server.post(&stall.key, "long", PRODUCTS, body).await.ok();
    let path = format!("{PRODUCTS}/{}", made["id"].as_str().expect("an id"));
    let plain = server.get(&stall.key, &path).await;
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.bytes.len() > 2_000, "{}", plain.bytes.len());
    let tag = plain.header("etag").expect("a tag").trim_matches('"').to_owned();
    let magic: [(&str, &[u8]); 3] =
        [("gzip", &[0x1f, 0x8b]), ("zstd", &[0x28, 0xb5, 0x2f, 0xfd]), ("br", &[])];
    for (encoding, magic) in magic {
        let small = server.get_with(&stall.key, &path, &[("accept-encoding", encoding)]).await;
        assert_eq!((small.status, small.header("content-encoding")), (200, Some(encoding)), "{small:?}");
        assert!(small.head.contains("accept-encoding"), "caches must tell them apart: {small:?}");
        assert!(small.bytes.len() < plain.bytes.len() / 2, "{encoding}: {}", small.bytes.len());
        // The body is chunked: its first chunk follows the line of its size.
        let start = small.bytes.windows(2).position(|end| end == b"\r\n").map_or(0, |end| end + 2);
        let bytes =
            if small.header("transfer-encoding").is_some() { &small.bytes[start..] } else { &small.bytes };
        assert!(bytes.starts_with(magic), "{encoding}");
        let named = format!("\"{tag}-{encoding}\"");
        assert_eq!(small.header("etag"), Some(named.as_str()), "two encodings are two strong tags");
        let headers = [("accept-encoding", encoding), ("if-none-match", named.as_str())];
        assert_eq!(server.get_with(&stall.key, &path, &headers).await.status, 304);
    }
    let cart = Cart::open(&server).await;
    let small = server.get_with(&cart.token, &cart.path, &[("accept-encoding", "gzip, br, zstd")]).await;
    assert!(small.bytes.len() < 1_024);
    assert_eq!(small.header("content-encoding"), None);
    server.stop().await;
}
