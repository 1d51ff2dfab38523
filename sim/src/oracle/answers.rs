//! What leaves a host must be borne out by what is durable.
//!
//! Each answer carries an interval: from what was durable when the request was sent to what is durable as the
//! answer leaves. Some durable state in between must justify it (linearizability: later requests see what earlier
//! answers rested on).

use souk_core::any::AnyOutcome;
use souk_core::ask::{Ask, AskAnswer};
use souk_core::ids::StreamId;
use souk_core::machine::CommandKey;
use souk_core::{checkout, inventory};

use super::Oracle;
use crate::database::Database;
use crate::kind::{AnyAnswer, AnyCommand, AnyState};

/// What somebody wants of a stream.
#[derive(Clone, Debug)]
pub enum Wish {
    /// That it does something.
    Command(AnyCommand, Option<CommandKey>),
    /// To see its state.
    Read,
    /// What another machine asks.
    Ask(Ask),
}

/// A request on its way, from one try to its answer.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who wants it.
    pub client: usize,
    /// Counts what this client wanted; the same in every try.
    pub number: u64,
    /// Of whom.
    pub stream: StreamId,
    /// What.
    pub wish: Wish,
    /// The stream's durable seq when this try was sent.
    pub base: u64,
    /// The same, of the first try.
    pub first_base: u64,
    /// The bus lost an answer to this try.
    pub answer_lost: bool,
}

impl Oracle {
    /// A request was answered.
    pub fn answered(&mut self, call: &Call, answer: &AnyAnswer, database: &Database) {
        let Wish::Command(command, key) = &call.wish else {
            return self.complain(|| format!("answers: {:?} was answered like a command", call.wish));
        };
        let (outcome, base) = match answer {
            AnyAnswer::Fresh(outcome) => (outcome, call.base),
            AnyAnswer::Repeated(outcome) => (outcome, call.first_base),
            AnyAnswer::KeyReused => {
                let stored = key.and_then(|key| database.reply(key.id).map(|row| (row, key)));
                let other = stored.is_some_and(|(row, key)| row.key.fingerprint != key.fingerprint);
                return self.demand(other, || format!("answers: {key:?} is called reused and is not"));
            }
            AnyAnswer::InFlight => {
                let parked = key.is_some_and(|key| was_parked(call, key, database));
                return self.demand(parked, || format!("answers: {key:?} is not in flight"));
            }
        };
        if let Some(key) = key {
            self.stored(key, outcome, database);
        }
        if let AnyOutcome::Checkout(Ok(checkout::Reply::Placed { order, .. })) = outcome {
            self.told_placed(*order);
        }
        if let AnyCommand::Stock(command) = command {
            self.borne_out(call.stream, command, outcome, base, database);
        }
    }

    /// What is said under a name is stored under it, once and for ever.
    fn stored(&mut self, key: &CommandKey, outcome: &AnyOutcome, database: &Database) {
        let row = database.reply(key.id);
        let stored = row.is_some_and(|row| row.outcome == *outcome && row.key.fingerprint == key.fingerprint);
        self.demand(stored, || {
            format!("answers: {key:?} was told {outcome:?}, durable is {:?}", row.map(|row| &row.outcome))
        });
        let before = self.told.insert(key.id, outcome.clone());
        self.demand(before.as_ref().is_none_or(|before| before == outcome), || {
            format!("answers: {key:?} was told {before:?} and now {outcome:?}")
        });
    }

    fn borne_out(
        &mut self,
        stream: StreamId,
        command: &inventory::Command,
        outcome: &AnyOutcome,
        base: u64,
        database: &Database,
    ) {
        let durable = database.seq(stream);
        let AnyOutcome::Stock(outcome) = outcome else {
            return self.complain(|| format!("answers: {stream} answers as another machine: {outcome:?}"));
        };
        if let Err(what) = self.stock.bears_out(command, outcome, base, durable) {
            self.complain(|| format!("answers: {stream} {what} (durable {base} to {durable})"));
        }
    }

    /// An ask was answered, resting on what was durable at `seq`.
    pub fn ask_answered(&mut self, call: &Call, answer: &AskAnswer, seq: u64, database: &Database) {
        let Wish::Ask(ask) = &call.wish else { return };
        let durable = database.seq(call.stream);
        self.demand(seq <= durable, || format!("asks: {:?} rests on {seq}, durable is {durable}", ask.id));
        let outcome = match answer {
            AskAnswer::Stock(inventory::Answer::Done(reply)) => Ok(reply.clone()),
            AskAnswer::Stock(inventory::Answer::Refused(rejection)) => Err(*rejection),
            AskAnswer::Stale => Err(inventory::Rejection::Stale),
            _ => return self.complain(|| format!("asks: {:?} is told {answer:?}", ask.id)),
        };
        let souk_core::ask::AskRequest::Stock(request) = &ask.request else {
            return self.complain(|| format!("asks: {:?} is of a kind that no shopper makes", ask.id));
        };
        let command = inventory::Command::Hold { asked: ask.id.seq, request: request.clone() };
        self.borne_out(call.stream, &command, &AnyOutcome::Stock(outcome), call.first_base, database);
    }

    /// A state was shown.
    pub fn shown(&mut self, call: &Call, state: &AnyState, seq: u64, database: &Database) {
        let events = database.events(call.stream);
        let durable = events.len() as u64;
        self.demand((call.base..=durable).contains(&seq), || {
            format!("reads: {} was shown at {seq}, durable were {} to {durable}", call.stream, call.base)
        });
        let Some(mut fold) = AnyState::initial(call.stream) else { return };
        for event in events.iter().take(seq as usize) {
            fold.apply(event);
        }
        self.demand(fold == *state, || {
            format!("reads: what {} shows at {seq} is not the fold of its events", call.stream)
        });
    }
}

/// Whether the request waited for a later decision at some time since it was first sent.
fn was_parked(call: &Call, key: CommandKey, database: &Database) -> bool {
    let Some(mut fold) = AnyState::initial(call.stream) else { return false };
    database.events(call.stream).iter().any(|event| {
        fold.apply(event);
        event.seq >= call.first_base && fold.parked().contains(&key)
    })
}
