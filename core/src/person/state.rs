//! What a person's machine knows, and how an event changes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{CredentialId, StreamId, SubjectId, UserId};
use crate::machine::EventMeta;
use crate::time::Timestamp;

use super::{Event, Purpose};

/// A person's state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Whose state this is.
    pub id: UserId,
    /// The account; `None` until somebody makes it.
    pub account: Option<Account>,
}

/// What is known of an account.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Names the mail address.
    pub mail: SubjectId,
    /// Whether it is known to be the person's.
    pub verified: bool,
    /// Names the password's hash.
    pub password: CredentialId,
    /// Sign-ins that began earlier are over.
    pub signed_in_from: Timestamp,
    /// Letters that were asked for, of any purpose.
    pub letters: u32,
    /// The last letter of each purpose.
    pub last: BTreeMap<Purpose, OpenLetter>,
}

/// A letter that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OpenLetter {
    /// Its token's number.
    pub token: u32,
    /// When.
    pub asked_at: Timestamp,
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

    fn spend(&mut self, purpose: Purpose) {
        if let Some(letter) = self.last.get_mut(&purpose) {
            letter.spent = true;
        }
    }

    fn change_password(&mut self, password: CredentialId, at: Timestamp) {
        self.password = password;
        self.signed_in_from = at;
        // A letter that was asked for by whoever knew the old password changes nothing any more.
        self.spend(Purpose::Reset);
    }
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

    pub(super) fn fold(&mut self, meta: EventMeta, event: &Event) {
        if let Event::Registered { mail, password } = *event {
            self.account = Some(Account {
                mail,
                verified: false,
                password,
                signed_in_from: meta.at,
                letters: 0,
                last: BTreeMap::new(),
            });
        }
        let Some(account) = &mut self.account else { return };
        match *event {
            Event::Registered { .. } => {}
            Event::LetterAsked { purpose, token } => {
                account.letters = token;
                account.last.insert(purpose, OpenLetter { token, asked_at: meta.at, spent: false });
            }
            Event::Verified { .. } => {
                account.verified = true;
                account.spend(Purpose::Verify);
            }
            Event::PasswordReset { password, .. } => {
                account.verified = true;
                account.spend(Purpose::Verify);
                account.change_password(password, meta.at);
            }
            Event::PasswordChanged { password } => account.change_password(password, meta.at),
            Event::SignInsEnded => account.signed_in_from = meta.at,
        }
    }
}
