//! A planted bug: one query function forgets whose rows it may show.
//!
//! A second line of defence that nobody ever sees work proves nothing. In builds with the feature `plant` the filter of
//! one function can be taken away; `tests/mutants.rs` then looks who notices. Everywhere else [`is`] is `false` at
//! compile time.

#[cfg(feature = "plant")]
mod switch {
    use std::sync::{Mutex, PoisonError};

    /// Names the function whose filter a process is to forget from its start on.
    const VARIABLE: &str = "SOUK_MUTANT";

    static PLANTED: Mutex<Option<String>> = Mutex::new(None);

    /// Takes the filter of this function away, for the whole process; or gives it back.
    pub fn plant(function: Option<&str>) {
        *PLANTED.lock().unwrap_or_else(PoisonError::into_inner) = function.map(str::to_owned);
    }

    pub(in crate::store::read) fn is(function: &str) -> bool {
        let planted = PLANTED.lock().unwrap_or_else(PoisonError::into_inner);
        match planted.as_deref() {
            Some(planted) => planted == function,
            None => std::env::var(VARIABLE).is_ok_and(|named| named == function),
        }
    }
}

#[cfg(not(feature = "plant"))]
mod switch {
    /// Never, in this build.
    #[inline(always)]
    pub(in crate::store::read) const fn is(_: &str) -> bool {
        false
    }
}

pub(super) use switch::is;
#[cfg(feature = "plant")]
pub use switch::plant;
