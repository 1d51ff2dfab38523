//! The open phase: what is in the cart, where it goes, how it is sent; and the end of what nobody wants any more.

use crate::inventory;
use crate::machine::{Ctx, Decision, Due, EventMeta};
use crate::planted::{self, Bug};
use crate::text;

use super::decide::{Decided, editable, happened};
use super::{
    Address, AttemptEnded, CartLine, Checkout, Event, LINES_MAX, Opening, PayStep, QuoteDropped,
    REFERENCE_MAX, Rejection, Reply, SHIPPING_CODE_MAX, Stage, State, Step, VoidReason, paying,
};

/// What has come to its end by now. One end may bring the next: a round that timed out leaves a quote that may
/// have expired meanwhile.
pub(super) fn due(state: &State, ctx: &Ctx) -> Due<Checkout> {
    let mut due = Due::nothing();
    let mut after: Option<State> = None;
    while let Some(decision) = next_due(after.as_ref().unwrap_or(state), ctx) {
        let after = after.get_or_insert_with(|| state.clone());
        for event in decision.events {
            let seq = ctx.next_seq + due.events.len() as u64;
            after.fold(EventMeta { seq, at: ctx.now }, &event);
            due.events.push(event);
        }
        due.resolves.extend(decision.resolves);
    }
    due
}

fn next_due(state: &State, ctx: &Ctx) -> Option<Decision<Checkout>> {
    state.deadline().filter(|deadline| *deadline <= ctx.now)?;
    let dropped = |why, told| happened(state, Event::QuoteDropped { why }, Reply::Noted, Err(told));
    Some(match &state.stage {
        Stage::Cart | Stage::Quoting(_) | Stage::Quoted if state.expires_at <= ctx.now => {
            happened(state, Event::Expired, Reply::Noted, Err(Rejection::Ended))
        }
        Stage::Quoting(_) => dropped(QuoteDropped::NoAnswer, Rejection::NoAnswer),
        Stage::Quoted => dropped(QuoteDropped::Expired, Rejection::NoQuote),
        Stage::Paying(attempt) if attempt.step == PayStep::Holding => {
            paying::ended(state, AttemptEnded::HoldsTimedOut, Reply::Noted)
        }
        Stage::Paying(_) if planted::is(Bug::ReleaseBeforeVoid) => {
            paying::ended(state, AttemptEnded::TimedOut, Reply::Noted)
        }
        // Nothing is released before the provider has let the money go.
        Stage::Paying(_) => Decision::of(vec![Event::VoidAsked { why: VoidReason::TimedOut }], Reply::Noted),
        Stage::Cart | Stage::Placed(_) | Stage::Expired | Stage::Failed => return None,
    })
}

pub(super) fn open(state: &State, opening: &Opening) -> Decided {
    if let Some(known) = &state.opening {
        let same = known == opening;
        return if same { Ok(Decision::unchanged(at(state.step()))) } else { Err(Rejection::AlreadyOpen) };
    }
    let sound = |reference: &String| text::is_line(reference, REFERENCE_MAX);
    if !opening.reference.as_ref().is_none_or(sound) {
        return Err(Rejection::InvalidText);
    }
    Ok(Decision::of(vec![Event::Opened(opening.clone())], at(Step::Open)))
}

pub(super) fn set_line(state: &State, line: CartLine) -> Decided {
    editable(state)?;
    let known = state.lines.iter().find(|known| known.sku == line.sku);
    let unchanged = known.map_or(line.quantity == 0, |known| *known == line);
    if unchanged {
        return Ok(Decision::unchanged(at(state.step())));
    }
    if line.quantity > inventory::QUANTITY_MAX {
        return Err(Rejection::InvalidQuantity);
    }
    if known.is_none() && state.lines.len() >= LINES_MAX {
        return Err(Rejection::TooManyLines);
    }
    Ok(edited(state, Event::LineSet(line)))
}

pub(super) fn set_address(state: &State, address: &Address) -> Decided {
    editable(state)?;
    if state.address.as_ref() == Some(address) {
        return Ok(Decision::unchanged(at(state.step())));
    }
    let served =
        state.opening.as_ref().is_some_and(|opening| opening.market.countries.contains(&address.country));
    if !served {
        return Err(Rejection::CountryNotServed);
    }
    Ok(edited(state, Event::Addressed(address.clone())))
}

pub(super) fn choose_shipping(state: &State, method: &str) -> Decided {
    editable(state)?;
    if state.address.is_none() {
        return Err(Rejection::Incomplete { step: state.step() });
    }
    if state.shipping.as_deref() == Some(method) {
        return Ok(Decision::unchanged(at(state.step())));
    }
    if !text::is_code(method, SHIPPING_CODE_MAX) {
        return Err(Rejection::InvalidText);
    }
    Ok(edited(state, Event::ShippingChosen { method: method.to_owned() }))
}

/// The shopper gives up. Before money is asked for that is the end; while it may still be let go, it is let go
/// first; after that it is too late.
pub(super) fn abandon(state: &State) -> Decided {
    match &state.stage {
        Stage::Cart | Stage::Quoting(_) | Stage::Quoted => {
            Ok(happened(state, Event::Abandoned, at(Step::Expired), Err(Rejection::Abandoned)))
        }
        Stage::Paying(attempt) => match attempt.step {
            PayStep::Holding => Ok(paying::ended(state, AttemptEnded::Abandoned, at(Step::Expired))),
            PayStep::Authorising | PayStep::ActionNeeded { .. } | PayStep::AwaitingPayment { .. } => {
                let event = Event::VoidAsked { why: VoidReason::Abandoned };
                Ok(Decision::of(vec![event], at(Step::Paying(super::PayingStep::Voiding))))
            }
            PayStep::Voiding { why: VoidReason::Abandoned } => Ok(Decision::unchanged(at(state.step()))),
            PayStep::Committing | PayStep::Capturing if planted::is(Bug::ReleaseWhileCapturing) => {
                Ok(paying::ended(state, AttemptEnded::Abandoned, at(Step::Expired)))
            }
            PayStep::Committing | PayStep::Capturing | PayStep::Voiding { .. } => {
                Err(Rejection::PaymentInProgress)
            }
        },
        Stage::Placed(paid) => Err(Rejection::Placed { order: paid.order }),
        Stage::Expired => Ok(Decision::unchanged(at(Step::Expired))),
        Stage::Failed => Err(Rejection::Ended),
    }
}

fn at(step: Step) -> Reply {
    Reply::At { step }
}

/// An edit happens; a quote that was being asked for is told so.
fn edited(state: &State, event: Event) -> Decision<Checkout> {
    let step = match (&event, &state.address, &state.shipping) {
        (Event::ShippingChosen { .. }, ..) => Step::ShippingChosen,
        (Event::Addressed(_), ..) => Step::Addressed,
        (_, None, _) => Step::Open,
        (_, Some(_), None) => Step::Addressed,
        (_, Some(_), Some(_)) => Step::ShippingChosen,
    };
    happened(state, event, at(step), Err(Rejection::QuoteDropped))
}
