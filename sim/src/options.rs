//! What a run may be told.

use souk_core::planted::Bug;

/// Options of a run; the seed alone decides everything else.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The bug that is switched on. Only in builds with the feature `planted`.
    pub bug: Option<Bug>,
    /// Prints everything that happens.
    pub trace: bool,
}
