//! What a connection is left with. In no schema: nothing is read but the setting.

use std::future::poll_fn;
use std::task::Poll;

use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::*;
use crate::store::read::predicate::Filter;
use crate::store::read::statement::values;

/// A scope with this name.
struct Named(String);

impl Scope for Named {
    fn name(&self) -> String {
        self.0.clone()
    }

    fn filter(&self, _: &str) -> Filter {
        unreachable!("no table is read")
    }
}

const SCOPE: &str = "SELECT current_setting('souk.scope', true)";

/// On the server that `cargo xtask test` names.
async fn reads() -> Option<Reads> {
    let Ok(url) = std::env::var("SOUK_TEST_POSTGRES_URL") else {
        let line = "SKIPPED store::read::scoped on Postgres: SOUK_TEST_POSTGRES_URL is not set\n";
        match std::env::var_os("SOUK_TEST_SKIPS") {
            Some(path) => {
                let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
                std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
            }
            None => print!("{line}"),
        }
        return None;
    };
    Some(Reads::open(&url.parse().unwrap(), 2).await.unwrap())
}

/// What whoever takes a connection past the scopes would find set, and whether a transaction is open on it.
async fn is_clean(reads: &Reads) {
    let Pool::Postgres(pool) = &reads.0 else { panic!("not Postgres") };
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = pool.acquire().await.unwrap();
        let row = sqlx::query(SCOPE).fetch_one(&mut *connection).await.unwrap();
        let scope: Option<String> = row.get(0);
        assert!(scope.as_deref().is_none_or(str::is_empty), "{scope:?} was left behind");
        // Warns, and changes nothing, where none is.
        connection.execute("SET LOCAL souk.scope = 'mine'").await.unwrap();
        let row = sqlx::query(SCOPE).fetch_one(&mut *connection).await.unwrap();
        let scope: Option<String> = row.get(0);
        assert!(scope.as_deref().is_none_or(str::is_empty), "a transaction was left open");
        held.push(connection);
    }
}

#[tokio::test]
async fn a_connection_keeps_no_scope_whatever_became_of_the_read() {
    let Some(reads) = reads().await else { return };
    let (mut read, mut given_up, mut failed) = (0, 0, 0);
    for n in 0..200_u32 {
        let scope = Named(format!("vendor:{n}"));
        let text = if n % 3 == 0 { "SELECT current_setting('souk.scope'), 1 / 0" } else { SCOPE };
        let mut asked = Box::pin(async {
            let mut asking = reads.within(&scope, "a test").await?;
            let found: Option<(String,)> = asking.one("look what is set", text, values![]).await?;
            asking.end();
            Ok::<_, JournalError>(found)
        });
        let mut turns = if n % 2 == 0 { 1 + n / 2 % 12 } else { u32::MAX };
        let answer = poll_fn(|context| {
            if turns == 0 {
                return Poll::Ready(None);
            }
            turns -= 1;
            asked.as_mut().poll(context).map(Some)
        });
        match answer.await {
            Some(Ok(found)) => {
                assert_eq!(found, Some((scope.0.clone(),)));
                read += 1;
            }
            Some(Err(_)) => failed += 1,
            None => given_up += 1,
        }
        drop(asked);
        if n % 10 == 0 {
            is_clean(&reads).await;
        }
    }
    is_clean(&reads).await;
    assert!(read > 50 && given_up > 20 && failed > 30, "{read} read, {given_up} given up, {failed} failed");
    reads.close().await;
}

#[tokio::test]
async fn connections_that_died_are_passed_over_and_nothing_is_ever_written() {
    let Some(reads) = reads().await else { return };
    let scope = Named("vendor:it's".to_owned());
    for _ in 0..2 {
        let mut pids = Vec::new();
        let (mut first, mut second) =
            (reads.within(&scope, "a test").await.unwrap(), reads.within(&scope, "a test").await.unwrap());
        for asking in [&mut first, &mut second] {
            let found: Option<(i64, String)> = asking
                .one("name it", "SELECT pg_backend_pid()::bigint, current_setting('souk.scope')", values![])
                .await
                .unwrap();
            let (pid, name) = found.unwrap();
            assert_eq!(name, scope.0);
            pids.push(pid);
        }
        let refused =
            first.all::<(i64,)>("write", "CREATE TABLE souk_test_written (id BIGINT)", values![]).await;
        assert!(refused.is_err(), "a read wrote");
        second.end();
        drop(first);
        let mut direct = std::env::var("SOUK_TEST_POSTGRES_URL")
            .unwrap()
            .parse::<sqlx::postgres::PgConnectOptions>()
            .unwrap()
            .connect()
            .await
            .unwrap();
        for pid in pids {
            let end = sqlx::query("SELECT pg_terminate_backend($1::int)").bind(pid);
            end.execute(&mut direct).await.unwrap();
        }
        direct.close().await.unwrap();
    }
    reads.within(&scope, "a test").await.unwrap().end();
    reads.close().await;
}
