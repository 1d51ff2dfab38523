//! What a payment's token makes the bank do.

use souk_core::payment::{Method, ProviderFact};

/// What the bank thinks of a card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Good.
    Yes,
    /// No.
    No,
    /// The shopper is asked first.
    Ask,
    /// Reserves and refuses to take.
    NoCapture,
    /// A slip that can be paid even after it was let go.
    DespiteVoid,
    /// Good, but money that no order wanted is given back only when it is asked for once more, under another key.
    KeepsStray,
    /// Reserves, and takes by itself some time later, whatever was said meanwhile.
    Takes,
    /// Good, but the first refund that an order asks for is declined, whoever asks again under its key.
    KeepsFirst,
}

/// How words get lost between the bank and its callers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// They do not.
    Plain,
    /// It is done and nobody is told: only a look-up tells.
    Silent,
    /// The first call of each key is never heard.
    Deaf,
    /// It is done later, and told by a notice.
    Late,
    /// It is done later and nobody is told, not even then.
    LateAndSilent,
    /// Each notice comes twice, the second late and behind newer ones.
    Twice,
    /// Each notice comes three days late.
    DaysLate,
    /// It is done, answered by an error, and that answer is kept for every repeat.
    ErrorDone,
    /// It is not done and answered by an error; that answer is kept for a while, and then the call is a new one.
    ErrorKept,
}

/// What a token makes the bank do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Habit {
    /// What the bank thinks of the card.
    pub verdict: Verdict,
    /// What becomes of what the bank says.
    pub delivery: Delivery,
}

impl Habit {
    /// Of a token `method:verdict:delivery`.
    pub fn of(method: &Method) -> Self {
        let (Method::Card { token } | Method::Instant { token } | Method::PayLater { token }) = method;
        let mut words = token.split(':').skip(1);
        let verdict = match words.next() {
            Some("no") => Verdict::No,
            Some("ask") => Verdict::Ask,
            Some("no_capture") => Verdict::NoCapture,
            Some("despite_void") => Verdict::DespiteVoid,
            Some("keeps_stray") => Verdict::KeepsStray,
            Some("takes") => Verdict::Takes,
            Some("keeps_first") => Verdict::KeepsFirst,
            _ => Verdict::Yes,
        };
        let delivery = match words.next() {
            Some("silent") => Delivery::Silent,
            Some("deaf") => Delivery::Deaf,
            Some("late") => Delivery::Late,
            Some("late_silent") => Delivery::LateAndSilent,
            Some("twice") => Delivery::Twice,
            Some("days_late") => Delivery::DaysLate,
            Some("error_done") => Delivery::ErrorDone,
            Some("error_kept") => Delivery::ErrorKept,
            _ => Delivery::Plain,
        };
        Habit { verdict, delivery }
    }

    /// What was not done is always said: no look-up could tell it.
    pub fn answers(self, fact: &ProviderFact) -> bool {
        !self.is_silent() || matches!(fact, ProviderFact::Failed { .. })
    }

    /// Whether nothing that is done is told.
    pub fn is_silent(self) -> bool {
        matches!(self.delivery, Delivery::Silent | Delivery::LateAndSilent)
    }
}
