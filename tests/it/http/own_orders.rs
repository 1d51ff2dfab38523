//! What a person ordered as a guest, once they have shown the cart's token.

use serde_json::{Value, json};
use souk::tenants::Role;

use super::people::as_person;
use super::rig::{Cart, Response, Server, open_stall, text, until};
use super::teams::signed_in;
use crate::servers::Backend;

const ORDERS: &str = "/v1/store/orders";

async fn adopt(server: &Server, access: &str, token: &str) -> Response {
    as_person(server, access, "POST", "me/carts", &json!({ "token": token }).to_string()).await
}

fn ids(listed: &Value) -> Vec<String> {
    listed["items"].as_array().expect("items").iter().map(|item| text(item, "id")).collect()
}

/// Waits until the list has followed the journal.
async fn lists(server: &Server, access: &str, expected: &[&str]) {
    until("listed", async || {
        let listed = ids(&server.get(access, ORDERS).await.ok());
        if listed == expected { Ok(()) } else { Err(format!("{listed:?}")) }
    })
    .await;
}

async fn a_guest_s_orders_become_one_s_own(backend: Backend) {
    let server = Server::on(backend, &[]).await;
    let operator = server.key(Role::Operator).await;
    let stall = open_stall(&server, &operator, 1, 10).await;
    // The address of every order is the same, and that of an account: it gives nothing.
    let (_, access) = signed_in(&server, "ada@example.org").await;
    let (_, other) = signed_in(&server, "other@example.org").await;
    let (first, second) = (Cart::open(&server).await, Cart::open(&server).await);
    let order = first.buy(&server, &stall, 1).await;
    let path = format!("{ORDERS}/{order}");
    lists(&server, &access, &[]).await;
    server.get(&access, &path).await.is(404, "not_found");

    // The order's token is passed on to others and shows nothing; the cart's does, once and for all.
    let order_token = text(&first.show(&server).await, "order_token");
    adopt(&server, &access, &order_token).await.is(422, "token_invalid");
    adopt(&server, &access, "souk_cart_nonsense").await.is(422, "token_invalid");
    let adopted = adopt(&server, &access, &first.token).await.ok();
    assert_eq!(adopt(&server, &access, &first.token).await.ok(), adopted, "it is so");
    adopt(&server, &other, &first.token).await.is(409, "already_exists");

    // Before it was ordered, too.
    adopt(&server, &access, &second.token).await.ok();
    let later = second.buy(&server, &stall, 2).await;
    lists(&server, &access, &[&later, &order]).await;
    lists(&server, &other, &[]).await;
    server.get(&access, &path).await.ok();
    server.get(&other, &path).await.is(404, "not_found");
    server.get(&first.token, &path).await.ok();
    server.get(&order_token, &path).await.ok();
    let page = server.get(&access, &format!("{ORDERS}?limit=1")).await.ok();
    let next = text(&page, "next_cursor");
    let page = server.get(&access, &format!("{ORDERS}?limit=1&cursor={next}")).await.ok();
    assert_eq!(ids(&page), [order.as_str()]);
    let foreign = server.get(&other, &format!("{ORDERS}?cursor={next}")).await.ok();
    assert_eq!(ids(&foreign), Vec::<String>::new(), "another's cursor is a place, and shows nothing");

    // Whoever may see it as its owner may cancel it; and still can after a restart.
    let server = server.restart().await;
    let cancel = format!("{path}/cancel");
    server.post(&other, "c", &cancel, json!({})).await.is(404, "not_found");
    server.post(&order_token, "c", &cancel, json!({})).await.is(404, "not_found");
    let cancelled = server.post(&access, "c", &cancel, json!({})).await;
    cancelled.ok();
    server.post(&access, "c", &cancel, json!({})).await.repeats(&cancelled);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_s_orders_become_one_s_own_on_sqlite() {
    a_guest_s_orders_become_one_s_own(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_s_orders_become_one_s_own_on_postgres() {
    if let Some(backend) = Backend::postgres("orders of guests on Postgres") {
        a_guest_s_orders_become_one_s_own(backend).await;
    }
}
