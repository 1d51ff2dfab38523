//! Who must wait, and for how long.

use super::super::lock::{
    DELAY_FIRST_MS, DELAY_MAX_MS, FREE_FAILURES, Failures, Locks, NETWORKS_MAX, REMEMBERED_MS, delay_ms,
};
use super::*;

fn count(at: Place, earlier: u32) -> Command {
    Command::CountFailure { at, earlier }
}

fn sign_in(from: Place) -> Command {
    Command::MaySignIn { password: OLD, from, code: None }
}

/// Fails once too often there.
fn locked(live: &mut Live, at: Place) -> Timestamp {
    live.run(count(at, FREE_FAILURES)).expect("counted");
    let locks = &live.state.account.as_ref().expect("verified").locks;
    locks.at(at, Timestamp::from_millis(live.now)).expect("counted").until()
}

#[test]
fn delays_begin_with_the_fifth_failure_and_grow_to_an_hour() {
    let delays: Vec<i64> = (0..16).map(delay_ms).collect();
    let second = 1_000;
    assert_eq!(delays[..8], [0, 0, 0, 0, 0, 30 * second, 60 * second, 120 * second]);
    assert!(delays.windows(2).all(|pair| pair[0] <= pair[1]));
    assert_eq!((delays[15], delay_ms(u32::MAX)), (DELAY_MAX_MS, DELAY_MAX_MS));
}

#[test]
fn the_first_failures_are_no_events_and_the_fifth_is_one_that_delays_the_right_password() {
    let mut live = Live::verified();
    let events = live.events.len();
    for earlier in 0..FREE_FAILURES {
        live.run(count(HERE, earlier)).expect("counted");
        assert!(live.run(sign_in(HERE)).is_ok());
    }
    assert_eq!(live.events.len(), events);
    let until = locked(&mut live, HERE);
    assert_eq!(live.events.last(), Some(&Event::TryFailed { at: HERE, count: 5 }));
    assert_eq!(until, Timestamp::from_millis(live.now + DELAY_FIRST_MS));
    assert_eq!(live.run(sign_in(HERE)), Err(Rejection::Locked { until }));
    assert!(live.run(sign_in(Place::Network(2))).is_ok(), "somewhere else");
    assert_eq!(live.run(count(HERE, 0)).map(|_| live.events.len()), Ok(events + 1), "nobody listened");
    live.now += DELAY_FIRST_MS;
    assert!(live.run(sign_in(HERE)).is_ok());
    assert_eq!(live.events.last(), Some(&Event::Unlocked { at: HERE }));
    assert_eq!(live.events.len(), events + 2);
    assert!(live.run(sign_in(HERE)).is_ok(), "and nothing more to forget");
    assert_eq!(live.events.len(), events + 2);
}

#[test]
fn each_failure_after_a_delay_is_followed_by_a_longer_one_until_a_day_has_passed() {
    let mut live = Live::verified();
    let mut until = locked(&mut live, HERE);
    for expected in 6..20 {
        live.now = until.as_millis();
        // What the server remembers is gone after a crash; what was an event is not.
        live.run(count(HERE, 0)).expect("counted");
        assert_eq!(live.events.last(), Some(&Event::TryFailed { at: HERE, count: expected }));
        until = Timestamp::from_millis(live.now + delay_ms(expected));
        assert_eq!(live.run(sign_in(HERE)), Err(Rejection::Locked { until }));
    }
    let events = live.events.len();
    live.now = until.as_millis() + REMEMBERED_MS;
    live.run(count(HERE, 0)).expect("counted");
    assert_eq!(live.events.len(), events, "the first of its day");
    assert_eq!(locked(&mut live, HERE).as_millis(), live.now + DELAY_FIRST_MS);
}

#[test]
fn a_letter_ends_every_delay_and_the_old_password_ends_none() {
    let mut live = Live::verified();
    for at in [HERE, Place::Network(2)] {
        locked(&mut live, at);
    }
    live.run(Command::ChangePassword { old: OLD, new: NEW }).expect("changed");
    let until = locked(&mut live, Place::Shown);
    let again = Command::ChangePassword { old: NEW, new: THIRD };
    assert_eq!(live.run(again), Err(Rejection::Locked { until }), "a thief of the sign-in guesses");
    assert!(matches!(
        live.run(Command::MaySignIn { password: NEW, from: HERE, code: None }),
        Err(Rejection::Locked { .. })
    ));
    live.run(Command::AskReset).expect("asked");
    live.run(Command::Reset { token: 2, password: OLD }).expect("reset");
    for from in [HERE, Place::Network(2), Place::Shown] {
        assert!(live.run(sign_in(from)).is_ok(), "{from:?}");
    }
    assert_eq!(live.state.account.map(|account| account.locks), Some(Locks::default()));
}

#[test]
fn a_new_network_is_no_new_allowance_once_there_are_many() {
    let mut live = Live::verified();
    for network in 0..NETWORKS_MAX as u64 {
        locked(&mut live, Place::Network(network));
    }
    let known = |live: &Live| live.state.account.as_ref().map(|account| account.locks.networks.len());
    assert!(live.run(sign_in(Place::Network(1_000))).is_ok(), "nobody from elsewhere has failed yet");
    let until = locked(&mut live, Place::Network(1_000));
    assert_eq!(live.events.last(), Some(&Event::TryFailed { at: Place::Elsewhere, count: 5 }));
    for from in [1_000, 1_001] {
        assert_eq!(live.run(sign_in(Place::Network(from))), Err(Rejection::Locked { until }), "{from}");
    }
    live.now = until.as_millis();
    live.run(count(Place::Network(1_002), 0)).expect("counted");
    assert_eq!(live.events.last(), Some(&Event::TryFailed { at: Place::Elsewhere, count: 6 }));
    assert_eq!(known(&live), Some(NETWORKS_MAX));
    assert!(live.run(sign_in(Place::Network(1))).is_ok(), "a network that is known waits for its own only");
    assert_eq!(live.events.last(), Some(&Event::Unlocked { at: Place::Network(1) }));

    // There is room again, but whoever is elsewhere stays there until that is forgotten, too.
    assert!(matches!(live.run(sign_in(Place::Network(1_003))), Err(Rejection::Locked { .. })));
    live.now += DELAY_FIRST_MS * 2 + REMEMBERED_MS;
    assert!(live.run(sign_in(Place::Network(1_003))).is_ok());
    locked(&mut live, Place::Network(1_003));
    assert_eq!(known(&live), Some(1), "those that are over are forgotten with the next");
}

#[test]
fn what_is_over_does_not_count_any_more() {
    let mut failures = None;
    let at = |millis| Timestamp::from_millis(millis);
    for millis in 1..=3 {
        failures = Some(Failures::one_more(failures, at(millis)));
    }
    assert_eq!(failures, Some(Failures { count: 3, last_at: at(3) }));
    assert_eq!(Failures::one_more(failures, at(3 + REMEMBERED_MS)).count, 1);
    assert_eq!(Failures::one_more(failures, at(2 + REMEMBERED_MS)).count, 4);
}
