//! Whatever must happen later has a row that is early perhaps, never late.

use crate::inventory::{Command, Request};

use super::rig::{MINUTE, Rig, at, hold, hold_id, receive, without};

fn undo(n: u32, deadline: i64) -> Command {
    Command::Hold { asked: 2, request: Request::Undo { hold: hold_id(n), deadline: at(deadline) } }
}

#[test]
fn a_nearer_deadline_rewrites_the_row_and_a_later_one_leaves_it() {
    let mut rig = Rig::with_units(9);
    assert_eq!(rig.command("a", None, hold(1, 10 * MINUTE)), ["append 2+1 wake 600000", "timer 600000"]);
    assert_eq!(rig.command("b", None, hold(2, 20 * MINUTE)), ["append 3+1"], "later");
    assert_eq!(
        rig.command("c", None, hold(3, 5 * MINUTE)),
        ["append 4+1 wake 300000", "timer 300000"],
        "nearer"
    );
    // The row may now be early: only the timer moves.
    assert_eq!(rig.command("d", None, undo(3, 5 * MINUTE)), ["append 5+1", "timer 600000"]);
    assert_eq!(rig.command("e", None, undo(1, 10 * MINUTE)), ["append 6+1", "timer 1200000"]);
    assert_eq!(rig.command("f", None, undo(2, 20 * MINUTE)), ["append 7+1 wake off", "timer off"]);
}

#[test]
fn a_row_that_fired_is_rewritten() {
    let mut rig = Rig::with_units(9);
    rig.command("a", None, hold(1, 10 * MINUTE));
    rig.command("b", None, hold(2, 20 * MINUTE));
    rig.settle();
    rig.clock(10 * MINUTE);
    assert_eq!(rig.tick(), ["append 4+1 wake 1200000", "timer 1200000"]);
    rig.settle();
    rig.clock(20 * MINUTE);
    assert_eq!(rig.tick(), ["append 5+1 wake off", "timer off"]);
    rig.settle();
    assert_eq!(rig.durable.wake, None);
    assert_eq!(rig.tick(), [""; 0], "nothing is due any more");
}

#[test]
fn an_early_row_that_fired_is_moved_without_an_event() {
    let mut rig = Rig::with_units(9);
    rig.command("a", None, hold(1, 10 * MINUTE));
    rig.command("b", None, hold(2, 20 * MINUTE));
    rig.command("c", None, undo(1, 10 * MINUTE));
    rig.settle();
    assert_eq!(rig.durable.wake, Some(at(10 * MINUTE)));
    rig.clock(10 * MINUTE);
    assert_eq!(rig.tick(), ["append 5+0 wake 1200000", "timer 1200000"]);
    rig.settle();
    assert_eq!(rig.durable.wake, Some(at(20 * MINUTE)));
    assert_eq!(rig.tick(), ["timer 1200000"], "once");
}

#[test]
fn a_row_that_nobody_needs_is_cleared_when_it_fires() {
    let mut rig = Rig::with_units(9);
    rig.command("a", None, hold(1, 10 * MINUTE));
    rig.command("b", None, undo(1, 10 * MINUTE));
    rig.settle();
    assert_eq!(rig.durable.wake, None, "or with the append that ended the need");
}

#[test]
fn a_timer_that_fires_early_is_set_again() {
    let mut rig = Rig::with_units(9);
    rig.command("a", None, hold(1, 10 * MINUTE));
    rig.settle();
    rig.clock(10 * MINUTE - 1);
    assert_eq!(rig.tick(), ["timer 600000"]);
}

#[test]
fn a_restart_handles_what_came_due_meanwhile() {
    let mut rig = Rig::with_units(9);
    rig.command("a", None, hold(1, 10 * MINUTE));
    rig.command("b", None, hold(2, 20 * MINUTE));
    rig.settle();
    rig.clock(12 * MINUTE);
    assert_eq!(without(rig.restart(), &["view"]), ["append 4+1 wake 1200000", "timer 1200000"]);
    // Again, when that was lost.
    assert_eq!(without(rig.restart(), &["view"]), ["append 4+1 wake 1200000", "timer 1200000"]);
    rig.settle();
    assert_eq!(without(rig.restart(), &["view"]), ["timer 1200000"]);
}

#[test]
fn the_durable_row_is_never_late() {
    let mut rig = Rig::with_units(9);
    for (n, (now, deadline)) in
        [(0, 50), (10, 30), (20, 90), (35, 40), (60, 100), (95, 96), (120, 500)].into_iter().enumerate()
    {
        rig.clock(now * 1_000).command("h", None, hold(n as u32, deadline * 1_000));
        if n % 3 == 2 {
            rig.command("u", None, undo(n as u32, deadline * 1_000));
        }
        rig.command("r", None, receive(100 + n as u128, 1));
        rig.settle();
        let nearest = rig.host.state().expiries.first().map(|(deadline, _)| *deadline);
        match (nearest, rig.durable.wake) {
            (Some(nearest), Some(row)) => assert!(row <= nearest, "{row:?} after {nearest:?}"),
            (Some(nearest), None) => panic!("{nearest:?} has no row"),
            (None, _) => {}
        }
    }
}
