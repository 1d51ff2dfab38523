//! The actor around a host: performs what the host decides, and decides nothing.

use std::marker::PhantomData;
use std::sync::Arc;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use souk_core::host::{Action, Host, Input, Snapshot};
use souk_core::ids::StreamId;
use souk_core::journal::{Incarnation, Origin};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::journal::wire::EncodedSnapshot;
use crate::journal::{OutcomeSink, Settled};
use crate::telemetry::traces;

use super::message::{HostMessage, Port, Reply};
use super::node::{Hosted, Node};
use super::pulse::Pulse;
use super::supervisor::NotOurs;
use super::trap::{Handling, Trap};

/// States of this many things are not made rows of in the actor.
const LARGE: u64 = 1_000;

pub(super) struct HostActor<M>(PhantomData<M>);

impl<M> HostActor<M> {
    pub(super) fn new() -> Self {
        HostActor(PhantomData)
    }
}

pub(super) struct HostArguments {
    pub(super) node: Arc<Node>,
    pub(super) stream: StreamId,
    /// The stream's actor before this one: it must have ended, last append settled, before the stream is read.
    pub(super) after: Option<ActorCell>,
    /// What others see of it.
    pub(super) pulse: Arc<Pulse>,
}

pub(super) struct HostState<M: Hosted> {
    node: Arc<Node>,
    stream: StreamId,
    incarnation: Incarnation,
    host: Host<M, Port<M>>,
    outcomes: mpsc::UnboundedReceiver<Settled>,
    pulse: Arc<Pulse>,
}

fn outcome<M: Hosted>(settled: Settled) -> Input<M, Port<M>> {
    match settled {
        Settled::Durable { ordinal, position } => Input::Durable { ordinal, position },
        Settled::Refused(refusal) => Input::Refused(refusal),
    }
}

/// The reason given to the supervisor when the journal refused an append.
pub(super) const REFUSED: &str = "refused by the journal";

impl<M: Hosted> Actor for HostActor<M> {
    type Msg = HostMessage<M>;
    type State = HostState<M>;
    type Arguments = HostArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: HostArguments,
    ) -> Result<HostState<M>, ActorProcessingErr> {
        let HostArguments { node, stream, after, pulse } = arguments;
        if let Some(before) = after {
            let _ = before.wait(None).await;
        }
        node.traps().pass(stream, Trap::Before(Handling::Start));
        let (sender, outcomes) = mpsc::unbounded_channel();
        let poked = myself.clone();
        // A draining actor takes no more messages; its `post_stop` reads the channel itself.
        let counted = Arc::clone(&pulse);
        let poke = Arc::new(move || {
            counted.sent();
            if poked.cast(HostMessage::Settled).is_err() {
                counted.taken();
            }
        });
        let started = node.journal().start(stream, OutcomeSink { outcomes: sender, poke }).await?;
        let loaded = Box::pin(node.journal().load::<M>(stream, node.clock().now())).await?;
        let host = Host::load(stream, started.epoch, started.incarnation, loaded)
            .map_err(|foreign| format!("{stream} holds another machine's event at seq {}", foreign.seq))?;
        let incarnation = started.incarnation;
        let mut state = HostState { node, stream, incarnation, host, outcomes, pulse };
        state.step(&myself, Handling::Start, Input::Tick).await?;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: HostMessage<M>,
        state: &mut HostState<M>,
    ) -> Result<(), ActorProcessingErr> {
        state.pulse.taken();
        let handling = message.handling();
        state.pass(Trap::Before(handling));
        state.settle(&myself).await?;
        let span = state.span_of(&message);
        let input = match message {
            HostMessage::Command { request, deadline } => {
                if Instant::now() > deadline {
                    let _ = request.port.reply.send(Reply::TooLate);
                    return Ok(());
                }
                Input::Command(request)
            }
            HostMessage::Ask(ask, origin) => Input::Ask(ask, origin),
            HostMessage::Answer(id, answer, origin) => Input::Answer(id, answer, origin),
            HostMessage::Read(port) => Input::Read(port),
            HostMessage::Tick => Input::Tick,
            HostMessage::Worked(effect) => Input::Worked(effect),
            HostMessage::Idle => Input::Idle,
            HostMessage::Settled => return Ok(()),
        };
        state.step(&myself, handling, input).instrument(span).await
    }

    async fn post_stop(
        &self,
        myself: ActorRef<Self::Msg>,
        state: &mut HostState<M>,
    ) -> Result<(), ActorProcessingErr> {
        state.pass(Trap::Before(Handling::Stop));
        // What the gate still holds may leave once the last append is durable.
        while !state.host.is_settled() && !state.host.has_failed() {
            let Some(settled) = state.outcomes.recv().await else { break };
            state.step(&myself, Handling::Settled, outcome(settled)).await?;
        }
        state.pass(Trap::After(Handling::Stop));
        state.node.journal().end(state.stream, state.incarnation).await;
        Ok(())
    }
}

impl<M: Hosted> HostState<M> {
    /// What a trace shows of this message. What came from another actor was let out when its append had settled, in
    /// the middle of something else: only the trace it carries says where it belongs.
    fn span_of(&self, message: &HostMessage<M>) -> Span {
        let (name, trace) = match message {
            HostMessage::Command { request, .. } => ("command", request.origin.trace),
            HostMessage::Ask(_, origin) => ("ask", origin.trace),
            HostMessage::Answer(_, _, origin) => ("answer", origin.trace),
            _ => return Span::none(),
        };
        traces::within(
            trace,
            || tracing::debug_span!(parent: None, "handle", what = name, stream = %self.stream),
        )
    }

    async fn settle(&mut self, myself: &ActorRef<HostMessage<M>>) -> Result<(), ActorProcessingErr> {
        while let Ok(settled) = self.outcomes.try_recv() {
            self.step(myself, Handling::Settled, outcome(settled)).await?;
        }
        Ok(())
    }

    fn pass(&self, trap: Trap) {
        self.node.traps().pass(self.stream, trap);
    }

    async fn step(
        &mut self,
        myself: &ActorRef<HostMessage<M>>,
        handling: Handling,
        input: Input<M, Port<M>>,
    ) -> Result<(), ActorProcessingErr> {
        // Nothing is kept between messages: most actors wait for a person most of the time, and there are many.
        let mut actions = Vec::new();
        self.host.step(self.node.clock().now(), input, &mut actions);
        self.pass(Trap::After(handling));
        self.pulse.is_at(self.host.durable_seq());
        for action in actions {
            match action {
                // On the heap while it waits for its place in the queue, so that the actor itself stays small.
                Action::Append(append) => Box::pin(self.node.journal().append(append)).await?,
                Action::Snapshot(snapshot) => Box::pin(self.write_down(snapshot)).await?,
                other => self.perform(myself, other)?,
            }
        }
        Ok(())
    }

    fn perform(
        &self,
        myself: &ActorRef<HostMessage<M>>,
        action: Action<M, Port<M>>,
    ) -> Result<(), ActorProcessingErr> {
        match action {
            Action::Timer(at) => self.node.set_timer(self.stream, at),
            Action::Passivate => {
                let _ = myself.drain();
            }
            Action::Fail(refusal) => {
                tracing::warn!(stream = %self.stream, ?refusal, "the journal refused an append; loading anew");
                myself.stop(Some(REFUSED.to_owned()));
            }
            outward => self.let_out(outward)?,
        }
        Ok(())
    }

    /// A large state is made a row elsewhere: the actor has callers waiting. Where the row comes in the writer's
    /// queue is behind the events it contains either way, and without it the next start folds a few more.
    async fn write_down(&self, snapshot: Snapshot<M>) -> Result<(), ActorProcessingErr> {
        if M::things(&snapshot.state) < LARGE {
            return Ok(self.node.journal().snapshot(snapshot).await?);
        }
        let node = Arc::clone(&self.node);
        tokio::task::spawn(async move {
            let stream = snapshot.stream;
            let encoded = tokio::task::spawn_blocking(move || EncodedSnapshot::of(&snapshot)).await;
            let sent = match encoded {
                Ok(Ok(encoded)) => node.journal().writer().snapshot(encoded).await.is_ok(),
                Ok(Err(_)) | Err(_) => false,
            };
            if !sent {
                tracing::warn!(%stream, "a snapshot was not written");
            }
        });
        Ok(())
    }

    /// Lets something leave the actor, if this node may still speak for the partition: an owner whose lease has
    /// lapsed may be answering from a past that another node has moved on from.
    fn let_out(&self, action: Action<M, Port<M>>) -> Result<(), ActorProcessingErr> {
        if !self.node.journal().is_owner(self.stream.partition()) {
            return Err(NotOurs(self.stream).into());
        }
        match action {
            Action::Reply { port, answer, position } => {
                let _ = port.reply.send(Reply::Answer { answer, position });
            }
            Action::Show { port, state, seq } => {
                let _ = port.reply.send(Reply::State { state, seq });
            }
            Action::Ask { ask, trace } => {
                let seq = ask.id.seq;
                self.node.deliver_ask(ask, self.origin(seq, trace));
            }
            Action::AnswerAsk { id, answer, seq, trace } => {
                self.node.deliver_answer(id, answer, self.origin(seq, trace));
            }
            Action::Effect { id, effect, trace } => self.node.effect_is_durable(id, effect, trace),
            Action::Publish(published) => M::publish_to(&self.node, published),
            Action::Append(_)
            | Action::Snapshot(_)
            | Action::Timer(_)
            | Action::Passivate
            | Action::Fail(_) => {}
        }
        Ok(())
    }

    fn origin(&self, seq: u64, trace: Option<u128>) -> Origin {
        Origin { cause: Some((self.stream, seq)), trace, ..Origin::default() }
    }
}
