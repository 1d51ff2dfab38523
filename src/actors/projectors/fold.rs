//! The states of streams, as of the last event that was projected.

use std::collections::{BTreeSet, HashMap};

use souk_core::ids::StreamId;
use souk_core::journal::Recorded;
use souk_core::machine::{EventMeta, Machine};

use crate::journal::{JournalError, Reader};

/// States that are kept between batches; without one its stream is read again.
const KEPT_MAX: usize = 4_096;

/// States of one kind of machine.
#[derive(Debug)]
pub(super) struct States<M: Machine> {
    known: HashMap<StreamId, (u64, M::State)>,
}

impl<M: Machine> Default for States<M> {
    fn default() -> Self {
        States { known: HashMap::new() }
    }
}

impl<M: Machine> States<M> {
    /// Folds these events, which come in order of their positions, and shows each stream they belong to once, as it
    /// stands after the last of them.
    pub(super) async fn fold<T>(
        &mut self,
        reader: &Reader,
        events: &[Recorded],
        mut show: impl FnMut(StreamId, u64, &M::State) -> Result<Option<T>, JournalError>,
    ) -> Result<Vec<T>, JournalError> {
        if self.known.len() > KEPT_MAX {
            self.known.clear();
        }
        let mut touched = BTreeSet::new();
        for recorded in events {
            let Some(event) = M::event(&recorded.event) else { continue };
            let (stream, seq) = (recorded.stream, recorded.seq);
            if self.known.get(&stream).is_none_or(|(last, _)| last + 1 != seq) {
                let before = before::<M>(reader, stream, seq).await?;
                self.known.insert(stream, (seq - 1, before));
            }
            if let Some((last, state)) = self.known.get_mut(&stream) {
                M::apply(state, EventMeta { seq, at: recorded.at }, event);
                *last = seq;
            }
            touched.insert(stream);
        }
        let mut shown = Vec::with_capacity(touched.len());
        for stream in touched {
            if let Some((seq, state)) = self.known.get(&stream) {
                shown.extend(show(stream, *seq, state)?);
            }
        }
        Ok(shown)
    }

    /// Forgets all of them: what was folded last was not written.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}

/// A stream's state before one of its events.
async fn before<M: Machine>(reader: &Reader, stream: StreamId, seq: u64) -> Result<M::State, JournalError> {
    let mut state = M::initial(stream);
    if seq > 1 {
        for recorded in reader.stream(stream, 0).await?.iter().take_while(|recorded| recorded.seq < seq) {
            if let Some(event) = M::event(&recorded.event) {
                M::apply(&mut state, EventMeta { seq: recorded.seq, at: recorded.at }, event);
            }
        }
    }
    Ok(state)
}
