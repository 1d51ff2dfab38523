//! Messages, which may be lost, doubled, late, and overtake each other.

use souk_core::ask::{Ask, AskAnswer, AskId};
use souk_core::ids::StreamId;

use super::clients::Said;
use super::cuts::End;
use super::{Happening, World};
use crate::kind::CallId;
use crate::stats::Situation;

/// What travels to a node.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// A request from outside: what is wanted stands in the call.
    Request(CallId),
    /// One machine's order to another.
    Ask(Ask),
    /// The answer to such an order, and the event of the other stream it rests on.
    AskAnswer(AskId, AskAnswer, (StreamId, u64)),
    /// The bank's notice of this number.
    Notice(usize),
}

impl World {
    /// Sends a message on its way to a node, from the bank, from people, or from another node.
    pub(super) fn send(&mut self, from: End, node: usize, message: Message) {
        if self.is_doubled() {
            // The copy may take another way, and meet whoever owns the stream by then.
            let at = self.now + self.within(4 * self.plan.delay_max);
            let way = self.any_node();
            self.schedule.push(at, Happening::Arrival(way, message.clone()));
        }
        if self.is_cut(from, End::Node(node)) {
            self.saw(Situation::CutOff);
            return self.lost(&message);
        }
        if self.is_lost() {
            return self.lost(&message);
        }
        let at = self.now + self.within(self.plan.delay_max);
        self.schedule.push(at, Happening::Arrival(node, message));
    }

    pub(super) fn any_node(&mut self) -> usize {
        self.rng.below(self.nodes.len() as u64) as usize
    }

    /// Sends an answer to a client. `call` is the try it answers, if it answers one.
    pub(super) fn send_answer(
        &mut self,
        node: usize,
        client: usize,
        number: u64,
        said: Said,
        call: Option<CallId>,
    ) {
        if self.is_cut(End::Node(node), End::People) || self.is_lost() {
            if let Some(call) = call {
                self.calls[call].answer_lost = true;
            }
            return self.trace(|| format!("the answer {said:?} to client {client} is lost"));
        }
        if self.is_doubled() {
            let at = self.now + self.within(self.plan.delay_max);
            self.schedule.push(at, Happening::Answer(client, number, said.clone()));
        }
        let at = self.now + self.within(self.plan.delay_max);
        self.schedule.push(at, Happening::Answer(client, number, said));
    }

    pub(super) fn is_lost(&mut self) -> bool {
        self.strikes("loss", self.plan.lose)
    }

    fn is_doubled(&mut self) -> bool {
        self.strikes("double", self.plan.double)
    }

    pub(super) fn lost(&mut self, message: &Message) {
        self.trace(|| format!("{message:?} is lost"));
    }

    /// Asks and their answers leave one stream for another. Where the other one lives the sender does not know for
    /// sure: it tries at home if the stream is owned there, else where the leases say.
    pub(super) fn route_ask(&mut self, from: usize, ask: Ask) {
        self.oracle.ask_leaves(&ask, &self.database);
        let to = self.where_lives(from, ask.to);
        if to != from {
            self.saw(Situation::AskedAcrossNodes);
        }
        self.send(End::Node(from), to, Message::Ask(ask));
    }

    pub(super) fn route_answer(
        &mut self,
        from: usize,
        id: AskId,
        answer: AskAnswer,
        rests_on: (StreamId, u64),
    ) {
        match self.spokesmen.get(&id.stream).copied() {
            Some(client) => self.client_asked(from, client, id, answer, rests_on.1),
            None => {
                self.oracle.answer_leaves(id, &answer, rests_on, &self.database);
                let to = self.where_lives(from, id.stream);
                self.send(End::Node(from), to, Message::AskAnswer(id, answer, rests_on));
            }
        }
    }

    /// The node that owns a stream, as far as this one knows.
    fn where_lives(&self, home: usize, stream: StreamId) -> usize {
        if self.serves(home, stream) {
            return home;
        }
        self.database.owner(stream.partition()).map_or(home, |owner| owner.node)
    }
}
