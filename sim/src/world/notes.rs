//! What came to pass, as the durable history tells it.

use std::collections::{BTreeMap, BTreeSet};

use souk_core::any::AnyEvent;
use souk_core::checkout::{self, AttemptEnded};
use souk_core::ids::{StreamId, VendorId};
use souk_core::journal::Recorded;
use souk_core::{inventory, order, payment, product, vendor};

use super::World;
use crate::database::Written;
use crate::people::Sold;
use crate::stats::Situation;

impl World {
    /// Counts what the durable history contains, and shows what was sold to those who handle it.
    pub(super) fn note(&mut self, written: &Written) {
        for event in &written.events {
            if let (AnyEvent::Order(order::Event::Placed(placed)), StreamId::Order(order)) =
                (&event.event, event.stream)
            {
                let mut lines: BTreeMap<VendorId, Vec<u32>> = BTreeMap::new();
                for line in &placed.lines {
                    lines.entry(line.vendor).or_default().push(line.number);
                }
                if placed.assisted {
                    self.saw(Situation::Assisted);
                    let skus: BTreeSet<_> = placed.lines.iter().map(|line| line.sku).collect();
                    if skus.len() < placed.lines.len() {
                        self.saw(Situation::AssistedInParts);
                    }
                }
                let shards: BTreeSet<_> = placed.lines.iter().map(|line| line.sku.shard()).collect();
                if shards.len() > 1 {
                    self.saw(Situation::OrderOfSeveralShards);
                }
                if lines.len() > 1 {
                    self.saw(Situation::OrderOfTwoVendors);
                }
                self.sold.push(Sold { order, vendor_orders: lines.into_iter().collect() });
                self.wake_idle_clients();
            }
            self.note_refund(&event.event);
            self.note_photo_finish(event);
            if let Some(situation) = situation(&event.event) {
                self.saw(situation);
            }
        }
    }
}

impl World {
    /// Refused refunds are shown to the operator, who has them tried again.
    fn note_refund(&mut self, event: &AnyEvent) {
        match event {
            AnyEvent::Order(order::Event::RefundRefused { refund, .. }) => {
                self.refused.push(*refund);
                self.wake_idle_clients();
            }
            AnyEvent::Order(order::Event::RefundRetried { .. }) => {
                self.saw(Situation::RefundRetriedByOperator)
            }
            _ => {}
        }
    }

    /// Money that came in the tick in which its attempt ran out.
    fn note_photo_finish(&mut self, recorded: &Recorded) {
        if let (AnyEvent::Payment(payment::Event::Captured), StreamId::Payment(id)) =
            (&recorded.event, recorded.stream)
            && let Some(until) = self.oracle.attempt_until(id)
            && recorded.at.millis_since(until).abs() <= 1
        {
            self.saw(Situation::CapturedAsAttemptRanOut);
        }
    }
}

fn situation(event: &AnyEvent) -> Option<Situation> {
    match event {
        AnyEvent::Stock(event) => match event {
            inventory::Event::Expired { .. } => Some(Situation::HoldExpired),
            inventory::Event::Barred { .. } => Some(Situation::UndoBeforeHold),
            inventory::Event::Deallocated { .. } => Some(Situation::Deallocated),
            _ => None,
        },
        AnyEvent::Checkout(event) => of_checkout(event),
        AnyEvent::Payment(event) => of_payment(event),
        AnyEvent::Order(event) => match event {
            order::Event::Placed(_) => Some(Situation::Placed),
            order::Event::Shipped { .. } => Some(Situation::Shipped),
            order::Event::Delivered { .. } => Some(Situation::Delivered),
            order::Event::Cancelled { by: order::Actor::Buyer, .. } => Some(Situation::CancelledByBuyer),
            order::Event::Cancelled { by: order::Actor::Vendor(_), .. } => Some(Situation::CancelledByVendor),
            order::Event::Cancelled { by: order::Actor::Operator, .. } => {
                Some(Situation::CancelledByOperator)
            }
            order::Event::Refunded { .. } => Some(Situation::RefundedForOrder),
            _ => None,
        },
        AnyEvent::Product(product::Event::SkuAnswered { .. }) => Some(Situation::SkuFollowed),
        AnyEvent::Vendor(vendor::Event::Suspended { .. }) => Some(Situation::VendorSuspended),
        AnyEvent::Product(_) | AnyEvent::Vendor(_) | AnyEvent::Person(_) | AnyEvent::Family(_) => None,
    }
}

fn of_checkout(event: &checkout::Event) -> Option<Situation> {
    Some(match event {
        checkout::Event::QuoteDropped { .. } => Situation::QuoteDropped,
        checkout::Event::ActionNeeded { .. } => Situation::ShopperChallenged,
        checkout::Event::AwaitingPayment { .. } => Situation::PaidLater,
        checkout::Event::CommitAsked { captured: true, .. } => Situation::CapturedBeforeCommit,
        checkout::Event::CapturedEarly { .. } => Situation::CapturedWhileCommitting,
        checkout::Event::Expired => Situation::CartForgotten,
        checkout::Event::AttemptEnded { why } => match why {
            AttemptEnded::OutOfStock { .. } => Situation::RoundOutOfStock,
            AttemptEnded::NotForSale { .. } => Situation::RoundNotForSale,
            AttemptEnded::HoldsTimedOut => Situation::RoundTimedOut,
            AttemptEnded::PaymentFailed { .. } => Situation::PaymentFailed,
            AttemptEnded::TimedOut => Situation::AttemptTimedOut,
            AttemptEnded::Abandoned => Situation::AbandonedWhilePaying,
            AttemptEnded::CommitRefused => return None,
        },
        _ => return None,
    })
}

fn of_payment(event: &payment::Event) -> Option<Situation> {
    Some(match event {
        payment::Event::OutcomeUnknown { .. } => Situation::OutcomeUnknown,
        payment::Event::LookUpStarted { .. } => Situation::LookedUp,
        payment::Event::CallRepeated { .. } => Situation::CallRepeated,
        payment::Event::NeverReached => Situation::NeverReached,
        payment::Event::NeverCame => Situation::NeverCame,
        payment::Event::CaptureRefused { .. } => Situation::CaptureRefused,
        payment::Event::Voided => Situation::Voided,
        payment::Event::RefundRetried { .. } => Situation::RefundTriedAgain,
        payment::Event::RefundStarted { refund, .. } if refund.n == 0 => Situation::RefundedByItself,
        _ => return None,
    })
}
