use proptest::prelude::*;

use crate::ids::{FamilyId, Principal, StreamId, UserId};
use crate::machine::{self, Ctx, EventMeta, Machine};
use crate::time::Timestamp;

use super::*;

const ID: FamilyId = FamilyId(9);
const STREAM: StreamId = StreamId::Family(ID);
const HOUR: i64 = 60 * 60 * 1000;
const BEGIN: Begin = Begin {
    person: UserId(4),
    round: 1,
    audience: Audience::Store,
    method: Method::Password,
    parent: None,
    idle_ms: HOUR,
    lasts_ms: 3 * HOUR,
};

/// A family with its history.
struct Live {
    state: State,
    events: Vec<Event>,
    now: i64,
}

impl Live {
    fn new() -> Self {
        Live { state: Family::initial(STREAM), events: Vec::new(), now: 1_000 }
    }

    fn begun() -> Self {
        let mut live = Live::new();
        live.run(Command::Begin(BEGIN)).expect("it begins");
        live
    }

    fn run(&mut self, command: Command) -> Result<Reply, Rejection> {
        let now = Timestamp::from_millis(self.now);
        let next_seq = self.events.len() as u64 + 1;
        let ctx = Ctx { stream: STREAM, now, next_seq, key: None, principal: Principal::System };
        let decision = Family::decide(&self.state, &command, &ctx)?;
        for event in decision.events {
            let meta = EventMeta { seq: self.events.len() as u64 + 1, at: now };
            Family::apply(&mut self.state, meta, &event);
            self.events.push(event);
        }
        match decision.reply {
            machine::Reply::Now(reply) => Ok(reply),
            machine::Reply::Parked => panic!("a family never parks"),
        }
    }

    fn rotate(&mut self, generation: u32) -> Result<Reply, Rejection> {
        self.run(Command::Rotate { generation })
    }
}

fn generation(reply: Result<Reply, Rejection>) -> u32 {
    match reply {
        Ok(Reply::Live { generation, .. }) => generation,
        other => panic!("not live: {other:?}"),
    }
}

#[test]
fn each_generation_is_good_once() {
    let mut live = Live::begun();
    for expected in 2..=5 {
        live.now += 20_000;
        assert_eq!(generation(live.rotate(expected - 1)), expected);
    }
    assert_eq!(live.events.len(), 5, "one event per sign-in and per refresh");
}

#[test]
fn whoever_asks_again_for_a_lost_answer_gets_the_same_successor() {
    let mut live = Live::begun();
    let first = live.rotate(1);
    live.now += GRACE_MS - 1;
    assert_eq!(live.rotate(1), first);
    assert_eq!(live.events.len(), 2, "nothing happened again");
}

#[test]
fn a_spent_generation_ends_the_family() {
    for (late_ms, rotations) in [(GRACE_MS, 1), (0, 2)] {
        let mut live = Live::begun();
        for spent in 1..=rotations {
            live.rotate(spent).expect("good");
        }
        live.now += late_ms;
        assert_eq!(live.rotate(1), Ok(Reply::Over { reason: EndReason::Reused }));
        assert_eq!(
            live.rotate(rotations + 1),
            Ok(Reply::Over { reason: EndReason::Reused }),
            "for everybody"
        );
        assert!(live.state.sign_in.is_some_and(|sign_in| sign_in.ended.is_some()));
    }
}

#[test]
fn what_was_never_handed_out_ends_nothing() {
    let mut live = Live::begun();
    for never in [0, 2, u32::MAX] {
        assert_eq!(live.rotate(never), Err(Rejection::UnknownGeneration));
    }
    assert_eq!(generation(live.rotate(1)), 2);
    assert_eq!(Live::new().rotate(1), Err(Rejection::NotFound));
}

#[test]
fn it_is_over_when_it_is_not_used_and_in_any_case_after_its_time() {
    let mut idle = Live::begun();
    idle.now += HOUR;
    assert_eq!(idle.rotate(1), Err(Rejection::Expired));

    let mut used = Live::begun();
    let good_until = |reply: Result<Reply, Rejection>| match reply {
        Ok(Reply::Live { good_until, .. }) => good_until.as_millis(),
        other => panic!("not live: {other:?}"),
    };
    for spent in 1..=5 {
        used.now += HOUR / 2;
        let until = good_until(used.rotate(spent));
        assert_eq!(until, (used.now + HOUR).min(1_000 + 3 * HOUR));
    }
    used.now = 1_000 + 3 * HOUR;
    assert_eq!(used.rotate(6), Err(Rejection::Expired));
}

#[test]
fn whoever_signs_out_is_out_and_may_say_so_twice() {
    let mut live = Live::begun();
    let over = Ok(Reply::Over { reason: EndReason::SignedOut });
    assert_eq!(live.run(Command::End { reason: EndReason::SignedOut }), over);
    assert_eq!(live.run(Command::End { reason: EndReason::Revoked }), over, "the first reason stays");
    assert_eq!(live.rotate(1), over);
    assert_eq!(live.events.len(), 2);
}

#[test]
fn a_sign_in_begins_once_and_within_bounds() {
    let mut live = Live::new();
    for (idle_ms, lasts_ms) in [(0, 1), (1, 0), (-1, 1), (1, LASTS_MAX_MS + 1)] {
        let begin = Begin { idle_ms, lasts_ms, ..BEGIN };
        assert_eq!(live.run(Command::Begin(begin)), Err(Rejection::InvalidTime));
    }
    let first = live.run(Command::Begin(BEGIN));
    assert_eq!(live.run(Command::Begin(BEGIN)), first, "its answer was lost");
    let other = Begin { person: UserId(5), ..BEGIN };
    assert_eq!(live.run(Command::Begin(other)), Err(Rejection::AlreadyExists));
    live.rotate(1).expect("good");
    assert_eq!(live.run(Command::Begin(BEGIN)), Err(Rejection::AlreadyExists), "it has been used");
}

#[test]
fn whoever_shows_once_more_who_they_are_does_so_for_this_sign_in() {
    let mut live = Live::begun();
    let known =
        |live: &Live| live.state.sign_in.map(|sign_in| (sign_in.shown_at(), sign_in.has_shown_code()));
    assert_eq!(known(&live), Some((Timestamp::from_millis(1_000), false)));
    for (by, has_shown_code) in [(Shown::Password, false), (Shown::Code, true)] {
        live.now += 1_000;
        assert_eq!(generation(live.run(Command::StepUp { by })), 1);
        assert_eq!(known(&live), Some((Timestamp::from_millis(live.now), has_shown_code)));
    }
    assert_eq!(generation(live.rotate(1)), 2, "tokens go on as before");
    live.now += HOUR;
    assert_eq!(live.run(Command::StepUp { by: Shown::Code }), Err(Rejection::Expired));
    live.run(Command::End { reason: EndReason::SignedOut }).expect("ended");
    let over = Ok(Reply::Over { reason: EndReason::SignedOut });
    assert_eq!(live.run(Command::StepUp { by: Shown::Code }), over);
    let with_code = Begin { method: Method::PasswordAndCode, ..BEGIN };
    let mut live = Live::new();
    live.run(Command::Begin(with_code)).expect("it begins");
    assert_eq!(known(&live).map(|(_, has_shown_code)| has_shown_code), Some(true));
}

proptest! {
    /// Whatever is presented when: generations only rise, by one; nothing follows the end; the state is the fold.
    #[test]
    fn generations_rise_by_one_and_nothing_follows_the_end(
        steps in prop::collection::vec((0i64..20_000, 0u32..6, 0u8..20), 0..60),
    ) {
        let mut live = Live::begun();
        for (passes, presented, what) in steps {
            live.now += passes;
            let _ = match what {
                0 => live.run(Command::End { reason: EndReason::Revoked }),
                _ => live.rotate(presented),
            };
        }
        let mut last = 1;
        for (at, event) in live.events.iter().enumerate().skip(1) {
            match event {
                Event::Rotated { generation } => {
                    prop_assert_eq!(*generation, last + 1);
                    last = *generation;
                }
                Event::Ended { .. } => prop_assert_eq!(at, live.events.len() - 1),
                Event::SteppedUp { .. } => prop_assert!(false, "nobody showed anything"),
                Event::Begun { .. } => prop_assert!(false, "begun twice"),
            }
        }
        prop_assert_eq!(live.state.sign_in.map(|sign_in| sign_in.generation), Some(last));
    }
}
