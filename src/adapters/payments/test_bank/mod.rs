//! The test bank: a payment provider in process that moves no money and misbehaves on request.
//!
//! | Token | What the bank does |
//! |---|---|
//! | `card_success` | yes to everything |
//! | `card_declined` | no |
//! | `card_3ds` | asks the shopper first; [`TestBank::complete_action`] is what the shopper does |
//! | `card_capture_declined` | reserves the money and refuses to take it |
//! | `card_refund_declined` | declines the first refund, whatever its key; another one goes through |
//! | `card_timeout_then_succeeded` | does it, but neither answer nor notice arrives: only a look-up tells |
//! | `card_timeout_lost` | never hears the first call of each key |
//! | `card_late_notice` | does it, no answer arrives, the notice comes late |
//! | `card_duplicate_notice` | sends every notice twice, the second late and behind newer ones |
//! | `card_slow` | answers slowly |
//! | `instant`, `instant_declined`, `instant_late_notice` | takes the money in one step, or refuses, or says so late |
//! | `pay_later` | hands out a slip, which the shopper pays after a while |
//! | `pay_later_never` | hands out a slip that nobody pays |
//! | `pay_later_despite_void` | hands out a slip that is paid even after it was let go |
//!
//! How words get lost or doubled holds for every call of such a payment, not only for the first.
//!
//! Like a real provider it carries a key out once and gives the same answer for ever, refuses another body under a
//! used key, and does not forget when souk is killed: what it knows is a log in the data directory, forced to disk
//! before a word of it is said. Given the same calls and the same clock it does the same.

mod audit;
mod books;
mod error;
mod log;
mod queue;
mod record;
mod settings;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use souk_core::ids::PaymentId;
use souk_core::money::Money;
use souk_core::payment::{Operation, ProviderCall, ProviderFact};
use souk_core::time::Timestamp;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

pub use audit::{Audit, Fault, Moved, Totals, audit};
pub use books::ActionRefused;
pub use error::BankError;
pub use log::{LOG_FILE, read};
pub use record::{Effect, EffectKind, MethodKind, Record, Request, Said};
pub use settings::Settings;
pub use token::{Delivery, Kind, TOKENS, Token, Verdict};

use crate::kill_point::{self, Side};

use super::{Notice, NoticeId};
use books::{Books, Wait};
use log::Log;
use queue::Next;

/// Tells the time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How long a wait for a notice lasts at most before the clock is read again: it may have been moved forward.
const LONGEST_SLEEP: Duration = Duration::from_millis(250);

/// A payment provider in process. Clones are the same bank.
#[derive(Clone)]
pub struct TestBank {
    shared: Arc<Shared>,
}

struct Shared {
    books: Mutex<Books>,
    log: Log,
    now: Now,
    /// A notice may have become due, or may now be told.
    stirred: Arc<Notify>,
}

impl fmt::Debug for TestBank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestBank").finish_non_exhaustive()
    }
}

impl TestBank {
    /// Opens the bank of this data directory, with everything it remembers. It must be open once only: a standby
    /// opens it when it takes over.
    ///
    /// # Errors
    /// When the log cannot be read or written, is damaged, or another process has it.
    pub fn open(dir: &Path, settings: Settings, now: Now) -> Result<Self, BankError> {
        let stirred = Arc::new(Notify::new());
        let (log, records) = Log::open(&dir.join(LOG_FILE), Arc::clone(&stirred))?;
        let mut books = Books::new(settings);
        for record in &records {
            books.apply(record);
        }
        Ok(TestBank { shared: Arc::new(Shared { books: Mutex::new(books), log, now, stirred }) })
    }

    /// A bank that forgets everything when it is dropped: for tests and measurements.
    pub fn in_memory(settings: Settings, now: Now) -> Self {
        let books = Mutex::new(Books::new(settings));
        TestBank {
            shared: Arc::new(Shared { books, log: Log::none(), now, stirred: Arc::new(Notify::new()) }),
        }
    }

    /// Carries a call out and answers it. The deed is done when the call arrives; an answer that takes longer than
    /// the patience, or that is dropped, changes nothing about that.
    pub async fn call(&self, call: &ProviderCall) -> ProviderFact {
        let deed = name(&call.operation);
        kill_point::pass(Side::Before, deed);
        let (fact, wait_ms, patience_ms, number) = {
            let mut books = self.books();
            let now = self.settle(&mut books);
            let ruling = books.rule(call, now);
            if let Some(record) = &ruling.record {
                self.commit(&mut books, record);
            }
            // What becomes due with this very call (a slip that is paid without delay).
            self.settle(&mut books);
            let settings = books.settings();
            let wait_ms = match ruling.wait {
                Wait::Usual => settings.answer_delay_ms,
                Wait::Slow => settings.slow_delay_ms,
                Wait::Silence => settings.silence_ms,
            };
            (ruling.fact, wait_ms, settings.patience_ms, self.shared.log.promised())
        };
        let answer = async {
            // A repeat and a look-up speak of records that another call is still writing: they wait for them too.
            let durable = self.shared.log.is_durable(number).await;
            kill_point::pass(Side::After, deed);
            pause(wait_ms).await;
            if durable { fact } else { ProviderFact::Unknown }
        };
        timeout(Duration::from_millis(patience_ms), answer).await.unwrap_or(ProviderFact::Unknown)
    }

    /// What this payment waits for its shopper to pass; `None` when it does not wait.
    pub fn action(&self, payment: PaymentId) -> Option<Money> {
        self.books().action(payment)
    }

    /// The shopper passes (`ok`) or fails the step that the bank asked for. Doing it twice is doing it once.
    ///
    /// # Errors
    /// When the payment does not wait for its shopper.
    pub async fn complete_action(&self, payment: PaymentId, ok: bool) -> Result<(), ActionRefused> {
        let number = {
            let mut books = self.books();
            let now = self.settle(&mut books);
            if let Some(record) = books.act(payment, ok, now)? {
                self.commit(&mut books, &record);
            }
            self.shared.log.promised()
        };
        // When the disk fails meanwhile, the payment learns nothing either and asks again.
        self.shared.log.is_durable(number).await;
        Ok(())
    }

    /// Waits for the next notice to deliver.
    pub(super) async fn next_notice(&self) -> Notice {
        loop {
            let wait_ms = {
                let mut books = self.books();
                let now = self.settle(&mut books);
                let again_at = settings::later(now, books.settings().redeliver_after_ms.max(1));
                let slip_at = books.next_slip_at();
                let notice_at = match books.notices.next(now, self.shared.log.written(), again_at) {
                    Next::Notice(notice) => return notice,
                    Next::At(at) => Some(at),
                    Next::Nothing => None,
                };
                let at = slip_at.into_iter().chain(notice_at).min();
                at.map(|at| at.millis_since(now).max(1).unsigned_abs())
            };
            let wait =
                wait_ms.map_or(LONGEST_SLEEP, |wait_ms| LONGEST_SLEEP.min(Duration::from_millis(wait_ms)));
            // A notification that came since the look above is kept until here.
            let _ = timeout(wait, self.shared.stirred.notified()).await;
        }
    }

    /// A notice was dealt with. The record of it goes to disk with the next one: lost, the notice comes again.
    pub(super) fn acknowledge(&self, id: &NoticeId) {
        let mut books = self.books();
        for (notice, copy) in books.notices.delivered(id) {
            let record = Record::Acknowledged { notice, copy };
            let number = books.apply(&record);
            self.shared.log.append(&record, number, false);
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.shared.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everything happen that is due, and tells the time.
    fn settle(&self, books: &mut Books) -> Timestamp {
        let now = books.not_before((self.shared.now)());
        while let Some(record) = books.due_slip(now) {
            self.commit(books, &record);
        }
        now
    }

    fn commit(&self, books: &mut Books, record: &Record) {
        let number = books.apply(record);
        self.shared.log.append(record, number, true);
        self.shared.stirred.notify_one();
    }
}

/// What a call does, as kill points name it; a look-up does nothing.
fn name(operation: &Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::Authorise { .. } => "call.authorise",
        Operation::Capture { .. } => "call.capture",
        Operation::Void => "call.void",
        Operation::Refund { .. } => "call.refund",
        Operation::LookUp { .. } => return None,
    })
}

async fn pause(wait_ms: u64) {
    // A sleep of nothing still costs a turn of the timer.
    if wait_ms > 0 {
        sleep(Duration::from_millis(wait_ms)).await;
    }
}
