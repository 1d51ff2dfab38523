//! The rules of a family.

use crate::machine::{Ctx, Decision};
use crate::time::Timestamp;

use super::{
    Begin, Command, EndReason, Event, Family, GRACE_MS, LASTS_MAX_MS, Rejection, Reply, SignIn, State,
};

type Decided = Result<Decision<Family>, Rejection>;

pub(super) fn decide(state: &State, command: &Command, ctx: &Ctx) -> Decided {
    if let Command::Begin(begin) = command {
        return self::begin(state, begin, ctx);
    }
    let sign_in = state.sign_in.as_ref().ok_or(Rejection::NotFound)?;
    if let Some(reason) = sign_in.ended {
        return Ok(Decision::unchanged(Reply::Over { reason }));
    }
    match *command {
        // Handled above: the only order that needs no sign-in.
        Command::Begin(_) => Err(Rejection::AlreadyExists),
        Command::Rotate { generation } => rotate(state, sign_in, generation, ctx),
        Command::StepUp { .. } if is_over(sign_in, ctx.now) => Err(Rejection::Expired),
        Command::StepUp { by } => Ok(Decision::of(vec![Event::SteppedUp { by }], live(state, sign_in))),
        Command::End { reason } => Ok(ends(reason)),
    }
}

fn begin(state: &State, begin: &Begin, ctx: &Ctx) -> Decided {
    let Begin { person, round, audience, method, parent, idle_ms, lasts_ms } = *begin;
    if [idle_ms, lasts_ms].iter().any(|time| !(1..=LASTS_MAX_MS).contains(time)) {
        return Err(Rejection::InvalidTime);
    }
    if let Some(known) = &state.sign_in {
        let ends_at = known.begun_at.plus_millis(lasts_ms);
        let is_same = known.parent == parent
            && (known.person, known.round, known.audience, known.method, known.idle_ms, known.ends_at)
                == (person, round, audience, method, idle_ms, ends_at);
        // The same order once more, before anything came of it.
        if is_same && known.generation == 1 && known.ended.is_none() {
            return Ok(Decision::unchanged(live(state, known)));
        }
        return Err(Rejection::AlreadyExists);
    }
    let ends_at = ctx.now.plus_millis(lasts_ms);
    let sign_in = SignIn {
        person,
        round,
        audience,
        method,
        parent,
        begun_at: ctx.now,
        idle_ms,
        ends_at,
        generation: 1,
        rotated_at: ctx.now,
        stepped_up: None,
        ended: None,
    };
    let begun = Event::Begun { person, round, audience, method, parent, idle_ms, ends_at };
    Ok(Decision::of(vec![begun], live(state, &sign_in)))
}

fn rotate(state: &State, sign_in: &SignIn, presented: u32, ctx: &Ctx) -> Decided {
    let current = sign_in.generation;
    if presented == 0 || presented > current {
        return Err(Rejection::UnknownGeneration);
    }
    if is_over(sign_in, ctx.now) {
        return Err(Rejection::Expired);
    }
    if presented == current {
        let generation = current.checked_add(1).ok_or(Rejection::Expired)?;
        let next = SignIn { generation, rotated_at: ctx.now, ..*sign_in };
        return Ok(Decision::of(vec![Event::Rotated { generation }], live(state, &next)));
    }
    // Its successor was handed out a moment ago and perhaps never arrived.
    if presented == current - 1 && ctx.now < sign_in.rotated_at.plus_millis(GRACE_MS) {
        return Ok(Decision::unchanged(live(state, sign_in)));
    }
    Ok(ends(EndReason::Reused))
}

fn is_over(sign_in: &SignIn, now: Timestamp) -> bool {
    now >= sign_in.good_until()
}

fn ends(reason: EndReason) -> Decision<Family> {
    Decision::of(vec![Event::Ended { reason }], Reply::Over { reason })
}

fn live(state: &State, sign_in: &SignIn) -> Reply {
    Reply::Live { family: state.id, generation: sign_in.generation, good_until: sign_in.good_until() }
}
