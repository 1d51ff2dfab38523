//! Rows that are put at the same time, written together: a transaction of its own for each would be one wait for the
//! disk for each, one after another.

use std::collections::BTreeSet;
use std::sync::Arc;

use souk_core::ids::SubjectId;
use souk_core::time::Timestamp;
use sqlx::QueryBuilder;
use tokio::sync::{mpsc, oneshot};

use crate::journal::{Pool, on_pool};

use super::error::VaultError;
use super::rows::Sealed;

/// Rows that one statement carries.
const GROUP_MAX: usize = 256;

const INTO: &str = "INSERT INTO vault (subject, stream, put_at, key_version, wrapped_key, address, named) ";
const UNLESS_THERE: &str = " ON CONFLICT (subject) DO NOTHING RETURNING subject";
const DOING: &str = "put a row into the vault";

#[derive(Debug)]
struct Put {
    subject: SubjectId,
    now: Timestamp,
    row: Sealed,
    answer: oneshot::Sender<Result<bool, VaultError>>,
}

/// Where rows are handed in. The task behind it ends with the last clone.
#[derive(Clone, Debug)]
pub(super) struct Puts(mpsc::Sender<Put>);

impl Puts {
    pub fn spawn(pool: Pool) -> Self {
        let (sender, queue) = mpsc::channel(GROUP_MAX);
        tokio::spawn(run(pool, queue));
        Puts(sender)
    }

    /// Whether the row is new.
    pub async fn put(&self, subject: SubjectId, now: Timestamp, row: Sealed) -> Result<bool, VaultError> {
        let gone = || VaultError::database(DOING)(sqlx::Error::WorkerCrashed);
        let (answer, answered) = oneshot::channel();
        self.0.send(Put { subject, now, row, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn run(pool: Pool, mut queue: mpsc::Receiver<Put>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while queue.recv_many(&mut group, GROUP_MAX).await > 0 {
        let mut written = insert(&pool, &group).await.map_err(Arc::new);
        for put in group.drain(..) {
            let told = match &mut written {
                // One subject may be there twice: only the first of them is new.
                Ok(new) => Ok(new.remove(&put.subject.to_string())),
                Err(error) => Err(VaultError::Database { doing: DOING, source: Arc::clone(error) }),
            };
            // Whoever does not wait any more will put it again.
            let _ = put.answer.send(told);
        }
    }
}

/// The subjects that were not there yet.
async fn insert(pool: &Pool, group: &[Put]) -> Result<BTreeSet<String>, sqlx::Error> {
    on_pool!(pool, pool => {
        let mut statement = QueryBuilder::new(INTO);
        statement.push_values(group, |mut values, put| {
            values
                .push_bind(put.subject.to_string())
                .push_bind(put.row.stream.to_string())
                .push_bind(put.now.as_millis())
                .push_bind(i64::from(put.row.key_version))
                .push_bind(put.row.wrapped_key.as_slice())
                .push_bind(put.row.address.as_slice())
                .push_bind(0_i64);
        });
        statement.push(UNLESS_THERE);
        // There is a text for every number of rows: not worth keeping.
        let new: Vec<String> = statement.build_query_scalar().persistent(false).fetch_all(pool).await?;
        Ok(new.into_iter().collect())
    })
}
