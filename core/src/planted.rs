//! Bugs that the simulator must be able to find.
//!
//! A check that cannot fail proves nothing, so each of these can be switched on where it would hurt, in builds
//! with the feature `planted`. Everywhere else [`is`] is `false` at compile time.

/// A bug that can be switched on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// A refusal leaves the host before the events it was computed from are durable.
    EarlyRefusal,
    /// The writer takes appends of an incarnation that was closed.
    StaleIncarnation,
    /// A view is published before its events are durable.
    EarlyView,
    /// A snapshot overtakes the events it contains.
    SnapshotAhead,
    /// A deadline gets no row in `wakes`.
    LostWake,
    /// The epoch is compared without holding the lease against a take-over.
    EpochWithoutLock,
    /// The epoch is not compared at all.
    NoEpochCheck,
    /// An owner goes on speaking for its streams when its lease has run out.
    LeaseNotWatched,
    /// A hold that ended is released once more.
    DoubleRelease,
    /// A yes leaves the host before its events are durable.
    ReplyBeforeCommit,
    /// The provider is called before the call's key is durable.
    CallBeforeKey,
    /// A refund that is repeated gets another key.
    RefundKeyRegenerated,
    /// An attempt that takes too long releases its holds before the money was let go.
    ReleaseBeforeVoid,
    /// The money is taken as soon as the first of several holds is committed.
    CaptureBeforeCommit,
    /// Money that comes after a payment was over is overlooked.
    LateMoneyOverlooked,
    /// Nobody asks any more for a payment that the provider had never heard of.
    NeverReachedForgotten,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 16] = [
        Bug::EarlyRefusal,
        Bug::StaleIncarnation,
        Bug::EarlyView,
        Bug::SnapshotAhead,
        Bug::LostWake,
        Bug::EpochWithoutLock,
        Bug::NoEpochCheck,
        Bug::LeaseNotWatched,
        Bug::DoubleRelease,
        Bug::ReplyBeforeCommit,
        Bug::CallBeforeKey,
        Bug::RefundKeyRegenerated,
        Bug::ReleaseBeforeVoid,
        Bug::CaptureBeforeCommit,
        Bug::LateMoneyOverlooked,
        Bug::NeverReachedForgotten,
    ];
}

#[cfg(feature = "planted")]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static ON: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Switches one bug on, or all off, for this thread.
    pub fn plant(bug: Option<Bug>) {
        ON.with(|on| on.set(bug));
    }

    /// Whether this bug is on.
    pub fn is(bug: Bug) -> bool {
        ON.with(|on| on.get() == Some(bug))
    }
}

#[cfg(not(feature = "planted"))]
mod switch {
    use super::Bug;

    /// Whether this bug is on: never, in this build.
    #[inline(always)]
    pub const fn is(_: Bug) -> bool {
        false
    }
}

pub use switch::*;
