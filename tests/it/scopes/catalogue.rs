//! A walk of Postgres' catalogue: no table that may hold somebody's rows is without policies.

use souk::journal::migrate;
use sqlx::{Connection, PgConnection};

use super::logins::Place;

const TABLES: &str = "SELECT nspname::text, relname::text, relrowsecurity, relforcerowsecurity, \
     (SELECT COUNT(*) FROM pg_policy WHERE polrelid = pg_class.oid), pg_get_userbyid(relowner)::text \
     FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
     WHERE nspname IN ('plain', 'read') AND relkind IN ('r', 'p', 'm', 'f') ORDER BY nspname, relname";
/// A view would be read with its owner's rights.
const VIEWS: &str = "SELECT COUNT(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
     WHERE nspname IN ('plain', 'read') AND relkind = 'v'";

/// Tables without policies, each with its reason.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("plain", "_sqlx_migrations", "which migrations were applied; only the migrator has a right to it"),
    ("read", "_sqlx_migrations", "which migrations were applied; only the migrator has a right to it"),
];

#[tokio::test]
async fn every_table_of_plain_and_read_has_policies_that_bind_its_owner() {
    let Some(place) = Place::make("the walk of Postgres' catalogue").await else { return };
    migrate::run(&place.roles).await.expect("migrated");
    let mut connection = PgConnection::connect(place.backend.url()).await.expect("connected");
    let tables: Vec<(String, String, bool, bool, i64, String)> =
        sqlx::query_as(TABLES).fetch_all(&mut connection).await.expect("a catalogue");
    let mut bound = 0;
    let mut wrong = Vec::new();
    for (schema, table, enabled, forced, policies, owner) in &tables {
        assert_eq!(owner, "souk_test_migrator", "{schema}.{table}");
        let allowed = ALLOWED.iter().any(|(of, name, _)| (of, name) == (&schema.as_str(), &table.as_str()));
        match (*enabled && *forced && *policies > 0, allowed) {
            (true, false) => bound += 1,
            (false, true) => {}
            (false, false) => wrong.push(format!(
                "{schema}.{table}: enabled {enabled}, forced {forced}, {policies} policies; see migration 10"
            )),
            (true, true) => wrong.push(format!("{schema}.{table} has policies: take it off the list")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tables.len(), bound + ALLOWED.len());
    assert!(bound >= 19, "{bound} tables: those of migrations 2 to 12");
    let (views,): (i64,) = sqlx::query_as(VIEWS).fetch_one(&mut connection).await.expect("a catalogue");
    assert_eq!(views, 0, "a view needs security_invoker, and a line here");
    connection.close().await.expect("closed");
}
