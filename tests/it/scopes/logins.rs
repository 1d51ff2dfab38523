//! A database with four logins, made as `docs/POSTGRES.md` says.

use souk::journal::Roles;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;

use crate::servers::Backend;

/// What operators read.
const GUIDE: &str = include_str!("../../../docs/POSTGRES.md");

/// A database that belongs to four logins.
pub struct Place {
    pub roles: Roles,
    /// Of whoever made it: a superuser.
    pub backend: Backend,
    /// Addresses of migrator, engine, app and vault.
    pub urls: [String; 4],
}

impl Place {
    /// `None`, and said so, when there is no Postgres.
    pub async fn make(suite: &str) -> Option<Place> {
        let backend = Backend::postgres(suite)?;
        let (_, name) = backend.url().rsplit_once('/').expect("the address names a database");
        let mut connection = PgConnection::connect(backend.url()).await.expect("connected");
        let mut logins = Vec::new();
        for statement in guide() {
            if let Some(rest) = statement.strip_prefix("CREATE ROLE ") {
                logins.push(rest.split(' ').next().expect("a name").to_owned());
                // The whole server's: another test has made it, or does so now.
                let made = connection.execute(AssertSqlSafe(statement)).await;
                let there = |error: &sqlx::Error| {
                    let code = error.as_database_error().and_then(|error| error.code());
                    matches!(code.as_deref(), Some("42710" | "23505"))
                };
                assert!(made.as_ref().err().is_none_or(there), "{made:?}");
            } else {
                let owner = statement.strip_prefix("CREATE DATABASE souk_test OWNER ").expect("the last one");
                let alter = format!("ALTER DATABASE {name} OWNER TO {owner}");
                connection.execute(AssertSqlSafe(alter)).await.expect("it has an owner");
            }
        }
        connection.close().await.expect("closed");
        assert_eq!(logins.len(), 4, "{logins:?}");
        let urls = [0, 1, 2, 3].map(|n| with_login(backend.url(), &logins[n]));
        let [migrator, engine, app, vault] = &urls;
        let roles = Roles::parse(migrator, engine, app, vault).expect("addresses");
        Some(Place { roles, backend, urls })
    }

    /// Another connection as one of the four, to the tables of a schema, without any scope.
    pub async fn connect(&self, login: usize, schema: &str) -> PgConnection {
        let mut connection = PgConnection::connect(&self.urls[login]).await.expect("connected");
        let path = format!("SET search_path = {schema}");
        connection.execute(AssertSqlSafe(path)).await.expect("set");
        connection
    }
}

/// The statements of the guide, with names that are no real shop's.
fn guide() -> Vec<String> {
    let (_, rest) = GUIDE.split_once("```sql\n").expect("the guide has SQL");
    let (sql, _) = rest.split_once("```").expect("it ends");
    let sql = sql.replace("souk_", "souk_test_").replace("DATABASE souk ", "DATABASE souk_test ");
    sql.split(';')
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

fn with_login(url: &str, login: &str) -> String {
    let password = ["one", "two", "three", "four"]
        .into_iter()
        .zip(["migrator", "engine", "app", "vault"])
        .find_map(|(password, role)| login.ends_with(role).then_some(password));
    let mut url = Url::parse(url).expect("an address");
    url.set_username(login).expect("a name");
    url.set_password(password).expect("a password");
    url.to_string()
}
