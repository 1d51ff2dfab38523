//! Takes the filter of every query function away, one after another, and looks who notices: on Postgres the policies show
//! nothing foreign all the same; on SQLite, which has none, what is shown is foreign, and the questions of `tests/it/scopes`
//! find it. `cargo test -p souk --features plant --test mutants`; a part of `cargo xtask test`.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]
#![allow(dead_code, reason = "what the integration tests need of these beyond this")]

#[path = "it/scopes/logins.rs"]
mod logins;
#[path = "it/scopes/questions.rs"]
mod questions;
#[path = "it/scopes/rows.rs"]
mod rows;
#[path = "it/servers.rs"]
mod servers;

use souk::journal::{Database, Roles};
use souk::store::read::{ReadModels, plant};

use questions::{FILTERED, Seen, ask, on_postgres, on_sqlite};

/// Asks without the filter, of tables that nobody has asked yet: what was read a moment ago may be remembered.
async fn ask_mutant(roles: &Roles, function: &str) -> Seen {
    let models = ReadModels::open(roles, 1).await.expect("opened");
    plant(Some(function));
    let seen = ask(&models, function).await.expect("an answer");
    plant(None);
    models.close().await;
    seen
}

/// One test, since what is planted is planted in the whole process.
#[tokio::test]
async fn a_filter_that_is_forgotten_is_noticed() {
    let (sqlite, models) = on_sqlite().await;
    models.close().await;
    let sqlite_roles = Roles::from(sqlite.url().parse::<Database>().expect("an address"));
    let postgres = on_postgres("mutants on Postgres").await;
    let mut unnoticed = Vec::new();
    for function in FILTERED {
        let seen = ask_mutant(&sqlite_roles, function).await;
        let on_sqlite = !seen.foreign.is_empty();
        let on_postgres = match &postgres {
            None => "not asked".to_owned(),
            Some((place, _)) => {
                // Whom no policy binds sees it: it is the policies that hold it back from the others.
                let unbound = Roles::from(place.backend.url().parse::<Database>().expect("an address"));
                let seen = ask_mutant(&unbound, function).await;
                assert!(!seen.foreign.is_empty(), "{function} as a superuser: {seen:?}");
                let seen = ask_mutant(&place.roles, function).await;
                if !seen.foreign.is_empty() || seen.own == 0 {
                    unnoticed.push(format!("{function} on Postgres: {seen:?}"));
                }
                format!("{} foreign rows", seen.foreign.len())
            }
        };
        println!("{function}: SQLite {} foreign rows, found; Postgres {on_postgres}", seen.foreign.len());
        if !on_sqlite {
            unnoticed.push(format!("{function} on SQLite: {seen:?}"));
        }
    }
    assert!(unnoticed.is_empty(), "nobody notices:\n{}", unnoticed.join("\n"));
    println!("{} query functions, each without its filter", FILTERED.len());
    if let Some((_, models)) = postgres {
        models.close().await;
    }
}
