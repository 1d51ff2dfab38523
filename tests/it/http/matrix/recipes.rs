//! For each route a request that its owner is let through with, each time with something new to ask for.

use serde_json::{Value, json};
use souk::actors::{Handling, Trap};
use souk::clock::Clock;
use souk_core::ids::{PARTITIONS, Partition, StreamId, VendorId};
use souk_core::time::Timestamp;

use super::super::people::{self, OTHER, PASSWORD, account, as_person, sign_in, token};
use super::super::rig::{Cart, address, application, approved_vendor, pay_body, text, until};
use super::super::second_factor::code;
use super::super::teams::signed_in;
use super::Expected;
use super::world::{Try, World};

const AUTH: &str = "/v1/auth";
const STORE: &str = "/v1/store";
const VENDOR: &str = "/v1/vendor";
const OPERATOR: &str = "/v1/operator";
/// A vendor of whom nobody has heard, whose actor is made to panic.
const TRAPPED: VendorId = VendorId(0xdead);

/// What an authenticator shows now.
fn code_now(secret: &str) -> String {
    code(secret, Clock::system().now().as_millis() / 30_000)
}

impl World {
    pub async fn make(&self, route: &str) -> Try {
        let n = self.next();
        let none = json!({});
        match route {
            "openapi" => Try::at("/v1/openapi.json", none),
            // Whoever has a mail box.
            "sign_up" => {
                Try::at(format!("{AUTH}/sign-ups"), json!({ "mail": format!("new-{n}@example.org") }))
            }
            "ask_reset" => {
                Try::at(format!("{AUTH}/reset-letters"), json!({ "mail": format!("no-{n}@example.org") }))
            }
            "verify_mail" => {
                let mail = format!("verify-{n}@example.org");
                people::post(&self.server, "sign-ups", json!({ "mail": mail })).await;
                let token = token(&self.server, &mail, "verify").await;
                Try::at(format!("{AUTH}/verifications"), json!({ "token": token, "password": PASSWORD }))
            }
            "reset_password" => {
                let mail = format!("reset-{n}@example.org");
                account(&self.server, &mail).await;
                people::post(&self.server, "reset-letters", json!({ "mail": mail })).await;
                let token = token(&self.server, &mail, "reset").await;
                Try::at(format!("{AUTH}/resets"), json!({ "token": token, "password": OTHER }))
            }
            "sign_in" => {
                let body = json!({ "mail": "b@example.org", "password": PASSWORD, "audience": "store" });
                Try::at(format!("{AUTH}/sessions"), body)
            }
            "refresh" => {
                let tokens = sign_in(&self.server, "b@example.org").await;
                Try::at(format!("{AUTH}/refreshes"), json!({ "refresh_token": tokens["refresh_token"] }))
            }
            // Whoever is signed in.
            "show_me" => Try::at(format!("{AUTH}/me"), none),
            "sign_out" | "sign_out_everywhere" | "change_password" => {
                let (_, access) = signed_in(&self.server, &format!("ends-{n}@example.org")).await;
                let (path, body) = match route {
                    "sign_out" => ("sessions/current", none),
                    "sign_out_everywhere" => ("sessions", none),
                    _ => ("me/password", json!({ "old_password": PASSWORD, "new_password": OTHER })),
                };
                Try { ends_who_asks: true, ..Try::at(format!("{AUTH}/{path}"), body).by(access) }
            }
            "step_up" => {
                let body = json!({ "password": PASSWORD });
                Try::at(format!("{AUTH}/step-ups"), body).by(self.tokens().person_a)
            }
            "begin_totp" => Try::at(format!("{AUTH}/me/totp"), none),
            "confirm_totp" => {
                let (access, secret) = self.enrolment(n).await;
                let body = json!({ "code": code_now(&secret) });
                let made = Try::at(format!("{AUTH}/me/totp/confirmations"), body).by(access);
                // They have begun one of their own, perhaps.
                Try { ends_who_asks: true, ..made }
            }
            "remove_totp" | "renew_recovery_codes" => {
                let (access, secret) = self.enrolment(n).await;
                let body = json!({ "code": code_now(&secret) }).to_string();
                as_person(&self.server, &access, "POST", "me/totp/confirmations", &body).await.ok();
                let path = if route == "remove_totp" { "me/totp" } else { "me/recovery-codes" };
                let made = Try::at(format!("{AUTH}/{path}"), none).by(access);
                Try { of_others: Some(Expected::Nothing), ..made }
            }
            "accept_invitation" => {
                let vendor = approved_vendor(&self.server, &self.operator, 1_000 + n as u32).await.0;
                let path = format!("{OPERATOR}/vendors/{vendor}/invitations");
                let mail = format!("invited-{n}@example.org");
                self.operators_do("POST", &path, json!({ "mail": mail, "role": "packer" })).await;
                let token = token(&self.server, &mail, "invite").await;
                Try::at(format!("{AUTH}/invitations"), json!({ "token": token })).by(self.tokens().person_a)
            }
            "adopt_cart" => {
                let cart = Cart::open(&self.server).await;
                Try::at(format!("{AUTH}/me/carts"), json!({ "token": cart.token }))
            }
            "go_on_for_vendor" => {
                let made = Try::at(format!("{AUTH}/sessions/vendor"), json!({ "vendor": self.a.vendor }));
                Try { of_others: Some(Expected::Nothing), ..made.by(self.tokens().owner) }
            }
            "go_on_as_operator" => {
                let made = Try::at(format!("{AUTH}/sessions/operator"), none).by(self.tokens().operator);
                Try { of_others: Some(Expected::Never), ..made }
            }
            _ if self.is_of_carts(route) => self.of_cart(route).await,
            "open_cart" => Try::at(format!("{STORE}/carts"), none),
            "list_products" => Try::at(format!("{STORE}/products"), none),
            "search_products" => Try::at(format!("{STORE}/search?q=thing"), none),
            "show_product" => Try::at(format!("{STORE}/products/{}", self.a.product), none),
            "list_my_orders" => {
                self.own_order().await;
                Try::at(format!("{STORE}/orders"), none)
            }
            "show_order" => Try::at(format!("{STORE}/orders/{}", self.own_order().await.0), none),
            "cancel_order" => {
                let (order, cart) = self.own_order().await;
                Try::at(format!("{STORE}/orders/{order}/cancel"), none).by(cart.token)
            }
            _ => match self.of_vendor(route, n).await {
                Some(made) => made,
                None => self.of_operator(route, n).await,
            },
        }
    }

    /// Somebody new who has begun a second factor: their access token, and its secret.
    async fn enrolment(&self, n: usize) -> (String, String) {
        let (_, access) = signed_in(&self.server, &format!("factor-{n}@example.org")).await;
        let begun = as_person(&self.server, &access, "POST", "me/totp", "").await.ok();
        (access, text(&begun, "secret"))
    }

    /// An order of person A's.
    async fn own_order(&self) -> (String, Cart) {
        let (order, cart) = self.order().await;
        let body = json!({ "token": cart.token }).to_string();
        as_person(&self.server, &self.tokens().person_a, "POST", "me/carts", &body).await.ok();
        (order, cart)
    }

    fn is_of_carts(&self, route: &str) -> bool {
        let steps = ["show_cart", "abandon_cart", "set_address", "remove_line", "set_line", "pay", "quote"];
        steps.contains(&route) || route == "choose_shipping"
    }

    async fn of_cart(&self, route: &str) -> Try {
        let cart = Cart::open(&self.server).await;
        self.keep_private(&cart.path);
        let line = json!({ "product": self.a.product, "quantity": 1 });
        if route != "set_line" && route != "show_cart" {
            cart.line(&self.server, &self.a, 1).await.ok();
        }
        if ["choose_shipping", "quote"].contains(&route) {
            cart.put(&self.server, "address", "address", address()).await.ok();
        }
        if route == "quote" {
            cart.put(&self.server, "shipping", "shipping", json!({ "method": "standard" })).await.ok();
        }
        let (rest, body) = match route {
            "show_cart" => (String::new(), json!({})),
            "set_line" => (format!("/lines/{}", self.a.sku), line),
            "remove_line" => (format!("/lines/{}", self.a.sku), json!({})),
            "set_address" => ("/address".to_owned(), address()),
            "choose_shipping" => ("/shipping".to_owned(), json!({ "method": "standard" })),
            "quote" => ("/quote".to_owned(), json!({})),
            "pay" => ("/pay".to_owned(), pay_body(&cart.to_quote(&self.server).await, "card_success")),
            _ => ("/abandon".to_owned(), json!({})),
        };
        Try::about(format!("{}{rest}", cart.path), body).by(cart.token)
    }

    /// By vendor A's owner.
    async fn of_vendor(&self, route: &str, n: usize) -> Option<Try> {
        let none = json!({});
        let key = async |name: &str| {
            let draft = json!({ "name": name, "scopes": ["orders:read"] });
            let path = format!("{OPERATOR}/vendors/{}/keys", self.a.vendor);
            let made = self.operators_do("POST", &path, draft).await;
            self.keep_private(&text(&made, "id"));
            text(&made, "id")
        };
        let about = |path: String, body: Value| Some(Try::about(path, body));
        match route {
            "list_own_products" => {
                self.product().await;
                self.product().await;
                Some(Try::at(format!("{VENDOR}/products"), none))
            }
            "create_product" => {
                let body = json!({ "title": { "en": "Thing" }, "category": "things", "variants": [{}] });
                Some(Try::at(format!("{VENDOR}/products"), body))
            }
            "list_own_orders" | "show_statement" => {
                self.order().await;
                let what = if route == "show_statement" { "statement" } else { "orders" };
                Some(Try::at(format!("{VENDOR}/{what}"), none))
            }
            "show_team" => Some(Try::at(format!("{VENDOR}/team"), none)),
            "list_keys" => Some(Try::at(format!("{VENDOR}/keys"), none)),
            "make_key" => Some(Try::at(
                format!("{VENDOR}/keys"),
                json!({ "name": "x", "scopes": ["orders:read"], "lasts_ms": 60_000 }),
            )),
            "invite_member" => {
                let body = json!({ "mail": format!("asked-{n}@example.org"), "role": "packer" });
                Some(Try::at(format!("{VENDOR}/team/invitations"), body))
            }
            "revoke_key" => about(format!("{VENDOR}/keys/{}", key("revoked").await), none),
            "roll_key" => {
                about(format!("{VENDOR}/keys/{}/roll", key("rolled").await), json!({ "overlap_ms": 1 }))
            }
            "withdraw_invitation" => {
                let path = format!("{OPERATOR}/vendors/{}/invitations", self.a.vendor);
                let body = json!({ "mail": format!("not-{n}@example.org"), "role": "packer" });
                let made = self.operators_do("POST", &path, body).await;
                about(format!("{VENDOR}/team/invitations/{}", made["invitation"]), none)
            }
            "dismiss_member" | "set_role" => {
                let person = self.another_member(n).await;
                let body = if route == "set_role" { json!({ "role": "manager" }) } else { none };
                let made = Try::about(format!("{VENDOR}/team/members/{person}"), body);
                Some(Try { only_owners: true, ..made })
            }
            "show_own_order" => about(format!("{VENDOR}/orders/{}", self.order().await.0), none),
            "accept_order" => about(format!("{VENDOR}/orders/{}/accept", self.order().await.0), none),
            "ship_order" => about(format!("{VENDOR}/orders/{}/ship", self.order().await.0), none),
            "deliver_parcel" => {
                let order = self.order().await.0;
                let parcel = self.ship(&order).await;
                about(format!("{VENDOR}/orders/{order}/parcels/{parcel}/deliver"), none)
            }
            "cancel_own_part" | "cancel_own_line" => {
                let order = self.order().await.0;
                let rest = if route == "cancel_own_part" { "cancel" } else { "lines/1/cancel" };
                about(format!("{VENDOR}/orders/{order}/{rest}"), json!({ "reason": "not_available" }))
            }
            _ => self.of_product(route, n).await,
        }
    }

    /// Somebody new in vendor A's team.
    async fn another_member(&self, n: usize) -> String {
        let mail = format!("member-{n}@example.org");
        let person =
            super::super::teams::joins(&self.server, &self.operator, &self.a.vendor, &mail, "packer").await.0;
        self.keep_private(&person);
        person
    }

    async fn of_product(&self, route: &str, n: usize) -> Option<Try> {
        let none = json!({});
        let known = [
            "show_own_product",
            "revise_product",
            "add_variant",
            "submit_product",
            "list_product",
            "archive_product",
            "offer",
            "set_price",
            "withhold_offer",
            "resume_offer",
            "receive_stock",
            "adjust_stock",
        ];
        if !known.contains(&route) {
            return None;
        }
        let stall = self.product().await;
        let key = &stall.key;
        let add_variant = json!({ "options": { "size": format!("{n}") } });
        let price = json!({ "unit_minor": 500, "shipping_minor": 0, "currency": "EUR" });
        let (rest, body) = match route {
            "show_own_product" => (String::new(), none),
            "revise_product" => (String::new(), json!({ "title": { "en": "Other" }, "category": "things" })),
            "add_variant" => ("variants".to_owned(), add_variant),
            "submit_product" => ("submit".to_owned(), none),
            "list_product" => {
                self.server.post(key, "submit", &stall.path("submit"), json!({})).await.ok();
                let approve = format!("{OPERATOR}/products/{}/approve", stall.product);
                self.operators_do("POST", &approve, json!({ "list": false })).await;
                self.make_public(&stall);
                ("list".to_owned(), none)
            }
            "archive_product" => ("archive".to_owned(), none),
            "offer" => {
                let added = self.server.post(key, "v", &stall.path("variants"), add_variant).await.ok();
                let body = json!({ "variant": added["variant"], "code": format!("T-{n}"), "price": price });
                ("offers".to_owned(), body)
            }
            "set_price" => (format!("offers/{}/price", stall.sku), price),
            "withhold_offer" => (format!("offers/{}/withhold", stall.sku), none),
            "resume_offer" => {
                self.server.post(key, "w", &stall.offer("withhold"), json!({})).await.ok();
                (format!("offers/{}/resume", stall.sku), none)
            }
            "receive_stock" => (format!("offers/{}/receive", stall.sku), json!({ "quantity": 3 })),
            _ => {
                self.server.post(key, "r", &stall.offer("receive"), json!({ "quantity": 3 })).await.ok();
                (format!("offers/{}/adjust", stall.sku), json!({ "delta": -1 }))
            }
        };
        Some(Try::about(stall.path(&rest).trim_end_matches('/'), body))
    }

    pub async fn operators_do(&self, method: &str, path: &str, body: Value) -> Value {
        let name = format!("recipe-{}", self.next());
        self.server.call(&self.operator, &name, method, path, body).await.ok()
    }

    /// A vendor that has applied, or may sell.
    async fn vendor(&self, n: usize, approved: bool) -> String {
        let path = format!("{OPERATOR}/vendors");
        let made = self.operators_do("POST", &path, application(10_000 + n as u32)).await;
        let vendor = text(&made, "id");
        if approved {
            self.operators_do("POST", &format!("{path}/{vendor}/approve"), json!({})).await;
        }
        vendor
    }

    async fn of_operator(&self, route: &str, n: usize) -> Try {
        let none = json!({});
        let reason = json!({ "reason": "because" });
        let at = |rest: String, body: Value| Try::at(format!("{OPERATOR}/{rest}"), body);
        let of_a = |rest: &str| format!("vendors/{}/{rest}", self.a.vendor);
        match route {
            "list_vendors" => at("vendors".to_owned(), none),
            "list_all_products" => at("products".to_owned(), none),
            "list_orders" => at("orders".to_owned(), none),
            "show_ledger" => at("ledger".to_owned(), none),
            "show_actors" => at("actors".to_owned(), none),
            "list_dead_letters" => at("dead-letters".to_owned(), none),
            "list_operators" => at("operators".to_owned(), none),
            "list_publishable_keys" => at("publishable-keys".to_owned(), none),
            "make_publishable_key" => at(
                "publishable-keys".to_owned(),
                json!({ "name": "x", "origins": [format!("https://{n}.example")] }),
            ),
            "revoke_publishable_key" => {
                let body = json!({ "name": "x", "origins": ["https://shop.example"] });
                let made = self.operators_do("POST", &format!("{OPERATOR}/publishable-keys"), body).await;
                at(format!("publishable-keys/{}", text(&made, "key")), none)
            }
            "set_operator" | "dismiss_operator" => {
                let person = account(&self.server, &format!("op-{n}@example.org")).await;
                let body = if route == "set_operator" { json!({ "role": "support" }) } else { none };
                at(format!("operators/{person}"), body)
            }
            "show_vendor" => at(format!("vendors/{}", self.a.vendor), none),
            "apply" => at("vendors".to_owned(), application(20_000 + n as u32)),
            "approve_vendor" => at(format!("vendors/{}/approve", self.vendor(n, false).await), none),
            "close_vendor" => at(format!("vendors/{}/close", self.vendor(n, false).await), reason),
            "suspend_vendor" => at(format!("vendors/{}/suspend", self.vendor(n, true).await), reason),
            "set_commission" => {
                let body = json!({ "commission_basis_points": 700 });
                at(format!("vendors/{}/commission", self.vendor(n, true).await), body)
            }
            "reinstate_vendor" => {
                let vendor = self.vendor(n, true).await;
                self.operators_do("POST", &format!("{OPERATOR}/vendors/{vendor}/suspend"), reason).await;
                at(format!("vendors/{vendor}/reinstate"), none)
            }
            "show_vendor_team" => at(of_a("team"), none),
            "invite_to_team" => {
                let vendor = self.vendor(n, true).await;
                let body = json!({ "mail": format!("team-{n}@example.org"), "role": "owner" });
                at(format!("vendors/{vendor}/invitations"), body)
            }
            "withdraw_from_team" => {
                let vendor = self.vendor(n, true).await;
                let path = format!("{OPERATOR}/vendors/{vendor}/invitations");
                let body = json!({ "mail": format!("out-{n}@example.org"), "role": "owner" });
                let made = self.operators_do("POST", &path, body).await;
                at(format!("vendors/{vendor}/invitations/{}", made["invitation"]), none)
            }
            "set_role_in_team" => {
                at(of_a(&format!("members/{}", self.another_member(n).await)), json!({ "role": "manager" }))
            }
            "dismiss_from_team" => at(of_a(&format!("members/{}", self.another_member(n).await)), none),
            "list_vendor_keys" => at(of_a("keys"), none),
            "make_vendor_key" => {
                let vendor = self.vendor(n, true).await;
                at(format!("vendors/{vendor}/keys"), json!({ "name": "x" }))
            }
            "roll_vendor_key" | "revoke_vendor_key" => {
                let vendor = self.vendor(n, true).await;
                let path = format!("{OPERATOR}/vendors/{vendor}/keys");
                let made = self.operators_do("POST", &path, json!({ "name": "x" })).await;
                let rest = format!("vendors/{vendor}/keys/{}", text(&made, "id"));
                match route {
                    "roll_vendor_key" => at(format!("{rest}/roll"), json!({ "overlap_ms": 0 })),
                    _ => at(rest, none),
                }
            }
            "show_any_product" => at(format!("products/{}", self.product().await.product), none),
            "approve_product" | "reject_product" => {
                let stall = self.product().await;
                self.server.post(&stall.key, "submit", &stall.path("submit"), json!({})).await.ok();
                self.make_public(&stall);
                match route {
                    "approve_product" => at(format!("products/{}/approve", stall.product), none),
                    _ => at(format!("products/{}/reject", stall.product), reason),
                }
            }
            "show_whole_order" => at(format!("orders/{}", self.order().await.0), none),
            "retry_refund" => at(self.refused_refund().await, none),
            "assist_order" => {
                let line = json!({
                    "sku": self.a.sku, "product": self.a.product, "quantity": 1, "unit_price_minor": 1_000,
                });
                let body = json!({ "lines": [line], "address": address(), "shipping_method": "standard" });
                at("assisted-orders".to_owned(), body)
            }
            "show_actor" => {
                // Awake, as somebody has just asked it.
                self.operators_do("GET", &format!("{OPERATOR}/vendors/{}", self.a.vendor), none).await;
                let path = format!("{OPERATOR}/vendors/{}/commission", self.a.vendor);
                self.operators_do("PUT", &path, json!({ "commission_basis_points": 1_000 })).await;
                at(format!("actors/{}", self.a.vendor), json!({}))
            }
            "release_actor" => at(self.quarantined().await, none),
            "retry_dead_letter" => at(self.dead_letter().await, none),
            other => panic!("{other} has no recipe: say how its owner is let through"),
        }
    }

    async fn refused_refund(&self) -> String {
        let cart = Cart::open(&self.server).await;
        cart.line(&self.server, &self.a, 1).await.ok();
        let quote = cart.to_quote(&self.server).await;
        let placed =
            cart.post(&self.server, "pay", "pay", pay_body(&quote, "card_refund_declined")).await.ok();
        let order = text(&placed, "order");
        let cancel = format!("{STORE}/orders/{order}/cancel");
        self.server.post(&cart.token, "cancel", &cancel, json!({})).await.ok();
        until("refused", async || {
            let path = format!("{OPERATOR}/orders/{order}");
            let shown = self.server.get(&self.operator, &path).await.ok();
            if shown["refunds"][0]["state"] == "refused" { Ok(()) } else { Err(shown.to_string()) }
        })
        .await;
        format!("orders/{order}/refunds/1/retry")
    }

    /// An actor that has panicked too often.
    async fn quarantined(&self) -> String {
        let node = &self.server.services.node;
        let stream = StreamId::Vendor(TRAPPED);
        until("in quarantine", async || {
            if node.quarantined().contains(&stream) {
                return Ok(());
            }
            node.set_trap(stream, Trap::Before(Handling::Read));
            let told = self.server.get(&self.operator, &format!("{OPERATOR}/vendors/{TRAPPED}")).await;
            Err(format!("{told:?}"))
        })
        .await;
        format!("actors/{stream}/release")
    }

    /// A letter that was given up.
    async fn dead_letter(&self) -> String {
        // Letters go into a folder of this name; a file in its place stops them.
        let folder = self.server.data_dir().join("outbox");
        let aside = self.server.data_dir().join("outbox-aside");
        let journal = self.server.services.node.journal();
        let everywhere: Vec<Partition> = (0..PARTITIONS).map(Partition).collect();
        let later = Timestamp::from_millis(i64::MAX);
        let open =
            async || journal.reader().open_effects("mail", &everywhere, later, 100).await.expect("read");
        until("sent", async || match open().await.len() {
            0 => Ok(()),
            open => Err(format!("{open} letters")),
        })
        .await;
        std::fs::rename(&folder, &aside).expect("moved aside");
        std::fs::write(&folder, "in the way").expect("written");
        self.order().await;
        let letter = until("tried", async || match open().await.as_slice() {
            [letter] if letter.attempts == 1 => Ok(letter.id),
            other => Err(format!("{other:?}")),
        })
        .await;
        let given_up = journal.writer().note_failure(letter, "in the way", Timestamp::ZERO, true).await;
        given_up.expect("noted");
        std::fs::remove_file(&folder).expect("removed");
        std::fs::rename(&aside, &folder).expect("moved back");
        format!("dead-letters/{}/{}/{}/retry", letter.stream, letter.seq, letter.n)
    }
}
