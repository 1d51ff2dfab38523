//! What came to pass: a run in which nothing happened proves nothing.

use std::fmt;

use crate::steps::Crashes;

macro_rules! situations {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// A situation that the histories of a test run must contain.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Situation {
            $($(#[$doc])* $name),+
        }

        impl Situation {
            /// All of them.
            pub const ALL: &[Situation] = &[$(Situation::$name),+];
        }
    };
}

situations! {
    /// An answer was lost, and the request sent again was answered.
    AnswerLostThenRetried,
    /// The host itself knew a repeat.
    RepeatKnownByHost,
    /// A stored reply answered a repeat.
    RepeatKnownByJournal,
    /// A host could not know whether it had answered a request, and the journal was asked.
    LookedUpForHost,
    /// A name came with another body.
    KeyReused,
    /// A shopper gave a hold up without knowing whether it had been taken.
    GivenUpUnknown,
    /// The last unit was gone when somebody wanted it.
    LastUnitRefused,
    /// A hold ran out.
    HoldExpired,
    /// An undo came before its hold.
    UndoBeforeHold,
    /// An order was older than one that had been handled.
    StaleOrder,
    /// A sold hold was given back.
    Deallocated,
    /// A read, a refusal or a repeat had to wait at the gate.
    HeldBackByGate,
    /// A process ended while something was applied and not durable.
    CrashBeforeDurable,
    /// A process ended with a transaction under way.
    CrashInTransaction,
    /// A host panicked and was built anew.
    Panicked,
    /// A host slept.
    Slept,
    /// A wake brought a stream back that nobody had asked for, and something happened.
    WakeRevived,
    /// A host was loaded from a snapshot.
    LoadedFromSnapshot,
    /// A host was loaded from a snapshot that contained everything.
    LoadedFromSnapshotAlone,
    /// A host could not load at once because appends of its stream were under way.
    WaitedAtBarrier,
    /// A group carried appends of several streams.
    GroupOfSeveralStreams,
    /// A group was rolled back and offered again.
    RolledBack,
    /// The database refused one append of a group, and the others went in.
    GuiltyAlone,
    /// The writer refused what a closed incarnation still sent.
    ClosedIncarnation,
    /// A COMMIT was not answered and had landed.
    UnknownHadLanded,
    /// A COMMIT was not answered and had not landed.
    UnknownHadNotLanded,
    /// A COMMIT was not answered and landed later.
    UnknownLandedLater,
    /// The database ended a transaction that waited too long for its client.
    EndedWhileIdle,
    /// A lease was taken over.
    TakenOver,
    /// A take-over waited for a group under way.
    TakeOverWaited,
    /// A take-over happened while its former owner was paused.
    TakenOverWhilePaused,
    /// A former owner's append was refused by its epoch.
    ZombieRefused,
    /// A former owner kept silent because its lease had run out.
    ZombieSilent,
    /// Two nodes believed for a while that they own the same partitions.
    TwoBelieveToOwn,
    /// A group went on without the appends of partitions that were lost meanwhile.
    FencedInPart,
    /// A COMMIT was not answered and had landed, and its partitions were taken over before it was known.
    UnknownHadLandedFenced,
    /// A COMMIT never arrived because the way to the database was closed.
    CommitCutOnWay,
    /// A COMMIT arrived and was not answered because the way back was closed.
    CommitCutOnWayBack,
    /// A message did not arrive because the way was closed.
    CutOff,
    /// A machine asked one that lived on another node.
    AskedAcrossNodes,
    /// A node sent on what was another node's to answer.
    PassedOn,
    /// A process ended while two wanted the last unit of what it owned.
    LastUnitWantedByTwoAsOwnerEnded,
    /// Money came in the tick in which its attempt ran out.
    CapturedAsAttemptRanOut,
    /// The bank told something three days late.
    NoticeDaysLate,
    /// The bank answered a repeated call by the error it had answered first.
    ErrorAnsweredAgain,
    /// A refund was declined, and the operator had it tried again.
    RefundRetriedByOperator,
    /// An order had lines of several shards.
    OrderOfSeveralShards,
    /// A history had one node, and nobody to take over.
    OneNodeAlone,
    /// A history had five nodes.
    FiveNodes,
    /// Nodes shared the partitions one by one.
    SharedOneByOne,
    /// A stored snapshot had a wrong hash, and its stream was folded from the start.
    SnapshotDamaged,
    /// A projector was behind by more than it reads at once.
    ProjectedInPages,
    /// Two projectors read the same events, and one of them came too late.
    ProjectorsRaced,
    /// A node's clock went back.
    ClockWentBack,
    /// A host was started before its stream was created, and closed by the creation.
    StartedTooEarly,
    /// An ask brought a stream back that slept.
    AskWokeSleeper,
    /// A request came again while its first try had no answer.
    RequestInFlight,
    /// An open row of the outbox was read again.
    RowReadAgain,
    /// The bank heard a call that it had carried out before.
    CalledAgain,
    /// The bank told something again.
    NoticeRepeated,
    /// A shard followed its product.
    SkuFollowed,
    /// A vendor was suspended.
    VendorSuspended,
    /// A quote could not be, or ran out.
    QuoteDropped,
    /// A cart was forgotten.
    CartForgotten,
    /// A round of holds found too few units.
    RoundOutOfStock,
    /// A round of holds met an offer that had been closed since it was quoted.
    RoundNotForSale,
    /// A round of holds took too long.
    RoundTimedOut,
    /// The bank said no.
    PaymentFailed,
    /// The shopper had to act at the bank's.
    ShopperChallenged,
    /// The shopper had a slip to pay.
    PaidLater,
    /// The money came at once, before anything was committed.
    CapturedBeforeCommit,
    /// The money came while holds were being committed.
    CapturedWhileCommitting,
    /// An attempt took too long.
    AttemptTimedOut,
    /// A shopper gave up while paying.
    AbandonedWhilePaying,
    /// A call ended without an answer.
    OutcomeUnknown,
    /// The bank was asked what had become of a call.
    LookedUp,
    /// A call that had not happened was made again.
    CallRepeated,
    /// The bank had never heard of a payment.
    NeverReached,
    /// Asked for long enough, the bank had still never heard of it.
    NeverCame,
    /// The bank would not take what it had reserved.
    CaptureRefused,
    /// Money was let go.
    Voided,
    /// Money came that nobody wanted any more, and went back.
    RefundedByItself,
    /// The bank declined to give such money back, and was asked again.
    RefundTriedAgain,
    /// An order was placed.
    Placed,
    /// An operator priced a cart that was sold.
    Assisted,
    /// It had an offer at two prices.
    AssistedInParts,
    /// An order had lines of two vendors.
    OrderOfTwoVendors,
    /// A parcel left.
    Shipped,
    /// A parcel arrived.
    Delivered,
    /// A shopper cancelled.
    CancelledByBuyer,
    /// A vendor cancelled.
    CancelledByVendor,
    /// The operator cancelled.
    CancelledByOperator,
    /// An order's money went back.
    RefundedForOrder,
}

/// Counts of one run or of many.
#[derive(Clone, Debug)]
pub struct Stats {
    counts: Vec<u64>,
    /// Where in a sale processes ended.
    pub crashes: Crashes,
    /// Histories.
    pub runs: u64,
    /// Durable events.
    pub events: u64,
    /// Things that happened in the worlds.
    pub steps: u64,
    /// A hash over everything that became durable: equal for equal histories.
    pub digest: u64,
}

impl Default for Stats {
    fn default() -> Self {
        let counts = vec![0; Situation::ALL.len()];
        Stats {
            counts,
            crashes: Crashes::default(),
            runs: 0,
            events: 0,
            steps: 0,
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }
}

impl Stats {
    pub(crate) fn of_one_run() -> Self {
        Stats { runs: 1, ..Stats::default() }
    }

    /// It came to pass.
    pub fn saw(&mut self, situation: Situation) {
        self.counts[situation as usize] += 1;
    }

    /// How often it came to pass.
    pub fn count(&self, situation: Situation) -> u64 {
        self.counts[situation as usize]
    }

    /// What never came to pass.
    pub fn missing(&self) -> Vec<Situation> {
        Situation::ALL.iter().copied().filter(|situation| self.count(*situation) == 0).collect()
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Stats) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.crashes.add(&other.crashes);
        self.runs += other.runs;
        self.events += other.events;
        self.steps += other.steps;
        self.mix(other.digest);
    }

    pub(crate) fn mix(&mut self, word: u64) {
        self.digest = (self.digest ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(5);
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} histories, {} events, {} steps", self.runs, self.events, self.steps)?;
        for situation in Situation::ALL {
            writeln!(f, "{:>10}  {situation:?}", self.count(*situation))?;
        }
        self.crashes.fmt(f)
    }
}
