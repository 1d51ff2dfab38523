//! What the provider says, to a call, to a look-up or by a notice.

use crate::journal::EffectId;
use crate::machine::Decision;
use crate::planted::{self, Bug};

use super::decide::Draft;
use super::{
    CallKind, Event, PROVIDER_TEXT_MAX, PROVIDER_URL_MAX, Payment, ProviderFact, Rejection, Reply, Standing,
};

/// What the key of a look-up ends with; before it stands the key of the call it asks about.
pub(super) const LOOK_UP: &str = "/lookup";

/// Which call a fact is about.
#[derive(Clone, Copy)]
struct About<'a> {
    key: &'a str,
    kind: Option<CallKind>,
    /// Whether it answers a look-up, that is: whether it is the provider's view as of now.
    look_up: bool,
    /// Whether it is what the call itself came to.
    outcome: bool,
}

pub(super) fn heard(
    mut draft: Draft,
    effect: Option<EffectId>,
    key: &str,
    fact: &ProviderFact,
) -> Result<Decision<Payment>, Rejection> {
    draft.closes.extend(effect);
    let about = about(&draft, effect.is_some(), key);
    match fact {
        ProviderFact::ActionNeeded { url } => {
            stands(&mut draft, about, Standing::ActionNeeded { url: clip(url, PROVIDER_URL_MAX) });
        }
        ProviderFact::AwaitingPayment { reference } => {
            let reference = clip(reference, PROVIDER_TEXT_MAX);
            stands(&mut draft, about, Standing::AwaitingPayment { reference });
        }
        ProviderFact::Authorised => stands(&mut draft, about, Standing::Authorised),
        ProviderFact::Voided => stands(&mut draft, about, Standing::Voided),
        ProviderFact::Captured => stands(&mut draft, about, Standing::Captured),
        ProviderFact::Failed { reason } => failed(&mut draft, about, clip(reason, PROVIDER_TEXT_MAX)),
        ProviderFact::Refunded { key } => refunded(&mut draft, key),
        ProviderFact::Nothing => nothing(&mut draft, about),
        ProviderFact::Unknown => {}
    }
    ended_open(&mut draft, about);
    draft.finish(Reply::Noted)
}

fn about<'a>(draft: &Draft, has_effect: bool, key: &'a str) -> About<'a> {
    let (key, look_up) = match key.strip_suffix(LOOK_UP) {
        Some(call) => (call, true),
        None => (key, false),
    };
    let main = [CallKind::Authorise, CallKind::Capture, CallKind::Void];
    let refunds = draft.state.refunds.iter().map(super::Refund::kind);
    let kind = main.into_iter().chain(refunds).find(|kind| kind.key(draft.intent.payment) == key);
    About { key, kind, look_up, outcome: has_effect && !look_up }
}

/// The provider stands here: the furthest it was ever known to stand counts.
fn stands(draft: &mut Draft, about: About, standing: Standing) {
    if planted::is(Bug::LateMoneyOverlooked) && standing == Standing::Captured && draft.state.is_over() {
        return;
    }
    let same = standing.is_as_far_as(&draft.state.standing);
    // Of two addresses the one that the provider gave when it was asked last; a notice may be of long ago.
    let renewed = (about.look_up || about.outcome) && standing.renews(&draft.state.standing);
    let again = planted::is(Bug::NoticeCountedTwice) && standing == Standing::Captured;
    if renewed || again || standing.is_further_than(&draft.state.standing) {
        draft.happen(match standing {
            Standing::ActionNeeded { url } => Event::ActionNeeded { url },
            Standing::AwaitingPayment { reference } => Event::AwaitingPayment { reference },
            Standing::Authorised => Event::Authorised,
            Standing::Failed { reason } => Event::Failed { reason },
            Standing::Voided => Event::Voided,
            Standing::Captured => Event::Captured,
            Standing::Unknown => return,
        });
        draft.let_go();
    }
    if about.look_up && same && draft.state.is_unsettled() {
        stands_still(draft);
    }
}

/// A look-up found the reservation as it was: a call of unknown outcome has not happened.
fn stands_still(draft: &mut Draft) {
    let state = &draft.state;
    match (state.void, state.capture) {
        (Some(void), _) if void.unknown => draft.repeat(CallKind::Void),
        (None, Some(capture)) if capture.unknown && state.is_unwanted() => draft.start_void(),
        (None, Some(capture)) if capture.unknown => draft.repeat(CallKind::Capture),
        _ => {}
    }
}

fn failed(draft: &mut Draft, about: About, reason: String) {
    match about.kind {
        // Asked how the payment stands, the provider says: it failed.
        Some(CallKind::Authorise | CallKind::Capture | CallKind::Void) if about.look_up => {
            stands(draft, about, Standing::Failed { reason });
        }
        Some(CallKind::Capture) => {
            let open = draft.state.capture.is_some() && !draft.state.is_over();
            if open && draft.state.capture_refused.is_none() {
                draft.happen(Event::CaptureRefused { reason });
                draft.let_go();
            }
        }
        // Why it cannot be let go, only the provider knows: it may have been taken. The look-up tells.
        Some(CallKind::Void) => {}
        Some(kind @ (CallKind::Refund(_) | CallKind::RefundAgain(..))) => refund_failed(draft, kind, reason),
        Some(CallKind::Authorise) | None => stands(draft, about, Standing::Failed { reason }),
    }
}

fn refunded(draft: &mut Draft, key: &str) {
    let payment = draft.intent.payment;
    // Also one that was declined: money that went back went back.
    let owed = |refund: &&super::Refund| !refund.done && refund.was_called(payment, key);
    if let Some(refund) = draft.state.refunds.iter().find(owed).map(|refund| refund.id) {
        draft.happen(Event::Refunded { refund });
    }
}

/// The provider will not give it back: whoever asked for it is told, for only another refund can help.
fn refund_failed(draft: &mut Draft, kind: CallKind, reason: String) {
    let open = |refund: &&super::Refund| refund.is_open() && refund.kind() == kind;
    if let Some(refund) = draft.state.refunds.iter().find(open).map(|refund| refund.id) {
        draft.happen(Event::RefundFailed { refund, reason });
    }
}

/// The provider has never heard of the call.
fn nothing(draft: &mut Draft, about: About) {
    if !about.look_up {
        return;
    }
    match about.kind {
        Some(CallKind::Authorise) => {
            let state = &draft.state;
            if state.is_watched() && state.late_until.is_some_and(|until| until <= draft.ctx.now) {
                return draft.happen(Event::NeverCame);
            }
            // While the call may be under way, "never heard of it" means nothing.
            if state.standing != Standing::Unknown || !state.authorise.unknown || state.never_reached {
                return;
            }
            if state.void_requested || draft.ctx.now >= draft.intent.limits.attempt_until {
                draft.happen(Event::NeverReached);
            } else {
                draft.repeat(CallKind::Authorise);
            }
        }
        Some(kind @ (CallKind::Refund(_) | CallKind::RefundAgain(..))) => not_refunded(draft, about, kind),
        Some(CallKind::Capture | CallKind::Void) | None => {}
    }
}

fn not_refunded(draft: &mut Draft, about: About, kind: CallKind) {
    let unknown = draft.state.call(about.key).is_some_and(|call| call.unknown);
    let open = draft.state.refunds.iter().any(|refund| refund.is_open() && refund.kind() == kind);
    if about.look_up && unknown && open {
        draft.repeat(kind);
    }
}

/// A call has ended, and what it was for has neither happened nor become impossible.
fn ended_open(draft: &mut Draft, about: About) {
    let (true, Some(kind)) = (about.outcome, about.kind) else { return };
    let state = &draft.state;
    let open = match kind {
        CallKind::Authorise => state.standing == Standing::Unknown && state.is_unsettled(),
        CallKind::Capture => state.is_unsettled() && state.capture_refused.is_none(),
        CallKind::Void => state.is_unsettled(),
        CallKind::Refund(_) | CallKind::RefundAgain(..) => {
            state.refunds.iter().any(|refund| refund.kind() == kind && refund.is_open())
        }
    };
    if open && state.call(about.key).is_some_and(|call| !call.unknown) {
        draft.happen(Event::OutcomeUnknown { key: about.key.to_owned() });
    }
}

/// Cut to `max` bytes, between two characters.
fn clip(text: &str, max: usize) -> String {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
