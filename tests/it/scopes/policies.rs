//! What the policies show, table by table, to whoever says which scope they have; no question's condition helps them.

use souk::store::{keys, plain};
use souk::tenants::{OperatorScope, Role, keys::issue};
use souk_core::ids::{BuyerId, OrderId, VendorId};
use souk_core::time::Timestamp;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::questions::on_postgres;

const MIGRATOR: usize = 0;
const APP: usize = 2;
const VAULT: usize = 3;

const TABLES: [&str; 8] =
    ["vendors", "products", "offers", "orders", "order_lines", "vendor_orders", "parcels", "ledger_balances"];
const NOTHING: [i64; 8] = [0; 8];
const EVERYTHING: [i64; 8] = [2, 3, 4, 2, 3, 3, 3, 2];

async fn set(connection: &mut PgConnection, scope: Option<&str>) {
    let text = scope.map_or("RESET souk.scope".to_owned(), |scope| format!("SET souk.scope = '{scope}'"));
    connection.execute(AssertSqlSafe(text)).await.expect("set");
}

async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    let text = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    let (rows,): (i64,) = sqlx::query_as(text).fetch_one(connection).await.expect("counted");
    rows
}

#[tokio::test]
async fn each_scope_sees_so_many_rows_of_each_table() {
    let Some((place, models)) = on_postgres("policies on Postgres").await else { return };
    let vendor = |id| format!("vendor:{}", VendorId(id));
    let buyer = |buyer, order| format!("buyer:{}/{}", BuyerId(buyer), OrderId(order));
    let scopes: [(Option<String>, [i64; 8]); 17] = [
        (None, NOTHING),
        (Some(String::new()), NOTHING),
        (Some("store".into()), [0, 2, 2, 0, 0, 0, 0, 0]),
        (Some(vendor(1)), [0, 1, 1, 0, 0, 1, 0, 0]),
        (Some(vendor(2)), [0, 2, 3, 0, 0, 2, 0, 0]),
        (Some(vendor(3)), NOTHING),
        (Some("vendor:".into()), NOTHING),
        (Some("vendor:%".into()), NOTHING),
        (Some(buyer(1, 1)), [0, 0, 0, 1, 2, 2, 2, 0]),
        (Some(buyer(2, 2)), [0, 0, 0, 1, 1, 1, 1, 0]),
        // Another's order, and another's name on one's own.
        (Some(buyer(2, 1)), NOTHING),
        (Some("buyer:".into()), NOTHING),
        (Some(format!("buyers:{}", BuyerId(2))), [0, 0, 0, 1, 0, 0, 0, 0]),
        (Some(format!("buyers:{},{},{}", BuyerId(1), BuyerId(2), BuyerId(3))), [0, 0, 0, 2, 0, 0, 0, 0]),
        (Some("buyers:".into()), NOTHING),
        (Some("vault".into()), NOTHING),
        (Some("operator".into()), EVERYTHING),
    ];
    // The owner is bound as everybody else.
    for login in [MIGRATOR, APP] {
        let mut connection = place.connect(login, "read").await;
        for (scope, expected) in &scopes {
            set(&mut connection, scope.as_deref()).await;
            let mut seen = NOTHING;
            for (rows, table) in seen.iter_mut().zip(TABLES) {
                *rows = count(&mut connection, table).await;
            }
            assert_eq!(seen, *expected, "{scope:?} as {login}: {TABLES:?}");
        }
        connection.close().await.expect("closed");
    }
    models.close().await;
}

#[tokio::test]
async fn keys_and_credentials_show_to_those_who_keep_them_only() {
    let Some((place, models)) = on_postgres("policies on Postgres").await else { return };
    let pool = plain::open(&place.roles.vault).await.expect("opened");
    let (_, key) = issue(Role::Operator, "test", Timestamp::ZERO).expect("a key");
    keys::create(&pool, &OperatorScope::of_console(), &key).await.expect("stored");
    pool.close().await;
    for login in [MIGRATOR, VAULT] {
        let mut connection = place.connect(login, "plain").await;
        for (scope, rows) in [(None, 0), (Some("engine"), 0), (Some("operator"), 0), (Some("vault"), 1)] {
            set(&mut connection, scope).await;
            assert_eq!(count(&mut connection, "api_keys").await, rows, "{scope:?} as {login}");
            let put = "INSERT INTO signing_keys VALUES (gen_random_uuid()::text, decode(repeat('00', 32), 'hex'), 0)";
            assert_eq!(connection.execute(put).await.is_ok(), rows == 1, "{scope:?} as {login}");
        }
        connection.close().await.expect("closed");
    }
    models.close().await;
}
