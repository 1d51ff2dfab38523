//! The magic tokens: what a shopper pays with decides what the bank does.

/// How a token is paid with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Authorised, then captured.
    Card,
    /// Captured at once.
    Instant,
    /// Captured later, by itself.
    PayLater,
}

/// How many refunds of a payment are declined where refunds are declined.
pub const REFUNDS_DECLINED: u32 = 1;

/// What the bank decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Yes to everything.
    Approve,
    /// No.
    Decline,
    /// Only after the shopper has acted (3-D Secure).
    AskShopper,
    /// Reserves the money and then does not let it be taken.
    RefuseCapture,
    /// Declines the first refunds: [`REFUNDS_DECLINED`] of them.
    DeclineRefund,
    /// The shopper never pays the slip.
    NeverPaid,
    /// The shopper pays the slip even after it was let go.
    PaidDespiteVoid,
}

/// How the bank's words travel. Holds for the first arrival of every key: authorise, capture, void and refund.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// Answered, and told by a notice.
    Plain,
    /// Carried out, but neither answer nor notice arrives: only a look-up (or a repeat of the key) tells.
    AnswerLost,
    /// The first call never reaches the bank, and nobody says so.
    CallLost,
    /// Carried out, no answer arrives, the notice comes late.
    NoticeLate,
    /// Answered, and told twice: at once and once more, late.
    NoticeTwice,
    /// Answered slowly, perhaps after the caller has given up.
    Slow,
}

/// A magic token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// What the shopper pays with.
    pub name: &'static str,
    /// By which method.
    pub kind: Kind,
    /// What the bank decides.
    pub verdict: Verdict,
    /// How its words travel.
    pub delivery: Delivery,
}

const fn token(name: &'static str, kind: Kind, verdict: Verdict, delivery: Delivery) -> Token {
    Token { name, kind, verdict, delivery }
}

/// Every token there is.
pub const TOKENS: &[Token] = &[
    token("card_success", Kind::Card, Verdict::Approve, Delivery::Plain),
    token("card_declined", Kind::Card, Verdict::Decline, Delivery::Plain),
    token("card_3ds", Kind::Card, Verdict::AskShopper, Delivery::Plain),
    token("card_capture_declined", Kind::Card, Verdict::RefuseCapture, Delivery::Plain),
    token("card_refund_declined", Kind::Card, Verdict::DeclineRefund, Delivery::Plain),
    token("card_timeout_then_succeeded", Kind::Card, Verdict::Approve, Delivery::AnswerLost),
    token("card_timeout_lost", Kind::Card, Verdict::Approve, Delivery::CallLost),
    token("card_late_notice", Kind::Card, Verdict::Approve, Delivery::NoticeLate),
    token("card_duplicate_notice", Kind::Card, Verdict::Approve, Delivery::NoticeTwice),
    token("card_slow", Kind::Card, Verdict::Approve, Delivery::Slow),
    token("instant", Kind::Instant, Verdict::Approve, Delivery::Plain),
    token("instant_declined", Kind::Instant, Verdict::Decline, Delivery::Plain),
    token("instant_late_notice", Kind::Instant, Verdict::Approve, Delivery::NoticeLate),
    token("pay_later", Kind::PayLater, Verdict::Approve, Delivery::Plain),
    token("pay_later_never", Kind::PayLater, Verdict::NeverPaid, Delivery::Plain),
    token("pay_later_despite_void", Kind::PayLater, Verdict::PaidDespiteVoid, Delivery::Plain),
];

impl Token {
    /// The token of this name.
    pub fn named(name: &str) -> Option<&'static Token> {
        TOKENS.iter().find(|token| token.name == name)
    }
}
