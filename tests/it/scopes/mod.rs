//! Whose rows anybody is shown: by the questions' own conditions, and on Postgres by policies as well. `tests/mutants.rs`
//! asks the same questions without their conditions.

mod catalogue;
mod leaks;
mod logins;
mod policies;
mod questions;
mod rights;
mod rows;

use std::path::Path;

use souk::store::read::ReadModels;
use souk::tenants::OperatorScope;
use souk_core::ids::OrderId;

use questions::{FILTERED, WHOLE, ask, on_postgres, on_sqlite};

/// Those that see everything see it on both backends: operators are let through.
async fn operators_see_everything(models: &ReadModels) {
    let operator = OperatorScope::of_console();
    let vendors = models.vendors(&operator, None, None, 100).await.expect("vendors");
    let products = models.all_products(&operator, None, None, 100).await.expect("products");
    let orders = models.orders(&operator, None, 100).await.expect("orders");
    assert_eq!((vendors.items.len(), products.items.len(), orders.items.len()), (2, 3, 2));
    let first = models.order(&operator, OrderId(1)).await.expect("readable").expect("there");
    assert_eq!((first.lines.len(), first.vendor_orders.len(), first.parcels.len()), (2, 2, 2));
    assert_eq!(models.trial_balance(&operator).await.expect("balances").len(), 2);
}

async fn everybody_sees_their_own(models: &ReadModels) {
    for function in FILTERED {
        let seen = ask(models, function).await.expect("an answer");
        assert!(seen.own > 0 && seen.foreign.is_empty(), "{function}: {seen:?}");
    }
    operators_see_everything(models).await;
}

#[tokio::test]
async fn everybody_sees_their_own_and_nothing_else() {
    let (_backend, models) = on_sqlite().await;
    everybody_sees_their_own(&models).await;
    models.close().await;
}

#[tokio::test]
async fn everybody_sees_their_own_and_nothing_else_on_postgres() {
    let Some((_place, models)) = on_postgres("scopes on Postgres").await else { return };
    everybody_sees_their_own(&models).await;
    models.close().await;
}

/// Names of functions in `store/` that take a scope, from the source's text.
fn that_take_a_scope(dir: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).expect("source can be read") {
        let path = entry.expect("source can be read").path();
        if path.is_dir() {
            that_take_a_scope(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("source can be read");
        for function in text.split("pub async fn ").skip(1) {
            let (name, rest) = function.split_once('(').expect("a function has arguments");
            let (arguments, _) = rest.split_once(") -> ").unwrap_or((rest, ""));
            if arguments.contains("Scope") {
                found.push(name.to_owned());
            }
        }
    }
}

#[test]
fn every_function_that_takes_a_scope_is_known_here() {
    let mut found = Vec::new();
    that_take_a_scope(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"), &mut found);
    let mut known: Vec<String> =
        FILTERED.iter().copied().chain(WHOLE.iter().map(|(name, _)| *name)).map(str::to_owned).collect();
    found.sort();
    known.sort();
    assert_eq!(found, known, "a function that takes a scope must be asked here, or say why not");
}
