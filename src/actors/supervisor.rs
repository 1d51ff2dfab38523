//! Supervision: what happens when a host actor ends.
//!
//! An actor that was drained has been put to sleep. One that failed or whose append was refused is loaded anew from
//! the journal: its memory is never reused. One that fails by itself (a panic, a damaged row, an append that
//! contradicts the journal) three times in ten seconds, while it runs or before it does, is put in quarantine: it would
//! only do it again, and a person must look. Where its surroundings failed (the database does not answer, another server
//! owns the partition, or has overtaken an append) nothing is held against the stream: whoever still wants something of
//! it starts it again, since callers and askers repeat themselves, and what is due has its wake.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use souk_core::ids::StreamId;
use tokio::time::Instant;

use crate::journal::{JournalError, StartError};

use super::host::{CONTRADICTED, OVERTAKEN};
use super::kinds::Hosted;
use super::node::Node;

/// A stream whose actor keeps failing; nothing is sent to it until a person has looked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quarantined {
    /// Which.
    pub stream: StreamId,
}

const FAILURES_MAX: usize = 3;
const FAILURES_WITHIN: Duration = Duration::from_secs(10);
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

/// What a supervisor is told beside what happens to its children.
#[derive(Debug)]
pub(super) enum SupervisorMessage {
    /// One ended before it was anybody's child.
    DidNotStart(ActorId, ActorProcessingErr),
}

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

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: SupervisorMessage,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        let SupervisorMessage::DidNotStart(actor, error) = message;
        if let Some(node) = state.node.upgrade() {
            state.failed::<M>(&node, actor, &error);
        }
        Ok(())
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
                // What another server owns by now is loaded there.
                if let Some(stream) = stream.filter(|stream| node.journal().is_owner(stream.partition())) {
                    match reason.as_deref() {
                        Some(OVERTAKEN) => {
                            node.count_restart::<M>();
                            node.tick(stream);
                        }
                        Some(CONTRADICTED) => state.load_anew::<M>(&node, stream, &CONTRADICTED),
                        _ => {}
                    }
                }
            }
            SupervisionEvent::ActorFailed(actor, error) => state.failed::<M>(&node, actor.get_id(), &error),
            // Starts are of no interest; groups and remote processes are not used.
            _ => {}
        }
        Ok(())
    }
}

/// This process may not speak for the stream any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} belongs to another server now")]
pub(super) struct NotOurs(pub(super) StreamId);

/// Whether something around the actor failed, rather than the stream being what cannot be served.
fn is_of_the_surroundings(error: &ActorProcessingErr) -> bool {
    let journal =
        |error: &JournalError| matches!(error, JournalError::Database { .. } | JournalError::WriterGone);
    error.is::<StartError>() || error.is::<NotOurs>() || error.downcast_ref().is_some_and(journal)
}

impl SupervisorState {
    fn failed<M: Hosted>(&mut self, node: &Arc<Node>, actor: ActorId, error: &ActorProcessingErr) {
        let Some(stream) = M::kind(node).directory.ended(actor) else { return };
        if is_of_the_surroundings(error) {
            tracing::info!(%stream, %error, "let go; loaded anew when it is asked for");
            return;
        }
        tracing::error!(%stream, %error, "failed");
        self.load_anew::<M>(node, stream, error);
    }

    /// At once, unless it has failed too often.
    fn load_anew<M: Hosted>(&mut self, node: &Arc<Node>, stream: StreamId, why: &dyn fmt::Display) {
        let now = Instant::now();
        let failures = self.failures.entry(stream).or_default();
        failures.retain(|at| now.duration_since(*at) < FAILURES_WITHIN);
        failures.push(now);
        let count = failures.len();
        self.failures.retain(|_, at| at.iter().any(|at| now.duration_since(*at) < FAILURES_WITHIN));
        if count >= FAILURES_MAX {
            tracing::error!(%stream, error = %why, "failed {count} times in ten seconds; in quarantine");
            // Whoever lets it out again has looked.
            self.failures.remove(&stream);
            M::kind(node).directory.quarantine(stream);
            return;
        }
        node.count_restart::<M>();
        let node = Arc::clone(node);
        let pause = RESTART_PAUSE * (count as u32 - 1);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            node.tick(stream);
        });
    }
}
