//! What a person's machine knows, and how an event changes it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{BuyerId, CredentialId, StreamId, SubjectId, UserId};
use crate::machine::EventMeta;
use crate::time::Timestamp;

use super::factors::Factors;
use super::lock::Locks;
use super::{Event, LETTERS_EVERY_MS, OperatorRole, Purpose, REMINDED_EVERY_MAX_MS, Standing};

/// A person's state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Whose state this is.
    pub id: UserId,
    /// The account; `None` until somebody asks for it.
    pub account: Option<Account>,
}

/// What is known of an account.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Names the mail address.
    pub mail: SubjectId,
    /// Names the password's hash; `None` until the address is known to be the person's.
    pub password: Option<CredentialId>,
    /// Sign-ins of earlier rounds are over.
    pub round: u32,
    /// Letters that were asked for, of any purpose.
    pub letters: u32,
    /// The last letter of each purpose.
    pub last: BTreeMap<Purpose, OpenLetter>,
    /// When its owner was last told that somebody wanted an account with their address, and how often since a password was
    /// chosen.
    pub reminded: Option<(Timestamp, u32)>,
    /// What they may do for the marketplace.
    pub operator: Option<OperatorRole>,
    /// The shoppers that they were, as a guest.
    pub buyers: BTreeSet<BuyerId>,
    /// Failures that are followed by a delay.
    pub locks: Locks,
    /// The second factor.
    pub factors: Factors,
}

/// A letter that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OpenLetter {
    /// Its token's number.
    pub token: u32,
    /// When a letter first had it: its time runs from then on.
    pub asked_at: Timestamp,
    /// When the last letter of its purpose was sent.
    pub sent_at: Timestamp,
    /// How many were sent since something came of one.
    pub sent: u32,
    /// Whether its token has been spent.
    pub spent: bool,
}

impl Account {
    /// Whether this token may be used now.
    pub fn takes(&self, purpose: Purpose, token: u32, now: Timestamp) -> bool {
        self.last.get(&purpose).is_some_and(|letter| {
            letter.token == token && !letter.spent && now < letter.asked_at.plus_millis(purpose.good_for_ms())
        })
    }

    /// The token that another letter of this purpose has: as long as half of its time is left, the same again. Otherwise
    /// anybody could void the letter that somebody is about to use, by asking for the next one.
    pub fn next_token(&self, purpose: Purpose, now: Timestamp) -> Option<u32> {
        let same = self
            .last
            .get(&purpose)
            .filter(|letter| !letter.spent && now < letter.asked_at.plus_millis(purpose.good_for_ms() / 2));
        same.map(|letter| letter.token).or_else(|| self.letters.checked_add(1))
    }

    /// When the next letter of this purpose may be sent. Not later than half of its time after the one before, so that somebody
    /// who is kept waiting by others always has one that is good.
    pub fn next_letter(&self, purpose: Purpose) -> Option<Timestamp> {
        let last = self.last.get(&purpose).filter(|letter| !letter.spent)?;
        Some(last.sent_at.plus_millis(pause_ms(last.sent, purpose.good_for_ms() / 2)))
    }

    /// When the owner may be told the next time that they have an account.
    pub fn next_reminder(&self) -> Option<Timestamp> {
        self.reminded.map(|(at, times)| at.plus_millis(pause_ms(times, REMINDED_EVERY_MAX_MS)))
    }

    /// From here on this password holds, in a new round. Letters that were asked for before change nothing any more: whoever
    /// asked for them may have known the old one.
    fn choose(&mut self, password: CredentialId) {
        self.password = Some(password);
        self.round = self.round.saturating_add(1);
        for letter in self.last.values_mut() {
            letter.spent = true;
        }
        self.reminded = None;
    }
}

/// The pause after so many letters.
fn pause_ms(sent: u32, max_ms: i64) -> i64 {
    // So many doublings of a minute are more than any bound.
    (LETTERS_EVERY_MS << sent.saturating_sub(1).min(20)).min(max_ms)
}

impl State {
    pub(super) fn new(stream: StreamId) -> Self {
        let id = match stream {
            StreamId::Person(id) => id,
            // No directory starts this machine for a stream of another kind.
            _ => UserId(0),
        };
        State { id, account: None }
    }

    /// How the account stands; `None` when there is none.
    pub fn standing(&self) -> Option<Standing> {
        let account = self.account.as_ref()?;
        let Account { mail, password, round, operator, .. } = *account;
        let second = account.factors.standing();
        Some(Standing { person: self.id, mail, password, round, operator, second })
    }

    pub(super) fn fold(&mut self, meta: EventMeta, event: &Event) {
        if let Event::SignedUp { mail } = *event {
            self.account = Some(Account {
                mail,
                password: None,
                round: 0,
                letters: 0,
                last: BTreeMap::new(),
                reminded: None,
                operator: None,
                buyers: BTreeSet::new(),
                locks: Locks::default(),
                factors: Factors::default(),
            });
        }
        let Some(account) = &mut self.account else { return };
        match *event {
            Event::SignedUp { .. } => {}
            Event::LetterAsked { purpose, token } => {
                let last = account.last.get(&purpose).filter(|letter| !letter.spent);
                let sent = last.map_or(0, |letter| letter.sent).saturating_add(1);
                let same = last.filter(|letter| letter.token == token);
                let asked_at = same.map_or(meta.at, |letter| letter.asked_at);
                account.letters = account.letters.max(token);
                account
                    .last
                    .insert(purpose, OpenLetter { token, asked_at, sent_at: meta.at, sent, spent: false });
            }
            Event::Reminded => {
                let times = account.reminded.map_or(0, |(_, times)| times);
                account.reminded = Some((meta.at, times.saturating_add(1)));
            }
            Event::Verified { password, .. } | Event::PasswordReset { password, .. } => {
                account.choose(password);
                // Whoever has the letter waits for nobody's failures.
                account.locks = Locks::default();
            }
            Event::PasswordChanged { password } => account.choose(password),
            Event::SignInsEnded => account.round = account.round.saturating_add(1),
            Event::OperatorSet { role } => account.operator = role,
            Event::Adopted { buyer } => {
                account.buyers.insert(buyer);
            }
            Event::TryFailed { at, count } => account.locks.fail(at, count, meta.at),
            Event::Unlocked { at } => account.locks.clear(at),
            Event::TotpBegun { .. }
            | Event::TotpConfirmed { .. }
            | Event::TotpUsed { .. }
            | Event::RecoveryUsed { .. }
            | Event::RecoveryRenewed { .. }
            | Event::FactorRemoved { .. } => account.factors.fold(meta.at, event),
        }
    }
}
