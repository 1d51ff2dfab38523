//! Answers to the checkout's own asks.

use crate::ask::{AskAnswer, AskId, AskRequest};
use crate::ids::StreamId;
use crate::inventory;
use crate::machine::{Ctx, Decision};
use crate::{payment, product};

use super::decide::{Decided, noted};
use super::{Event, Reply, State, news, paying, quoting};

/// An answer to an open ask takes effect; to a closed one it changes nothing.
pub(super) fn answered(state: &State, id: AskId, answer: &AskAnswer, ctx: &Ctx) -> Decided {
    let Some(ask) = state.asks.get(&id) else { return noted() };
    match (&ask.request, ask.to) {
        (AskRequest::Product(product::Request::Offer { sku, .. }), _) => {
            quoting::offered(state, id, *sku, answer, ctx)
        }
        (AskRequest::Vendor(_), StreamId::Vendor(vendor)) => quoting::terms(state, id, vendor, answer, ctx),
        (AskRequest::Stock(inventory::Request::Hold { hold, .. }), _) => {
            paying::held(state, id, *hold, answer, ctx)
        }
        (AskRequest::Stock(inventory::Request::Commit { hold }), _) => {
            paying::committed(state, id, *hold, answer)
        }
        (AskRequest::Stock(inventory::Request::Undo { .. }), _) => undone(id, answer),
        (AskRequest::Payment(_), _) => paid(state, answer),
        _ => noted(),
    }
}

/// However a shard answers an undo, there is nothing left to undo.
fn undone(ask: AskId, answer: &AskAnswer) -> Decided {
    match answer {
        AskAnswer::Waiting => noted(),
        _ => Ok(Decision::of(vec![Event::HoldUndone { ask }], Reply::Noted)),
    }
}

/// A payment that has already come to its end says so at once. Its own ask says the same, and that is where it
/// hears whether its money is wanted: nothing here may stand in for that.
fn paid(state: &State, answer: &AskAnswer) -> Decided {
    let (AskAnswer::Payment(payment::Answer::Is(news)), Some(attempt)) = (answer, state.attempt()) else {
        return noted();
    };
    let mut decision = news::moved(state, attempt.payment, news, attempt.heard)?;
    decision.reply = crate::machine::Reply::Now(Reply::Noted);
    Ok(decision)
}
