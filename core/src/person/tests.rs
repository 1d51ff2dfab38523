use crate::any::{Effect, Mail, PersonMail, PersonTemplate};
use crate::ids::{BuyerId, CredentialId, Principal, StreamId, SubjectId, UserId};
use crate::machine::{self, Ctx, EventMeta, Machine};
use crate::time::Timestamp;

use super::lock::Place;
use super::*;

mod factors;
mod locks;

const ID: UserId = UserId(4);
const STREAM: StreamId = StreamId::Person(ID);
const MAIL: SubjectId = SubjectId(11);
const OLD: CredentialId = CredentialId(21);
const NEW: CredentialId = CredentialId(22);
const THIRD: CredentialId = CredentialId(23);
const HERE: Place = Place::Network(1);

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

    fn signed_up() -> Self {
        let mut live = Live::new();
        live.run(SIGN_UP).expect("signed up");
        live
    }

    fn verified() -> Self {
        let mut live = Live::signed_up();
        live.run(Command::Verify { token: 1, password: OLD }).expect("verified");
        live
    }

    fn run(&mut self, command: Command) -> Result<Standing, Rejection> {
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
        let machine::Reply::Now(Reply::Account(standing)) = decision.reply else {
            panic!("a person never parks")
        };
        assert_eq!(Some(standing), self.state.standing(), "what is told is what is so then");
        Ok(standing)
    }
}

const SIGN_UP: Command = Command::SignUp { mail: MAIL };

#[test]
fn an_account_begins_with_a_letter_and_its_password_with_the_letters_token() {
    let mut live = Live::signed_up();
    assert_eq!(live.letters, [PersonTemplate::VerifyMail { token: 1 }]);
    for password in [OLD, CredentialId(0)] {
        assert_eq!(
            live.run(Command::MaySignIn { password, from: HERE, code: None }),
            Err(Rejection::PasswordChanged)
        );
    }
    let other = Command::SignUp { mail: SubjectId(12) };
    assert_eq!(live.run(other), Err(Rejection::AlreadyExists));
    let standing = live.run(Command::Verify { token: 1, password: OLD }).expect("the token is good");
    let (operator, second) = (None, None);
    assert_eq!(
        standing,
        Standing { person: ID, mail: MAIL, password: Some(OLD), round: 1, operator, second }
    );
    let events = live.events.len();
    assert!(live.run(Command::Verify { token: 1, password: OLD }).is_ok(), "its answer was lost");
    assert_eq!(live.run(Command::Verify { token: 1, password: NEW }), Err(Rejection::TokenSpent));
    assert_eq!((live.events.len(), live.letters.len()), (events, 1));
    assert!(live.run(Command::MaySignIn { password: OLD, from: HERE, code: None }).is_ok());
}

#[test]
fn whoever_asks_for_an_account_again_is_answered_the_same_and_the_letter_says_what_to_do() {
    let mut live = Live::signed_up();
    let next_at = Timestamp::from_millis(1_000 + LETTERS_EVERY_MS);
    assert_eq!(live.run(SIGN_UP), Err(Rejection::TooSoon { next_at }));
    live.now += LETTERS_EVERY_MS;
    live.run(SIGN_UP).expect("a minute has passed");
    assert_eq!(live.letters, [PersonTemplate::VerifyMail { token: 1 }; 2]);
    live.run(Command::Verify { token: 1, password: OLD }).expect("verified");
    live.run(SIGN_UP).expect("the first reminder");
    assert_eq!(live.letters.last(), Some(&PersonTemplate::HasAccount));
    assert!(matches!(live.run(SIGN_UP), Err(Rejection::TooSoon { .. })));
    assert!(
        live.run(Command::MaySignIn { password: OLD, from: HERE, code: None }).is_ok(),
        "nothing else has happened"
    );
}

#[test]
fn a_letter_is_good_for_its_time_or_until_there_is_a_newer_one_late_in_it() {
    let verify = |token| Command::Verify { token, password: OLD };
    let mut late = Live::signed_up();
    late.now += VERIFY_WITHIN_MS;
    assert_eq!(late.run(verify(1)), Err(Rejection::TokenSpent));

    // Others may ask as often as they like: letters become rare, for half a day every one is as good as the first, and none is
    // good for longer.
    let mut often = Live::signed_up();
    for _ in 1..VERIFY_WITHIN_MS / 2 / LETTERS_EVERY_MS {
        often.now += LETTERS_EVERY_MS;
        let _ = often.run(SIGN_UP);
    }
    assert_eq!(
        often.letters,
        [PersonTemplate::VerifyMail { token: 1 }; 10],
        "1, 2, 4 … minutes after each other"
    );
    often.now = 1_000 + VERIFY_WITHIN_MS;
    assert_eq!(often.run(verify(1)), Err(Rejection::TokenSpent));

    let mut twice = Live::signed_up();
    twice.now += VERIFY_WITHIN_MS / 2;
    twice.run(SIGN_UP).expect("much more than a minute has passed");
    assert_eq!(twice.run(verify(1)), Err(Rejection::TokenSpent));
    assert_eq!(twice.run(verify(3)), Err(Rejection::TokenSpent), "never handed out");
    assert!(twice.run(verify(2)).is_ok());

    let mut slow = Live::verified();
    slow.run(Command::AskReset).expect("asked");
    slow.now += RESET_WITHIN_MS;
    assert_eq!(slow.run(Command::Reset { token: 2, password: NEW }), Err(Rejection::TokenSpent));
}

#[test]
fn whoever_is_kept_waiting_by_others_always_has_a_letter_that_is_good() {
    let mut live = Live::verified();
    let mut good_until = live.now;
    for _ in 0..3 * 24 * 60 {
        if live.run(Command::AskReset).is_ok() {
            let last = live.state.account.as_ref().expect("verified").last[&Purpose::Reset];
            assert!(live.letters.len() <= 3 || live.now < good_until, "there was none for a while");
            good_until = last.asked_at.as_millis() + RESET_WITHIN_MS;
        }
        live.now += LETTERS_EVERY_MS;
    }
    assert!(live.letters.len() < 3 * 24 * 2 + 10, "{} letters in three days", live.letters.len());
}

#[test]
fn a_token_of_one_purpose_is_good_for_no_other() {
    let mut live = Live::verified();
    live.run(Command::AskReset).expect("the first of its purpose");
    assert_eq!(live.letters.last(), Some(&PersonTemplate::ResetPassword { token: 2 }));
    assert_eq!(live.run(Command::Verify { token: 2, password: NEW }), Err(Rejection::TokenSpent));
    assert_eq!(live.run(Command::Reset { token: 1, password: NEW }), Err(Rejection::TokenSpent));
    assert!(live.run(Command::Reset { token: 2, password: NEW }).is_ok());
}

#[test]
fn whoever_never_chose_a_password_gets_the_first_letter_again() {
    let mut live = Live::signed_up();
    assert!(matches!(live.run(Command::AskReset), Err(Rejection::TooSoon { .. })));
    live.now += LETTERS_EVERY_MS;
    live.run(Command::AskReset).expect("a minute has passed");
    assert_eq!(live.letters, [PersonTemplate::VerifyMail { token: 1 }; 2]);
}

#[test]
fn another_password_begins_another_round_and_is_told() {
    let mut live = Live::verified();
    live.run(Command::AskReset).expect("asked");
    let standing = live.run(Command::Reset { token: 2, password: NEW }).expect("the token is good");
    assert_eq!((standing.password, standing.round), (Some(NEW), 2));
    assert_eq!(live.letters.last(), Some(&PersonTemplate::PasswordChanged));
    assert!(live.run(Command::Reset { token: 2, password: NEW }).is_ok(), "its answer was lost");
    assert_eq!(live.run(Command::Reset { token: 2, password: THIRD }), Err(Rejection::TokenSpent));
    assert_eq!(
        live.run(Command::MaySignIn { password: OLD, from: HERE, code: None }),
        Err(Rejection::PasswordChanged)
    );
    assert!(live.run(Command::MaySignIn { password: NEW, from: HERE, code: None }).is_ok());
}

#[test]
fn a_password_is_changed_by_whoever_knows_the_one_that_holds() {
    let mut live = Live::verified();
    live.run(Command::AskReset).expect("asked");
    let change = |old, new| Command::ChangePassword { old, new };
    assert_eq!(live.run(change(NEW, THIRD)), Err(Rejection::PasswordChanged));
    let standing = live.run(change(OLD, NEW)).expect("it was the old one");
    assert_eq!((standing.password, standing.round), (Some(NEW), 2));
    assert!(live.run(change(OLD, NEW)).is_ok(), "its answer was lost");
    assert_eq!(live.run(change(OLD, THIRD)), Err(Rejection::PasswordChanged), "two at the same time");
    // The letter was asked for by somebody who may have known the old one.
    assert_eq!(live.run(Command::Reset { token: 2, password: THIRD }), Err(Rejection::TokenSpent));
    assert_eq!(Live::signed_up().run(change(OLD, NEW)), Err(Rejection::PasswordChanged));
}

#[test]
fn signing_out_everywhere_begins_another_round() {
    let mut live = Live::verified();
    assert_eq!(live.run(Command::EndSignIns).map(|standing| standing.round), Ok(2));
    assert!(live.run(Command::MaySignIn { password: OLD, from: HERE, code: None }).is_ok());
}

#[test]
fn nobody_without_an_account_does_anything() {
    let orders = [
        Command::AskReset,
        Command::Verify { token: 1, password: NEW },
        Command::Reset { token: 1, password: NEW },
        Command::ChangePassword { old: OLD, new: NEW },
        Command::EndSignIns,
        Command::MaySignIn { password: OLD, from: HERE, code: None },
    ];
    for order in orders {
        assert_eq!(Live::new().run(order), Err(Rejection::NotFound), "{order:?}");
    }
}

#[test]
fn counts_never_run_over() {
    let mut live = Live::verified();
    let account = live.state.account.as_mut().expect("verified");
    account.round = u32::MAX - 1;
    assert_eq!(live.run(Command::EndSignIns), Err(Rejection::Exhausted));
}

#[test]
fn an_operator_is_a_person_whose_address_is_known_to_be_theirs() {
    let mut live = Live::signed_up();
    let set = |role| Command::SetOperator { role };
    assert_eq!(live.run(set(Some(OperatorRole::Chief))), Err(Rejection::NotVerified));
    live = Live::verified();
    let standing = live.run(set(Some(OperatorRole::Support))).expect("set");
    assert_eq!((standing.operator, standing.round), (Some(OperatorRole::Support), 1));
    let events = live.events.len();
    live.run(set(Some(OperatorRole::Support))).expect("it is so");
    assert_eq!(live.events.len(), events);
    live.run(Command::EndSignIns).expect("ended");
    assert_eq!(live.state.standing().unwrap().operator, Some(OperatorRole::Support), "another round");
    assert_eq!(live.run(set(None)).expect("taken away").operator, None);
}

#[test]
fn a_person_is_shown_to_have_been_a_shopper_once_each_and_not_without_end() {
    let mut live = Live::signed_up();
    let adopt = |buyer| Command::Adopt { buyer: BuyerId(buyer) };
    assert_eq!(live.run(adopt(1)), Err(Rejection::NotVerified));
    live = Live::verified();
    live.run(adopt(1)).expect("adopted");
    let events = live.events.len();
    live.run(adopt(1)).expect("it is so");
    assert_eq!(live.events.len(), events);
    for buyer in 2..=BUYERS_MAX as u128 {
        live.run(adopt(buyer)).expect("adopted");
    }
    assert_eq!(live.run(adopt(0)), Err(Rejection::TooManyBuyers));
    assert_eq!(live.state.account.as_ref().unwrap().buyers.len(), BUYERS_MAX);
    live.run(adopt(1)).expect("it is so, also when there is no room");
}
