//! Requests that come again.

use crate::host::REPEATS_KEPT_MS;
use crate::inventory::Inventory;
use crate::machine::{CommandId, CommandKey};

use super::rig::{MINUTE, Rig, hold, key, receive, shard, without};

const DEADLINE: i64 = 60 * MINUTE;

#[test]
fn the_same_request_gets_the_same_answer() {
    let mut rig = Rig::with_units(1);
    rig.command("a", Some(key(1)), hold(1, DEADLINE));
    rig.command("b", Some(key(2)), hold(2, DEADLINE));
    assert_eq!(without(rig.settle(), &["view"]), ["a: yes Held @3", "b: no OutOfStock @3"]);
    // A refusal stays one, whatever has come since.
    rig.command("more", None, receive(2, 5));
    rig.settle();
    assert_eq!(rig.command("b", Some(key(2)), hold(2, DEADLINE)), ["b: again no OutOfStock @4"]);
    assert_eq!(rig.command("a", Some(key(1)), hold(1, DEADLINE)), ["a: again yes Held @4"]);
    rig.restart();
    assert_eq!(rig.command("b", Some(key(2)), hold(2, DEADLINE)), ["b: again no OutOfStock @4"]);
    assert_eq!(rig.command("a", Some(key(1)), hold(1, DEADLINE)), ["a: again yes Held @4"]);
}

#[test]
fn a_repeat_waits_for_the_answer_it_repeats() {
    let mut rig = Rig::with_units(1);
    rig.command("a", Some(key(1)), hold(1, DEADLINE));
    assert_eq!(rig.command("a again", Some(key(1)), hold(1, DEADLINE)), [""; 0]);
    assert_eq!(without(rig.settle(), &["view"]), ["a: yes Held @3", "a again: again yes Held @3"]);
}

#[test]
fn a_name_on_another_body_is_refused() {
    let mut rig = Rig::with_units(2);
    let other = CommandKey { id: CommandId(1), fingerprint: 5 };
    rig.command("a", Some(key(1)), hold(1, DEADLINE));
    assert_eq!(rig.command("b", Some(other), hold(2, DEADLINE)), [""; 0], "not before the first is durable");
    assert_eq!(without(rig.settle(), &["view"]), ["a: yes Held @3", "b: key reused @3"]);
    rig.restart();
    assert_eq!(rig.command("b", Some(other), hold(2, DEADLINE)), ["b: key reused @3"]);
}

#[test]
fn what_was_not_durable_was_never_answered() {
    let mut rig = Rig::with_units(1);
    rig.command("a", Some(key(1)), hold(1, DEADLINE));
    rig.restart();
    rig.command("b", Some(key(2)), hold(2, DEADLINE));
    rig.command("a", Some(key(1)), hold(1, DEADLINE));
    assert_eq!(without(rig.settle(), &["view"]), ["b: yes Held @3", "a: no OutOfStock @3"]);
}

#[test]
fn the_host_remembers_ten_minutes() {
    let mut rig = Rig::with_units(5);
    rig.command("a", Some(key(1)), hold(1, DEADLINE));
    rig.settle();
    rig.clock(MINUTE).command("b", Some(key(2)), hold(2, DEADLINE));
    rig.settle();
    rig.clock(REPEATS_KEPT_MS);
    assert_eq!(rig.command("a", Some(key(1)), hold(1, DEADLINE)), ["a: again yes Held @4"]);
    rig.clock(REPEATS_KEPT_MS + 1);
    // Decided anew; the machine knows its own hold, and the journal, asked first, its reply.
    assert_eq!(rig.command("a", None, hold(1, DEADLINE)), ["a: yes Held @4"]);
    assert_eq!(
        rig.command("b", Some(key(2)), hold(2, DEADLINE)),
        ["b: again yes Held @4"],
        "each by its own age"
    );
    rig.clock(REPEATS_KEPT_MS + MINUTE + 1);
    let lines = rig.new_command("b", key(3), hold(2, DEADLINE));
    assert_eq!(lines, ["append 4+0 reply"]);
}

#[test]
fn what_the_host_cannot_know_is_not_decided_before_the_journal_was_asked() {
    let mut rig = Rig::with_units(5);
    rig.command("a", Some(key(1)), hold(1, DEADLINE));
    rig.settle();
    // Everything there is to know is known: nobody needs to look.
    assert_eq!(rig.command("b", Some(key(2)), hold(2, DEADLINE)), ["append 3+1 reply"]);
    rig.settle();
    rig.clock(REPEATS_KEPT_MS + MINUTE);
    assert_eq!(rig.command("a", Some(key(1)), hold(1, DEADLINE)), ["a: look it up"]);
    assert_eq!(rig.command("c", Some(key(3)), hold(3, DEADLINE)), ["c: look it up"], "it may be old as well");
    assert_eq!(rig.new_command("c", key(3), hold(3, DEADLINE)), ["append 4+1 reply"]);
    rig.settle();
    assert_eq!(rig.command("c", Some(key(3)), hold(3, DEADLINE)), ["c: again yes Held @5"]);
    rig.restart();
    assert_eq!(
        rig.command("a", Some(key(1)), hold(1, DEADLINE)),
        ["a: look it up"],
        "also when it comes back"
    );
    assert_eq!(rig.command("c", Some(key(3)), hold(3, DEADLINE)), ["c: again yes Held @5"]);
}

#[test]
fn what_the_journal_does_not_know_yet_is_not_forgotten_however_late_it_is() {
    let mut rig = Rig::with_units(5);
    rig.command("old", Some(key(1)), hold(1, DEADLINE));
    rig.settle();
    rig.command("a", Some(key(2)), hold(2, DEADLINE));
    // The machine slept while that was on its way.
    rig.clock(2 * REPEATS_KEPT_MS);
    assert_eq!(
        rig.command("a again", Some(key(2)), hold(2, DEADLINE)),
        [""; 0],
        "neither decided nor looked for"
    );
    assert_eq!(rig.command("old", Some(key(1)), hold(1, DEADLINE)), ["old: look it up"]);
    assert_eq!(without(rig.settle(), &["view"]), ["a: yes Held @4", "a again: again yes Held @4"]);
    assert_eq!(rig.command("a", Some(key(2)), hold(2, DEADLINE)), ["a: look it up"], "now it is there");
}

#[test]
fn a_look_is_not_believed_when_its_double_may_have_been_answered_and_forgotten_since() {
    let mut rig = Rig::with_units(5);
    rig.command("old", Some(key(1)), hold(1, DEADLINE));
    rig.settle();
    let late = REPEATS_KEPT_MS + MINUTE;
    rig.clock(late);
    // The same request came twice, and the journal is asked for both.
    assert_eq!(rig.command("a", Some(key(2)), hold(2, DEADLINE)), ["a: look it up"]);
    assert_eq!(rig.new_command("double", key(2), hold(2, DEADLINE)), ["append 3+1 reply"]);
    rig.settle();
    assert_eq!(rig.new_command("a", key(2), hold(2, DEADLINE)), ["a: again yes Held @4"], "it is known");
    rig.clock(late + REPEATS_KEPT_MS + 1);
    assert_eq!(rig.new_command("a", key(2), hold(2, DEADLINE)), ["a: look it up"], "it may be forgotten");
    rig.clock(late);
    rig.restart();
    assert_eq!(rig.command("b", Some(key(3)), hold(3, DEADLINE)), ["b: look it up"]);
    rig.restart();
    assert_eq!(rig.new_command("b", key(3), hold(3, DEADLINE)), ["b: look it up"], "another host was told");
}

#[test]
fn a_stream_that_there_is_not_is_asked_again_after_a_look() {
    let mut rig: Rig<Inventory> = Rig::new(shard());
    let refused = rig.command("a", Some(key(1)), hold(1, DEADLINE));
    assert_eq!(refused, ["append 0+0 reply"]);
    rig.settle();
    rig.clock(REPEATS_KEPT_MS + MINUTE);
    rig.restart();
    assert_eq!(
        rig.command("b", Some(key(2)), hold(2, DEADLINE)),
        ["b: look it up"],
        "and it stays until then"
    );
    assert_eq!(rig.new_command("b", key(2), hold(2, DEADLINE)), ["append 0+0 reply"]);
}
