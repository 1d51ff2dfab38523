//! Giving money back: what is on its way counts as gone, so that no two refunds can share a cent.

use crate::machine::Decision;
use crate::money::Money;
use crate::planted::{self, Bug};

use super::decide::Draft;
use super::{Answer, Payment, RefundId, RefundRefused, Rejection, Reply, State};

/// What can still be given back; nothing before money is here.
pub(super) fn left(state: &State) -> Option<Money> {
    let intent = state.intent.as_ref().filter(|_| state.is_captured())?;
    let left = i128::from(intent.amount.minor) - state.refunded_minor();
    i64::try_from(left).ok().map(|minor| Money::new(minor, intent.amount.currency))
}

pub(super) fn refund(mut draft: Draft, id: RefundId, amount: Money) -> Result<Decision<Payment>, Rejection> {
    if let Some(known) = draft.state.refund(id).filter(|_| !planted::is(Bug::RefundTwice)) {
        let reply = match known.done {
            _ if known.amount != amount => refused(RefundRefused::Mismatch),
            true => Reply::Answer(Answer::Refunded { refund: id }),
            false if known.failed.is_some() => refused(RefundRefused::Declined),
            false => Reply::Waiting,
        };
        return draft.finish(reply);
    }
    let why = match left(&draft.state) {
        None => Some(RefundRefused::NotCaptured),
        Some(left) if amount.minor <= 0 || amount.currency != left.currency => {
            Some(RefundRefused::InvalidAmount)
        }
        // Its number names the call at the provider, so an order that is not this payment's could take another
        // refund's key.
        Some(_) if id.n == 0 || id.order.0 != draft.intent.payment.checkout.0 => {
            Some(RefundRefused::Mismatch)
        }
        Some(left) if amount.minor > left.minor => Some(RefundRefused::TooMuch),
        Some(_) => None,
    };
    if let Some(why) = why {
        return draft.finish(refused(why));
    }
    draft.start_refund(id, amount);
    draft.finish(Reply::Waiting)
}

fn refused(why: RefundRefused) -> Reply {
    Reply::Answer(Answer::Refused(why))
}
