//! Appends as rows. Formatting and hashing happen here, in the task of the host that decided, so that the one
//! writer has little left to do.

use std::sync::Arc;

use souk_core::ids::{Partition, StreamId};
use souk_core::journal::{Append, AppendId, EffectId, Epoch, WakeChange};
use souk_core::machine::Creation;
use souk_core::sequencer::Placeable;
use souk_core::time::Timestamp;
use tracing::Span;

use super::checksum::{Covered, Hash};
use super::wire::{self, WireError};

/// An append with its rows, lacking only positions and chain.
#[derive(Clone, Debug)]
pub struct EncodedAppend {
    /// Its name.
    pub id: AppendId,
    /// Its partition.
    pub partition: Partition,
    /// The owner's term.
    pub epoch: Epoch,
    /// Who decided.
    pub stream: StreamId,
    /// The seq of the stream's last event before.
    pub expected_seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// The stream's next wake.
    pub wake: WakeChange,
    /// How many of [`EncodedAppend::events`] are the stream's own; the rest are those of the creations.
    pub own_events: usize,
    /// Event rows: the stream's own, then each creation's.
    pub events: Vec<EventRow>,
    /// The streams it creates, each with its number of events.
    pub creations: Vec<(StreamId, Arc<str>, usize)>,
    /// Outbox rows.
    pub outbox: Vec<OutboxRow>,
    /// Outbox rows that go.
    pub closes: Vec<(Arc<str>, EffectId)>,
    /// Reply rows.
    pub replies: Vec<ReplyRow>,
    /// Column `stream`.
    pub stream_text: Arc<str>,
    /// Column `append_id`.
    pub append_id: [u8; 16],
    /// Column `principal`.
    pub principal: Arc<str>,
    /// Columns `cause_stream` and `cause_seq`.
    pub cause: Option<(Arc<str>, u64)>,
    /// Column `trace`.
    pub trace: Option<[u8; 16]>,
    /// What a trace shows of it: from here until its group is durable and it is dropped.
    pub span: Span,
}

/// What is an event's own in its row; the rest it shares with its append.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Column `stream`.
    pub stream: Arc<str>,
    /// Column `seq`.
    pub seq: u64,
    /// Column `kind`.
    pub kind: &'static str,
    /// Column `version`.
    pub version: u32,
    /// Column `payload`.
    pub payload: Arc<str>,
    /// Column `checksum`.
    pub checksum: Hash,
}

/// An order to the outside world.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// Column `stream`: the append's own, or one that it creates.
    pub stream: Arc<str>,
    /// Its name.
    pub id: EffectId,
    /// The effect.
    pub effect: wire::EncodedEffect,
}

/// A stored reply.
#[derive(Clone, Debug)]
pub struct ReplyRow {
    /// Column `command_id`.
    pub command_id: [u8; 16],
    /// Column `fingerprint`.
    pub fingerprint: [u8; 16],
    /// Column `outcome`.
    pub outcome: Arc<str>,
}

impl EncodedAppend {
    /// The rows of an append.
    ///
    /// # Errors
    /// Only when a wire type is wrong.
    pub fn encode(append: &Append) -> Result<Self, WireError> {
        let stream_text: Arc<str> = append.stream.to_string().into();
        let cause = append.origin.cause.map(|(stream, seq)| (Arc::from(stream.to_string()), seq));
        let mut encoded = EncodedAppend {
            id: append.id,
            partition: append.partition,
            epoch: append.epoch,
            stream: append.stream,
            expected_seq: append.expected_seq,
            at: append.at,
            wake: append.wake,
            own_events: append.events.len(),
            events: Vec::with_capacity(append.events.len()),
            creations: Vec::with_capacity(append.creates.len()),
            outbox: Vec::with_capacity(append.outbox.len()),
            closes: Vec::with_capacity(append.closes.len()),
            replies: Vec::with_capacity(append.replies.len()),
            stream_text,
            append_id: append.id.to_bytes(),
            principal: append.origin.principal.to_string().into(),
            cause,
            trace: append.origin.trace.map(u128::to_be_bytes),
            span: tracing::debug_span!("append", stream = %append.stream, events = append.events.len()),
        };
        for (seq, event) in (append.expected_seq + 1..).zip(&append.events) {
            let row = encoded.event_row(Arc::clone(&encoded.stream_text), seq, wire::encode(event)?);
            encoded.events.push(row);
        }
        for creation in &append.creates {
            let stream: Arc<str> = creation.stream.to_string().into();
            for (seq, event) in (1..).zip(&creation.events) {
                let row = encoded.event_row(Arc::clone(&stream), seq, wire::encode(event)?);
                encoded.events.push(row);
            }
            encoded.creations.push((creation.stream, stream, creation.events.len()));
        }
        for (id, effect) in &append.outbox {
            let stream = Arc::clone(&encoded.stream_text);
            encoded.outbox.push(OutboxRow { stream, id: *id, effect: wire::encode_effect(effect)? });
        }
        for (id, effect) in append.creates.iter().flat_map(Creation::outbox) {
            let stream = id.stream.to_string().into();
            encoded.outbox.push(OutboxRow { stream, id, effect: wire::encode_effect(effect)? });
        }
        for id in &append.closes {
            encoded.closes.push((id.stream.to_string().into(), *id));
        }
        for (key, outcome) in &append.replies {
            encoded.replies.push(ReplyRow {
                command_id: key.id.0.to_be_bytes(),
                fingerprint: key.fingerprint.to_be_bytes(),
                outcome: wire::encode_outcome(outcome)?.into(),
            });
        }
        Ok(encoded)
    }

    fn event_row(&self, stream: Arc<str>, seq: u64, event: wire::Encoded) -> EventRow {
        let checksum = Covered {
            partition: self.partition.0,
            stream: &stream,
            seq,
            epoch: self.epoch.0,
            kind: event.kind,
            version: event.version,
            append_id: &self.append_id,
            principal: &self.principal,
            cause: self.cause.as_ref().map(|(stream, seq)| (&**stream, *seq)),
            trace: self.trace.as_ref().map(<[u8; 16]>::as_slice),
            recorded_at: self.at.as_millis(),
            payload: &event.payload,
        }
        .checksum();
        let payload = event.payload.into();
        EventRow { stream, seq, kind: event.kind, version: event.version, payload, checksum }
    }
}

impl Placeable for EncodedAppend {
    fn id(&self) -> AppendId {
        self.id
    }

    fn partition(&self) -> Partition {
        self.partition
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn stream(&self) -> StreamId {
        self.stream
    }

    fn expected_seq(&self) -> u64 {
        self.expected_seq
    }

    fn events(&self) -> u64 {
        self.own_events as u64
    }

    fn creations(&self) -> impl Iterator<Item = (StreamId, u64)> {
        self.creations.iter().map(|(stream, _, events)| (*stream, *events as u64))
    }
}
