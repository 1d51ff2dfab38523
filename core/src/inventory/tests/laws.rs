//! What holds over every history.

use proptest::prelude::*;

use crate::ids::{CheckoutId, HoldId, LocationId, MovementId, PaymentId, Principal, SkuId};
use crate::inventory::{Command, Event, HoldState, Inventory, Movement, Request, State};
use crate::journal::{AppendId, Epoch, Incarnation, Origin, Recorded};
use crate::machine::{Ctx, EventMeta, Machine};
use crate::time::Timestamp;
use crate::verify::Verifier;

use super::{foreign_sku, shard, sku};

#[derive(Clone, Debug)]
enum Step {
    Pass(i64),
    Order(Command),
}

fn place() -> impl Strategy<Value = LocationId> {
    prop_oneof![4 => Just(LocationId::MAIN), 1 => Just(LocationId(1))]
}

/// Often one unit: the last one is what everybody fights over.
fn quantity() -> impl Strategy<Value = u32> {
    prop_oneof![8 => Just(1u32), 3 => 2..4u32, 1 => Just(0), 1 => Just(u32::MAX)]
}

fn movement() -> impl Strategy<Value = Movement> {
    (0..12u128, some_sku(), place(), quantity()).prop_map(|(id, sku, location, quantity)| Movement {
        movement: MovementId(id),
        sku,
        location,
        quantity,
    })
}

fn some_sku() -> impl Strategy<Value = SkuId> {
    prop_oneof![20 => Just(sku(0)), 4 => Just(sku(1)), 1 => Just(foreign_sku())]
}

/// A hold's own deadline, the same in every order that names it, as checkouts have it.
fn own_deadline(n: u32) -> Timestamp {
    Timestamp::from_millis(i64::from(n) * 7_000 + 3_000)
}

fn request() -> impl Strategy<Value = Request> {
    let hold = (0..10u32).prop_map(|n| HoldId { checkout: CheckoutId(1), n });
    let payment = (1..3u32).prop_map(|attempt| PaymentId { checkout: CheckoutId(1), attempt });
    let deadline = (0..90_000i64).prop_map(Timestamp::from_millis);
    prop_oneof![
        6 => (hold.clone(), some_sku(), quantity(), prop::option::weighted(0.2, payment.clone())).prop_map(
            |(hold, sku, quantity, pin)| Request::Hold { hold, sku, quantity, deadline: own_deadline(hold.n), pin }
        ),
        4 => (hold.clone(), payment).prop_map(|(hold, payment)| Request::Pin { hold, payment }),
        2 => (hold.clone(), deadline).prop_map(|(hold, deadline)| Request::Unpin { hold, deadline }),
        3 => hold.clone().prop_map(|hold| Request::Commit { hold }),
        3 => hold.clone().prop_map(|hold| Request::Undo { hold, deadline: own_deadline(hold.n) }),
        2 => hold.prop_map(|hold| Request::Ship { hold }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => some_sku().prop_map(Command::open),
        1 => some_sku().prop_map(Command::close),
        3 => movement().prop_map(Command::Receive),
        1 => movement().prop_map(Command::Restock),
        2 => (movement(), -3..4i64).prop_map(|(m, delta)| Command::Adjust {
            movement: m.movement,
            sku: m.sku,
            location: m.location,
            delta
        }),
        16 => (0..40u64, request()).prop_map(|(asked, request)| Command::Hold { asked, request }),
    ]
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => command().prop_map(Step::Order),
        1 => (0..6_000i64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..120)
}

/// A shard that is open and has a little stock, so that most orders find something to do.
struct Run {
    state: State,
    verifier: Verifier,
    events: Vec<(EventMeta, Event)>,
    now: i64,
}

impl Run {
    fn new() -> Self {
        let mut run = Run { state: State::default(), verifier: Verifier::new(), events: Vec::new(), now: 0 };
        run.order(&Command::open(sku(0)));
        let movement =
            Movement { movement: MovementId(100), sku: sku(0), location: LocationId::MAIN, quantity: 2 };
        run.order(&Command::Receive(movement));
        run
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Pass(millis) => self.now += millis,
            Step::Order(command) => self.order(command),
        }
    }

    fn order(&mut self, command: &Command) {
        let due = Inventory::due(&self.state, &self.ctx());
        assert!(due.effects.is_empty() && due.resolves.is_empty());
        self.apply(due.events);
        assert!(
            Inventory::next_deadline(&self.state).is_none_or(|at| at > self.timestamp()),
            "what is due is done"
        );
        let again = Inventory::due(&self.state, &self.ctx());
        assert!(again.events.is_empty(), "what is due is done once");

        let decided = Inventory::decide(&self.state, command, &self.ctx());
        let twice = Inventory::decide(&self.state, command, &self.ctx());
        assert_eq!(format!("{decided:?}"), format!("{twice:?}"), "the same state decides the same");
        if let Ok(decision) = decided {
            self.apply(decision.events);
        }
    }

    fn apply(&mut self, events: Vec<Event>) {
        for event in events {
            let meta = EventMeta { seq: self.events.len() as u64 + 1, at: self.timestamp() };
            Inventory::apply(&mut self.state, meta, &event);
            self.verifier.event(&Recorded {
                partition: shard().partition(),
                position: meta.seq,
                stream: shard(),
                seq: meta.seq,
                epoch: Epoch(1),
                append_id: AppendId { incarnation: Incarnation(1), ordinal: meta.seq },
                at: meta.at,
                origin: Origin::default(),
                event: event.clone().into(),
            });
            self.events.push((meta, event));
        }
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn ctx(&self) -> Ctx {
        let (stream, now) = (shard(), self.timestamp());
        Ctx { stream, now, next_seq: self.events.len() as u64 + 1, key: None, principal: Principal::System }
    }

    /// The sums that the state keeps, computed again from its holds.
    fn check_sums(&self) {
        for (id, sku) in &self.state.skus {
            for (location, level) in &sku.levels {
                assert_eq!(self.verifier.level(*id, *location), *level, "{id} at {location}");
                let sum = |allocated: bool| -> i64 {
                    let here = self.state.holds.values().filter(|h| h.sku == *id && h.location == *location);
                    here.filter(|hold| (hold.state == HoldState::Allocated) == allocated)
                        .map(|hold| i64::from(hold.quantity))
                        .sum()
                };
                assert_eq!((sum(false), sum(true)), (level.held, level.allocated), "{id} at {location}");
            }
        }
        let with_deadline: Vec<_> =
            self.state.holds.iter().filter(|(_, h)| h.state == HoldState::Held).collect();
        assert_eq!(with_deadline.len(), self.state.expiries.len());
        for (id, hold) in with_deadline {
            assert!(self.state.expiries.contains(&(hold.deadline, *id)), "{id} would never expire");
        }
        for id in self.state.ended.keys() {
            assert!(!self.state.holds.contains_key(id), "{id} is both held and ended");
            assert!(self.state.forget.contains(&(self.state.ended[id].until, *id)), "{id} is kept for ever");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn decisions_keep_every_invariant(history in history()) {
        let mut run = Run::new();
        for step in &history {
            run.step(step);
            prop_assert_eq!(run.verifier.violations(), &[]);
            run.check_sums();
        }
    }

    #[test]
    fn the_state_is_a_fold_of_its_events_through_any_snapshot(history in history(), cut in 0..100usize) {
        let mut run = Run::new();
        for step in &history {
            run.step(step);
        }
        let cut = cut * run.events.len() / 100;
        let mut state = Inventory::initial(shard());
        for (n, (meta, event)) in run.events.iter().enumerate() {
            if n == cut {
                let text = serde_json::to_string(&state).unwrap();
                let back: State = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(&back, &state);
                state = back;
            }
            Inventory::apply(&mut state, *meta, event);
        }
        prop_assert_eq!(state, run.state);
    }

    #[test]
    fn views_of_a_decision_show_every_sku_that_it_changed(history in history()) {
        let mut run = Run::new();
        let mut shown = std::collections::BTreeMap::new();
        let mut seen = 0;
        let mut publish = |run: &Run| {
            let new: Vec<Event> = run.events[seen..].iter().map(|(_, event)| event.clone()).collect();
            seen = run.events.len();
            for (sku, available, open) in Inventory::publish(&run.state, &new).into_iter().flat_map(|p| p.stock) {
                shown.insert(sku, (available, open));
            }
            let stock = run.state.skus.iter().map(|(id, sku)| (*id, (sku.available(), sku.open)));
            assert_eq!(shown, stock.collect());
        };
        publish(&run);
        for step in &history {
            run.step(step);
            publish(&run);
        }
    }
}
