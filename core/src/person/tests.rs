use crate::any::{Effect, Mail, PersonMail, PersonTemplate};
use crate::ids::{CredentialId, Principal, StreamId, SubjectId, UserId};
use crate::machine::{self, Ctx, EventMeta, Machine};
use crate::time::Timestamp;

use super::*;

const ID: UserId = UserId(4);
const STREAM: StreamId = StreamId::Person(ID);
const MAIL: SubjectId = SubjectId(11);
const OLD: CredentialId = CredentialId(21);
const NEW: CredentialId = CredentialId(22);

/// A person with their history and the letters they got.
struct Live {
    state: State,
    events: Vec<Event>,
    letters: Vec<PersonTemplate>,
    now: i64,
}

impl Live {
    fn new() -> Self {
        Live { state: Person::initial(STREAM), events: Vec::new(), letters: Vec::new(), now: 1_000 }
    }

    fn registered() -> Self {
        let mut live = Live::new();
        live.run(Command::Register { mail: MAIL, password: OLD }).expect("registered");
        live
    }

    fn run(&mut self, command: Command) -> Result<Reply, Rejection> {
        let now = Timestamp::from_millis(self.now);
        let next_seq = self.events.len() as u64 + 1;
        let ctx = Ctx { stream: STREAM, now, next_seq, key: None, principal: Principal::System };
        let decision = Person::decide(&self.state, &command, &ctx)?;
        for event in decision.events {
            let meta = EventMeta { seq: self.events.len() as u64 + 1, at: now };
            Person::apply(&mut self.state, meta, &event);
            self.events.push(event);
        }
        for effect in decision.effects {
            match effect {
                Effect::Mail(Mail::Person(PersonMail { template, to: MAIL, person: ID })) => {
                    self.letters.push(template);
                }
                other => panic!("not a letter to this person: {other:?}"),
            }
        }
        match decision.reply {
            machine::Reply::Now(reply) => Ok(reply),
            machine::Reply::Parked => panic!("a person never parks"),
        }
    }

    fn ask(&mut self, purpose: Purpose) -> Result<Reply, Rejection> {
        self.run(Command::AskLetter { purpose })
    }

    fn is_verified(&self) -> bool {
        self.state.account.as_ref().is_some_and(|account| account.verified)
    }
}

#[test]
fn an_account_begins_with_the_letter_that_verifies_it() {
    let mut live = Live::registered();
    assert_eq!(live.letters, [PersonTemplate::VerifyMail { token: 1 }]);
    assert!(!live.is_verified());
    let again = live.run(Command::Register { mail: MAIL, password: OLD });
    assert!(again.is_ok() && live.letters.len() == 1, "its answer was lost");
    let other = Command::Register { mail: SubjectId(12), password: OLD };
    assert_eq!(live.run(other), Err(Rejection::AlreadyExists));
    assert!(live.run(Command::Verify { token: 1 }).is_ok());
    assert!(live.is_verified());
    let events = live.events.len();
    assert!(live.run(Command::Verify { token: 1 }).is_ok(), "the link was followed twice");
    assert_eq!(live.events.len(), events);
    assert_eq!(live.ask(Purpose::Verify), Err(Rejection::AlreadyVerified));
}

#[test]
fn a_letter_is_good_for_its_time_and_until_there_is_a_newer_one() {
    let mut late = Live::registered();
    late.now += VERIFY_WITHIN_MS;
    assert_eq!(late.run(Command::Verify { token: 1 }), Err(Rejection::TokenSpent));

    let mut twice = Live::registered();
    let next_at = Timestamp::from_millis(1_000 + LETTERS_EVERY_MS);
    assert_eq!(twice.ask(Purpose::Verify), Err(Rejection::TooSoon { next_at }));
    twice.now += LETTERS_EVERY_MS;
    twice.ask(Purpose::Verify).expect("a minute has passed");
    assert_eq!(twice.run(Command::Verify { token: 1 }), Err(Rejection::TokenSpent));
    assert_eq!(twice.run(Command::Verify { token: 3 }), Err(Rejection::TokenSpent), "never handed out");
    assert!(twice.run(Command::Verify { token: 2 }).is_ok());
}

#[test]
fn a_token_of_one_purpose_is_good_for_no_other() {
    let mut live = Live::registered();
    live.ask(Purpose::Reset).expect("the first of its purpose");
    assert_eq!(live.run(Command::Verify { token: 2 }), Err(Rejection::TokenSpent));
    assert_eq!(live.run(Command::Reset { token: 1, password: NEW }), Err(Rejection::TokenSpent));
    assert!(live.run(Command::Reset { token: 2, password: NEW }).is_ok());
}

#[test]
fn a_password_that_was_reset_signs_everybody_out_and_is_told() {
    let mut live = Live::registered();
    live.ask(Purpose::Reset).expect("the first of its purpose");
    live.now += 5_000;
    let at = Timestamp::from_millis(live.now);
    let reply = live.run(Command::Reset { token: 2, password: NEW });
    assert_eq!(reply, Ok(Reply::Account { person: ID, verified: true, signed_in_from: at }));
    assert_eq!(live.letters.last(), Some(&PersonTemplate::PasswordChanged));
    assert!(live.run(Command::Reset { token: 2, password: NEW }).is_ok(), "its answer was lost");
    let third = CredentialId(23);
    assert_eq!(live.run(Command::Reset { token: 2, password: third }), Err(Rejection::TokenSpent));
    assert_eq!(live.run(Command::MaySignIn { password: OLD }), Err(Rejection::PasswordChanged));
    assert!(live.run(Command::MaySignIn { password: NEW }).is_ok());
    // The letter that verifies was good until then; there is nothing left for it to do.
    assert!(live.run(Command::Verify { token: 1 }).is_ok() && live.is_verified());
}

#[test]
fn a_password_that_was_changed_voids_the_letter_that_would_reset_it() {
    let mut live = Live::registered();
    live.ask(Purpose::Reset).expect("the first of its purpose");
    live.run(Command::ChangePassword { password: NEW }).expect("changed");
    assert_eq!(live.run(Command::Reset { token: 2, password: CredentialId(23) }), Err(Rejection::TokenSpent));
    assert!(!live.is_verified(), "a password says nothing of the address");
}

#[test]
fn signing_out_everywhere_is_from_now_on() {
    let mut live = Live::registered();
    live.now += 7;
    let at = Timestamp::from_millis(live.now);
    live.run(Command::EndSignIns).expect("ended");
    assert_eq!(live.state.account.map(|account| account.signed_in_from), Some(at));
}

#[test]
fn nobody_without_an_account_does_anything() {
    let orders = [
        Command::AskLetter { purpose: Purpose::Reset },
        Command::Verify { token: 1 },
        Command::Reset { token: 1, password: NEW },
        Command::ChangePassword { password: NEW },
        Command::EndSignIns,
        Command::MaySignIn { password: OLD },
    ];
    for order in orders {
        assert_eq!(Live::new().run(order), Err(Rejection::NotFound), "{order:?}");
    }
}
