//! I10, I11 and I24: what stands beside the events (outbox, cursors, snapshots, replies) agrees with them.

use std::collections::{BTreeMap, BTreeSet};

use crate::any::{AnyOutcome, Effect};
use crate::checkout;
use crate::ids::{OrderId, Partition, ShardNo, StreamId};
use crate::journal::{EffectId, Recorded};
use crate::machine::CommandId;
use crate::payment::{CallKind, Event, Operation};

use super::orders::Orders;
use super::streams::Streams;
use super::{Invariant, Report};

/// What a stored reply says must be there.
#[derive(Clone, Copy, Debug)]
struct Presumed {
    stream: StreamId,
    seq: u64,
    order: Option<OrderId>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Outside {
    /// Calls to the provider, by key: where an event first named them.
    named: BTreeMap<String, (StreamId, u64)>,
    effects: BTreeSet<EffectId>,
    calls: Vec<(EffectId, String)>,
    replies: BTreeSet<CommandId>,
    /// What replies presuppose: a stream that has come so far, and an order.
    presumed: Vec<Presumed>,
    cursors: Vec<(Partition, u64)>,
}

impl Outside {
    /// A payment's events name the keys of the calls they order.
    pub(super) fn payment(&mut self, recorded: &Recorded, event: &Event, report: &mut Report) {
        let at = (recorded.stream, recorded.seq);
        let key = match event {
            Event::Created(intent) => CallKind::Authorise.key(intent.payment),
            Event::CaptureStarted { key, .. }
            | Event::VoidStarted { key }
            | Event::RefundStarted { key, .. }
            | Event::RefundRetried { key, .. } => key.clone(),
            _ => return,
        };
        let first = self.named.insert(key.clone(), at);
        report.check(Invariant::I10, first.is_none(), at, || {
            format!("the key {key} was used before, at {first:?}")
        });
    }

    pub(super) fn effect(&mut self, id: EffectId, effect: &Effect, report: &mut Report) {
        let fresh = self.effects.insert(id);
        report.check(Invariant::I10, fresh, (id.stream, id.seq), || format!("{id:?} is in the outbox twice"));
        if let Effect::Payment(call) = effect
            && !matches!(call.operation, Operation::LookUp { .. })
        {
            self.calls.push((id, call.key.clone()));
        }
    }

    pub(super) fn reply(
        &mut self,
        command: CommandId,
        (stream, seq): (StreamId, Option<u64>),
        outcome: &AnyOutcome,
        report: &mut Report,
    ) {
        let at = (stream, seq.unwrap_or_default());
        let first = self.replies.insert(command);
        report.check(Invariant::I24, first, at, || format!("{:032x} is answered a second time", command.0));
        let own = is_of(outcome, stream);
        report.check(Invariant::I24, own, at, || format!("{outcome:?} is no answer of {stream}"));
        // Refusals, and what a shard says, may be about what was never seen.
        let least = u64::from(is_yes(outcome) && !matches!(stream, StreamId::Stock(_)));
        let order = placed_as(outcome);
        self.presumed.push(Presumed { stream, seq: seq.unwrap_or_default().max(least), order });
    }

    pub(super) fn cursor(&mut self, partition: Partition, position: u64) {
        self.cursors.push((partition, position));
    }

    pub(super) fn finish(self, streams: &Streams, orders: &Orders, report: &mut Report) {
        for Presumed { stream, seq, order } in &self.presumed {
            let (at, last) = ((*stream, *seq), streams.last_seq(*stream));
            report.check(Invariant::I24, *seq <= last, at, || {
                format!("a reply rests on {seq} of {stream}, which ends at {last}")
            });
            let Some(order) = order else { continue };
            let own = matches!(stream, StreamId::Checkout(id) if id.0 == order.0);
            report.check(Invariant::I24, own && orders.knows(*order), at, || {
                format!("a reply of {stream} says that it was placed as {order}, which is not so")
            });
        }
        for id in &self.effects {
            let known = (1..=streams.last_seq(id.stream)).contains(&id.seq);
            report
                .check(Invariant::I10, known, (id.stream, id.seq), || format!("{id:?} belongs to no event"));
        }
        for (id, key) in &self.calls {
            let named = self.named.get(key);
            // The same call may be made again later, by the stream that first named its key and by no other.
            let own = named.is_some_and(|(stream, seq)| *stream == id.stream && *seq <= id.seq);
            report.check(Invariant::I10, own, (id.stream, id.seq), || {
                format!("the provider is called with {key}, which is named at {named:?}")
            });
        }
        for (partition, position) in &self.cursors {
            let last = streams.last_position(*partition);
            // Shards are spread over all partitions, so there is one to name each by.
            let stream = StreamId::Stock(ShardNo(partition.0));
            report.check(Invariant::I10, *position <= last, (stream, 0), || {
                format!("a cursor stands at {position} of partition {}, which ends at {last}", partition.0)
            });
        }
    }
}

/// Whether a machine of this stream can have said so.
fn is_of(outcome: &AnyOutcome, stream: StreamId) -> bool {
    matches!(
        (outcome, stream),
        (AnyOutcome::Stock(_), StreamId::Stock(_))
            | (AnyOutcome::Vendor(_), StreamId::Vendor(_))
            | (AnyOutcome::Product(_), StreamId::Product(_))
            | (AnyOutcome::Checkout(_), StreamId::Checkout(_))
            | (AnyOutcome::Payment(_), StreamId::Payment(_))
            | (AnyOutcome::Order(_), StreamId::Order(_))
            | (AnyOutcome::Person(_), StreamId::Person(_))
            | (AnyOutcome::Family(_), StreamId::Family(_))
    )
}

fn is_yes(outcome: &AnyOutcome) -> bool {
    match outcome {
        AnyOutcome::Stock(outcome) => outcome.is_ok(),
        AnyOutcome::Vendor(outcome) => outcome.is_ok(),
        AnyOutcome::Product(outcome) => outcome.is_ok(),
        AnyOutcome::Checkout(outcome) => outcome.is_ok(),
        AnyOutcome::Payment(outcome) => outcome.is_ok(),
        AnyOutcome::Order(outcome) => outcome.is_ok(),
        AnyOutcome::Person(outcome) => outcome.is_ok(),
        AnyOutcome::Family(outcome) => outcome.is_ok(),
    }
}

/// The order that somebody was told of.
fn placed_as(outcome: &AnyOutcome) -> Option<OrderId> {
    match outcome {
        AnyOutcome::Checkout(Ok(checkout::Reply::Placed { order, .. }))
        | AnyOutcome::Checkout(Err(checkout::Rejection::Placed { order })) => Some(*order),
        _ => None,
    }
}
