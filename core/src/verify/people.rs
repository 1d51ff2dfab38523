//! I14 of people: a letter's token is used once and in its time, a password is named once, sign-ins go from generation to
//! generation and end once; a failure to show who somebody is comes after the delay of the one before; a
//! code of a second factor is consumed once.

use std::collections::{BTreeMap, BTreeSet};

use crate::family::{self, EndReason};
use crate::ids::{BuyerId, CredentialId, FamilyId, StreamId, UserId};
use crate::journal::Recorded;
use crate::person::{self, Purpose};
use crate::time::Timestamp;

use super::factors::Factors;
use super::tries::Tries;
use super::{Invariant, Report};

#[derive(Clone, Debug, Default)]
pub(super) struct People {
    persons: BTreeMap<UserId, Person>,
    families: BTreeMap<FamilyId, Family>,
    /// Shoppers that somebody has been.
    adopted: BTreeSet<BuyerId>,
}

/// What a person's events have come to.
#[derive(Clone, Debug, Default)]
struct Person {
    /// The highest token of any letter.
    letters: u32,
    /// The letter of each purpose whose token is not spent: its token, and when that was first handed out.
    open: BTreeMap<Purpose, (u32, Timestamp)>,
    /// Every password there was; the last one holds.
    passwords: Vec<CredentialId>,
    round: u32,
    tries: Tries,
    factors: Factors,
}

/// How far a sign-in is.
#[derive(Clone, Copy, Debug)]
struct Family {
    person: UserId,
    round: u32,
    generation: u32,
    idle_ms: i64,
    good_until: Timestamp,
    ends_at: Timestamp,
    ended: Option<EndReason>,
    seq: u64,
}

impl People {
    pub(super) fn person(&mut self, recorded: &Recorded, event: &person::Event, report: &mut Report) {
        let StreamId::Person(id) = recorded.stream else { return };
        let at = (recorded.stream, recorded.seq);
        let known = self.persons.contains_key(&id);
        let person = self.persons.entry(id).or_default();
        let is_verified = !person.passwords.is_empty();
        let follows = match *event {
            person::Event::SignedUp { .. } => !known,
            _ if !known => false,
            person::Event::LetterAsked { purpose, token } => {
                let again = person.open.get(&purpose).filter(|(open, _)| *open == token).copied();
                let in_time =
                    again.is_none_or(|(_, first)| recorded.at < first.plus_millis(purpose.good_for_ms()));
                let first = again.map_or(recorded.at, |(_, first)| first);
                let is_next = again.is_some() || token == person.letters + 1;
                person.letters = person.letters.max(token);
                person.open.insert(purpose, (token, first));
                in_time && is_next && (purpose == Purpose::Reset) == is_verified
            }
            person::Event::Reminded => is_verified,
            person::Event::Verified { token, password } => {
                let took = person.takes(Purpose::Verify, token, recorded.at);
                person.tries.forget();
                person.choose(password) && took && !is_verified
            }
            person::Event::PasswordReset { token, password } => {
                let took = person.takes(Purpose::Reset, token, recorded.at);
                person.tries.forget();
                person.choose(password) && took && is_verified
            }
            person::Event::PasswordChanged { password } => person.choose(password) && is_verified,
            person::Event::SignInsEnded => {
                person.round += 1;
                true
            }
            person::Event::OperatorSet { .. } => is_verified,
            // Nobody else's, now or before: a shopper is adopted once.
            person::Event::Adopted { buyer } => self.adopted.insert(buyer) && is_verified,
            person::Event::TryFailed { at, count } => person.tries.failed(at, count, recorded.at),
            person::Event::Unlocked { at } => person.tries.unlocked(at, recorded.at),
            person::Event::TotpBegun { .. }
            | person::Event::TotpConfirmed { .. }
            | person::Event::TotpUsed { .. }
            | person::Event::RecoveryUsed { .. }
            | person::Event::RecoveryRenewed { .. }
            | person::Event::FactorRemoved { .. } => {
                person.factors.follows(event, recorded.at) == Some(true) && is_verified
            }
        };
        report.check(Invariant::I14, follows, at, || format!("an account does not get here: {event:?}"));
    }

    pub(super) fn family(&mut self, recorded: &Recorded, event: &family::Event, report: &mut Report) {
        let StreamId::Family(id) = recorded.stream else { return };
        let at = (recorded.stream, recorded.seq);
        let follows = match (*event, self.families.get_mut(&id)) {
            (family::Event::Begun { person, round, idle_ms, ends_at, .. }, None) => {
                let good_until = recorded.at.plus_millis(idle_ms).min(ends_at);
                let (generation, ended, seq) = (1, None, recorded.seq);
                let family = Family { person, round, generation, idle_ms, good_until, ends_at, ended, seq };
                self.families.insert(id, family);
                recorded.at < ends_at
            }
            (family::Event::Rotated { generation }, Some(family)) => {
                let is_next = generation == family.generation + 1;
                let in_time = family.ended.is_none() && recorded.at < family.good_until;
                family.generation = generation;
                family.good_until = recorded.at.plus_millis(family.idle_ms).min(family.ends_at);
                is_next && in_time
            }
            (family::Event::SteppedUp { .. }, Some(family)) => {
                family.ended.is_none() && recorded.at < family.good_until
            }
            (family::Event::Ended { reason }, Some(family)) => family.ended.replace(reason).is_none(),
            (family::Event::Begun { .. }, Some(_)) | (_, None) => false,
        };
        report.check(Invariant::I14, follows, at, || format!("a sign-in does not get here: {event:?}"));
    }

    /// A sign-in belongs to a person who has chosen a password, in a round that there was.
    pub(super) fn finish(&self, report: &mut Report) {
        for (id, family) in &self.families {
            let person = self.persons.get(&family.person);
            let was = person.is_some_and(|person| (1..=person.round).contains(&family.round));
            report.check(Invariant::I14, was, (StreamId::Family(*id), family.seq), || {
                format!("{} never had round {} of sign-ins", family.person, family.round)
            });
        }
        let mut named = BTreeSet::new();
        for (id, person) in &self.persons {
            for password in &person.passwords {
                report.check(Invariant::I14, named.insert(*password), (StreamId::Person(*id), 0), || {
                    format!("{password} is the password of two, or twice")
                });
            }
        }
    }
}

impl Person {
    fn takes(&self, purpose: Purpose, token: u32, at: Timestamp) -> bool {
        self.open
            .get(&purpose)
            .is_some_and(|(open, first)| *open == token && at < first.plus_millis(purpose.good_for_ms()))
    }

    /// Whether it is another one than before.
    fn choose(&mut self, password: CredentialId) -> bool {
        let is_another = self.passwords.last() != Some(&password);
        self.passwords.push(password);
        self.round += 1;
        self.open.clear();
        is_another
    }
}
