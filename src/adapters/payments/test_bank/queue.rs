//! Notices on their way: each comes at least once, and again until it is acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use souk_core::ids::PaymentId;
use souk_core::payment::ProviderFact;
use souk_core::time::Timestamp;

use crate::adapters::payments::{Notice, NoticeId};

const PREFIX: &str = "notice-";

/// One delivery to make: when, and of which copy of which notice. Deliveries that are due at the same time come in
/// the order of a hash: no provider promises another, and the same log gives the same order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Due {
    at: Timestamp,
    shuffle: u64,
    number: u64,
    copy: u8,
}

#[derive(Clone, Debug)]
struct Sent {
    key: String,
    payment: PaymentId,
    fact: ProviderFact,
    /// Copies without acknowledgement.
    copies: BTreeMap<u8, Delivery>,
}

#[derive(Clone, Copy, Debug)]
struct Delivery {
    /// When it comes next.
    at: Timestamp,
    /// Whether it came before.
    made: bool,
}

/// What the queue has to offer.
#[derive(PartialEq, Debug)]
pub(super) enum Next {
    /// This, now.
    Notice(Notice),
    /// Something at this time.
    At(Timestamp),
    /// Nothing that is due and written.
    Nothing,
}

/// Notices that are not acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeSet<Due>,
    sent: BTreeMap<u64, Sent>,
}

impl Queue {
    /// Adds a notice. `number` is that of the record it tells; one copy is delivered at each of `times`.
    pub fn add(
        &mut self,
        number: u64,
        payment: PaymentId,
        key: String,
        fact: ProviderFact,
        times: &[Timestamp],
    ) {
        let mut copies = BTreeMap::new();
        for (copy, at) in (0u8..).zip(times) {
            copies.insert(copy, Delivery { at: *at, made: false });
            self.waiting.insert(due(*at, number, copy));
        }
        self.sent.insert(number, Sent { key, payment, fact, copies });
    }

    /// The next delivery, of notices up to record `written`. It comes again at `again_at` unless acknowledged.
    pub fn next(&mut self, now: Timestamp, written: u64, again_at: Timestamp) -> Next {
        let mut hidden = false;
        let mut found = None;
        for due in &self.waiting {
            if due.at > now {
                if !hidden {
                    return Next::At(due.at);
                }
                break;
            }
            if due.number <= written {
                found = Some(*due);
                break;
            }
            hidden = true;
        }
        let Some(taken) = found else { return Next::Nothing };
        self.waiting.remove(&taken);
        let Some(sent) = self.sent.get_mut(&taken.number) else { return Next::Nothing };
        sent.copies.insert(taken.copy, Delivery { at: again_at, made: true });
        self.waiting.insert(due(again_at, taken.number, taken.copy));
        Next::Notice(Notice {
            id: NoticeId(format!("{PREFIX}{}", taken.number)),
            key: sent.key.clone(),
            payment: sent.payment,
            fact: sent.fact.clone(),
        })
    }

    /// The copies of a notice that were delivered and not acknowledged.
    pub fn delivered(&self, id: &NoticeId) -> Vec<(u64, u8)> {
        let number = id.0.strip_prefix(PREFIX).and_then(|number| number.parse().ok());
        let Some((number, sent)) = number.and_then(|number| Some((number, self.sent.get(&number)?))) else {
            return Vec::new();
        };
        sent.copies.iter().filter(|(_, delivery)| delivery.made).map(|(copy, _)| (number, *copy)).collect()
    }

    /// A copy was acknowledged.
    pub fn acknowledged(&mut self, number: u64, copy: u8) {
        let Some(sent) = self.sent.get_mut(&number) else { return };
        if let Some(delivery) = sent.copies.remove(&copy) {
            self.waiting.remove(&due(delivery.at, number, copy));
        }
        if sent.copies.is_empty() {
            self.sent.remove(&number);
        }
    }
}

fn due(at: Timestamp, number: u64, copy: u8) -> Due {
    let mixed = (number << 8 | u64::from(copy)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Due { at, shuffle: mixed ^ (mixed >> 29), number, copy }
}
