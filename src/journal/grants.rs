//! What each role may do on Postgres, and who may do too much.
//!
//! The logins are the operator's to make, with whatever passwords they like; what they may do follows from the tables, so
//! the owner of those says it, each time the tables are brought up to date. See `docs/POSTGRES.md`.

use std::fmt::Write as _;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::database::{Database, Set};
use super::error::JournalError;
use super::roles::Roles;

/// Two that start at the same time must not both change the same rights.
const ONE_AT_A_TIME: &str = "SELECT pg_advisory_xact_lock(7311402)";
const IS_THERE: &str = "SELECT rolname::text FROM pg_roles WHERE rolname = $1";

/// What handlers read. Cursors, postings and what the walker keeps are none of their business.
const SHOWN: &str = "read.vendors, read.products, read.offers, read.orders, read.order_lines, read.vendor_orders, \
     read.parcels, read.ledger_balances";

/// Whether a login is bound by the policies: three reasons why not.
const MIGHT: &str = "SELECT current_user::text, \
     EXISTS (SELECT 1 FROM pg_roles AS mighty WHERE mighty.rolsuper AND pg_has_role(mighty.oid, 'MEMBER')), \
     EXISTS (SELECT 1 FROM pg_roles AS mighty WHERE mighty.rolbypassrls AND pg_has_role(mighty.oid, 'MEMBER')), \
     EXISTS (SELECT 1 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
     WHERE nspname IN ('journal', 'plain', 'read') AND pg_has_role(relowner, 'MEMBER'))";

/// Lets every role do what it must, and nothing else. Roles that share the owner's login need nothing.
pub(super) async fn give(roles: &Roles) -> Result<(), JournalError> {
    let Database::Postgres { .. } = roles.migrator else { return Ok(()) };
    let owner = login(&roles.migrator)?;
    let [engine, app, vault] = [login(&roles.engine)?, login(&roles.app)?, login(&roles.vault)?];
    if [&engine, &app, &vault].into_iter().all(|login| *login == owner) {
        return Ok(());
    }
    let mut rights = format!("BEGIN; {ONE_AT_A_TIME}; ");
    // Writing to a String cannot fail.
    for login in [&engine, &app, &vault].into_iter().filter(|login| **login != owner) {
        let login = quoted(login);
        let _ = write!(rights, "REVOKE ALL ON ALL TABLES IN SCHEMA journal, plain, read FROM {login}; ");
        let _ = write!(rights, "REVOKE ALL ON SCHEMA journal, plain, read FROM {login}; ");
    }
    if engine != owner {
        let engine = quoted(&engine);
        let _ = write!(rights, "GRANT USAGE ON SCHEMA journal, read TO {engine}; ");
        let all = "SELECT, INSERT, UPDATE, DELETE";
        let _ = write!(rights, "GRANT {all} ON ALL TABLES IN SCHEMA journal, read TO {engine}; ");
        let _ = write!(rights, "REVOKE UPDATE, DELETE ON journal.events FROM {engine}; ");
        let _ =
            write!(rights, "REVOKE ALL ON journal._sqlx_migrations, read._sqlx_migrations FROM {engine}; ");
    }
    if app != owner {
        let app = quoted(&app);
        let _ = write!(rights, "GRANT USAGE ON SCHEMA read TO {app}; GRANT SELECT ON {SHOWN} TO {app}; ");
    }
    if vault != owner {
        let vault = quoted(&vault);
        let _ = write!(rights, "GRANT USAGE ON SCHEMA plain TO {vault}; ");
        let _ =
            write!(rights, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA plain TO {vault}; ");
        let _ = write!(rights, "REVOKE ALL ON plain._sqlx_migrations FROM {vault}; ");
    }
    rights.push_str("COMMIT");
    let failed = || JournalError::database("let the database's roles do what they must");
    let mut connection = roles.migrator.postgres_options(Set::Read)?.connect().await.map_err(failed())?;
    for login in [&engine, &app, &vault] {
        if !is_there(&mut connection, login).await.map_err(failed())? {
            return Err(JournalError::NoRole { login: login.clone() });
        }
    }
    sqlx::raw_sql(AssertSqlSafe(rights)).execute(&mut connection).await.map_err(failed())?;
    connection.close().await.map_err(failed())
}

fn login(database: &Database) -> Result<String, JournalError> {
    Ok(database.postgres_options(Set::Read)?.get_username().to_owned())
}

async fn is_there(connection: &mut PgConnection, login: &str) -> Result<bool, sqlx::Error> {
    let found: Option<(String,)> = sqlx::query_as(IS_THERE).bind(login).fetch_optional(connection).await?;
    Ok(found.is_some())
}

fn quoted(login: &str) -> String {
    format!("\"{}\"", login.replace('"', "\"\""))
}

/// Refuses logins that no policy binds: who is a superuser, may bypass row level security, or owns the tables and could
/// take their policies away. So is whoever may become one of these.
///
/// # Errors
/// When there is one, or the database does not answer.
pub async fn refuse_mighty(roles: &Roles) -> Result<(), JournalError> {
    let Database::Postgres { .. } = roles.migrator else { return Ok(()) };
    let failed = || JournalError::database("ask what the database's roles may do");
    let owner = login(&roles.migrator)?;
    for (role, database) in [("app", &roles.app), ("engine", &roles.engine), ("vault", &roles.vault)] {
        let mut connection = database.postgres_options(Set::Read)?.connect().await.map_err(failed())?;
        let (login, is_superuser, bypasses, owns): (String, bool, bool, bool) =
            sqlx::query_as(MIGHT).fetch_one(&mut connection).await.map_err(failed())?;
        connection.close().await.map_err(failed())?;
        // At the first start there are no tables yet.
        let owns = owns || login == owner;
        let why = match (is_superuser, bypasses, owns) {
            (true, ..) => "is a superuser, or may become one",
            (_, true, _) => "may bypass row level security",
            (.., true) => "owns the tables",
            _ => continue,
        };
        return Err(JournalError::Mighty { role, login, why });
    }
    Ok(())
}
