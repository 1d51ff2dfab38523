//! What arrives at a node, and whether it is for this node to answer.

use souk_core::host::{Look, Seen};
use souk_core::ids::StreamId;

use super::World;
use super::bus::Message;
use super::cuts::End;
use super::node::Mail;
use crate::kind::{AnyAnswer, CallId};
use crate::oracle::Wish;
use crate::stats::Situation;

impl World {
    pub(super) fn arrive(&mut self, node: usize, message: Message) {
        let stream = self.addressee(&message);
        if self.is_silent(node, stream) {
            return self.saw(Situation::ZombieSilent);
        }
        if !self.serves(node, stream) {
            return self.pass_on(node, stream, message);
        }
        match message {
            Message::Request(call) => {
                if !(self.plan.handler_looks_first && self.answer_from_journal(node, call)) {
                    self.put(node, self.calls[call].stream, Mail::Request(call, Seen::Perhaps));
                }
            }
            Message::Ask(ask) => self.put(node, ask.to, Mail::Ask(ask)),
            Message::AskAnswer(id, answer, rests_on) => {
                self.put(node, id.stream, Mail::AskAnswer(id, answer, rests_on));
            }
            Message::Notice(number) => self.notice_arrives(node, number),
        }
    }

    fn addressee(&self, message: &Message) -> StreamId {
        match message {
            Message::Request(call) => self.calls[*call].stream,
            Message::Ask(ask) => ask.to,
            Message::AskAnswer(id, ..) => id.stream,
            Message::Notice(number) => StreamId::Payment(self.bank.about(*number)),
        }
    }

    /// Nodes that share partitions send on what is not theirs. A standby has nothing to say.
    fn pass_on(&mut self, node: usize, stream: StreamId, message: Message) {
        if self.plan.lots == 1 {
            return;
        }
        let owner = self.database.owner(stream.partition()).map(|owner| owner.node);
        if let Some(owner) = owner.filter(|owner| *owner != node) {
            self.saw(Situation::PassedOn);
            self.send(End::Node(node), owner, message);
        }
    }

    /// The handler has looked for what the host could not know.
    pub(super) fn looked_up(&mut self, node: usize, call: CallId, look: Look) {
        self.saw(Situation::LookedUpForHost);
        let stream = self.calls[call].stream;
        if self.reaches_database(node) && self.serves(node, stream) && !self.answer_from_journal(node, call) {
            self.put(node, stream, Mail::Request(call, Seen::NotWhenLooked(look)));
        }
    }

    /// Whether the stored replies have the answer.
    fn answer_from_journal(&mut self, node: usize, call: CallId) -> bool {
        if !self.reaches_database(node) {
            return false;
        }
        let Wish::Command(_, Some(key)) = &self.calls[call].wish else { return false };
        let Some(row) = self.database.reply(key.id) else { return false };
        let same = row.key.fingerprint == key.fingerprint;
        let answer = if same { AnyAnswer::Repeated(row.outcome.clone()) } else { AnyAnswer::KeyReused };
        if same {
            self.saw(Situation::RepeatKnownByJournal);
        }
        self.reply(node, call, answer);
        true
    }
}
