//! An attempt: hold every line, then ask for the money; commit every hold, then take it.

use crate::ask::{AskAnswer, AskId};
use crate::ids::{HoldId, LocationId, PaymentId, QuoteId};
use crate::inventory::{self, HOLD_TTL_MAX_MS};
use crate::machine::{Ctx, Decision};
use crate::money::Money;
use crate::payment::{self, Intent, Method};
use crate::planted::{self, Bug};

use super::decide::{Decided, happened, named, noted, parked};
use super::{
    Attempt, AttemptEnded, Check, Checkout, Event, HoldAsked, HoldStage, PayStep, Rejection, Reply, Stage,
    State, TOKEN_MAX, VoidReason, placing,
};

/// The shopper pays what was quoted, or is told what is quoted now.
pub(super) fn pay(state: &State, quote: QuoteId, total: Money, method: &Method, ctx: &Ctx) -> Decided {
    match &state.stage {
        Stage::Quoted => {}
        Stage::Cart | Stage::Quoting(_) => return Err(Rejection::NoQuote),
        Stage::Paying(_) => return Err(Rejection::PaymentInProgress),
        Stage::Placed(paid) => return Err(Rejection::Placed { order: paid.order }),
        Stage::Expired | Stage::Failed => return Err(Rejection::Ended),
    }
    let (Some(known), Some(opening)) = (&state.quote, &state.opening) else { return Err(Rejection::NoQuote) };
    let seen = known.id == quote && known.total == total;
    if !seen && !planted::is(Bug::QuoteNotPinned) {
        return Err(Rejection::QuoteChanged { quote: known.id, total: known.total });
    }
    if total.minor <= 0 {
        return Err(Rejection::NothingToPay);
    }
    let (Method::Card { token } | Method::Instant { token } | Method::PayLater { token }) = method;
    if !crate::text::is_line(token, TOKEN_MAX) {
        return Err(Rejection::InvalidText);
    }
    let holds = (state.holds + 1..).zip(&known.lines).map(|(n, line)| HoldAsked {
        hold: HoldId { checkout: state.id, n },
        line: line.number,
        sku: line.sku,
        quantity: line.quantity,
    });
    Ok(parked(Event::PayStarted {
        payment: PaymentId { checkout: state.id, attempt: state.attempts + 1 },
        method: method.clone(),
        holds: holds.collect(),
        deadline: ctx.now.plus_millis(opening.limits.hold_ttl_ms.min(HOLD_TTL_MAX_MS)),
        key: ctx.key,
    }))
}

/// The attempt is over; the request that waits for it is told why.
pub(super) fn ended(state: &State, why: AttemptEnded, reply: Reply) -> Decision<Checkout> {
    let told = match &why {
        AttemptEnded::OutOfStock { lines } => Rejection::OutOfStock { lines: named(lines) },
        AttemptEnded::NotForSale { lines } => Rejection::NotForSale { lines: named(lines) },
        AttemptEnded::HoldsTimedOut => Rejection::NoAnswer,
        AttemptEnded::PaymentFailed { reason } => Rejection::PaymentFailed { reason: reason.clone() },
        AttemptEnded::TimedOut => Rejection::TimedOut,
        AttemptEnded::Abandoned => Rejection::Abandoned,
        AttemptEnded::CommitRefused => Rejection::Failed,
    };
    happened(state, Event::AttemptEnded { why }, reply, Err(told))
}

/// A shard answered a hold. No part of the round is done until all have answered.
pub(super) fn held(state: &State, ask: AskId, hold: HoldId, answer: &AskAnswer, ctx: &Ctx) -> Decided {
    let answer = match answer {
        AskAnswer::Stock(inventory::Answer::Done(inventory::Reply::Held { location, .. })) => Ok(*location),
        AskAnswer::Stock(inventory::Answer::Refused(why)) => Err(*why),
        AskAnswer::Unknown => Err(inventory::Rejection::UnknownSku),
        _ => return noted(),
    };
    let Some(attempt) = state.attempt() else { return noted() };
    let last = attempt.holds.iter().all(|other| other.hold == hold || other.stage != HoldStage::Asked);
    if !last {
        return Ok(Decision::of(vec![Event::HoldAnswered { ask, hold, answer }], Reply::Noted));
    }
    let refused: Vec<(u32, inventory::Rejection)> = attempt
        .holds
        .iter()
        .filter_map(|other| match (other.stage, answer) {
            (_, Err(why)) if other.hold == hold => Some((other.line, why)),
            (HoldStage::Refused(why), _) if other.hold != hold => Some((other.line, why)),
            _ => None,
        })
        .collect();
    match answer {
        Ok(location) if refused.is_empty() => taken(state, attempt, ask, hold, location, ctx),
        _ => Ok(ended(state, round_refused(&refused), Reply::Noted)),
    }
}

/// What is not sold can be paid by no second try of the same quote; a hold that came too late is nobody's lack of
/// stock.
fn round_refused(refused: &[(u32, inventory::Rejection)]) -> AttemptEnded {
    use inventory::Rejection::{NotForSale, UnknownSku};
    let closed = refused.iter().filter(|(_, why)| matches!(why, NotForSale | UnknownSku));
    let closed: Vec<u32> = closed.map(|(line, _)| *line).collect();
    if !closed.is_empty() {
        return AttemptEnded::NotForSale { lines: closed };
    }
    let late = |why: &inventory::Rejection| matches!(why, inventory::Rejection::InvalidDeadline);
    let lines: Vec<u32> = refused.iter().filter(|(_, why)| !late(why)).map(|(line, _)| *line).collect();
    if lines.is_empty() { AttemptEnded::HoldsTimedOut } else { AttemptEnded::OutOfStock { lines } }
}

/// Every hold stands: the check is passed and the payment comes into being, its key journalled before its call.
fn taken(
    state: &State,
    attempt: &Attempt,
    ask: AskId,
    hold: HoldId,
    location: LocationId,
    ctx: &Ctx,
) -> Decided {
    let (Some(quote), Some(opening)) = (&state.quote, &state.opening) else { return noted() };
    let until = ctx.now.plus_millis(opening.limits.attempt_ms(&attempt.method));
    let intent = Intent {
        payment: attempt.payment,
        amount: quote.total,
        method: attempt.method.clone(),
        limits: payment::Limits {
            attempt_until: until,
            look_up_every_ms: opening.limits.look_up_every_ms,
            late_money_ms: opening.limits.late_money_ms,
        },
    };
    let event = Event::HoldsTaken { ask, hold, location, check: Check::Allowed, until };
    let mut decision = Decision::of(vec![event], Reply::Noted);
    decision.creates.push(payment::first(intent));
    Ok(decision)
}

/// A shard answered a commit. Half an order only means "ask again".
pub(super) fn committed(state: &State, ask: AskId, hold: HoldId, answer: &AskAnswer) -> Decided {
    let refused = match answer {
        AskAnswer::Stock(inventory::Answer::Done(_)) => false,
        AskAnswer::Stock(inventory::Answer::Refused(_)) | AskAnswer::Unknown => true,
        _ => return noted(),
    };
    let Some(attempt) = state.attempt().filter(|attempt| attempt.step == PayStep::Committing) else {
        return noted();
    };
    if refused {
        return Ok(commit_refused(state, attempt));
    }
    let done = |other: &super::RoundHold| matches!(other.stage, HoldStage::Committed(_));
    let last = planted::is(Bug::CaptureBeforeCommit)
        || attempt.holds.iter().all(|other| other.hold == hold || done(other));
    Ok(match (last, attempt.captured) {
        (false, _) => Decision::of(vec![Event::LineCommitted { ask, hold }], Reply::Noted),
        (true, false) => Decision::of(vec![Event::CaptureAsked { ask, hold }], Reply::Noted),
        (true, true) => placing::place(state, attempt, Reply::Noted),
    })
}

/// The sale can never succeed. Money that is here goes back (the payment is told so when it asks again); money
/// that is reserved is let go before anything is released.
fn commit_refused(state: &State, attempt: &Attempt) -> Decision<Checkout> {
    if attempt.captured {
        return ended(state, AttemptEnded::CommitRefused, Reply::Noted);
    }
    Decision::of(vec![Event::VoidAsked { why: VoidReason::CommitRefused }], Reply::Noted)
}
