//! Who may what, and on whose things: every route × everybody × own and foreign.
//!
//! The routes are those of the API's own description, which is made of the router's table. A route without a recipe fails the
//! run, and so does one that nobody was seen to be let through. A request that is refused is one that its owner is let through
//! with, right afterwards: so it was about something that exists, and the refused ones have changed nothing about it.

mod recipes;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::rig::Response;
use crate::servers::Backend;
use world::{Caller, Try, Who, World};

/// What somebody is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    /// A yes.
    Let,
    /// Who are you?
    Unknown,
    /// Not you.
    Never,
    /// There is no such thing.
    Nothing,
}

/// A route of the description.
struct Route {
    name: String,
    method: String,
    caller: Caller,
}

fn routes() -> Vec<Route> {
    let document = souk::http::openapi();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            if path.starts_with("/v1/") {
                let name = operation["operationId"].as_str().expect("a name").to_owned();
                routes.push(Route {
                    name,
                    method: method.to_ascii_uppercase(),
                    caller: Caller::of(operation),
                });
            }
        }
    }
    routes
}

/// The table of it: what somebody is told who asks for something of vendor A, or of the shopper and the person A.
fn expected(who: Who, route: &Route, made: &Try) -> Expected {
    use Expected::{Let, Never, Nothing, Unknown};
    let foreign = if made.names_something { Nothing } else { Let };
    match route.caller {
        Caller::Anybody => Let,
        Caller::Shopper => match who {
            Who::Owner => Let,
            Who::OtherCart => Nothing,
            _ => Unknown,
        },
        Caller::ShopperOrPerson => match who {
            Who::Owner | Who::PersonA => Let,
            Who::OtherCart | Who::PersonB => Nothing,
            _ => Unknown,
        },
        Caller::Person => match who {
            Who::Owner => Let,
            Who::PersonA | Who::PersonB => made.of_others.unwrap_or(Let),
            _ => Unknown,
        },
        Caller::Vendor(power) => match who {
            Who::Owner => Let,
            Who::Member(role)
                if !power.is_of(role) || made.only_owners && role != souk_core::vendor::Role::Owner =>
            {
                Never
            }
            Who::Member(_) => Let,
            Who::ServiceKey | Who::OtherServiceKey if !power.is_of_keys() => Never,
            Who::ServiceKey => Let,
            Who::OtherServiceKey | Who::OtherOwner => foreign,
            Who::OperatorKey => Never,
            _ => Unknown,
        },
        Caller::Operator(power) => match who {
            Who::Owner | Who::OperatorKey => Let,
            Who::Operator(role) if power.is_of(role) => Let,
            Who::Operator(_) | Who::ServiceKey | Who::OtherServiceKey => Never,
            _ => Unknown,
        },
    }
}

fn is_told(told: &Response, expected: Expected) -> bool {
    match expected {
        Expected::Let => (200..300).contains(&told.status),
        Expected::Unknown => told.status == 401,
        Expected::Never => told.status == 403,
        Expected::Nothing => told.status == 404,
    }
}

/// What was tried, to be counted and told.
#[derive(Default)]
struct Counted {
    cells: usize,
    let_through: BTreeMap<String, usize>,
    refused: usize,
    foreign: usize,
    /// What was not as it must be: all of it is told at the end.
    wrong: Vec<String>,
}

impl Counted {
    async fn cell(&mut self, world: &World, route: &Route, who: Who, made: &Try, expected: Expected) {
        let told = world.ask(who, &route.method, made).await;
        if !is_told(&told, expected) {
            self.wrong.push(format!("{} by {who:?}: {expected:?} instead of {told:?}", route.name));
        }
        if world.shows_foreign(who, &told.body) {
            self.wrong.push(format!("{} shows {who:?} what is not theirs: {told:?}", route.name));
        }
        self.cells += 1;
        match expected {
            Expected::Let => *self.let_through.entry(route.name.clone()).or_default() += 1,
            Expected::Nothing => self.foreign += 1,
            Expected::Unknown | Expected::Never => self.refused += 1,
        }
    }
}

async fn a_route(world: &World, route: &Route, counted: &mut Counted) {
    world.stay_signed_in().await;
    let made = world.make(&route.name).await;
    // What anybody may do is done once: it would be the same for all.
    let alone = made.ends_who_asks || route.caller == Caller::Anybody && route.method != "GET";
    let (let_through, refused): (Vec<Who>, Vec<Who>) = Who::all()
        .filter(|who| *who != Who::Owner)
        .partition(|who| expected(*who, route, &made) == Expected::Let);
    // Those who are refused first, all with one request; then its owner, who shows that it was about something.
    for who in refused {
        counted.cell(world, route, who, &made, expected(who, route, &made)).await;
    }
    counted.cell(world, route, Who::Owner, &made, Expected::Let).await;
    for who in let_through.into_iter().filter(|_| !alone) {
        // Each with something of its own to do.
        let is_the_same = route.method == "GET" && made.owner.is_none();
        let made = if is_the_same { made.clone() } else { world.make(&route.name).await };
        counted.cell(world, route, who, &made, Expected::Let).await;
    }
}

/// Places in lists, positions and names of requests of vendor A, given by B: they show nothing of A.
async fn other_places(world: &World, counted: &mut usize) {
    let lists = [
        ("/v1/vendor/products", Who::Member(souk_core::vendor::Role::Owner), Who::OtherOwner),
        ("/v1/vendor/orders", Who::Member(souk_core::vendor::Role::Owner), Who::OtherOwner),
        ("/v1/store/orders", Who::PersonA, Who::PersonB),
    ];
    for (path, owner, other) in lists {
        let first = world.get(owner, &format!("{path}?limit=1")).await.ok();
        let cursor = first["next_cursor"].as_str().unwrap_or_else(|| panic!("{path} has one page: {first}"));
        let next = format!("{path}?limit=1&cursor={cursor}");
        assert_eq!(world.get(owner, &next).await.ok()["items"].as_array().map(Vec::len), Some(1), "{path}");
        let told = world.get(other, &next).await;
        assert!(told.status == 200 && !world.shows_foreign(other, &told.body), "{path}: {told:?}");
        *counted += 1;
    }
    // A position tells another nothing but that it is one.
    let written = world.make_for_a("create_product").await;
    let position = written.header("souk-position").expect("a position").to_owned();
    for (path, _, other) in lists {
        let told = world.get_with(other, path, &[("souk-position", &position)]).await;
        assert!(told.status == 200 && !world.shows_foreign(other, &told.body), "{path}: {told:?}");
        *counted += 1;
    }
    // The name that A gave to a request is B's own name, too.
    for route in ["create_product", "make_key", "invite_member"] {
        let made = world.make(route).await;
        let first =
            world.ask_named(Who::Member(souk_core::vendor::Role::Owner), "POST", &made, "the-same").await;
        let second = world.ask_named(Who::OtherOwner, "POST", &made, "the-same").await;
        assert!(first.status == 201 && second.status == 201, "{route}: {first:?} {second:?}");
        assert!(!second.is_repeat() && first.body != second.body, "{route}: {second:?}");
        assert!(!world.shows_foreign(Who::OtherOwner, &second.body), "{route}: {second:?}");
        *counted += 1;
    }
    // A's variant on B's product.
    let (a, b) = world.drafts().await;
    let price = json!({ "unit_minor": 100, "shipping_minor": 1, "currency": "EUR" });
    let offer = json!({ "variant": a.variant, "code": "X", "price": price });
    let told = world.post(Who::OtherOwner, &b.path("offers"), offer).await;
    assert!((400..500).contains(&told.status) && told.status != 401, "{told:?}");
    let told = world
        .post(Who::OtherOwner, &b.path(&format!("offers/{}/receive", a.sku)), json!({ "quantity": 1 }))
        .await;
    assert_eq!(told.status, 404, "{told:?}");
    // A's parcel on B's order.
    let told = world.post(Who::OtherOwner, &world.foreign_parcel().await, json!({})).await;
    assert_eq!(told.status, 404, "{told:?}");
    *counted += 3;
}

async fn everybody_meets_every_route(backend: Backend) {
    let world = World::new(backend).await;
    let routes = routes();
    let mut counted = Counted::default();
    for route in &routes {
        a_route(&world, route, &mut counted).await;
    }
    assert!(
        counted.wrong.is_empty(),
        "{} cells are wrong:\n{}",
        counted.wrong.len(),
        counted.wrong.join("\n")
    );
    let mut places = 0;
    other_places(&world, &mut places).await;
    let names: BTreeSet<&str> = routes.iter().map(|route| route.name.as_str()).collect();
    let missing: Vec<&&str> = names.iter().filter(|name| !counted.let_through.contains_key(**name)).collect();
    assert!(missing.is_empty(), "nobody was let through: {missing:?}");
    let through: usize = counted.let_through.values().sum();
    println!(
        "matrix: {} routes × {} callers = {} cells: {through} let through, {} foreign (404), {} refused (401, 403); \
         {places} more in cursors, positions, names and bodies",
        routes.len(),
        Who::all().count(),
        counted.cells,
        counted.foreign,
        counted.refused
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_meets_every_route_on_sqlite() {
    everybody_meets_every_route(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_meets_every_route_on_postgres() {
    if let Some(backend) = Backend::postgres("the matrix on Postgres") {
        everybody_meets_every_route(backend).await;
    }
}
