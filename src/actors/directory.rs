//! Where the actors of one kind of machine are: stream → actor.
//!
//! The directory is the only way to a host actor. It starts the actor of a stream that sleeps, and replaces one
//! that has ended, always after the old one has let its last append settle.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ractor::{ActorCell, ActorId, ActorRef, ActorRuntime, MessagingErr, SpawnErr};
use souk_core::ids::StreamId;
use tokio::time::{Duration, Instant};

use super::host::{HostActor, HostArguments};
use super::kinds::Hosted;
use super::message::HostMessage;
use super::node::Node;
use super::pulse::{ActorPulse, KindOverview, Pulse};
use super::supervisor::{Quarantined, SupervisorMessage};

/// Locks: enough that the two cores of a laptop and the sixty-four of a server rarely meet.
const SHELVES: usize = 64;

pub(super) struct Directory<M: Hosted> {
    shelves: Vec<Mutex<HashMap<StreamId, Entered<M>>>>,
    streams: Mutex<HashMap<ActorId, StreamId>>,
    quarantine: Mutex<HashMap<StreamId, Instant>>,
}

struct Entered<M: Hosted> {
    actor: ActorRef<HostMessage<M>>,
    used: Instant,
    pulse: Arc<Pulse>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while the lock was held cannot have left a map half changed: every change is one call.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<M: Hosted> Directory<M> {
    pub(super) fn new() -> Self {
        Directory {
            shelves: (0..SHELVES).map(|_| Mutex::default()).collect(),
            streams: Mutex::default(),
            quarantine: Mutex::default(),
        }
    }

    fn shelf(&self, stream: StreamId) -> &Mutex<HashMap<StreamId, Entered<M>>> {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(stream);
        &self.shelves[hash as usize % SHELVES]
    }

    /// Sends a message to the stream's actor, waking it if it sleeps. What is sent is either handled by an actor
    /// or dropped with it; a dropped port tells its owner.
    pub(super) fn send(
        &self,
        node: &Arc<Node>,
        stream: StreamId,
        message: HostMessage<M>,
    ) -> Result<(), Quarantined> {
        if lock(&self.quarantine).contains_key(&stream) {
            return Err(Quarantined { stream });
        }
        let mut shelf = lock(self.shelf(stream));
        let message = match shelf.get_mut(&stream) {
            None => message,
            Some(entered) => {
                entered.used = Instant::now();
                entered.pulse.sent();
                match entered.actor.cast(message) {
                    // Sent, or of a type the actor does not know, which the compiler excludes.
                    Ok(()) | Err(MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => {
                        return Ok(());
                    }
                    Err(MessagingErr::SendErr(message)) => message,
                }
            }
        };
        let after = shelf.get(&stream).map(|entered| entered.actor.get_cell());
        let pulse = Arc::new(Pulse::default());
        let actor = self.spawn(node, stream, after, Arc::clone(&pulse));
        pulse.sent();
        let _ = actor.cast(message);
        shelf.insert(stream, Entered { actor, used: Instant::now(), pulse });
        Ok(())
    }

    fn spawn(
        &self,
        node: &Arc<Node>,
        stream: StreamId,
        after: Option<ActorCell>,
        pulse: Arc<Pulse>,
    ) -> ActorRef<HostMessage<M>> {
        let arguments = HostArguments { node: Arc::clone(node), stream, after, pulse };
        let supervisor = M::kind(node).supervisor();
        let spawned =
            ActorRuntime::spawn_linked_instant(None, HostActor::<M>::new(), arguments, supervisor.clone());
        match spawned {
            Ok((actor, starting)) => {
                let id = actor.get_id();
                lock(&self.streams).insert(id, stream);
                // Only what has started is supervised; ractor tells nobody else that one did not.
                tokio::spawn(async move {
                    if let Ok(Err(SpawnErr::StartupFailed(error))) = starting.await {
                        let _ = supervisor.send_message(SupervisorMessage::DidNotStart(id, error));
                    }
                });
                actor
            }
            // Only a name that is taken makes this fail, and these actors have none.
            Err(error) => unreachable!("an unnamed actor always spawns: {error}"),
        }
    }

    /// The actor has ended: whose was it? Its entry is forgotten unless another actor has taken it over.
    pub(super) fn ended(&self, actor: ActorId) -> Option<StreamId> {
        let stream = lock(&self.streams).remove(&actor)?;
        let mut shelf = lock(self.shelf(stream));
        if shelf.get(&stream).is_some_and(|entered| entered.actor.get_id() == actor) {
            shelf.remove(&stream);
        }
        Some(stream)
    }

    /// Asks actors that nobody has written to for `idle` whether they may sleep.
    pub(super) fn sweep(&self, idle: Duration) {
        let now = Instant::now();
        for shelf in &self.shelves {
            for entered in lock(shelf).values() {
                if now.duration_since(entered.used) >= idle {
                    entered.pulse.sent();
                    let _ = entered.actor.cast(HostMessage::Idle);
                }
            }
        }
    }

    /// Sends nothing more to this stream until it is released.
    pub(super) fn quarantine(&self, stream: StreamId) {
        lock(&self.quarantine).insert(stream, Instant::now());
    }

    /// Sends to it again. Returns whether it was in quarantine.
    pub(super) fn release(&self, stream: StreamId) -> bool {
        lock(&self.quarantine).remove(&stream).is_some()
    }

    /// Streams in quarantine.
    pub(super) fn quarantined(&self) -> Vec<StreamId> {
        lock(&self.quarantine).keys().copied().collect()
    }

    /// How many actors are awake.
    pub(super) fn awake(&self) -> usize {
        self.shelves.iter().map(|shelf| lock(shelf).len()).sum()
    }

    /// How they do, with the busiest of them.
    pub(super) fn overview(&self, kind: &'static str, busiest: usize) -> KindOverview {
        let mut pulses = Vec::new();
        for shelf in &self.shelves {
            pulses.extend(lock(shelf).iter().map(|(stream, entered)| entered.pulse.of(*stream)));
        }
        let (awake, queued) = (pulses.len(), pulses.iter().map(|pulse| pulse.queued).sum());
        pulses.sort_by_key(|pulse| (Reverse(pulse.queued), pulse.stream));
        pulses.truncate(busiest);
        let quarantined = self.quarantined().len();
        KindOverview { kind, awake, queued, restarts: 0, quarantined, busiest: pulses }
    }

    /// How one does; `None` when it sleeps.
    pub(super) fn pulse(&self, stream: StreamId) -> Option<ActorPulse> {
        lock(self.shelf(stream)).get(&stream).map(|entered| entered.pulse.of(stream))
    }

    /// Lets every actor finish what it was sent and end. New messages would start new actors: shut the door
    /// first.
    pub(super) async fn drain(&self) {
        let actors: Vec<ActorCell> = self
            .shelves
            .iter()
            .flat_map(|shelf| {
                lock(shelf).values().map(|entered| entered.actor.get_cell()).collect::<Vec<_>>()
            })
            .collect();
        for actor in &actors {
            let _ = actor.drain();
        }
        for actor in actors {
            let _ = actor.wait(None).await;
        }
    }
}
