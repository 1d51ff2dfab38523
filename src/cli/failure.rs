//! Why a command ended without having done its work, and what that means for the exit code.

use std::fmt;
use std::process::ExitCode;

use crate::config::ConfigErrors;
use crate::demo::OtherSeed;
use crate::journal::JournalError;
use crate::replay::olist::read::ReadError;
use crate::replay::olist::run::OtherMarket;

use super::output;

/// Told at the end of every `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   not as it should be: a violated invariant, a run that failed
  2   wrong usage: an argument or a setting, or a directory that holds something else or nothing
  70  the database failed in a way that must not be retried: start again";

/// The exit code of wrong usage, which is clap's, too.
const USAGE: u8 = 2;

/// Arguments that do not go together, or that name what there is not.
#[derive(Debug)]
pub(super) struct WrongUsage(pub(super) String);

impl WrongUsage {
    /// Ready to be returned.
    pub(super) fn error(what: impl Into<String>) -> anyhow::Error {
        WrongUsage(what.into()).into()
    }

    /// The same fault, said by somebody else.
    pub(super) fn of(error: &impl std::error::Error) -> Self {
        WrongUsage(error.to_string())
    }
}

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

/// Says what happened, and returns the exit code for it.
pub(super) fn told(error: &anyhow::Error) -> ExitCode {
    output::note(format_args!("error: {error:#}"));
    if is_wrong_usage(error) { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

/// Whether another command line, another directory or another setting would have been right.
fn is_wrong_usage(error: &anyhow::Error) -> bool {
    error.is::<WrongUsage>()
        || error.is::<ConfigErrors>()
        || error.is::<OtherMarket>()
        || error.is::<OtherSeed>()
        || matches!(error.downcast_ref(), Some(ReadError::Missing { .. }))
        || matches!(
            error.downcast_ref(),
            Some(JournalError::Absent | JournalError::NoRole { .. } | JournalError::Mighty { .. })
        )
}
