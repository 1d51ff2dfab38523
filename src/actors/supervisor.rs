//! Supervision: what happens when a host actor ends.
//!
//! An actor that was drained has been put to sleep. One that panicked or whose append was refused is loaded
//! anew from the journal, at once: its memory is never reused. One that panics three times in ten seconds is
//! put in quarantine: it would only do it again, and a person must look.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use souk_core::ids::StreamId;
use tokio::time::Instant;

use super::host::REFUSED;
use super::node::{Hosted, Node};

/// A stream whose actor keeps failing; nothing is sent to it until a person has looked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quarantined {
    /// Which.
    pub stream: StreamId,
}

const PANICS_MAX: usize = 3;
const PANICS_WITHIN: Duration = Duration::from_secs(10);
/// The pause before a failed actor is loaded again grows by this with every failure in the window.
const RESTART_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Supervisor<M>(PhantomData<M>);

impl<M> Supervisor<M> {
    pub(super) fn new() -> Self {
        Supervisor(PhantomData)
    }
}

pub(super) struct SupervisorState {
    node: Weak<Node>,
    failures: HashMap<StreamId, Vec<Instant>>,
}

/// A supervisor takes no messages: it lives on what happens to its children.
#[derive(Debug)]
pub(super) enum SupervisorMessage {}

#[cfg(feature = "cluster")]
impl ractor::Message for SupervisorMessage {}

impl<M: Hosted> Actor for Supervisor<M> {
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = Weak<Node>;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        node: Weak<Node>,
    ) -> Result<SupervisorState, ActorProcessingErr> {
        Ok(SupervisorState { node, failures: HashMap::new() })
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        let Some(node) = state.node.upgrade() else { return Ok(()) };
        match event {
            SupervisionEvent::ActorTerminated(actor, _, reason) => {
                let stream = M::kind(&node).directory.ended(actor.get_id());
                if let Some(stream) = stream
                    && reason.as_deref() == Some(REFUSED)
                {
                    node.count_restart::<M>();
                    node.tick(stream);
                }
            }
            SupervisionEvent::ActorFailed(actor, error) => {
                if let Some(stream) = M::kind(&node).directory.ended(actor.get_id()) {
                    state.failed::<M>(&node, stream, &error);
                }
            }
            // Starts are of no interest; groups and remote processes are not used.
            _ => {}
        }
        Ok(())
    }
}

impl SupervisorState {
    fn failed<M: Hosted>(&mut self, node: &Arc<Node>, stream: StreamId, error: &ActorProcessingErr) {
        let now = Instant::now();
        let failures = self.failures.entry(stream).or_default();
        failures.retain(|at| now.duration_since(*at) < PANICS_WITHIN);
        failures.push(now);
        let count = failures.len();
        self.failures.retain(|_, at| at.iter().any(|at| now.duration_since(*at) < PANICS_WITHIN));
        if count >= PANICS_MAX && node.journal().is_owner(stream.partition()) {
            tracing::error!(%stream, %error, "failed {count} times in ten seconds; in quarantine");
            M::kind(node).directory.quarantine(stream);
            return;
        }
        tracing::error!(%stream, %error, "failed; loading it anew from the journal");
        node.count_restart::<M>();
        let node = Arc::clone(node);
        let pause = RESTART_PAUSE * (count as u32 - 1);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            node.tick(stream);
        });
    }
}
