//! Everybody who may ask for something, and a market with two vendors to ask for.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use souk::tenants::Role as KeyOf;
use souk::tenants::policy::{OperatorPower, Power};
use souk_core::person::OperatorRole;
use souk_core::vendor::Role;

use super::super::people::{account, as_person, sign_in};
use super::super::rig::{Cart, Response, Server, Stall, approved_vendor, draft, open_stall, text};
use super::super::teams::{joins, member};
use super::Expected;
use crate::servers::Backend;

/// Less than the five minutes for which a sign-in shows who somebody is.
const SIGNED_IN_FOR: Duration = Duration::from_secs(120);
const ROLES: [(Role, &str); 4] = [
    (Role::Owner, "owner"),
    (Role::Manager, "manager"),
    (Role::Packer, "packer"),
    (Role::Accountant, "accountant"),
];
const OPERATORS: [(OperatorRole, &str); 4] = [
    (OperatorRole::Chief, "chief"),
    (OperatorRole::Curator, "curator"),
    (OperatorRole::Support, "support"),
    (OperatorRole::Finance, "finance"),
];

/// Who may call a route, as the description says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    Anybody,
    Shopper,
    ShopperOrPerson,
    Person,
    Vendor(Power),
    Operator(OperatorPower),
}

impl Caller {
    pub fn of(operation: &Value) -> Self {
        let security = operation["security"].as_array().expect("it says who may call");
        let names: Vec<&str> = security
            .iter()
            .flat_map(|one| one.as_object().expect("named").keys())
            .map(String::as_str)
            .collect();
        let power = operation["x-power"].as_str().unwrap_or_default();
        match names[..] {
            [] => Caller::Anybody,
            ["token"] => Caller::Shopper,
            ["token", "access_token"] => Caller::ShopperOrPerson,
            ["access_token"] => Caller::Person,
            ["vendor_key"] => {
                let known = Power::ALL.into_iter().find(|known| known.text() == power);
                Caller::Vendor(known.expect("a route names a power that there is"))
            }
            ["operator_key"] => {
                let known = OperatorPower::ALL.into_iter().find(|known| known.text() == power);
                Caller::Operator(known.expect("a route names a power that there is"))
            }
            ref other => panic!("nobody of {other:?} is known"),
        }
    }
}

/// Somebody who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// Whose the thing is that a request is about.
    Owner,
    Anonymous,
    /// A shopper, by the token of another cart.
    OtherCart,
    PersonA,
    PersonB,
    /// Of vendor A's team.
    Member(Role),
    /// Vendor A's, with all scopes.
    ServiceKey,
    /// Of vendor B's team.
    OtherOwner,
    /// Vendor B's.
    OtherServiceKey,
    OperatorKey,
    Operator(OperatorRole),
}

impl Who {
    pub fn all() -> impl Iterator<Item = Who> {
        let first = [Who::Owner, Who::Anonymous, Who::OtherCart, Who::PersonA, Who::PersonB];
        let keys = [Who::ServiceKey, Who::OtherOwner, Who::OtherServiceKey, Who::OperatorKey];
        let members = ROLES.into_iter().map(|(role, _)| Who::Member(role));
        let operators = OPERATORS.into_iter().map(|(role, _)| Who::Operator(role));
        first.into_iter().chain(members).chain(keys).chain(operators)
    }

    /// Whether they may see what is vendor A's and nobody else's.
    fn is_of_a(self) -> bool {
        matches!(
            self,
            Who::Owner
                | Who::PersonA
                | Who::Member(_)
                | Who::ServiceKey
                | Who::OperatorKey
                | Who::Operator(_)
        )
    }
}

/// A request that its owner is let through with.
#[derive(Clone, Debug)]
pub struct Try {
    pub path: String,
    pub body: Value,
    /// Who else than the usual one owns what it is about.
    pub owner: Option<String>,
    /// Whether it names something of vendor A's.
    pub names_something: bool,
    /// What other people are told, when that is not a yes.
    pub of_others: Option<Expected>,
    /// Whether no role but an owner's is enough for what it asks, whatever the route takes.
    pub only_owners: bool,
    /// Whether others would end by it what they ask with; they are not asked.
    pub ends_who_asks: bool,
}

impl Try {
    pub fn at(path: impl Into<String>, body: Value) -> Self {
        let path = path.into();
        Try {
            path,
            body,
            owner: None,
            names_something: false,
            of_others: None,
            only_owners: false,
            ends_who_asks: false,
        }
    }

    /// About something of vendor A's.
    pub fn about(path: impl Into<String>, body: Value) -> Self {
        Try { names_something: true, ..Try::at(path, body) }
    }

    pub fn by(self, owner: impl Into<String>) -> Self {
        Try { owner: Some(owner.into()), ..self }
    }
}

/// Tokens of those who are signed in: they last ten minutes, and show for five who somebody is.
#[derive(Clone)]
pub struct Tokens {
    signed_in: Instant,
    /// Of A's team, in the order of [`ROLES`].
    members: Vec<String>,
    other_owner: String,
    pub person_a: String,
    person_b: String,
    operators: Vec<String>,
    /// The store's, of the owner of A and of an operator.
    pub owner: String,
    pub operator: String,
}

impl Tokens {
    async fn new(server: &Server, a: &str, b: &str) -> Self {
        let store =
            async |name: &str| text(&sign_in(server, &format!("{name}@example.org")).await, "access_token");
        let (mut members, mut operators) = (Vec::new(), Vec::new());
        for (_, role) in ROLES {
            members.push(member(server, &store(role).await, a).await);
        }
        for (_, role) in OPERATORS {
            let told = as_person(server, &store(role).await, "POST", "sessions/operator", "").await.ok();
            operators.push(text(&told, "access_token"));
        }
        Tokens {
            signed_in: Instant::now(),
            members,
            other_owner: member(server, &store("rival").await, b).await,
            person_a: store("a").await,
            person_b: store("b").await,
            operators,
            owner: store("owner").await,
            operator: store("chief").await,
        }
    }
}

pub struct World {
    pub server: Server,
    pub operator: String,
    pub a: Stall,
    pub b: Stall,
    /// Vendor A's service key.
    service_key: String,
    other_service_key: String,
    other_cart: Cart,
    tokens: Mutex<Tokens>,
    count: AtomicUsize,
    /// Ids that only vendor A, person A and operators may see.
    private: Mutex<BTreeSet<String>>,
}

impl World {
    pub async fn new(backend: Backend) -> Self {
        let free = [("limits.key_requests_per_minute", "0"), ("limits.address_requests_per_minute", "0")];
        let free: Vec<(&'static str, &dyn std::fmt::Display)> =
            free.iter().map(|(key, value)| (*key, value as &dyn std::fmt::Display)).collect();
        let server = Server::on(backend, &free).await;
        let operator = server.key(KeyOf::Operator).await;
        let a = open_stall(&server, &operator, 1, 10_000).await;
        let vendor_b = approved_vendor(&server, &operator, 2).await;
        let b = draft(&server, vendor_b, "things", 100).await;
        super::super::rig::put_on_sale(&server, &operator, &b, 100).await;
        for (_, role) in ROLES {
            joins(&server, &operator, &a.vendor, &format!("{role}@example.org"), role).await;
        }
        joins(&server, &operator, &b.vendor, "rival@example.org", "owner").await;
        for (_, role) in OPERATORS {
            let person = account(&server, &format!("{role}@example.org")).await;
            let path = format!("/v1/operator/operators/{person}");
            server.call(&operator, "", "PUT", &path, json!({ "role": role })).await.ok();
        }
        for name in ["a", "b"] {
            account(&server, &format!("{name}@example.org")).await;
        }
        let key = async |vendor: &str| {
            let path = format!("/v1/operator/vendors/{vendor}/keys");
            text(&server.post(&operator, "matrix", &path, json!({ "name": "matrix" })).await.ok(), "key")
        };
        let (service_key, other_service_key) = (key(&a.vendor).await, key(&b.vendor).await);
        let tokens = Mutex::new(Tokens::new(&server, &a.vendor, &b.vendor).await);
        let other_cart = Cart::open(&server).await;
        World {
            operator,
            a,
            b,
            service_key,
            other_service_key,
            other_cart,
            tokens,
            count: AtomicUsize::new(0),
            private: Mutex::default(),
            server,
        }
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// A number that was not used yet.
    pub fn next(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// From here on whoever is not of vendor A must never be told this.
    pub fn keep_private(&self, id: &str) {
        self.private.lock().expect("no panic").insert(id.to_owned());
    }

    /// A product of vendor A's that everybody is about to see.
    pub fn make_public(&self, stall: &Stall) {
        let mut private = self.private.lock().expect("no panic");
        private.remove(&stall.product);
        private.remove(&stall.sku);
    }

    /// Whether an answer shows somebody what is not theirs.
    pub fn shows_foreign(&self, who: Who, body: &str) -> bool {
        !who.is_of_a() && self.private.lock().expect("no panic").iter().any(|id| body.contains(id.as_str()))
    }

    /// The tokens of those who are signed in.
    pub fn tokens(&self) -> Tokens {
        self.tokens.lock().expect("no panic").clone()
    }

    /// Signs everybody in again when that was done a while ago.
    pub async fn stay_signed_in(&self) {
        if self.tokens().signed_in.elapsed() > SIGNED_IN_FOR {
            let tokens = Tokens::new(&self.server, &self.a.vendor, &self.b.vendor).await;
            *self.tokens.lock().expect("no panic") = tokens;
        }
    }

    /// The owner of what a route is about, when the request does not say another.
    fn owner_of(&self, path: &str) -> String {
        let tokens = self.tokens();
        if path.starts_with("/v1/vendor") {
            tokens.members[0].clone()
        } else if path.starts_with("/v1/operator") {
            self.operator.clone()
        } else if path.starts_with("/v1/auth/me") || path.starts_with("/v1/store/orders") {
            tokens.person_a
        } else {
            String::new()
        }
    }

    fn token(&self, who: Who, made: &Try) -> String {
        let of = |table: &[String], at: Option<usize>| table[at.expect("in the table")].clone();
        let tokens = self.tokens();
        match who {
            Who::Owner => made.owner.clone().unwrap_or_else(|| self.owner_of(&made.path)),
            Who::Anonymous => String::new(),
            Who::OtherCart => self.other_cart.token.clone(),
            Who::PersonA => tokens.person_a,
            Who::PersonB => tokens.person_b,
            Who::Member(role) => of(&tokens.members, ROLES.iter().position(|(known, _)| *known == role)),
            Who::ServiceKey => self.service_key.clone(),
            Who::OtherOwner => tokens.other_owner,
            Who::OtherServiceKey => self.other_service_key.clone(),
            Who::OperatorKey => self.operator.clone(),
            Who::Operator(role) => {
                of(&tokens.operators, OPERATORS.iter().position(|(known, _)| *known == role))
            }
        }
    }

    pub async fn ask(&self, who: Who, method: &str, made: &Try) -> Response {
        self.ask_named(who, method, made, &format!("ask-{}", self.next())).await
    }

    pub async fn ask_named(&self, who: Who, method: &str, made: &Try, name: &str) -> Response {
        let token = self.token(who, made);
        if method == "GET" {
            return self.server.get(&token, &made.path).await;
        }
        self.server.call(&token, name, method, &made.path, made.body.clone()).await
    }

    pub async fn get(&self, who: Who, path: &str) -> Response {
        self.get_with(who, path, &[]).await
    }

    pub async fn get_with(&self, who: Who, path: &str, headers: &[(&str, &str)]) -> Response {
        self.server.get_with(&self.token(who, &Try::at(path, json!({}))), path, headers).await
    }

    pub async fn post(&self, who: Who, path: &str, body: Value) -> Response {
        self.ask(who, "POST", &Try::at(path, body)).await
    }

    /// The answer to vendor A's owner.
    pub async fn make_for_a(&self, route: &str) -> Response {
        let made = self.make(route).await;
        let told = self.ask(Who::Owner, "POST", &made).await;
        told.ok();
        told
    }

    /// A product of vendor A's that nobody else may see, with an offer.
    pub async fn product(&self) -> Stall {
        let category = format!("matrix-{}", self.next());
        let vendor = (self.a.vendor.clone(), self.a.key.clone());
        let stall = draft(&self.server, vendor, &category, 1_999).await;
        self.keep_private(&stall.product);
        self.keep_private(&stall.sku);
        stall
    }

    /// A draft of each vendor.
    pub async fn drafts(&self) -> (Stall, Stall) {
        let vendor = (self.b.vendor.clone(), self.b.key.clone());
        let b = draft(&self.server, vendor, &format!("matrix-{}", self.next()), 100).await;
        (self.product().await, b)
    }

    /// An order of vendor A's alone, and its cart.
    pub async fn order(&self) -> (String, Cart) {
        let cart = Cart::open(&self.server).await;
        let order = cart.buy(&self.server, &self.a, 1).await;
        self.keep_private(&order);
        (order, cart)
    }

    /// A parcel of A's as if it were of an order of B's.
    pub async fn foreign_parcel(&self) -> String {
        let shipped = self.ship(&self.order().await.0).await;
        let cart = Cart::open(&self.server).await;
        let order = cart.buy(&self.server, &self.b, 1).await;
        format!("/v1/vendor/orders/{order}/parcels/{shipped}/deliver")
    }

    /// Sends vendor A's part of an order; the parcel.
    pub async fn ship(&self, order: &str) -> String {
        let path = format!("/v1/vendor/orders/{order}/ship");
        let told = self.server.post(&self.a.key, "ship", &path, json!({})).await.ok();
        text(&told, "parcel")
    }
}
