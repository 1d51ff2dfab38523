//! The directory of a node and the hosts in it: a page that performs actions, as production's is.

use std::collections::VecDeque;
use std::rc::Rc;

use souk_core::any::AnyOutcome;
use souk_core::host::Seen;
use souk_core::ids::StreamId;
use souk_core::inventory::Rejection;
use souk_core::journal::{Incarnation, Refusal};
use souk_core::time::Timestamp;

use super::World;
use super::clients::Said;
use super::node::{Live, Local, Mail, Slot, Stage};
use super::writer::Item;
use crate::kind::{AnyAction, AnyAnswer, AnyCommand, AnyInput, AnyView, CallId, Port, load};
use crate::oracle::Wish;
use crate::schedule::MS;
use crate::stats::Situation;

impl World {
    /// Puts a message into the stream's mailbox; starts its host if there is none.
    pub(super) fn put(&mut self, node: usize, stream: StreamId, mail: Mail) {
        let process = self.process(node);
        let is_tick = matches!(mail, Mail::Tick);
        match self.nodes[node].slots.get_mut(&stream) {
            Some(Slot { mailbox, stage: Stage::Live(live), .. }) => {
                mailbox.push_back(mail);
                if !is_tick {
                    live.active_at = self.now;
                }
                let soon = self.within(MS / 10);
                self.later(process, soon, Local::Mail(stream));
            }
            Some(slot) => slot.mailbox.push_back(mail),
            None => {
                if matches!(mail, Mail::Ask(_)) && self.database.seq(stream) > 0 {
                    self.saw(Situation::AskWokeSleeper);
                }
                let slot = Slot { mailbox: VecDeque::from([mail]), stage: Stage::Barrier, woken: is_tick };
                self.nodes[node].slots.insert(stream, slot);
                self.try_load(node, stream);
            }
        }
    }

    /// A host may start when everything its stream has on the way is settled. If it is not, the writer comes back
    /// here after the next group.
    pub(super) fn try_load(&mut self, node: usize, stream: StreamId) {
        let Some(Slot { stage: Stage::Barrier, .. }) = self.nodes[node].slots.get(&stream) else { return };
        if !self.nodes[node].writer.is_settled(stream) {
            return self.saw(Situation::WaitedAtBarrier);
        }
        let incarnation = self.database.next_incarnation();
        self.nodes[node].writer.sequencer.start(stream, incarnation);
        if let Some(slot) = self.nodes[node].slots.get_mut(&stream) {
            slot.stage = Stage::Reading(incarnation);
        }
        let reading = self.within(self.plan.load_max);
        self.later(self.process(node), reading, Local::Loaded(stream, incarnation));
    }

    pub(super) fn loaded(&mut self, node: usize, stream: StreamId, incarnation: Incarnation) {
        let Some(slot) = self.nodes[node].slots.get(&stream) else { return };
        if !matches!(slot.stage, Stage::Reading(reading) if reading == incarnation) {
            return;
        }
        if !self.reaches_database(node) {
            return self.later(self.process(node), 10 * MS, Local::Loaded(stream, incarnation));
        }
        let Some(epoch) = self.nodes[node].writer.sequencer.epoch(stream.partition()) else { return };
        if self.database.is_damaged(stream) {
            self.saw(Situation::SnapshotDamaged);
        }
        let replies_since = self.wall(node).plus_millis(-self.plan.repeats_kept_ms);
        let known = self.database.load(stream, replies_since);
        if let Some((seq, _)) = &known.snapshot {
            self.saw(Situation::LoadedFromSnapshot);
            if *seq == self.database.seq(stream) {
                self.saw(Situation::LoadedFromSnapshotAlone);
            }
        }
        let Some(host) = load(stream, epoch, incarnation, known, self.plan.habits()) else {
            return self.oracle.complain(|| format!("loading: {stream} cannot be loaded"));
        };
        let durable = self.database.seq(stream);
        self.oracle.loaded(stream, incarnation, &host.state(), host.applied_seq(), durable);
        let live = Live { host, incarnation, timer: None, active_at: self.now };
        let process = self.process(node);
        let Some(slot) = self.nodes[node].slots.get_mut(&stream) else { return };
        slot.stage = Stage::Live(live);
        let woken = std::mem::take(&mut slot.woken);
        let waiting = slot.mailbox.len();
        let seq = self.step(node, stream, AnyInput::Tick);
        if woken && seq > Some(durable) {
            self.saw(Situation::WakeRevived);
        }
        for _ in 0..waiting {
            let soon = self.within(MS / 10);
            self.later(process, soon, Local::Mail(stream));
        }
        self.later(process, self.plan.sleep_after, Local::Idle(stream, incarnation));
    }

    pub(super) fn mail(&mut self, node: usize, stream: StreamId) {
        let Some(Slot { mailbox, stage: Stage::Live(_), .. }) = self.nodes[node].slots.get_mut(&stream)
        else {
            return;
        };
        let Some(mail) = mailbox.pop_front() else { return };
        // An owner whose time is over stays silent, whatever it still has in its mailboxes.
        if !self.serves(node, stream) {
            return self.saw(Situation::ZombieSilent);
        }
        let input = match mail {
            Mail::Request(call, seen) => match self.calls[call].wish.clone() {
                Wish::Command(command, key) => AnyInput::Command(command, key, Port::Call(call), seen),
                Wish::Read => AnyInput::Read(call),
                Wish::Ask(ask) => AnyInput::Ask(ask),
            },
            Mail::Ask(ask) => AnyInput::Ask(ask),
            Mail::AskAnswer(id, answer, rests_on) => AnyInput::Answer(id, answer, rests_on),
            Mail::Provider(port, command) => {
                AnyInput::Command(AnyCommand::Payment(command), None, port, Seen::Never)
            }
            Mail::Worked(effect) => AnyInput::Worked(effect),
            Mail::Tick => AnyInput::Tick,
        };
        self.step(node, stream, input);
    }

    pub(super) fn timer(&mut self, node: usize, stream: StreamId, incarnation: Incarnation, at: Timestamp) {
        if let Some(live) = self.live(node, stream, incarnation)
            && live.timer == Some(at)
        {
            live.timer = None;
            self.step(node, stream, AnyInput::Tick);
        }
    }

    pub(super) fn idle(&mut self, node: usize, stream: StreamId, incarnation: Incarnation) {
        let (now, after) = (self.now, self.plan.sleep_after);
        let process = self.process(node);
        let Some(live) = self.live(node, stream, incarnation) else { return };
        let asleep_at = live.active_at + after;
        if asleep_at > now {
            return self.later(process, asleep_at - now, Local::Idle(stream, incarnation));
        }
        self.later(process, after, Local::Idle(stream, incarnation));
        self.step(node, stream, AnyInput::Idle);
    }

    pub(super) fn settled(
        &mut self,
        node: usize,
        stream: StreamId,
        incarnation: Incarnation,
        ordinal: u64,
        position: u64,
    ) {
        if self.live(node, stream, incarnation).is_some()
            && !self.ends_before_answer(node, incarnation, ordinal)
        {
            self.step(node, stream, AnyInput::Durable(ordinal, position));
        }
    }

    pub(super) fn refused(
        &mut self,
        node: usize,
        stream: StreamId,
        incarnation: Incarnation,
        refusal: Refusal,
    ) {
        if self.live(node, stream, incarnation).is_some() {
            self.step(node, stream, AnyInput::Refused(refusal));
        }
    }

    fn live(&mut self, node: usize, stream: StreamId, incarnation: Incarnation) -> Option<&mut Live> {
        match self.nodes[node].slots.get_mut(&stream) {
            Some(Slot { stage: Stage::Live(live), .. }) if live.incarnation == incarnation => Some(live),
            _ => None,
        }
    }

    pub(super) fn has_unsettled_host(&self, node: usize) -> bool {
        let unsettled = |slot: &Slot| matches!(&slot.stage, Stage::Live(live) if !live.host.is_settled());
        self.nodes[node].slots.values().any(unsettled)
    }

    /// Steps the live host and does what it wants done. Says which seq it has come to.
    fn step(&mut self, node: usize, stream: StreamId, input: AnyInput) -> Option<u64> {
        let now = self.wall(node);
        let settled = match input {
            AnyInput::Durable(ordinal, _) => Some(ordinal),
            _ => None,
        };
        self.trace(|| format!("node {node} steps {stream} with {input:?}"));
        let Some(Slot { stage: Stage::Live(live), .. }) = self.nodes[node].slots.get_mut(&stream) else {
            return None;
        };
        let mut actions = Vec::new();
        live.host.step(now, input, &mut actions);
        let (incarnation, seq) = (live.incarnation, live.host.applied_seq());
        self.begin_steps(node, &actions);
        for action in actions {
            // The process may end between any two of them.
            if self.may_crash(node) {
                return None;
            }
            if self.strikes("panic", self.plan.panic) {
                self.saw(Situation::Panicked);
                self.rebuild(node, stream);
                return None;
            }
            self.perform(node, stream, incarnation, action, settled.is_some());
        }
        if let Some(ordinal) = settled {
            self.end_steps(node, incarnation, ordinal);
        }
        if self.serves(node, stream)
            && let Some(live) = self.live(node, stream, incarnation)
            && live.host.is_settled()
            && self.database.seq(stream) == seq
        {
            self.oracle.settled(stream, &self.nodes[node].views);
        }
        Some(seq)
    }

    fn perform(
        &mut self,
        node: usize,
        stream: StreamId,
        incarnation: Incarnation,
        action: AnyAction,
        released: bool,
    ) {
        self.trace(|| format!("    {stream}: {action:?}"));
        let process = self.process(node);
        match action {
            AnyAction::Append(append) => self.queue(node, Item::Append(append)),
            AnyAction::Snapshot(snapshot) => self.queue(node, Item::Snapshot(snapshot)),
            AnyAction::Reply(port, answer) => {
                let Port::Call(call) = port else { return self.recorded(node, port, &answer) };
                if let AnyAnswer::Repeated(_) = answer {
                    self.saw(Situation::RepeatKnownByHost);
                    if released {
                        self.saw(Situation::HeldBackByGate);
                    }
                }
                self.reply(node, call, answer);
            }
            AnyAction::LookUp(port, look) => {
                let Port::Call(call) = port else { return };
                let reading = self.within(self.plan.load_max);
                self.later(process, reading, Local::LookedUp(call, look));
            }
            AnyAction::Show(port, state, seq) => {
                let Port::Call(call) = port else { return };
                if released {
                    self.saw(Situation::HeldBackByGate);
                }
                self.oracle.shown(&self.calls[call], &state, seq, &self.database);
                let (client, number) = (self.calls[call].client, self.calls[call].number);
                self.send_answer(node, client, number, Said::Shown(Rc::new(state)), Some(call));
            }
            AnyAction::Ask(ask) => self.route_ask(node, ask),
            AnyAction::AnswerAsk(id, answer, seq) => self.route_answer(node, id, answer, (stream, seq)),
            AnyAction::Effect(id, effect) => self.effect(node, id, &effect),
            AnyAction::Publish(view) => {
                self.oracle.published(stream, incarnation, &view);
                let AnyView::Stock(published) = view;
                for (sku, available, open) in published.stock {
                    self.nodes[node].views.insert(sku, (available, open));
                }
            }
            AnyAction::Timer(at) => {
                let wall = self.wall(node);
                if let Some(live) = self.live(node, stream, incarnation) {
                    live.timer = at;
                }
                if let Some(at) = at {
                    // Never at once, so that a machine that makes no progress is seen to make none.
                    let delay = at.millis_since(wall).max(1) as u64 * MS;
                    self.later(process, delay, Local::Timer(stream, incarnation, at));
                }
            }
            AnyAction::Passivate => {
                let Some(slot) = self.nodes[node].slots.get(&stream) else { return };
                if let Stage::Live(live) = &slot.stage {
                    let is_newest = live.host.applied_seq() == self.database.seq(stream);
                    self.oracle.sleeps(stream, live.host.is_settled(), is_newest);
                }
                if slot.mailbox.is_empty() {
                    self.saw(Situation::Slept);
                    self.nodes[node].slots.remove(&stream);
                    self.nodes[node].writer.sequencer.end(stream, incarnation);
                }
            }
            AnyAction::Fail => {
                self.rebuild(node, stream);
            }
        }
    }

    /// The actor ends and its mailbox with it, while what it sent is still on its way; its supervisor starts another.
    fn rebuild(&mut self, node: usize, stream: StreamId) {
        if let Some(Slot { stage: Stage::Live(live), .. }) = self.nodes[node].slots.get(&stream) {
            let incarnation = live.incarnation;
            self.end_steps(node, incarnation, u64::MAX);
        }
        if let Some(slot) = self.nodes[node].slots.get_mut(&stream) {
            slot.mailbox.clear();
            slot.stage = Stage::Barrier;
        }
        let soon = self.within(MS / 10);
        self.later(self.process(node), soon, Local::Rebuild(stream));
    }

    pub(super) fn reply(&mut self, node: usize, call: CallId, answer: AnyAnswer) {
        self.oracle.answered(&self.calls[call], &answer, &self.database);
        let (client, number) = (self.calls[call].client, self.calls[call].number);
        if answer == AnyAnswer::Fresh(AnyOutcome::Stock(Err(Rejection::Stale))) {
            self.saw(Situation::StaleOrder);
        }
        let said = match answer {
            AnyAnswer::Fresh(outcome) | AnyAnswer::Repeated(outcome) => Said::Told(outcome),
            AnyAnswer::KeyReused => Said::KeyReused,
            // Nothing a client could go on with: it asks again.
            AnyAnswer::InFlight => return self.saw(Situation::RequestInFlight),
        };
        self.send_answer(node, client, number, said, Some(call));
    }
}
