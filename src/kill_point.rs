//! Named places at which a test ends the process as `kill -9` would: nothing is dropped, flushed or answered.
//!
//! `SOUK_KILL_AT=before:payment.captured` ends it just before the writer commits the first group with an event of that
//! kind, `after:` just after, before anybody is told. Beside the kinds of events there are `call.authorise`,
//! `call.capture`, `call.void` and `call.refund` (the provider's deed), and `reply.pay`. Only in debug builds: in a
//! release there is nothing here, whatever the environment says.

/// On which side of the deed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Nothing of it has happened.
    Before,
    /// It has happened, and nobody knows.
    After,
}

/// The deed that one of these names stands for is about to happen, or has: whoever waits for it ends here.
#[cfg(debug_assertions)]
pub fn pass<'a>(side: Side, names: impl IntoIterator<Item = &'a str>) {
    use std::sync::OnceLock;
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let Some(wanted) = WANTED.get_or_init(|| std::env::var("SOUK_KILL_AT").ok()) else { return };
    let Some((before_or_after, wanted)) = wanted.split_once(':') else { return };
    let is_side = match side {
        Side::Before => before_or_after == "before",
        Side::After => before_or_after == "after",
    };
    if is_side && names.into_iter().any(|name| name == wanted) {
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn pass<'a>(_: Side, _: impl IntoIterator<Item = &'a str>) {}
