//! What a payment tells: the only thing that moves an attempt once money was asked for.

use crate::ids::PaymentId;
use crate::machine::Decision;
use crate::payment::News;
use crate::planted::{self, Bug};

use super::decide::{Decided, happened, told};
use super::{
    Answer, Attempt, AttemptEnded, Event, PayStep, Rejection, Reply, Stage, State, VoidReason, paying,
    placing,
};

/// A payment says what it has come to.
pub(super) fn moved(state: &State, payment: PaymentId, news: &News, asked: u64) -> Decided {
    let attempt = match &state.stage {
        Stage::Paying(attempt) if attempt.payment == payment => attempt,
        Stage::Placed(paid) if paid.payment == payment => return told(Answer::Noted),
        // Nobody waits for this attempt any more: what it took goes back.
        _ if *news == News::Captured && !planted::is(Bug::StrayMoneyKept) => return told(Answer::Refund),
        _ => return told(Answer::Noted),
    };
    if asked < attempt.heard {
        return Err(Rejection::Stale);
    }
    match news {
        News::Captured => captured(state, attempt, asked),
        News::Authorised => Ok(match attempt.step {
            PayStep::Authorising | PayStep::ActionNeeded { .. } | PayStep::AwaitingPayment { .. } => {
                Decision::of(vec![Event::CommitAsked { asked, captured: false }], Reply::Waiting)
            }
            // The ask to capture, or to void, is the answer.
            _ => Decision::unchanged(Reply::Waiting),
        }),
        News::ActionNeeded { url } => Ok(match &attempt.step {
            PayStep::ActionNeeded { url: known } if known == url => Decision::unchanged(noted()),
            PayStep::Authorising | PayStep::ActionNeeded { .. } => {
                let event = Event::ActionNeeded { asked, url: url.clone() };
                happened(state, event, noted(), Ok(Reply::ActionNeeded { payment }))
            }
            _ => Decision::unchanged(noted()),
        }),
        News::AwaitingPayment { reference } => Ok(match &attempt.step {
            PayStep::AwaitingPayment { reference: known } if known == reference => {
                Decision::unchanged(noted())
            }
            PayStep::Authorising | PayStep::ActionNeeded { .. } | PayStep::AwaitingPayment { .. } => {
                let event = Event::AwaitingPayment { asked, reference: reference.clone() };
                happened(state, event, noted(), Ok(Reply::AwaitingPayment { payment }))
            }
            _ => Decision::unchanged(noted()),
        }),
        News::Failed { reason } => Ok(over(state, attempt, reason)),
        News::Voided => Ok(over(state, attempt, "voided")),
    }
}

fn noted() -> Reply {
    Reply::Told(Answer::Noted)
}

/// The money is here. With every hold committed that is the order; before, it is recorded and used when they are.
/// The payment hears `Waiting` until it is decided, so that it can still be told to give the money back.
fn captured(state: &State, attempt: &Attempt, asked: u64) -> Decided {
    let event = match attempt.step {
        PayStep::Capturing => return Ok(finished(state, attempt)),
        PayStep::Authorising | PayStep::ActionNeeded { .. } | PayStep::AwaitingPayment { .. } => {
            Event::CommitAsked { asked, captured: true }
        }
        // Paid at the last moment: the holds are still pinned, so the sale goes on.
        PayStep::Voiding { why: VoidReason::TimedOut } => Event::CommitAsked { asked, captured: true },
        PayStep::Voiding { why: VoidReason::Abandoned } => {
            return Ok(paying::ended(state, AttemptEnded::Abandoned, Reply::Told(Answer::Refund)));
        }
        PayStep::Voiding { why: VoidReason::CommitRefused } => {
            return Ok(paying::ended(state, AttemptEnded::CommitRefused, Reply::Told(Answer::Refund)));
        }
        PayStep::Committing if !attempt.captured => Event::CapturedEarly { asked },
        PayStep::Committing | PayStep::Holding => return Ok(Decision::unchanged(Reply::Waiting)),
    };
    Ok(Decision::of(vec![event], Reply::Waiting))
}

/// Placed; or, were its books not to balance, given up, and then the money goes back.
fn finished(state: &State, attempt: &Attempt) -> Decision<super::Checkout> {
    let mut decision = placing::place(state, attempt, noted());
    if decision.creates.is_empty() {
        decision.reply = crate::machine::Reply::Now(Reply::Told(Answer::Refund));
    }
    decision
}

/// The provider has let the money go, or never had it.
fn over(state: &State, attempt: &Attempt, reason: &str) -> Decision<super::Checkout> {
    let why = match attempt.step {
        PayStep::Voiding { why: VoidReason::TimedOut } => AttemptEnded::TimedOut,
        PayStep::Voiding { why: VoidReason::Abandoned } => AttemptEnded::Abandoned,
        PayStep::Voiding { why: VoidReason::CommitRefused } => AttemptEnded::CommitRefused,
        _ => AttemptEnded::PaymentFailed { reason: reason.to_owned() },
    };
    paying::ended(state, why, noted())
}
