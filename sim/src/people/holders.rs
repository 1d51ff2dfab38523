//! People who deal with shards directly: an operator who puts things on sale, and holders who fight over the last
//! unit the way a checkout does.

use std::collections::VecDeque;

use souk_core::ids::{CheckoutId, HoldId, LocationId, MovementId, PaymentId, SkuId, StreamId};
use souk_core::inventory::{Command, Movement, Rejection, Reply, Request, SkuRequest};
use souk_core::time::Timestamp;

use crate::plan::Plan;
use crate::rng::Rng;
use crate::schedule::{MS, Micros};

use super::{Errand, Next, Outcome, Person, Scene};

/// A step of somebody's plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Act {
    Hold {
        pinned: bool,
    },
    Pin,
    Unpin,
    Commit,
    Ship,
    Undo,
    Read,
    Wait(Micros),
    Open(SkuId),
    Close(SkuId),
    Receive(SkuId, u32),
    Restock(SkuId),
    Adjust(SkuId, i64),
    /// Everything is on sale now.
    Ready,
    Misuse(usize),
}

#[derive(Debug)]
struct Round {
    hold: HoldId,
    sku: SkuId,
    quantity: u32,
    deadline: Timestamp,
    attempt: u32,
    /// How the next order is given.
    manner: Manner,
    /// A yes to a pin, and nothing since that could undo it: a commit cannot be refused.
    surely_pinned: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    Named,
    Unnamed,
    Ask,
}

/// Somebody with a plan.
#[derive(Debug)]
pub(crate) struct Holder {
    n: usize,
    acts: VecDeque<Act>,
    rounds: u64,
    /// Counts the orders about holds, as a checkout counts its events.
    asked: u64,
    holds: u32,
    movements: u64,
    round: Option<Round>,
}

impl Holder {
    pub fn operator(plan: &Plan, rng: &mut Rng) -> Self {
        let mut acts = VecDeque::new();
        for sku in &plan.skus {
            acts.push_back(Act::Open(*sku));
            acts.push_back(Act::Receive(*sku, plan.units as u32));
        }
        acts.push_back(Act::Ready);
        for _ in 0..plan.movements {
            let sku = rng.pick(&plan.skus);
            acts.push_back(Act::Wait(rng.range(1, 500) * MS));
            let act = match rng.below(8) {
                0 => Act::Receive(sku, 1),
                1 => Act::Restock(sku),
                2 => Act::Adjust(sku, 1),
                3 | 4 => Act::Adjust(sku, -1),
                5 => Act::Read,
                6 => Act::Misuse(rng.below(plan.shoppers as u64 + 1) as usize),
                _ => {
                    acts.extend([Act::Close(sku), Act::Wait(rng.range(1, 50) * MS)]);
                    Act::Open(sku)
                }
            };
            acts.push_back(act);
        }
        Holder { n: 0, acts, rounds: 0, asked: 0, holds: 0, movements: 0, round: None }
    }

    pub fn shopper(n: usize, plan: &Plan, _: &mut Rng) -> Self {
        let acts = VecDeque::new();
        Holder { n: n + 1, acts, rounds: plan.rounds, asked: 0, holds: 0, movements: 0, round: None }
    }

    fn checkout(&self) -> CheckoutId {
        CheckoutId(1_000 + self.n as u128)
    }

    fn start_round(&mut self, now: Timestamp, plan: &Plan, rng: &mut Rng) {
        // Everybody wants the same thing, and mostly one of it.
        let sku = if rng.chance(600) { plan.skus[0] } else { rng.pick(&plan.skus) };
        let quantity = if rng.chance(850) { 1 } else { 2 };
        self.holds += 1;
        let ttl = rng.range(plan.ttl_max_ms / 4, plan.ttl_max_ms) as i64;
        self.round = Some(Round {
            hold: HoldId { checkout: self.checkout(), n: self.holds },
            sku,
            quantity,
            deadline: now.plus_millis(ttl),
            attempt: 1,
            manner: rng.pick(&[Manner::Named, Manner::Named, Manner::Unnamed, Manner::Ask]),
            surely_pinned: false,
        });
        let hold = Act::Hold { pinned: false };
        let wait = Act::Wait(rng.range(1, 300) * MS);
        let path: &[Act] = match rng.below(10) {
            0 => &[hold, Act::Pin, wait, Act::Commit, Act::Ship],
            1 => &[Act::Hold { pinned: true }, Act::Commit, Act::Ship, Act::Undo],
            2 => &[hold, Act::Pin, Act::Commit, wait, Act::Undo, Act::Undo],
            3 => &[hold, Act::Undo, Act::Read],
            // Walks away: the deadline must end it.
            4..=6 => &[hold, Act::Read],
            7 => &[hold, Act::Pin, Act::Unpin],
            8 => &[hold, Act::Pin, wait, Act::Undo, Act::Undo],
            _ => &[Act::Read, hold, Act::Pin, Act::Unpin, Act::Pin, Act::Commit, Act::Undo],
        };
        self.acts.extend(path);
    }

    fn errand(&mut self, act: Act, now: Timestamp, plan: &Plan, rng: &mut Rng) -> Errand {
        let named = rng.chance(800);
        let order = |command, sku| Errand::Order { command, named, sku };
        match act {
            Act::Open(sku) => order(Command::open(sku), sku),
            Act::Close(sku) => order(Command::close(sku), sku),
            Act::Receive(sku, quantity) => {
                let movement = self.movement(sku, quantity, plan, rng);
                order(Command::Receive(movement), sku)
            }
            Act::Restock(sku) => {
                let movement = self.movement(sku, 1, plan, rng);
                order(Command::Restock(movement), sku)
            }
            Act::Adjust(sku, delta) => {
                let Movement { movement, location, .. } = self.movement(sku, 1, plan, rng);
                order(Command::Adjust { movement, sku, location, delta }, sku)
            }
            Act::Misuse(of) => Errand::Misuse { of },
            Act::Read | Act::Ready | Act::Wait(_) => {
                Errand::Read(self.round.as_ref().map_or(plan.skus[0], |round| round.sku))
            }
            Act::Hold { .. } | Act::Pin | Act::Unpin | Act::Commit | Act::Ship | Act::Undo => {
                self.about_hold(act, now, plan, rng)
            }
        }
    }

    fn about_hold(&mut self, act: Act, now: Timestamp, plan: &Plan, rng: &mut Rng) -> Errand {
        self.asked += rng.range(1, 3);
        let asked = self.asked;
        let Some(round) = &mut self.round else { return Errand::Read(plan.skus[0]) };
        let Round { hold, sku, quantity, deadline, .. } = *round;
        let payment = PaymentId { checkout: hold.checkout, attempt: round.attempt };
        let request = match act {
            Act::Hold { pinned } => {
                Request::Hold { hold, sku, quantity, deadline, pin: pinned.then_some(payment) }
            }
            Act::Pin => Request::Pin { hold, payment },
            Act::Unpin => {
                round.surely_pinned = false;
                round.attempt += 1;
                let deadline = now.plus_millis(rng.range(50, plan.ttl_max_ms) as i64);
                Request::Unpin { hold, deadline }
            }
            Act::Commit => Request::Commit { hold },
            Act::Ship => Request::Ship { hold },
            _ => {
                round.surely_pinned = false;
                Request::Undo { hold, deadline }
            }
        };
        match round.manner {
            Manner::Ask => Errand::Ask { asked, checkout: hold.checkout, request, sku },
            manner => {
                let command = Command::Hold { asked, request };
                Errand::Order { command, named: manner == Manner::Named, sku }
            }
        }
    }

    fn movement(&mut self, sku: SkuId, quantity: u32, plan: &Plan, rng: &mut Rng) -> Movement {
        self.movements += 1;
        let movement = MovementId((self.n as u128) << 64 | u128::from(self.movements));
        let location = if rng.chance(750) { LocationId::MAIN } else { rng.pick(&plan.locations()) };
        Movement { movement, sku, location, quantity }
    }

    fn hears_about_hold(
        &mut self,
        request: &Request,
        outcome: &Result<Reply, Rejection>,
        rng: &mut Rng,
    ) -> Result<(), String> {
        let Some(round) = &mut self.round else { return Ok(()) };
        match (request, outcome) {
            (Request::Hold { pin: Some(_), .. } | Request::Pin { .. }, Ok(_)) => round.surely_pinned = true,
            (Request::Commit { hold }, Err(rejection)) if round.surely_pinned => {
                return Err(format!("was refused to commit {hold}, which is pinned: {rejection:?}"));
            }
            (Request::Undo { .. } | Request::Ship { .. }, _) | (_, Ok(_)) => {}
            // Too late, or nothing left: it makes sure that nothing of it stays behind.
            (_, Err(_)) => {
                self.acts.clear();
                // Without a name each try is decided anew: one that is still on its way may yet take the hold.
                let must = !matches!(request, Request::Hold { .. }) || round.manner != Manner::Named;
                if must || rng.chance(300) {
                    self.acts.push_back(Act::Undo);
                }
            }
        }
        Ok(())
    }
}

impl Person for Holder {
    fn next(&mut self, scene: &Scene, rng: &mut Rng) -> Next {
        let (now, plan) = (scene.now, scene.plan);
        let is_shopper = self.n > 0;
        if is_shopper && !scene.open {
            return Next::Rest(20 * MS);
        }
        match self.acts.pop_front() {
            Some(Act::Wait(pause)) => Next::Rest(pause),
            Some(act) => Next::want(self.errand(act, now, plan, rng)),
            None if self.rounds == 0 => Next::Content,
            None => {
                self.rounds -= 1;
                self.start_round(now, plan, rng);
                Next::Rest(rng.range(1, 30) * MS)
            }
        }
    }

    fn gives_up(&mut self, errand: &Errand, rng: &mut Rng) -> bool {
        let then = match request_of(errand) {
            // A round given up releases whatever it asked for, seen or not.
            Some(Request::Hold { .. }) => Act::Undo,
            // Walks away; should the pin still come, it must not keep the units for ever.
            Some(Request::Pin { .. }) => Act::Unpin,
            _ => return false,
        };
        if !rng.chance(150) {
            return false;
        }
        self.acts.clear();
        self.acts.push_back(then);
        true
    }

    fn hears(&mut self, errand: &Errand, outcome: Outcome, rng: &mut Rng) -> Result<bool, String> {
        if matches!(outcome, Outcome::NameTaken) {
            // Its own mistake, or somebody's malice: it wants the same again, under a new name.
            if let Some(act) = act_of(errand) {
                self.acts.push_front(act);
            }
            return Ok(false);
        }
        if let (Some(request), Outcome::Told(outcome)) = (request_of(errand), &outcome) {
            self.hears_about_hold(request, outcome, rng)?;
        }
        let ready = self.acts.front() == Some(&Act::Ready);
        if ready {
            self.acts.pop_front();
        }
        Ok(ready)
    }

    fn speaks_for(&self) -> Option<StreamId> {
        Some(StreamId::Checkout(self.checkout()))
    }
}

fn request_of(errand: &Errand) -> Option<&Request> {
    match errand {
        Errand::Order { command: Command::Hold { request, .. }, .. } | Errand::Ask { request, .. } => {
            Some(request)
        }
        _ => None,
    }
}

/// What somebody does who wants the same again.
fn act_of(errand: &Errand) -> Option<Act> {
    if let Some(request) = request_of(errand) {
        return Some(match request {
            Request::Hold { pin, .. } => Act::Hold { pinned: pin.is_some() },
            Request::Pin { .. } => Act::Pin,
            Request::Unpin { .. } => Act::Unpin,
            Request::Commit { .. } => Act::Commit,
            Request::Ship { .. } => Act::Ship,
            Request::Undo { .. } => Act::Undo,
        });
    }
    match errand {
        Errand::Order { command, .. } => Some(match command {
            Command::Sku { request: SkuRequest::Open { sku }, .. } => Act::Open(*sku),
            Command::Sku { request: SkuRequest::Close { sku }, .. } => Act::Close(*sku),
            Command::Receive(movement) => Act::Receive(movement.sku, movement.quantity),
            Command::Restock(movement) => Act::Restock(movement.sku),
            Command::Adjust { sku, delta, .. } => Act::Adjust(*sku, *delta),
            Command::Hold { .. } => return None,
        }),
        _ => None,
    }
}
