//! The host: everything about running a machine that is a decision, and nothing that is IO.
//!
//! A host takes inputs and returns actions; the actor (or the simulator) performs them. What it guarantees:
//!
//! - **The gate.** Nothing leaves before everything it was computed from is durable: not a yes, not a refusal,
//!   not a repeated reply, not a read, not a published view, not an ask.
//! - **Repeats.** A request that was answered in the last ten minutes gets the same answer; one whose answer is
//!   still to come is told so; the same name on another body is refused. What may have been answered before that is
//!   not decided until the journal has been asked.
//! - **Wakes.** Whatever must happen later has a row in the journal that brings the stream back, early perhaps,
//!   never late.
//! - **Asks** are repeated, with growing pauses, until they are answered.

mod io;
mod repeats;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use crate::any::Effect;
use crate::ask::{Ask, AskAnswer, AskId};
use crate::ids::StreamId;
use crate::journal::{Append, AppendId, EffectId, Epoch, Incarnation, Origin, WakeChange};
use crate::machine::{CommandId, CommandKey, Creation, Ctx, EventMeta, Machine, Outcome, Reply};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

pub use io::{Action, Answer, ForeignEvent, Input, KnownReply, Loaded, Request, Snapshot, WayBack};
use repeats::Repeats;
pub use repeats::{Look, REPEATS_KEPT_MS, Seen};

/// The pause before an ask is repeated for the first time; it doubles up to [`ASK_RETRY_MAX_MS`].
pub const ASK_RETRY_FIRST_MS: i64 = 1_000;
/// The longest pause between repetitions of an ask.
pub const ASK_RETRY_MAX_MS: i64 = 60_000;

#[derive(Clone, Copy, Debug)]
struct Retry {
    next: Timestamp,
    tries: u32,
}

/// Who waits for the outcome of what is being decided.
enum Waiting<P> {
    Nobody,
    Port(P, Option<CommandKey>),
    Asker(AskId),
}

/// Runs one machine. `P` is how an answer finds its way back.
#[derive(Debug)]
pub struct Host<M: Machine, P> {
    stream: StreamId,
    epoch: Epoch,
    incarnation: Incarnation,
    state: M::State,
    applied_seq: u64,
    snapshot_seq: u64,
    /// Appends handed to the writer, and how many of them are durable.
    sent: u64,
    durable: u64,
    durable_seq: u64,
    position: u64,
    /// The seq each append in flight ends at.
    in_flight: VecDeque<u64>,
    /// What waits for its append, in order.
    gate: VecDeque<(u64, Action<M, P>)>,
    repeats: Repeats<M>,
    /// Who waits for a later answer, each since this append.
    parked: BTreeMap<CommandId, Vec<(u64, P)>>,
    retries: BTreeMap<AskId, Retry>,
    /// The stream's row in `wakes`, once everything in flight is durable.
    wake: Option<Timestamp>,
    timer: Option<Timestamp>,
    /// Instead of what the machine says.
    snapshot_every: Option<u64>,
    /// Whether readers have been shown everything there is since this host was loaded.
    shown: bool,
    now: Timestamp,
    failed: bool,
}

impl<M: Machine, P: WayBack> Host<M, P> {
    /// Brings a stream's machine back as the journal knows it. Step it with [`Input::Tick`] next: that handles
    /// what came due meanwhile and asks again what was never answered.
    ///
    /// # Errors
    /// When the stream holds another machine's event: the journal is damaged, or the stream misnamed.
    pub fn load(
        stream: StreamId,
        epoch: Epoch,
        incarnation: Incarnation,
        loaded: Loaded<M>,
    ) -> Result<Self, ForeignEvent> {
        let (snapshot_seq, mut state) = loaded.snapshot.unwrap_or_else(|| (0, M::initial(stream)));
        let mut applied_seq = snapshot_seq;
        let (mut position, mut now) = loaded.last.unwrap_or_default();
        for recorded in &loaded.events {
            let event = M::event(&recorded.event).ok_or(ForeignEvent { seq: recorded.seq })?;
            M::apply(&mut state, EventMeta { seq: recorded.seq, at: recorded.at }, event);
            applied_seq = recorded.seq;
            position = position.max(recorded.position);
            now = now.max(recorded.at);
        }
        let mut host = Host {
            stream,
            epoch,
            incarnation,
            state,
            applied_seq,
            snapshot_seq,
            sent: 0,
            durable: 0,
            durable_seq: applied_seq,
            position,
            in_flight: VecDeque::new(),
            gate: VecDeque::new(),
            repeats: Repeats::new(incarnation, loaded.has_older_replies),
            parked: BTreeMap::new(),
            retries: BTreeMap::new(),
            wake: loaded.wake,
            timer: None,
            snapshot_every: None,
            shown: false,
            now,
            failed: false,
        };
        for key in M::parked_commands(&host.state) {
            host.repeats.remember(key, host.now, None, 0);
        }
        let mut replies = loaded.replies;
        replies.sort_by_key(|reply| reply.at);
        for KnownReply { key, at, outcome } in replies {
            host.now = host.now.max(at);
            host.repeats.remember(key, at, Some(outcome), 0);
        }
        // Whatever was asked and not answered is asked again at once.
        if let Some(asks) = M::open_asks(&host.state) {
            host.retries =
                asks.iter().map(|ask| (ask.id, Retry { next: Timestamp::ZERO, tries: 0 })).collect();
        }
        Ok(host)
    }

    /// Takes a snapshot every so many events, at least one, instead of as often as the machine says.
    #[must_use]
    pub fn with_snapshots_every(mut self, events: u64) -> Self {
        self.snapshot_every = Some(events.max(1));
        self
    }

    /// Knows repeats for so many milliseconds instead of [`REPEATS_KEPT_MS`].
    #[must_use]
    pub fn with_repeats_kept(mut self, millis: i64) -> Self {
        self.repeats.keep_for(millis);
        self
    }

    /// The machine's state, including what is not durable yet. For tests and for the shell's bookkeeping; what
    /// leaves the process goes through [`Input::Read`].
    pub fn state(&self) -> &M::State {
        &self.state
    }

    /// The seq of the last event applied.
    pub fn applied_seq(&self) -> u64 {
        self.applied_seq
    }

    /// The seq of the last durable event.
    pub fn durable_seq(&self) -> u64 {
        self.durable_seq
    }

    /// Whether nothing is on its way to the journal.
    pub fn is_settled(&self) -> bool {
        self.sent == self.durable
    }

    /// Whether the journal refused an append of this host; it answers nothing any more.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Takes one input and appends what must be done to `actions`, in order.
    pub fn step(&mut self, now: Timestamp, input: Input<M, P>, actions: &mut Vec<Action<M, P>>) {
        if self.failed {
            return;
        }
        self.now = if planted::is(Bug::TimeGoesBack) { now } else { self.now.max(now) };
        let ticked = matches!(input, Input::Tick);
        // Not when it has just been loaded: then what it was loaded for is still to come.
        let mut asked = !matches!(input, Input::Tick | Input::Idle);
        match input {
            // One that has the journal looked at stays for whoever comes back: another would not believe that look.
            Input::Command(request) => asked = self.command(request, actions),
            Input::Ask(ask, origin) => match M::command_of_ask(&ask) {
                Some(command) => self.run(Some(&command), Waiting::Asker(ask.id), origin, actions),
                None => {
                    let (seq, trace) = (self.applied_seq, origin.trace);
                    let answer = Action::AnswerAsk { id: ask.id, answer: AskAnswer::Unknown, seq, trace };
                    self.emit(answer, actions);
                }
            },
            Input::Answer(id, answer, origin) => {
                if let Some(command) = M::command_of_answer(id, answer) {
                    self.run(Some(&command), Waiting::Nobody, origin, actions);
                }
            }
            Input::Read(port) => {
                self.run(None, Waiting::Nobody, Origin::default(), actions);
                let show = Action::Show { port, state: Box::new(self.state.clone()), seq: self.applied_seq };
                self.emit(show, actions);
            }
            Input::Tick => {
                self.run(None, Waiting::Nobody, Origin::default(), actions);
                self.ask_again(actions);
                self.rewrite_wake(actions);
                if !self.shown {
                    self.shown = true;
                    if let Some(view) = M::publish_all(&self.state) {
                        self.emit(Action::Publish(view), actions);
                    }
                }
            }
            Input::Durable { ordinal, position } => self.settle(ordinal, position, actions),
            Input::Refused(refusal) => {
                self.failed = true;
                self.gate.clear();
                self.parked.clear();
                actions.push(Action::Fail(refusal));
                return;
            }
            Input::Worked(effect) => self.close_row(effect, actions),
            Input::Idle => {
                if self.may_sleep() {
                    actions.push(Action::Passivate);
                }
            }
        }
        self.set_timer(ticked, actions);
        // A stream that does not exist needs no host: anybody can ask for any number of those.
        if asked && self.applied_seq == 0 && self.may_sleep() {
            actions.push(Action::Passivate);
        }
    }

    fn may_sleep(&self) -> bool {
        let settled = self.is_settled() || planted::is(Bug::SleepsUnsettled);
        let answered = self.retries.is_empty() || planted::is(Bug::SleepsWithOpenAsk);
        settled && answered && self.parked.is_empty()
    }

    /// Says whether it is answered, or will be.
    fn command(&mut self, request: Request<M, P>, actions: &mut Vec<Action<M, P>>) -> bool {
        self.repeats.forget_old(self.now, self.durable);
        if let Some(answer) = request.key.and_then(|key| self.repeats.answer(key)) {
            self.emit(Action::Reply { port: request.port, answer, position: 0 }, actions);
            return true;
        }
        if request.key.is_some() && !self.repeats.is_new(request.seen, self.now) {
            // What this host decided and the journal does not know yet, it knows itself: no need to wait at the gate.
            let look = self.repeats.look(self.now);
            actions.push(Action::LookUp { port: request.port, look });
            return false;
        }
        let waiting = Waiting::Port(request.port, request.key);
        self.run_keyed(Some(&request.command), request.key, waiting, request.origin, actions);
        true
    }

    fn run(
        &mut self,
        command: Option<&M::Command>,
        waiting: Waiting<P>,
        origin: Origin,
        actions: &mut Vec<Action<M, P>>,
    ) {
        self.run_keyed(command, None, waiting, origin, actions);
    }

    /// Handles what is due, then the command, and sends what happened to the journal as one append.
    fn run_keyed(
        &mut self,
        command: Option<&M::Command>,
        key: Option<CommandKey>,
        waiting: Waiting<P>,
        origin: Origin,
        actions: &mut Vec<Action<M, P>>,
    ) {
        let before = self.applied_seq;
        let mut happened = Happened::default();

        let due = M::due(&self.state, &self.ctx(None, &origin));
        self.apply_all(due.events, &mut happened);
        happened.effects = due.effects;
        for (key, outcome) in due.resolves {
            self.resolve(key, outcome, &mut happened);
        }

        let mut outcome = None;
        if let Some(command) = command {
            match M::decide(&self.state, command, &self.ctx(key, &origin)) {
                Ok(decision) => {
                    self.apply_all(decision.events, &mut happened);
                    happened.creates = decision.creates;
                    happened.effects.extend(decision.effects);
                    happened.closes = decision.closes;
                    for (key, resolved) in decision.resolves {
                        self.resolve(key, resolved, &mut happened);
                    }
                    match decision.reply {
                        Reply::Now(reply) => outcome = Some(Ok(reply)),
                        Reply::Parked => {}
                    }
                }
                Err(rejection) => outcome = Some(Err(rejection)),
            }
            if let Some(key) = key {
                self.repeats.remember(key, self.now, outcome.clone(), self.sent + 1);
                let stored = |outcome: &&Outcome<M>| outcome.is_ok() || !planted::is(Bug::RefusalNotStored);
                if let Some(outcome) = outcome.as_ref().filter(stored) {
                    happened.replies.push((key, M::store_outcome(outcome)));
                }
            }
        }

        self.track_asks(before);
        let resolved = std::mem::take(&mut happened.resolved);
        let effects = self.append(before, happened, origin, actions);
        self.emit_consequences(before, effects, origin.trace, actions);
        for (key, outcome) in resolved {
            for (_, port) in self.parked.remove(&key.id).unwrap_or_default() {
                let answer = Answer::Fresh(outcome.clone());
                self.emit(Action::Reply { port, answer, position: 0 }, actions);
            }
        }
        self.answer(waiting, outcome, origin.trace, actions);
    }

    fn ctx(&self, key: Option<CommandKey>, origin: &Origin) -> Ctx {
        Ctx {
            stream: self.stream,
            now: self.now,
            next_seq: self.applied_seq + 1,
            key,
            principal: origin.principal,
        }
    }

    fn apply_all(&mut self, events: Vec<M::Event>, happened: &mut Happened<M>) {
        for event in events {
            self.applied_seq += 1;
            M::apply(&mut self.state, EventMeta { seq: self.applied_seq, at: self.now }, &event);
            happened.events.push(event);
        }
    }

    /// An earlier request gets its answer now.
    fn resolve(&mut self, key: CommandKey, outcome: Outcome<M>, happened: &mut Happened<M>) {
        self.repeats.remember(key, self.now, Some(outcome.clone()), self.sent + 1);
        happened.replies.push((key, M::store_outcome(&outcome)));
        happened.resolved.push((key, outcome));
    }

    /// Sends one append, if there is anything to send. Returns its effects with their ids, those of created
    /// streams too.
    fn append(
        &mut self,
        before: u64,
        happened: Happened<M>,
        origin: Origin,
        actions: &mut Vec<Action<M, P>>,
    ) -> Vec<(EffectId, Effect)> {
        let outbox: Vec<_> = happened
            .effects
            .into_iter()
            .enumerate()
            .map(|(n, effect)| (EffectId { stream: self.stream, seq: self.applied_seq, n: n as u16 }, effect))
            .collect();
        let mut effects = outbox.clone();
        for creation in &happened.creates {
            effects.extend(creation.outbox().map(|(id, effect)| (id, effect.clone())));
        }
        let nothing = happened.events.is_empty()
            && happened.creates.is_empty()
            && happened.closes.is_empty()
            && happened.replies.is_empty();
        if !nothing {
            let published = M::publish(&self.state, &happened.events);
            let append = Append {
                id: self.next_append_id(),
                partition: self.stream.partition(),
                epoch: self.epoch,
                stream: self.stream,
                expected_seq: before,
                at: self.now,
                events: happened.events.into_iter().map(Into::into).collect(),
                creates: happened.creates,
                outbox,
                closes: happened.closes,
                wake: self.change_wake(),
                replies: happened.replies,
                origin,
            };
            self.send(append, actions);
            if let Some(view) = published {
                if planted::is(Bug::EarlyView) {
                    actions.push(Action::Publish(view));
                } else {
                    self.emit(Action::Publish(view), actions);
                }
            }
        }
        effects
    }

    /// Takes a snapshot when it is time, and lets asks and effects go as soon as they may.
    fn emit_consequences(
        &mut self,
        before: u64,
        effects: Vec<(EffectId, Effect)>,
        trace: Option<u128>,
        actions: &mut Vec<Action<M, P>>,
    ) {
        for (id, effect) in effects {
            let order = Action::Effect { id, effect, trace };
            if planted::is(Bug::CallBeforeKey) {
                actions.push(order);
            } else {
                self.emit(order, actions);
            }
        }
        let asks: Vec<Ask> = M::open_asks(&self.state)
            .map(|asks| asks.iter().filter(|ask| ask.id.seq > before).cloned().collect())
            .unwrap_or_default();
        for ask in asks {
            self.emit(Action::Ask { ask, trace }, actions);
        }
    }

    fn answer(
        &mut self,
        waiting: Waiting<P>,
        outcome: Option<Outcome<M>>,
        trace: Option<u128>,
        actions: &mut Vec<Action<M, P>>,
    ) {
        match (waiting, outcome) {
            (Waiting::Nobody, _) => {}
            (Waiting::Port(port, _), Some(outcome)) => {
                let early = if outcome.is_ok() { Bug::ReplyBeforeCommit } else { Bug::EarlyRefusal };
                let reply = Action::Reply { port, answer: Answer::Fresh(outcome), position: self.position };
                if planted::is(early) {
                    actions.push(reply);
                } else {
                    self.emit(reply, actions);
                }
            }
            (Waiting::Port(port, Some(key)), None) => {
                self.parked.entry(key.id).or_default().push((self.sent, port));
                self.let_wait();
            }
            // A parked command without a name could never be answered: machines park named ones only.
            (Waiting::Port(port, None), None) => {
                self.emit(Action::Reply { port, answer: Answer::InFlight, position: 0 }, actions);
            }
            (Waiting::Asker(id), outcome) => {
                let answer = outcome.map_or(AskAnswer::Unknown, |outcome| M::answer_of(&outcome));
                self.emit(Action::AnswerAsk { id, answer, seq: self.applied_seq, trace }, actions);
            }
        }
    }

    fn send(&mut self, append: Append, actions: &mut Vec<Action<M, P>>) {
        let every = self.snapshot_every.unwrap_or_else(|| M::SNAPSHOT_EVERY.max(M::things(&self.state)));
        let due_snapshot = self.applied_seq - self.snapshot_seq >= every;
        let ahead = planted::is(Bug::SnapshotAhead);
        if due_snapshot && ahead {
            self.take_snapshot(actions);
        }
        self.sent += 1;
        self.in_flight.push_back(append.last_seq());
        actions.push(Action::Append(append));
        if due_snapshot && !ahead {
            self.take_snapshot(actions);
        }
    }

    fn take_snapshot(&mut self, actions: &mut Vec<Action<M, P>>) {
        self.snapshot_seq = self.applied_seq;
        actions.push(Action::Snapshot(Snapshot {
            stream: self.stream,
            incarnation: self.incarnation,
            seq: self.applied_seq,
            state: self.state.clone(),
        }));
    }

    fn next_append_id(&self) -> AppendId {
        AppendId { incarnation: self.incarnation, ordinal: self.sent + 1 }
    }

    /// Lets `action` go at once if everything is durable, else when what was sent so far is.
    fn emit(&mut self, action: Action<M, P>, actions: &mut Vec<Action<M, P>>) {
        if self.is_settled() {
            actions.push(self.stamped(action));
        } else {
            self.gate.push_back((self.sent, action));
        }
    }

    fn settle(&mut self, ordinal: u64, position: u64, actions: &mut Vec<Action<M, P>>) {
        while self.durable < ordinal {
            self.durable += 1;
            if let Some(seq) = self.in_flight.pop_front() {
                self.durable_seq = seq;
            }
        }
        self.position = self.position.max(position);
        let durable = self.durable + u64::from(planted::is(Bug::GateOffByOne));
        while let Some((needed, _)) = self.gate.front()
            && *needed <= durable
            && let Some((_, action)) = self.gate.pop_front()
        {
            actions.push(self.stamped(action));
        }
        self.let_wait();
        if self.gate.is_empty() {
            // Most hosts rest most of the time, and there are many of them.
            self.gate = VecDeque::new();
        }
    }

    /// Those whose parking is durable need nothing any more but their answer.
    fn let_wait(&mut self) {
        let durable = self.durable;
        for (_, port) in self.parked.values_mut().flatten().filter(|(since, _)| *since <= durable) {
            port.waits();
        }
    }

    /// Replies say the position at which they are true; it is known only now.
    fn stamped(&self, action: Action<M, P>) -> Action<M, P> {
        match action {
            Action::Reply { port, answer, .. } => Action::Reply { port, answer, position: self.position },
            other => other,
        }
    }

    fn track_asks(&mut self, before: u64) {
        let Some(asks) = M::open_asks(&self.state) else { return };
        self.retries.retain(|id, _| asks.contains(id));
        let next = self.now.plus_millis(ASK_RETRY_FIRST_MS);
        for ask in asks.iter().filter(|ask| ask.id.seq > before) {
            self.retries.insert(ask.id, Retry { next, tries: 1 });
        }
    }

    fn ask_again(&mut self, actions: &mut Vec<Action<M, P>>) {
        let now = self.now;
        let mut again = Vec::new();
        for (id, retry) in &mut self.retries {
            if retry.next <= now && !(planted::is(Bug::AskNotRepeated) && retry.tries > 0) {
                let pause = (ASK_RETRY_FIRST_MS << retry.tries.min(6)).min(ASK_RETRY_MAX_MS);
                retry.tries += 1;
                retry.next = now.plus_millis(pause);
                again.push(*id);
            }
        }
        for id in again {
            if let Some(ask) = M::open_asks(&self.state).and_then(|asks| asks.get(&id)).cloned() {
                self.emit(Action::Ask { ask, trace: None }, actions);
            }
        }
    }

    /// When this stream must be brought back at the latest.
    fn next_wake(&self) -> Option<Timestamp> {
        let retry = self.retries.values().map(|retry| retry.next).min();
        match (M::next_deadline(&self.state), retry) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// What an append that goes anyway does to the wake row: nearer is written, later is left.
    fn change_wake(&mut self) -> WakeChange {
        if planted::is(Bug::LostWake) {
            return WakeChange::Keep;
        }
        let change = match (self.wake, self.next_wake()) {
            (None, None) => WakeChange::Keep,
            (Some(_), None) => WakeChange::Clear,
            (Some(row), Some(_)) if row <= self.now && planted::is(Bug::WakeClearedEarly) => {
                WakeChange::Clear
            }
            (Some(row), Some(wanted)) if row <= wanted && row > self.now => WakeChange::Keep,
            (_, Some(wanted)) => WakeChange::Set(wanted),
        };
        match change {
            WakeChange::Keep => {}
            WakeChange::Set(at) => self.wake = Some(at),
            WakeChange::Clear => self.wake = None,
        }
        change
    }

    /// Moves a wake that fired, or one that would come too late, by an append without events.
    fn rewrite_wake(&mut self, actions: &mut Vec<Action<M, P>>) {
        let fired = self.wake.is_some_and(|row| row <= self.now);
        let too_late = match (self.wake, self.next_wake()) {
            (Some(row), Some(wanted)) => wanted < row,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if !fired && !too_late {
            return;
        }
        let wake = self.change_wake();
        if wake == WakeChange::Keep {
            return;
        }
        self.send_without_events(wake, Vec::new(), actions);
    }

    fn close_row(&mut self, effect: EffectId, actions: &mut Vec<Action<M, P>>) {
        let wake = self.change_wake();
        self.send_without_events(wake, vec![effect], actions);
    }

    fn send_without_events(
        &mut self,
        wake: WakeChange,
        closes: Vec<EffectId>,
        actions: &mut Vec<Action<M, P>>,
    ) {
        let append = Append {
            id: self.next_append_id(),
            partition: self.stream.partition(),
            epoch: self.epoch,
            stream: self.stream,
            expected_seq: self.applied_seq,
            at: self.now,
            events: Vec::new(),
            creates: Vec::new(),
            outbox: Vec::new(),
            closes,
            wake,
            replies: Vec::new(),
            origin: Origin::default(),
        };
        self.send(append, actions);
    }

    fn set_timer(&mut self, ticked: bool, actions: &mut Vec<Action<M, P>>) {
        let wanted = self.next_wake();
        // A timer that fired early, by a clock that ran ahead, is gone and must be set again.
        if wanted != self.timer || (ticked && wanted.is_some()) {
            self.timer = wanted;
            actions.push(Action::Timer(wanted));
        }
    }
}

/// What one run of the machine brought about, before it becomes an append.
struct Happened<M: Machine> {
    events: Vec<M::Event>,
    creates: Vec<Creation>,
    effects: Vec<Effect>,
    closes: Vec<EffectId>,
    replies: Vec<(CommandKey, crate::any::AnyOutcome)>,
    resolved: Vec<(CommandKey, Outcome<M>)>,
}

impl<M: Machine> Default for Happened<M> {
    fn default() -> Self {
        Happened {
            events: Vec::new(),
            creates: Vec::new(),
            effects: Vec::new(),
            closes: Vec::new(),
            replies: Vec::new(),
            resolved: Vec::new(),
        }
    }
}
