//! Asks are repeated until they are answered; parked requests wait for their answer.

use crate::ask::AskAnswer;
use crate::host::{ASK_RETRY_FIRST_MS, ASK_RETRY_MAX_MS, Input};

use super::errand::{Command, Errand, STREAM, ask_id, done};
use super::rig::{Rig, key, without};

fn rig() -> Rig<Errand> {
    Rig::new(STREAM)
}

#[test]
fn an_ask_leaves_when_it_is_durable_and_has_a_wake() {
    let mut rig = rig();
    assert_eq!(rig.command("a", None, Command::Ask), ["append 0+1 wake 1000", "timer 1000"]);
    assert_eq!(rig.settle(), ["ask 1.0", "a: yes Pinned @1"]);
    assert_eq!(rig.step(Input::Idle), [""; 0], "what is asked and not answered keeps it awake");
    assert_eq!(rig.answer(ask_id(1), done()), ["append 1+1 wake off", "timer off"]);
    rig.settle();
    assert_eq!(rig.step(Input::Idle), ["passivate"]);
}

#[test]
fn an_ask_is_repeated_with_growing_pauses() {
    let mut rig = rig();
    rig.command("a", None, Command::Ask);
    rig.settle();
    let (mut now, mut pauses) = (0, Vec::new());
    for _ in 0..9 {
        let next = rig.durable.wake.unwrap().as_millis();
        pauses.push(next - now);
        rig.clock(next - 1);
        assert_eq!(without(rig.tick(), &["timer"]), [""; 0], "not before its time");
        now = next;
        rig.clock(now);
        let lines = without(rig.tick(), &["timer"]);
        assert_eq!(lines[0], "ask 1.0");
        assert!(lines[1].starts_with("append 1+0 wake "), "{lines:?}");
        rig.settle();
    }
    assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    assert_eq!((pauses[0], pauses[8]), (ASK_RETRY_FIRST_MS, ASK_RETRY_MAX_MS));
}

#[test]
fn a_repetition_waits_for_the_gate_like_everything_else() {
    let mut rig = rig();
    rig.command("a", None, Command::Ask);
    rig.clock(1_000);
    assert_eq!(without(rig.tick(), &["timer"]), ["append 1+0 wake 3000"]);
    assert_eq!(rig.write(1), ["ask 1.0", "a: yes Pinned @1", "ask 1.0"]);
}

#[test]
fn a_restart_asks_again_at_once() {
    let mut rig = rig();
    rig.command("a", None, Command::Ask);
    rig.command("b", None, Command::Ask);
    rig.settle();
    rig.answer(ask_id(1), done());
    rig.settle();
    rig.clock(90_000);
    assert_eq!(rig.restart(), ["ask 2.0", "append 3+0 wake 91000", "timer 91000"]);
    rig.settle();
    // Also when the row lies ahead: the next try is nearer.
    rig.clock(90_500);
    assert_eq!(rig.restart(), ["ask 2.0", "timer 91500"]);
    rig.clock(91_500);
    assert_eq!(rig.tick(), ["ask 2.0", "append 3+0 wake 93500", "timer 93500"]);
}

#[test]
fn a_second_answer_changes_nothing() {
    let mut rig = rig();
    rig.command("a", None, Command::Ask);
    rig.settle();
    rig.answer(ask_id(1), done());
    rig.settle();
    assert_eq!(rig.answer(ask_id(1), AskAnswer::Stale), [""; 0]);
    assert_eq!(rig.answer(ask_id(7), done()), [""; 0]);
}

#[test]
fn a_parked_request_is_in_flight_until_it_is_resolved() {
    let mut rig = rig();
    let lines = rig.command("a", Some(key(1)), Command::AskAndWait);
    assert_eq!(lines, ["append 0+1 wake 1000", "timer 1000"], "no reply row yet");
    assert_eq!(rig.settle(), ["ask 1.0"]);
    assert_eq!(rig.command("again", Some(key(1)), Command::AskAndWait), ["again: in flight @1"]);
    let other = crate::machine::CommandKey { fingerprint: 5, ..key(1) };
    assert_eq!(rig.command("other", Some(other), Command::AskAndWait), ["other: key reused @1"]);

    assert_eq!(rig.answer(ask_id(1), done()), ["append 1+1 reply wake off", "timer off"]);
    assert_eq!(rig.settle(), ["a: yes Undone @2"]);
    assert_eq!(rig.command("later", Some(key(1)), Command::AskAndWait), ["later: again yes Undone @2"]);
    rig.restart();
    assert_eq!(rig.command("later", Some(key(1)), Command::AskAndWait), ["later: again yes Undone @2"]);
}

#[test]
fn a_parked_request_is_known_after_a_restart() {
    let mut rig = rig();
    rig.command("a", Some(key(1)), Command::AskAndWait);
    rig.settle();
    assert_eq!(without(rig.restart(), &["timer"]), ["ask 1.0"]);
    assert_eq!(rig.command("a", Some(key(1)), Command::AskAndWait), ["a: in flight @1"], "starts nothing");
    rig.answer(ask_id(1), AskAnswer::Stale);
    assert_eq!(rig.settle(), [""; 0], "whoever waited is gone with the process");
    assert_eq!(rig.command("a", Some(key(1)), Command::AskAndWait), ["a: again no Stale @2"]);
}

#[test]
fn a_parked_request_keeps_the_host_awake() {
    let mut rig = rig();
    rig.command("a", Some(key(1)), Command::AskAndWait);
    rig.settle();
    assert_eq!(rig.step(Input::Idle), [""; 0]);
}
