//! Nothing leaves before everything it was computed from is durable.

use crate::ask::{Ask, AskId, AskRequest};
use crate::host::Input;
use crate::ids::{CheckoutId, StreamId};
use crate::inventory::{Command, Request};

use super::rig::{MINUTE, Rig, SKU, hold, hold_id, key, receive, shard, without};

const DEADLINE: i64 = 15 * MINUTE;

fn ask_to_undo(n: u32, seq: u64) -> Ask {
    let id = AskId { stream: StreamId::Checkout(CheckoutId(7)), seq, n: 0 };
    let request = Request::Undo { hold: hold_id(n), deadline: super::rig::at(DEADLINE) };
    Ask { id, to: shard(), request: AskRequest::Stock(request) }
}

#[test]
fn nothing_leaves_before_it_is_durable_and_then_in_order() {
    let mut rig = Rig::with_units(1);
    let first = rig.command("yes", Some(key(1)), hold(1, DEADLINE));
    assert_eq!(first, ["append 2+1 reply wake 900000", "timer 900000"]);
    // Each was computed from the hold, which may still be lost.
    assert_eq!(rig.command("no", None, hold(2, DEADLINE)), [""; 0], "a refusal");
    assert_eq!(rig.command("kept no", Some(key(2)), hold(3, DEADLINE)), ["append 3+0 reply"]);
    assert_eq!(rig.command("again", Some(key(1)), hold(1, DEADLINE)), [""; 0], "a repeated reply");
    assert_eq!(rig.step(Input::Read("read")), [""; 0], "a read");
    assert_eq!(rig.ask(ask_to_undo(1, 5)), ["append 3+1 wake off", "timer off"], "an answer to an ask");
    assert_eq!(rig.step(Input::Read("later read")), [""; 0]);

    let view = "view Published { stock: [(sku_00000000000000000000000001, ";
    assert_eq!(
        rig.write(1),
        [format!("{view}0, true)] }}"), "yes: yes Held @3".to_owned(), "no: no OutOfStock @3".to_owned()],
        "the refusal rests on the hold alone"
    );
    assert_eq!(
        rig.write(1),
        ["kept no: no OutOfStock @3", "again: again yes Held @3", "read: state at 3"],
        "in the order in which they were computed"
    );
    assert_eq!(
        rig.write(1),
        [
            format!("{view}1, true)] }}"),
            "answer 5: Stock(Done(Undone)) @4".to_owned(),
            "later read: state at 4".to_owned()
        ]
    );
}

#[test]
fn one_word_of_the_writer_may_settle_several_appends() {
    let mut rig = Rig::with_units(2);
    rig.command("a", Some(key(1)), hold(1, DEADLINE));
    rig.command("b", Some(key(2)), hold(2, DEADLINE));
    rig.command("c", Some(key(3)), hold(3, DEADLINE));
    let lines = without(rig.write(3), &["view"]);
    assert_eq!(lines, ["a: yes Held @4", "b: yes Held @4", "c: no OutOfStock @4"]);
    assert!(rig.host.is_settled());
    assert_eq!(rig.host.durable_seq(), rig.host.applied_seq());
}

#[test]
fn what_rests_on_durable_facts_alone_leaves_at_once() {
    let mut rig = Rig::with_units(0);
    assert_eq!(rig.command("no", None, hold(1, DEADLINE)), ["no: no OutOfStock @1"]);
    assert_eq!(rig.step(Input::Read("read")), ["read: state at 1"]);
    // An undo of a hold whose deadline lies before the last event changes nothing.
    rig.clock(DEADLINE + 1);
    rig.command("later", None, receive(9, 1));
    rig.settle();
    assert_eq!(rig.ask(ask_to_undo(1, 5)), ["answer 5: Stock(Done(Undone)) @2"]);
}

#[test]
fn a_refused_append_silences_the_host() {
    let mut rig = Rig::with_units(1);
    rig.command("yes", Some(key(1)), hold(1, DEADLINE));
    rig.command("no", Some(key(2)), hold(2, DEADLINE));
    rig.step(Input::Read("read"));
    assert_eq!(rig.refuse(), ["fail WrongSeq"]);
    assert!(rig.host.has_failed());
    for lines in [
        rig.step(Input::Durable { ordinal: 9, position: 9 }),
        rig.command("late", None, Command::open(SKU)),
        rig.step(Input::Read("late")),
        rig.tick(),
        rig.step(Input::Idle),
        rig.refuse(),
    ] {
        assert_eq!(lines, [""; 0], "silence");
    }
}

#[test]
fn what_is_due_comes_before_the_command() {
    let mut rig = Rig::with_units(1);
    rig.command("a", None, hold(1, 1_000));
    rig.settle();
    rig.clock(1_000);
    let lines = rig.command("b", None, hold(2, 9_000));
    assert_eq!(lines, ["append 3+2 wake 9000", "timer 9000"], "expired and held in one append");
    assert_eq!(without(rig.settle(), &["view"]), ["b: yes Held @5"]);
    // A read is no excuse for a state that is overdue.
    rig.clock(9_000);
    assert_eq!(rig.step(Input::Read("c")), ["append 5+1 wake off", "timer off"]);
    assert_eq!(without(rig.settle(), &["view"]), ["c: state at 6"]);
}

#[test]
fn time_never_goes_back() {
    let mut rig = Rig::with_units(1);
    rig.clock(5_000).command("a", None, hold(1, 6_000));
    rig.clock(4_000).command("b", None, receive(2, 1));
    rig.settle();
    let times: Vec<i64> = rig.durable.events.iter().map(|event| event.at.as_millis()).collect();
    assert_eq!(times, [0, 0, 5_000, 5_000]);
    rig.restart();
    rig.clock(3_000).command("c", None, receive(3, 1));
    rig.settle();
    assert_eq!(rig.durable.events[4].at.as_millis(), 5_000, "nor after a restart");
}
