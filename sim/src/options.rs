//! What a run may be told.

use souk_core::planted::Bug;

use crate::tape::Without;

/// Options of a run; the seed alone decides everything else.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The bug that is switched on. Only in builds with the feature `planted`.
    pub bug: Option<Bug>,
    /// What is left out of the history.
    pub without: Without,
    /// Prints everything that happens.
    pub trace: bool,
    /// Waits for a line of input before each thing that happens.
    pub step: bool,
}
