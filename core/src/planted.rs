//! Bugs that the simulator must be able to find.
//!
//! A check that cannot fail proves nothing, so each of these can be switched on where it would hurt, in builds
//! with the feature `planted`. Everywhere else [`is`] is `false` at compile time.

macro_rules! bugs {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// A bug that can be switched on.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Bug {
            $($(#[$doc])* $name),+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Bug] = &[$(Bug::$name),+];
        }
    };
}

bugs! {
    /// A refusal leaves the host before the events it was computed from are durable.
    EarlyRefusal,
    /// A yes leaves the host before its events are durable.
    ReplyBeforeCommit,
    /// A view is published before its events are durable.
    EarlyView,
    /// What waits at the gate goes one append too early.
    GateOffByOne,
    /// The provider is called before the call's key is durable.
    CallBeforeKey,
    /// A snapshot overtakes the events it contains.
    SnapshotAhead,
    /// A snapshot is taken as it is, whatever its hash says.
    SnapshotHashIgnored,
    /// A deadline gets no row in `wakes`.
    LostWake,
    /// A wake that fired is taken away although something else is still to come.
    WakeClearedEarly,
    /// A host's time follows its node's clock back.
    TimeGoesBack,
    /// A name that comes with another body is taken for a repeat.
    KeyBodyNotCompared,
    /// A refusal is not stored with the name of its request.
    RefusalNotStored,
    /// A look into the journal is believed however old it is.
    StaleLookBelieved,
    /// An old answer is forgotten although the journal does not know it yet.
    ForgottenBeforeDurable,
    /// A host sleeps while appends of it are under way.
    SleepsUnsettled,
    /// A host sleeps while something it asked is unanswered.
    SleepsWithOpenAsk,
    /// An ask that was lost is not asked again.
    AskNotRepeated,
    /// An ask that was answered stays open.
    AnsweredAskStaysOpen,
    /// The writer takes appends of an incarnation that was closed.
    StaleIncarnation,
    /// A group that is given back keeps its positions.
    PositionsKept,
    /// The writer tells hosts that a group is durable when its rows are staged.
    AckAtInsert,
    /// A COMMIT without an answer is taken for one that landed.
    UnknownTakenForDone,
    /// Whatever a re-offered group conflicts with is taken for the group itself.
    AnyConflictIsOurs,
    /// The epoch is compared without holding the lease against a take-over.
    EpochWithoutLock,
    /// The epoch is not compared at all.
    NoEpochCheck,
    /// An owner goes on speaking for its streams when its lease has run out.
    LeaseNotWatched,
    /// A projector's cursor moves to the end of the partition and not to the end of what was read.
    ProjectionGap,
    /// A projector's rows and its cursor are written one after the other.
    ProjectionTwice,
    /// Held units are sold once more.
    HeldSoldAgain,
    /// A hold that ended is released once more.
    DoubleRelease,
    /// A hold is let go at its deadline although it is pinned.
    PinnedExpires,
    /// An order about a hold is carried out although a later one has been.
    StaleOrderApplied,
    /// An undo that comes before its hold is forgotten.
    UndoForgotten,
    /// A hold is taken after its deadline.
    LateHoldTaken,
    /// Units that were received are received once more when the movement is repeated.
    MovementTwice,
    /// A share is rounded down.
    RoundingLoss,
    /// What is charged is not compared with what the shopper saw.
    QuoteNotPinned,
    /// An attempt that takes too long releases its holds before the money was let go.
    ReleaseBeforeVoid,
    /// A shopper who gives up while the money is being taken gives the holds back.
    ReleaseWhileCapturing,
    /// The money is taken as soon as the first of several holds is committed.
    CaptureBeforeCommit,
    /// A call that is repeated gets another key.
    CallKeyRegenerated,
    /// A refund that is repeated gets another key.
    RefundKeyRegenerated,
    /// A refund that is asked for again is started again.
    RefundTwice,
    /// Whoever cancels a line gets the whole order's money back.
    RefundOfWholeOrder,
    /// A capture that is told twice is counted twice.
    NoticeCountedTwice,
    /// Money that comes after a payment was over is overlooked.
    LateMoneyOverlooked,
    /// Money that no order wants is kept.
    StrayMoneyKept,
    /// Nobody asks any more for a payment that the provider had never heard of.
    NeverReachedForgotten,
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
