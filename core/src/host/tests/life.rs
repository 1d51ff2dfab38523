//! Loading, snapshots, sleep.

use std::cell::Cell;
use std::rc::Rc;

use crate::host::{ForeignEvent, Host, Input, Request, Seen, WayBack};
use crate::inventory::{Command, Inventory};
use crate::journal::{Epoch, Incarnation, Origin};
use crate::machine::Machine;

use super::errand::{self, Errand};
use super::rig::{MINUTE, Rig, SKU, at, hold, key, receive, shard, without};

const DEADLINE: i64 = 15 * MINUTE;

#[test]
fn a_snapshot_goes_behind_the_append_it_contains() {
    let mut rig = Rig::with_units(9);
    rig.snapshots_every(2);
    let lines = without(rig.command("a", None, hold(1, DEADLINE)), &["timer"]);
    assert_eq!(
        lines,
        ["append 2+1 wake 900000", "snapshot 3"],
        "three events since the last one, of which there is none"
    );
    assert_eq!(without(rig.command("b", None, hold(2, DEADLINE)), &["timer"]), ["append 3+1"]);
    assert_eq!(without(rig.command("c", None, hold(3, DEADLINE)), &["timer"]), ["append 4+1", "snapshot 5"]);
    assert_eq!(without(rig.command("d", None, hold(4, DEADLINE)), &["timer"]), ["append 5+1"]);
    rig.settle();
    assert_eq!(rig.durable.snapshot.as_ref().map(|(seq, _)| *seq), Some(5));
}

#[test]
fn an_append_without_events_takes_no_snapshot_twice() {
    let mut rig = Rig::with_units(0);
    rig.snapshots_every(1);
    rig.command("a", None, receive(2, 1));
    assert_eq!(rig.command("b", Some(key(1)), receive(2, 1)), ["append 2+0 reply"]);
}

#[test]
fn snapshot_and_tail_are_the_full_fold() {
    let mut rig = Rig::with_units(9);
    rig.snapshots_every(3);
    for n in 0..10 {
        rig.clock(i64::from(n) * MINUTE).command("h", None, hold(n, DEADLINE + 1));
        rig.settle();
        let live = rig.host.state().clone();
        rig.restart();
        assert_eq!(*rig.host.state(), live);

        let mut full = rig.loaded();
        full.snapshot = None;
        full.events.clone_from(&rig.durable.events);
        let full: Host<_, ()> = Host::load(shard(), Epoch(1), Incarnation(99), full).unwrap();
        assert_eq!(*full.state(), live);
        assert_eq!(full.applied_seq(), rig.host.applied_seq());
    }
    assert!(rig.durable.snapshot.is_some());
}

#[test]
fn a_snapshot_without_tail_still_knows_the_time_and_the_position() {
    let mut rig = Rig::with_units(9);
    rig.snapshots_every(1);
    rig.clock(5_000).command("a", Some(key(1)), hold(1, DEADLINE));
    rig.settle();
    assert!(rig.loaded().events.is_empty());
    rig.clock(4_000).restart();
    assert_eq!(rig.command("a", Some(key(1)), hold(1, DEADLINE)), ["a: again yes Held @3"]);
    rig.command("b", None, receive(5, 1));
    rig.settle();
    assert_eq!(rig.durable.events[3].at.as_millis(), 5_000, "the new owner's clock is behind");
}

#[test]
fn readers_see_everything_again_after_a_restart() {
    let mut rig = Rig::with_units(4);
    rig.command("a", None, hold(1, DEADLINE));
    rig.settle();
    let view = "view Published { stock: [(sku_00000000000000000000000001, 3, true)] }";
    assert_eq!(rig.restart(), [view, "timer 900000"]);
    assert_eq!(rig.tick(), ["timer 900000"], "once");
    // Behind what came due meanwhile.
    rig.clock(DEADLINE);
    assert_eq!(rig.restart(), ["append 3+1 wake off"]);
    let view = "view Published { stock: [(sku_00000000000000000000000001, 4, true)] }";
    assert_eq!(rig.settle(), [view, view]);
}

#[test]
fn a_host_sleeps_when_everything_is_durable() {
    let mut rig = Rig::with_units(1);
    assert_eq!(rig.step(Input::Idle), ["passivate"]);
    rig.command("a", None, hold(1, DEADLINE));
    assert_eq!(rig.step(Input::Idle), [""; 0], "an append is on its way");
    rig.settle();
    assert_eq!(rig.step(Input::Idle), ["passivate"], "its deadline has a row in the journal");
}

#[test]
fn a_stream_that_does_not_exist_keeps_no_host() {
    let mut rig: Rig<Inventory> = Rig::new(shard());
    assert_eq!(rig.step(Input::Read("r")), ["r: state at 0", "passivate"]);
    assert_eq!(rig.command("a", None, hold(1, DEADLINE)), ["a: no UnknownSku @0", "passivate"]);
    // What is refused under a name is written down first.
    assert_eq!(rig.command("b", Some(key(1)), hold(1, DEADLINE)), ["append 0+0 reply"]);
    assert_eq!(rig.settle(), ["b: no UnknownSku @0", "passivate"]);
    assert_eq!(rig.command("c", None, Command::open(SKU)), ["append 0+1"]);
    assert_eq!(without(rig.settle(), &["view"]), ["c: yes Stock @1"], "now it exists");
}

/// Somebody who holds a permit.
#[derive(Debug)]
struct Holding(Rc<Cell<bool>>);

impl WayBack for Holding {
    fn waits(&mut self) {
        self.0.set(false);
    }
}

#[test]
fn who_must_wait_gives_back_what_it_holds_when_its_waiting_is_durable() {
    let loaded = errand::loaded_without_events();
    let mut host: Host<Errand, _> = Host::load(errand::STREAM, Epoch(1), Incarnation(1), loaded).unwrap();
    let holds = Rc::new(Cell::new(true));
    let (command, port) = (errand::Command::AskAndWait, Holding(Rc::clone(&holds)));
    let request = Request { command, key: Some(key(1)), seen: Seen::Never, origin: Origin::default(), port };
    host.step(at(0), Input::Command(request), &mut Vec::new());
    assert!(holds.get(), "it may still be refused");
    host.step(at(0), Input::Durable { ordinal: 1, position: 1 }, &mut Vec::new());
    assert!(!holds.get());
}

#[test]
fn another_machines_event_is_not_folded() {
    let mut rig = Rig::with_units(1);
    rig.command("a", None, hold(1, DEADLINE));
    rig.settle();
    let mut loaded = errand::loaded_without_events();
    loaded.events = rig.durable.events.clone();
    let host: Result<Host<Errand, ()>, _> = Host::load(shard(), Epoch(1), Incarnation(2), loaded);
    assert_eq!(host.err(), Some(ForeignEvent { seq: 3 }));
    assert!(Errand::event(&rig.durable.events[0].event).is_some());
}
