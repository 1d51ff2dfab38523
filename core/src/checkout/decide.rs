//! Which rule a command meets.

use crate::machine::{Ctx, Decision, Outcome, Reply as Replied};

use super::{
    Answer, Checkout, Command, Event, NAMED_LINES_MAX, Rejection, Reply, Stage, State, answers, cart, news,
    paying, quoting,
};

pub(super) type Decided = Result<Decision<Checkout>, Rejection>;

pub(super) fn decide(state: &State, command: &Command, ctx: &Ctx) -> Decided {
    match command {
        Command::Open(opening) => return cart::open(state, opening),
        // Another checkout's payment is none of ours.
        Command::PaymentMoved { payment, .. } if payment.checkout != state.id => {
            return Err(Rejection::UnknownCheckout);
        }
        _ if state.opening.is_none() => return Err(Rejection::UnknownCheckout),
        _ => {}
    }
    match command {
        Command::Open(_) => Err(Rejection::AlreadyOpen),
        Command::SetLine(line) => cart::set_line(state, *line),
        Command::SetAddress(address) => cart::set_address(state, address),
        Command::ChooseShipping { method } => cart::choose_shipping(state, method),
        Command::RequestQuote => quoting::request(state, Vec::new(), ctx),
        Command::WriteQuote { lines } => quoting::write(state, lines, ctx),
        Command::Pay { quote, total, method } => paying::pay(state, *quote, *total, method, ctx),
        Command::Abandon => cart::abandon(state),
        Command::Answered { ask, answer } => answers::answered(state, *ask, answer, ctx),
        Command::PaymentMoved { asked, payment, news } => news::moved(state, *payment, news, *asked),
    }
}

/// The cart may be touched: nothing is being paid and nothing has ended.
pub(super) fn editable(state: &State) -> Result<(), Rejection> {
    match &state.stage {
        Stage::Cart | Stage::Quoting(_) | Stage::Quoted => Ok(()),
        Stage::Paying(_) => Err(Rejection::PaymentInProgress),
        Stage::Placed(paid) => Err(Rejection::Placed { order: paid.order }),
        Stage::Expired | Stage::Failed => Err(Rejection::Ended),
    }
}

/// One event, an answer to whoever gave the command, and one to the request that was parked.
pub(super) fn happened(
    state: &State,
    event: Event,
    reply: Reply,
    parked: Outcome<Checkout>,
) -> Decision<Checkout> {
    let mut decision = Decision::of(vec![event], reply);
    decision.resolves.extend(state.parked().map(|key| (key, parked)));
    decision
}

/// The request gets its answer later.
pub(super) fn parked(event: Event) -> Decision<Checkout> {
    let mut decision = Decision::of(vec![event], Reply::Noted);
    decision.reply = Replied::Parked;
    decision
}

/// The lines that a refusal names.
pub(super) fn named(lines: &[u32]) -> Vec<u32> {
    lines.iter().copied().take(NAMED_LINES_MAX).collect()
}

/// Nothing happens.
pub(super) fn noted() -> Decided {
    Ok(Decision::unchanged(Reply::Noted))
}

/// To a payment: nothing happens, and nothing more is needed.
pub(super) fn told(answer: Answer) -> Decided {
    Ok(Decision::unchanged(Reply::Told(answer)))
}
