//! A vendor's clerk: accepts what was sold, sends it, says that it arrived, or cancels it.

use std::collections::VecDeque;

use souk_core::any::AnyOutcome;
use souk_core::ids::{OrderId, ParcelId, StreamId, VendorId};
use souk_core::order::{Actor, CancelReason, Command, Rejection, Scope};

use crate::kind::AnyCommand;
use crate::rng::Rng;
use crate::schedule::{MS, Micros};
use crate::shop::Shop;

use super::{Errand, Next, Outcome, Person, Scene};

#[derive(Debug)]
enum Act {
    Give(OrderId, Command),
    Wait(Micros),
}

#[derive(Debug)]
pub(super) struct Clerk {
    vendor: VendorId,
    /// What is cancelled, per mille.
    cancels: u64,
    /// How many of the orders it has seen.
    seen: usize,
    acts: VecDeque<Act>,
}

impl Clerk {
    pub fn new(vendor: VendorId, shop: &Shop) -> Self {
        Clerk { vendor, cancels: shop.cancels, seen: 0, acts: VecDeque::new() }
    }

    fn plan_work(&mut self, order: OrderId, number: u32, lines: &[u32], rng: &mut Rng) {
        let by = Actor::Vendor(self.vendor);
        let give = |command| Act::Give(order, command);
        let wait = |rng: &mut Rng| Act::Wait(rng.range(1, 400) * MS);
        self.acts.push_back(wait(rng));
        if rng.chance(600) {
            self.acts.push_back(give(Command::Accept { by, vendor_order: number }));
        }
        if rng.chance(self.cancels) {
            let reason = CancelReason::NotAvailable;
            self.acts.push_back(give(Command::Cancel { by, scope: Scope::VendorOrder(number), reason }));
        }
        // Mostly everything in one parcel; now and then each line by itself.
        let parcels: Vec<Option<Vec<u32>>> = match rng.below(10) {
            0 | 1 => Vec::new(),
            2..5 => lines.iter().map(|line| Some(vec![*line])).collect(),
            _ => vec![None],
        };
        for (n, lines) in (0..).zip(parcels) {
            let parcel = ParcelId(order.0 << 16 | u128::from(number) << 8 | n);
            let tracking = rng.chance(500).then(|| "T 1".to_owned());
            let ship = Command::Ship { by, vendor_order: number, parcel, lines, tracking };
            self.acts.push_back(give(ship));
            self.acts.push_back(wait(rng));
            if rng.chance(700) {
                self.acts.push_back(give(Command::Deliver { by, parcel }));
            }
        }
    }
}

impl Person for Clerk {
    fn next(&mut self, scene: &Scene, rng: &mut Rng) -> Next {
        match self.acts.pop_front() {
            Some(Act::Wait(pause)) => return Next::Rest(pause),
            Some(Act::Give(order, command)) => {
                let (to, command) = (StreamId::Order(order), AnyCommand::Order(command));
                return Next::give(to, command);
            }
            None => {}
        }
        let Some(sold) = scene.sold.get(self.seen) else { return Next::Idle };
        self.seen += 1;
        let own = (1..).zip(&sold.vendor_orders).find(|(_, (vendor, _))| *vendor == self.vendor);
        if let Some((number, (_, lines))) = own {
            self.plan_work(sold.order, number, lines, rng);
        }
        Next::Rest(1)
    }

    fn gives_up(&mut self, _: &Errand, rng: &mut Rng) -> bool {
        rng.chance(20)
    }

    fn hears(&mut self, errand: &Errand, outcome: Outcome, _: &mut Rng) -> Result<bool, String> {
        let expected = match &outcome {
            Outcome::Heard(AnyOutcome::Order(Ok(_))) => true,
            // Somebody cancelled it first, or it was given up whether the parcel had left.
            Outcome::Heard(AnyOutcome::Order(Err(why))) => matches!(
                why,
                Rejection::AlreadyCancelled { .. }
                    | Rejection::AlreadyShipped { .. }
                    | Rejection::NothingToShip
                    | Rejection::UnknownParcel
            ),
            _ => false,
        };
        if expected { Ok(false) } else { Err(format!("is told {outcome:?} to {errand:?}")) }
    }
}
