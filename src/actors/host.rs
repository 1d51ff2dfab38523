//! The actor around a host: performs what the host decides, and decides nothing.

use std::marker::PhantomData;
use std::sync::Arc;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use souk_core::host::{Action, Host, Input, Snapshot};
use souk_core::ids::StreamId;
use souk_core::journal::{Epoch, Incarnation, Origin, Refusal};
use tokio::time::Instant;
use tracing::Span;

use crate::journal::{OutcomeSink, Outcomes, ToWrite};
use crate::telemetry::traces;

use super::kinds::Hosted;
use super::message::{HostMessage, Port, Reply};
use super::node::Node;
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
    epoch: Epoch,
    incarnation: Incarnation,
    host: Host<M, Port<M>>,
    outcomes: Outcomes,
    pulse: Arc<Pulse>,
    /// Whether it is in the middle of a step, of whose actions some may not have been performed.
    stepping: bool,
}

/// Whoever ends before it has let out what is durable, or may become so, leaves readers with what they saw before: they are
/// told that they know nothing any more.
impl<M: Hosted> Drop for HostState<M> {
    fn drop(&mut self) {
        if self.stepping || !self.host.is_settled() {
            M::ended_untold(&self.node, self.stream);
        }
    }
}

/// What a step has for the writer.
enum Written<M: Hosted> {
    Rows(ToWrite),
    /// Not yet made a row.
    LargeState(Box<Snapshot<M>>),
}

/// The reason given to the supervisor when the journal refused an append because the stream was started or taken over
/// elsewhere meanwhile.
pub(super) const OVERTAKEN: &str = "overtaken";
/// The same when the append contradicts what is in the journal.
pub(super) const CONTRADICTED: &str = "its append contradicts the journal";

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
        let poked = myself.clone();
        // A draining actor takes no more messages; its `post_stop` looks for outcomes itself.
        let counted = Arc::clone(&pulse);
        let poke = Arc::new(move || {
            counted.sent();
            if poked.cast(HostMessage::Settled).is_err() {
                counted.taken();
            }
        });
        let (sink, outcomes) = OutcomeSink::new(poke);
        let started = node.journal().start(stream, sink).await?;
        let loaded = Box::pin(node.journal().load::<M>(stream, node.clock().now())).await?;
        let host = Host::load(stream, started.epoch, started.incarnation, loaded)
            .map_err(|foreign| format!("{stream} holds another machine's event at seq {}", foreign.seq))?;
        let (epoch, incarnation) = (started.epoch, started.incarnation);
        let mut state =
            HostState { node, stream, epoch, incarnation, host, outcomes, pulse, stepping: false };
        let mut written = Vec::new();
        state.step(&myself, Handling::Start, Input::Tick, &mut written)?;
        state.write(written).await?;
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
        let mut written = Vec::new();
        state.settle(&myself, &mut written)?;
        let span = state.span_of(&message);
        span.in_scope(|| state.take(&myself, handling, message, &mut written))?;
        state.write(written).await
    }

    async fn post_stop(
        &self,
        myself: ActorRef<Self::Msg>,
        state: &mut HostState<M>,
    ) -> Result<(), ActorProcessingErr> {
        state.pass(Trap::Before(Handling::Stop));
        // What the gate still holds may leave once the last append is durable.
        while !state.host.is_settled() && !state.host.has_failed() {
            let Some(settled) = state.outcomes.next().await else { break };
            let mut written = Vec::new();
            state.step(&myself, Handling::Settled, settled.into(), &mut written)?;
            state.write(written).await?;
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
            HostMessage::Ask(told) => ("ask", told.1.trace),
            HostMessage::Answer(told) => ("answer", told.2.trace),
            _ => return Span::none(),
        };
        traces::within(
            trace,
            || tracing::debug_span!(parent: None, "handle", what = name, stream = %self.stream),
        )
    }

    fn settle(
        &mut self,
        myself: &ActorRef<HostMessage<M>>,
        written: &mut Vec<Written<M>>,
    ) -> Result<(), ActorProcessingErr> {
        while let Some(settled) = self.outcomes.try_next() {
            self.step(myself, Handling::Settled, settled.into(), written)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        myself: &ActorRef<HostMessage<M>>,
        handling: Handling,
        message: HostMessage<M>,
        written: &mut Vec<Written<M>>,
    ) -> Result<(), ActorProcessingErr> {
        let input = match message {
            HostMessage::Command { request, deadline } => {
                if Instant::now() > deadline {
                    let _ = request.port.reply.send(Reply::TooLate);
                    return Ok(());
                }
                Input::Command(*request)
            }
            HostMessage::Ask(told) => {
                let (ask, origin) = *told;
                Input::Ask(ask, origin)
            }
            HostMessage::Answer(told) => {
                let (id, answer, origin) = *told;
                Input::Answer(id, answer, origin)
            }
            HostMessage::Read(port) => Input::Read(port),
            HostMessage::Tick => Input::Tick,
            HostMessage::Worked(effect) => Input::Worked(effect),
            HostMessage::Idle => Input::Idle,
            HostMessage::Settled => return Ok(()),
        };
        self.step(myself, handling, input, written)
    }

    fn pass(&self, trap: Trap) {
        self.node.traps().pass(self.stream, trap);
    }

    /// Nothing here waits, so that what it works with lies on the stack: whatever lived across a wait would have a
    /// place in every actor for ever, and most of them wait for a person most of the time.
    fn step(
        &mut self,
        myself: &ActorRef<HostMessage<M>>,
        handling: Handling,
        input: Input<M, Port<M>>,
        written: &mut Vec<Written<M>>,
    ) -> Result<(), ActorProcessingErr> {
        let mut actions = Vec::new();
        self.stepping = true;
        self.host.step(self.node.clock().now(), input, &mut actions);
        self.pass(Trap::After(handling));
        self.pulse.is_at(self.host.durable_seq());
        for action in actions {
            match action {
                Action::Append(append) => written.push(Written::Rows(ToWrite::append(&append)?)),
                Action::Snapshot(snapshot) => written.push(if M::things(&snapshot.state) < LARGE {
                    Written::Rows(ToWrite::snapshot(&snapshot)?)
                } else {
                    Written::LargeState(Box::new(snapshot))
                }),
                other => self.perform(myself, other)?,
            }
        }
        self.stepping = false;
        Ok(())
    }

    /// Hands the writer what the steps made, in order.
    async fn write(&self, written: Vec<Written<M>>) -> Result<(), ActorProcessingErr> {
        for written in written {
            match written {
                Written::Rows(rows) => self.node.journal().write(rows).await?,
                Written::LargeState(snapshot) => self.write_elsewhere(*snapshot),
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
                let reason = match refusal {
                    Refusal::Fenced | Refusal::Closed => OVERTAKEN,
                    Refusal::WrongSeq => CONTRADICTED,
                };
                myself.stop(Some(reason.to_owned()));
            }
            outward => self.let_out(outward)?,
        }
        Ok(())
    }

    /// A large state is made a row elsewhere: the actor has callers waiting. The appends before it have been handed
    /// over by now, so its row comes behind the events it contains, whenever it comes, and without it the next start
    /// folds a few more.
    fn write_elsewhere(&self, snapshot: Snapshot<M>) {
        let node = Arc::clone(&self.node);
        tokio::task::spawn(async move {
            let stream = snapshot.stream;
            let encoded = tokio::task::spawn_blocking(move || ToWrite::snapshot(&snapshot)).await;
            let sent = match encoded {
                Ok(Ok(rows)) => node.journal().write(rows).await.is_ok(),
                Ok(Err(_)) | Err(_) => false,
            };
            if !sent {
                tracing::warn!(%stream, "a snapshot was not written");
            }
        });
    }

    /// Lets something leave the actor, if this node may still speak for the partition, under the same epoch as when the
    /// actor was loaded: an owner whose lease has lapsed may be answering from a past that another node has moved on from,
    /// also when the lease has come back since.
    fn let_out(&self, action: Action<M, Port<M>>) -> Result<(), ActorProcessingErr> {
        if self.node.journal().lease().epoch(self.stream.partition()) != Some(self.epoch) {
            return Err(NotOurs(self.stream).into());
        }
        match action {
            Action::Reply { port, answer, position } => {
                let _ = port.reply.send(Reply::Answer { answer, position });
            }
            Action::LookUp { port, look } => {
                let _ = port.reply.send(Reply::LookUp(look));
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
            Action::Publish(published) => M::publish_to(&self.node, self.stream, self.epoch, published),
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
