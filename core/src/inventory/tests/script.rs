//! The text form of a shard's history.
//!
//! Steps are parted by `;` or a line's end and say what is wanted and, last, what comes of it:
//!
//! ```text
//! open S1; receive S1 5; hold A S1 3 ok; hold B S1 3 out_of_stock:2; tick 15m expires A; hold B S1 3 ok
//! ```
//!
//! - SKUs `S1 S2`, one of another shard `X1`; locations `L0` (where nothing is said) `L1`; holds `A`…`Z`;
//!   payment attempts `P1 P2`; movements `M1 M2`, a new one where none is named.
//! - Each order about a hold is asked with the next seq; `#3` before it says another one.
//! - A hold lasts 15 m from the start of the script's minute it is asked in; `until 20m` says another deadline,
//!   counted from the script's start. An undo names the deadline that its hold was first asked with.
//! - `ok` is a yes with events, `same` a yes that changes nothing, any other word a refusal.
//! - `level S1 10/3/2` demands on hand / held / allocated, `holds 0 ended 1` how many holds are known.

use std::collections::BTreeMap;

use crate::ids::{CheckoutId, HoldId, LocationId, MovementId, PaymentId, Principal, SkuId};
use crate::inventory::{Command, Event, Inventory, Movement, Rejection, Request, State};
use crate::journal::{AppendId, Epoch, Incarnation, Origin, Recorded};
use crate::machine::{Ctx, EventMeta, Machine, Reply};
use crate::time::Timestamp;
use crate::verify::Verifier;

const MINUTE: i64 = 60_000;

/// Runs a script; a step that ends otherwise than it says fails the test.
pub fn check(script: &str) {
    let mut run = Run::default();
    let steps = script.split([';', '\n']).map(str::trim).filter(|step| !step.is_empty());
    for (n, step) in steps.enumerate() {
        let at = format!("step {} `{step}`", n + 1);
        run.step(step, &at);
        assert_eq!(run.verifier.violations(), [], "{at}");
    }
}

#[derive(Default)]
struct Run {
    state: State,
    verifier: Verifier,
    now: i64,
    seq: u64,
    asked: u64,
    movements: u128,
    deadlines: BTreeMap<HoldId, Timestamp>,
}

impl Run {
    fn step(&mut self, step: &str, at: &str) {
        let mut words: Vec<&str> = step.split_whitespace().collect();
        let asked = match words[0].strip_prefix('#') {
            Some(number) => {
                words.remove(0);
                number.parse().unwrap()
            }
            None => self.asked + 1,
        };
        match words[0] {
            "tick" => return self.tick(&words[1..], at),
            "level" => return self.level(&words[1..], at),
            "holds" => {
                let known = format!("holds {} ended {}", self.state.holds.len(), self.state.ended.len());
                assert_eq!(known, words.join(" "), "{at}");
                return;
            }
            _ => {}
        }
        let expected = match words.last() {
            Some(last) if words.len() > 1 && !is_operand(last) => words.pop().unwrap(),
            _ => "ok",
        };
        let command = self.command(&words, asked, at);
        if matches!(command, Command::Hold { .. }) {
            self.asked = self.asked.max(asked);
        }
        assert_eq!(self.run(&command), expected, "{at}");
    }

    fn run(&mut self, command: &Command) -> String {
        self.due();
        match Inventory::decide(&self.state, command, &self.ctx()) {
            Ok(decision) => {
                assert!(matches!(decision.reply, Reply::Now(_)));
                let word = if decision.events.is_empty() { "same" } else { "ok" };
                self.apply(decision.events);
                word.to_owned()
            }
            Err(rejection) => word(rejection),
        }
    }

    fn due(&mut self) -> Vec<Event> {
        let due = Inventory::due(&self.state, &self.ctx()).events;
        self.apply(due.clone());
        due
    }

    fn apply(&mut self, events: Vec<Event>) {
        for event in events {
            self.seq += 1;
            let meta = EventMeta { seq: self.seq, at: self.now() };
            Inventory::apply(&mut self.state, meta, &event);
            self.verifier.event(&Recorded {
                partition: super::shard().partition(),
                position: self.seq,
                stream: super::shard(),
                seq: self.seq,
                epoch: Epoch(1),
                append_id: AppendId { incarnation: Incarnation(1), ordinal: self.seq },
                at: self.now(),
                origin: Origin::default(),
                event: event.into(),
            });
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn ctx(&self) -> Ctx {
        let principal = Principal::System;
        Ctx { stream: super::shard(), now: self.now(), next_seq: self.seq + 1, key: None, principal }
    }

    fn tick(&mut self, words: &[&str], at: &str) {
        self.now += millis(words[0]);
        let due = self.due();
        let expired: Vec<String> = due.iter().map(name_of_expired).collect();
        let expected: Vec<&str> = words[1..].iter().copied().filter(|word| *word != "expires").collect();
        assert_eq!(expired, expected, "{at}");
    }

    fn level(&self, words: &[&str], at: &str) {
        let (sku, location) = (sku(words[0]), place(words));
        let level = self.state.skus[&sku].levels.get(&location).copied().unwrap_or_default();
        assert_eq!(self.verifier.level(sku, location), level, "{at}: the verifier's books differ");
        let text = format!("{}/{}/{}", level.on_hand, level.held, level.allocated);
        assert_eq!(text, words[words.len() - 1], "{at}");
    }

    fn command(&mut self, words: &[&str], asked: u64, at: &str) -> Command {
        let request = match words[0] {
            "open" => return Command::open(sku(words[1])),
            "close" => return Command::close(sku(words[1])),
            "receive" => return Command::Receive(self.movement(words)),
            "restock" => return Command::Restock(self.movement(words)),
            "adjust" => {
                let Movement { movement, sku, location, .. } = self.movement(&words[..2]);
                let movement = named_movement(words).unwrap_or(movement);
                let location = if words.contains(&"L1") { LocationId(1) } else { location };
                return Command::Adjust { movement, sku, location, delta: words[2].parse().unwrap() };
            }
            "hold" => {
                let hold = hold(words[1]);
                let deadline = self.until(words).unwrap_or(self.now().plus_millis(15 * MINUTE));
                self.deadlines.entry(hold).or_insert(deadline);
                let quantity = words[3].parse().unwrap();
                Request::Hold { hold, sku: sku(words[2]), quantity, deadline, pin: payment(words) }
            }
            "pin" => Request::Pin { hold: hold(words[1]), payment: payment(words).unwrap() },
            "unpin" => {
                let deadline = self.until(words).unwrap_or(self.now().plus_millis(15 * MINUTE));
                Request::Unpin { hold: hold(words[1]), deadline }
            }
            "commit" => Request::Commit { hold: hold(words[1]) },
            "undo" => {
                let hold = hold(words[1]);
                let first = self.deadlines.get(&hold).copied();
                let deadline = self.until(words).or(first).unwrap_or(self.now().plus_millis(15 * MINUTE));
                Request::Undo { hold, deadline }
            }
            "ship" => Request::Ship { hold: hold(words[1]) },
            other => panic!("{at}: there is no `{other}`"),
        };
        Command::Hold { asked, request }
    }

    fn movement(&mut self, words: &[&str]) -> Movement {
        self.movements += 1;
        Movement {
            movement: named_movement(words).unwrap_or(MovementId(1000 + self.movements)),
            sku: sku(words[1]),
            location: place(words),
            quantity: words.get(2).map_or(0, |number| number.parse().unwrap()),
        }
    }

    fn until(&self, words: &[&str]) -> Option<Timestamp> {
        let at = words.iter().position(|word| *word == "until")?;
        Some(Timestamp::from_millis(millis(words[at + 1])))
    }
}

/// Whether the last word belongs to the order rather than saying what comes of it.
fn is_operand(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase() || first.is_ascii_digit() || first == '-')
}

fn millis(text: &str) -> i64 {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap());
    let scale = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => MINUTE,
        "h" => 60 * MINUTE,
        "d" => 24 * 60 * MINUTE,
        other => panic!("there is no unit `{other}`"),
    };
    number.parse::<i64>().unwrap() * scale
}

fn sku(word: &str) -> SkuId {
    match word.split_at(1) {
        ("S", n) => super::sku(n.parse().unwrap()),
        ("X", _) => super::foreign_sku(),
        _ => panic!("`{word}` is no SKU"),
    }
}

fn place(words: &[&str]) -> LocationId {
    if words.contains(&"L1") { LocationId(1) } else { LocationId::MAIN }
}

fn hold(word: &str) -> HoldId {
    HoldId { checkout: CheckoutId(u128::from(word.as_bytes()[0])), n: 1 }
}

fn name_of_expired(event: &Event) -> String {
    match event {
        Event::Expired { hold } => char::from(hold.checkout.0 as u8).to_string(),
        other => panic!("{other:?} is nothing that becomes due"),
    }
}

fn payment(words: &[&str]) -> Option<PaymentId> {
    let word = words.iter().find(|word| word.starts_with('P'))?;
    Some(PaymentId { checkout: CheckoutId(1), attempt: word[1..].parse().unwrap() })
}

fn named_movement(words: &[&str]) -> Option<MovementId> {
    let word = words.iter().find(|word| word.starts_with('M'))?;
    Some(MovementId(word[1..].parse().unwrap()))
}

/// `OutOfStock { available: 2 }` is `out_of_stock:2`, `HoldEnded { how: Expired }` is `ended:expired`.
fn word(rejection: Rejection) -> String {
    match rejection {
        Rejection::OutOfStock { available } => format!("out_of_stock:{available}"),
        Rejection::HoldEnded { how } => format!("ended:{}", format!("{how:?}").to_lowercase()),
        Rejection::NotForSale => "not_for_sale".to_owned(),
        Rejection::UnknownSku => "unknown_sku".to_owned(),
        Rejection::InvalidQuantity => "invalid_quantity".to_owned(),
        Rejection::MovementReused => "movement_reused".to_owned(),
        Rejection::OutOfRange => "out_of_range".to_owned(),
        Rejection::InvalidDeadline => "invalid_deadline".to_owned(),
        Rejection::UnknownHold => "unknown_hold".to_owned(),
        Rejection::Mismatch => "mismatch".to_owned(),
        Rejection::WrongState => "wrong_state".to_owned(),
        Rejection::Stale => "stale".to_owned(),
    }
}
