//! The outside world: the bank and the mail, and the lanes that carry out what outbox rows say.
//!
//! The owner of a partition works its rows at least once: when one becomes durable, and again and again as long as
//! it is open. What the bank says comes back as a command to the payment, whose append closes the row. The bank's
//! own notices reach whichever node they meet, and come again until they are recorded.

use souk_core::any::Effect;
use souk_core::ids::{PaymentId, StreamId};
use souk_core::journal::EffectId;
use souk_core::payment::{Command, ProviderCall, ProviderFact};

use super::bus::Message;
use super::cuts::End;
use super::node::{Local, Mail};
use super::{Happening, World};
use crate::database::{Process, when};
use crate::kind::{AnyAnswer, Port};
use crate::schedule::MS;
use crate::stats::Situation;

impl World {
    /// The row of this effect is durable: the lane takes it up, unless it has it in hand.
    pub(super) fn effect(&mut self, node: usize, id: EffectId, effect: &Effect) {
        self.oracle.effect_leaves(id, effect, &self.database);
        if !self.serves(node, id.stream) || !self.nodes[node].in_hand.insert(id) {
            return;
        }
        let process = self.process(node);
        let way = self.within(self.plan.delay_max);
        match effect {
            Effect::Mail(_) => self.later(process, way, Local::Mailed(id)),
            Effect::Payment(call) if self.is_cut(End::Node(node), End::Bank) || self.is_lost() => {
                self.unheard(process, id, call)
            }
            Effect::Payment(call) => {
                self.schedule.push(self.now + way, Happening::Call(process, id, call.clone()));
            }
        }
    }

    /// Rows that are open: whoever owned them before may have come to an end over them.
    pub(super) fn read_rows(&mut self, node: usize, again: bool) {
        if self.nodes[node].terms.is_empty() {
            self.nodes[node].reads_rows &= !again;
            return;
        }
        if again {
            let every = self.plan.shop.as_ref().map_or(1_000 * MS, |shop| shop.rows_every);
            self.later(self.process(node), every, Local::Rows(true));
        }
        if !self.reaches_database(node) {
            return;
        }
        let open: Vec<_> = self.database.outbox().map(|(id, effect)| (*id, effect.clone())).collect();
        for (id, effect) in open {
            if self.serves(node, id.stream) && !self.nodes[node].in_hand.contains(&id) {
                self.saw(Situation::RowReadAgain);
                self.effect(node, id, &effect);
            }
        }
    }

    /// The caller waits, and then knows nothing.
    fn unheard(&mut self, process: Process, id: EffectId, call: &ProviderCall) {
        let patience = self.plan.shop.as_ref().map_or(MS, |shop| shop.call_patience);
        let said = Local::Said(id, call.payment, call.key.clone(), ProviderFact::Unknown);
        self.later(process, patience, said);
    }

    /// A call reaches the bank, whatever has become of its caller.
    pub(super) fn bank_hears(&mut self, process: Process, id: EffectId, call: &ProviderCall) {
        self.trace(|| format!("the bank hears {call:?}"));
        if self.bank.knows(&call.key) {
            self.saw(Situation::CalledAgain);
        }
        if self.bank.keeps_error(&call.key, self.now) {
            self.saw(Situation::ErrorAnsweredAgain);
        }
        let fact = self.bank.call(call, self.now, &mut self.rng);
        self.bank_stirs();
        match fact {
            Some(fact) if !self.is_cut(End::Bank, End::Node(process.node)) && !self.is_lost() => {
                let way = self.within(self.plan.delay_max);
                self.later(process, way, Local::Said(id, call.payment, call.key.clone(), fact));
            }
            _ => self.unheard(process, id, call),
        }
    }

    /// The bank may have something to tell, something to do later, or somebody to blame.
    pub(super) fn bank_stirs(&mut self) {
        if let Some(mistake) = self.bank.mistake() {
            self.oracle.complain(|| format!("bank: {mistake}"));
        }
        while self.noticed < self.bank.notices() {
            let number = self.noticed;
            self.noticed += 1;
            let Some((payment, mut at)) = self.bank.notice(number).map(|notice| (notice.payment, notice.at))
            else {
                continue;
            };
            let finish = self.plan.shop.as_ref().map_or(0, |shop| shop.photo_finish);
            if let Some(until) =
                self.oracle.attempt_until(payment).map(when).filter(|until| *until > self.now)
                && self.strikes("photo finish", finish)
            {
                at = until;
            }
            self.schedule.push(at, Happening::Notice(number, 0));
        }
        // One is enough: each would bring the next, and they would be more with every call.
        if let Some(at) = self.bank.next_deed()
            && self.deed_at.is_none_or(|due| at < due)
        {
            self.deed_at = Some(at);
            self.schedule.push(at, Happening::Deed);
        }
    }

    pub(super) fn deed(&mut self) {
        self.deed_at = self.deed_at.filter(|due| *due > self.now);
        self.bank.catch_up(self.now, &mut self.rng);
        self.bank_stirs();
    }

    /// The bank tells something, for the so-manyeth time.
    pub(super) fn notice(&mut self, number: usize, tries: u32) {
        if self.bank.notice(number).is_none() {
            return;
        }
        let node = self.any_node();
        self.send(End::Bank, node, Message::Notice(number));
        if tries > 0 {
            self.saw(Situation::NoticeRepeated);
        }
        let pause = (200 * MS) << tries.min(5);
        self.schedule.push(self.now + pause, Happening::Notice(number, tries + 1));
    }

    pub(super) fn notice_arrives(&mut self, node: usize, number: usize) {
        if self.bank.is_days_late(number) {
            self.saw(Situation::NoticeDaysLate);
        }
        let Some(notice) = self.bank.notice(number) else { return };
        let (payment, key, fact) = (notice.payment, notice.key.clone(), notice.fact.clone());
        let command = Command::Provider { effect: None, key, fact };
        self.put(node, StreamId::Payment(payment), Mail::Provider(Port::Notice(number), command));
    }

    /// The lane has an answer, or none: the payment records it.
    pub(super) fn said(
        &mut self,
        node: usize,
        id: EffectId,
        payment: PaymentId,
        key: String,
        fact: ProviderFact,
    ) {
        let command = Command::Provider { effect: Some(id), key, fact };
        self.record(node, id, StreamId::Payment(payment), Mail::Provider(Port::Lane(id), command));
    }

    pub(super) fn mailed(&mut self, node: usize, id: EffectId) {
        self.record(node, id, id.stream, Mail::Worked(id));
    }

    /// Has what came of a row recorded. If it cannot be, the row is read again.
    fn record(&mut self, node: usize, id: EffectId, stream: StreamId, mail: Mail) {
        if self.serves(node, stream) {
            self.put(node, stream, mail);
        }
        let patience = self.plan.shop.as_ref().map_or(MS, |shop| shop.call_patience);
        self.later(self.process(node), 2 * patience, Local::PutDown(id));
    }

    /// What the bank said is recorded.
    pub(super) fn recorded(&mut self, node: usize, port: Port, answer: &AnyAnswer) {
        use souk_core::any::AnyOutcome;
        if !matches!(answer, AnyAnswer::Fresh(AnyOutcome::Payment(Ok(_)))) {
            self.oracle.complain(|| format!("bank: its word to {port:?} is told {answer:?}"));
        }
        match port {
            Port::Lane(id) => {
                self.nodes[node].in_hand.remove(&id);
            }
            // The bank may not hear that it was heard.
            Port::Notice(number) if !self.is_cut(End::Node(node), End::Bank) && !self.is_lost() => {
                self.bank.acknowledge(number)
            }
            Port::Notice(_) | Port::Call(_) => {}
        }
    }
}
