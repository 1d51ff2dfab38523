//! What can go wrong with a journal, said with cause and fix.

use std::path::PathBuf;

use souk_core::ids::StreamId;

use super::wire::WireError;

/// A journal that cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has the data directory.
    #[error(
        "the data directory {} is in use by another souk server: stop that one, or give this one a directory of its own",
        dir.display()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// The data directory cannot be used.
    #[error("cannot {doing} {}: check that the path exists and that this user may write there", path.display())]
    Directory {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database address makes no sense.
    #[error(
        "{url:?} is no database address: use sqlite:DIRECTORY or postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    Address {
        /// What was given, without its password.
        url: String,
    },
    /// A migration could not be applied.
    #[error("the {set} tables cannot be brought up to date: {hint}")]
    Migrate {
        /// Which set of tables.
        set: &'static str,
        /// What to do.
        hint: String,
        /// What the database said.
        source: Box<sqlx::migrate::MigrateError>,
    },
    /// A login that the settings name is not there.
    #[error(
        "there is no role {login} on this Postgres: make it with CREATE ROLE {login} LOGIN PASSWORD '…', as \
         docs/POSTGRES.md says"
    )]
    NoRole {
        /// Its name.
        login: String,
    },
    /// A login that no policy binds.
    #[error(
        "in production row level security must bind the {role} role, but {login} {why}: let database.{role}_url name a \
         login of its own, as docs/POSTGRES.md says, or set server.mode = \"development\""
    )]
    Mighty {
        /// `app`, `engine` or `vault`.
        role: &'static str,
        /// Its login.
        login: String,
        /// Why it is not bound.
        why: &'static str,
    },
    /// The database holds no journal.
    #[error("there is no journal in this database yet: start the server or run `souk migrate` first")]
    Absent,
    /// The journal was created with other constants than this program's.
    #[error(
        "this journal was created with {what} {stored}, this souk has {expected}: use the souk that created it"
    )]
    Mismatch {
        /// Which constant.
        what: &'static str,
        /// What the journal says.
        stored: String,
        /// What the program says.
        expected: String,
    },
    /// The database refused or could not be reached.
    #[error("cannot {doing}{}", hint(source))]
    Database {
        /// What was tried.
        doing: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// A row does not have the checksum it was written with.
    #[error(
        "event {seq} of {stream} does not have its checksum: the row was damaged or edited, restore a backup"
    )]
    Damaged {
        /// Whose event.
        stream: String,
        /// Which.
        seq: u64,
    },
    /// A column holds what no souk writes.
    #[error("{table}.{column} holds {value:?}, which no souk writes: the row was damaged or edited")]
    Column {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
    /// A stream belongs to another machine than the one that loads it.
    #[error("{stream} holds a reply of another machine: the row was damaged or edited")]
    Foreign {
        /// Which stream.
        stream: StreamId,
    },
    /// A payload cannot be read or written.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A small change outside any decision was not made.
    #[error("the journal could not be changed: {reason}")]
    Upkeep {
        /// What the database said.
        reason: String,
    },
    /// The writer has ended.
    #[error("the journal's writer has ended and takes nothing more: see the log for why, then restart")]
    WriterGone,
}

impl JournalError {
    pub(super) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> JournalError {
        move |source| JournalError::Database { doing, source }
    }
}

/// The likely fix, by what went wrong; what the database itself said is the error's source.
fn hint(source: &sqlx::Error) -> &'static str {
    match source {
        sqlx::Error::Io(_) => ": is the database server running and reachable?",
        sqlx::Error::PoolTimedOut => ": all connections are busy; look for slow queries",
        sqlx::Error::WorkerCrashed => ": the database thread ended; restart",
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("13") => ": the disk is full; make room",
            Some("53100") => ": the database server's disk is full; make room",
            Some("28P01" | "28000") => ": user or password is wrong",
            Some("3D000") => ": create the database first",
            Some("53300") => ": the database server has no connections left; raise max_connections",
            _ => "",
        },
        _ => "",
    }
}
