//! A journal in memory: what is written here is durable, and nothing else is.

use std::collections::BTreeMap;

use crate::any::{AnyEvent, AnyOutcome, Effect};
use crate::host::{KnownReply, Loaded};
use crate::ids::{Partition, StreamId};
use crate::journal::{Append, EffectId, Recorded, WakeChange};
use crate::machine::{CommandKey, Machine};
use crate::time::Timestamp;
use crate::verify::Verifier;

#[derive(Default)]
pub(super) struct Log {
    /// Everything, in the order it was written.
    pub all: Vec<Recorded>,
    /// Rows that nobody has closed.
    pub outbox: BTreeMap<EffectId, Effect>,
    pub wakes: BTreeMap<StreamId, Timestamp>,
    streams: BTreeMap<StreamId, Vec<Recorded>>,
    stored: BTreeMap<StreamId, Vec<(CommandKey, Timestamp, AnyOutcome)>>,
    positions: BTreeMap<Partition, u64>,
    effects: BTreeMap<EffectId, Effect>,
}

impl Log {
    pub fn has(&self, stream: StreamId) -> bool {
        self.streams.contains_key(&stream)
    }

    pub fn streams(&self) -> Vec<StreamId> {
        self.streams.keys().copied().collect()
    }

    pub fn position(&self, partition: Partition) -> u64 {
        self.positions.get(&partition).copied().unwrap_or_default()
    }

    pub fn load<M: Machine>(&self, stream: StreamId) -> Loaded<M> {
        let events = self.streams.get(&stream).cloned().unwrap_or_default();
        let known = |(key, at, outcome): &(CommandKey, Timestamp, AnyOutcome)| {
            Some(KnownReply { key: *key, at: *at, outcome: M::stored_outcome(outcome)? })
        };
        let replies = self.stored.get(&stream).map(|stored| stored.iter().filter_map(known).collect());
        let last = events.last().map(|recorded| (recorded.position, recorded.at));
        let wake = self.wakes.get(&stream).copied();
        Loaded { events, replies: replies.unwrap_or_default(), wake, last, ..Loaded::default() }
    }

    /// Writes one append: all of it.
    pub fn write(&mut self, append: &Append) {
        let known = self.streams.get(&append.stream).map_or(0, Vec::len) as u64;
        assert_eq!(known, append.expected_seq, "{}", append.stream);
        for event in &append.events {
            self.record(append.stream, append, event.clone());
        }
        for creation in &append.creates {
            assert!(!self.has(creation.stream), "{} exists", creation.stream);
            assert_eq!(creation.stream.partition(), append.partition);
            for event in &creation.events {
                self.record(creation.stream, append, event.clone());
            }
            for (id, effect) in creation.outbox() {
                self.put_out(id, effect);
            }
            self.wakes.insert(creation.stream, append.at);
        }
        for (id, effect) in &append.outbox {
            self.put_out(*id, effect);
        }
        for id in &append.closes {
            self.outbox.remove(id);
        }
        match append.wake {
            WakeChange::Keep => {}
            WakeChange::Set(at) => drop(self.wakes.insert(append.stream, at)),
            WakeChange::Clear => drop(self.wakes.remove(&append.stream)),
        }
        for (key, outcome) in &append.replies {
            let stored = self.stored.entry(append.stream).or_default();
            assert!(stored.iter().all(|(known, ..)| known.id != key.id), "{key:?} is answered twice");
            stored.push((*key, append.at, outcome.clone()));
        }
    }

    fn put_out(&mut self, id: EffectId, effect: &Effect) {
        assert!(self.effects.insert(id, effect.clone()).is_none(), "{id:?} is used twice");
        self.outbox.insert(id, effect.clone());
    }

    fn record(&mut self, stream: StreamId, append: &Append, event: AnyEvent) {
        let position = self.positions.entry(append.partition).or_default();
        *position += 1;
        let events = self.streams.entry(stream).or_default();
        let recorded = Recorded {
            partition: append.partition,
            position: *position,
            stream,
            seq: events.len() as u64 + 1,
            epoch: append.epoch,
            append_id: append.id,
            at: append.at,
            origin: append.origin,
            event,
        };
        events.push(recorded.clone());
        self.all.push(recorded);
    }

    /// The invariants hold and nothing is overdue.
    pub fn verify(&self, now: Timestamp) {
        let mut verifier = Verifier::new();
        for recorded in &self.all {
            verifier.event(recorded);
        }
        for (id, effect) in &self.effects {
            verifier.effect(*id, effect);
        }
        let report = verifier.finish();
        assert_eq!(report.violations, [], "the journal does not verify");
        assert!(report.is_green(now), "{:?}", report.overdue(now).collect::<Vec<_>>());
    }
}
