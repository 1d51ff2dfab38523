//! The states of streams, as they are or were a moment ago: for what needs to know how something else stands, not
//! only what happened to it.

use std::collections::HashMap;

use souk_core::ids::StreamId;
use souk_core::journal::Recorded;
use souk_core::machine::{EventMeta, Machine};
use souk_core::time::Timestamp;

use crate::journal::{JournalError, Reader};

/// States of one kind of machine, each at least as new as the last event that was seen of it. A state may be ahead of
/// the events that were seen: those that come later then change nothing.
#[derive(Debug)]
pub(super) struct Current<M: Machine> {
    known: HashMap<StreamId, (u64, M::State)>,
    /// More are not kept; one that is not kept is read again.
    kept_max: usize,
}

/// What an event did to a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// It was the next one.
    Applied,
    /// The state was read from the journal, up to this event or beyond: what else changed is not known.
    Read,
}

impl<M: Machine> Current<M> {
    pub(super) fn keeping(kept_max: usize) -> Self {
        Current { known: HashMap::new(), kept_max }
    }

    /// Takes an event in. `None` when it is another machine's.
    pub(super) async fn see(
        &mut self,
        reader: &Reader,
        recorded: &Recorded,
    ) -> Result<Option<Seen>, JournalError> {
        let Some(event) = M::event(&recorded.event) else { return Ok(None) };
        let (stream, seq) = (recorded.stream, recorded.seq);
        if seq == 1 && !self.known.contains_key(&stream) {
            self.insert(stream, 0, M::initial(stream));
        }
        match self.known.get_mut(&stream) {
            Some((last, state)) if *last + 1 == seq => {
                M::apply(state, EventMeta { seq, at: recorded.at }, event);
                *last = seq;
                Ok(Some(Seen::Applied))
            }
            Some((last, _)) if *last >= seq => Ok(Some(Seen::Read)),
            _ => {
                self.read(reader, stream).await?;
                Ok(Some(Seen::Read))
            }
        }
    }

    /// The state; read from the journal when it is not known.
    pub(super) async fn of(&mut self, reader: &Reader, stream: StreamId) -> Result<&M::State, JournalError> {
        if !self.known.contains_key(&stream) {
            self.read(reader, stream).await?;
        }
        Ok(&self.known.entry(stream).or_insert_with(|| (0, M::initial(stream))).1)
    }

    async fn read(&mut self, reader: &Reader, stream: StreamId) -> Result<(), JournalError> {
        // Nobody asks for replies here: none is as young as that.
        let loaded = reader.load::<M>(stream, Timestamp::from_millis(i64::MAX)).await?;
        let (mut seq, mut state) = loaded.snapshot.unwrap_or_else(|| (0, M::initial(stream)));
        for recorded in &loaded.events {
            if let Some(event) = M::event(&recorded.event) {
                M::apply(&mut state, EventMeta { seq: recorded.seq, at: recorded.at }, event);
            }
            seq = recorded.seq;
        }
        self.insert(stream, seq, state);
        Ok(())
    }

    fn insert(&mut self, stream: StreamId, seq: u64, state: M::State) {
        if self.known.len() >= self.kept_max {
            self.known.clear();
        }
        self.known.insert(stream, (seq, state));
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}
