//! Codes of a second factor: asked for, and each good once.

use super::super::factors::{CONFIRM_WITHIN_MS, Code, Order, RECOVERY_CODES, SHOWN_AGAIN_MS, SecondFactor};
use super::super::lock::{DELAY_FIRST_MS, FREE_FAILURES};
use super::*;

const TOTP: CredentialId = CredentialId(31);
const OTHER: CredentialId = CredentialId(32);
const CODES: CredentialId = CredentialId(33);
const FRESH: CredentialId = CredentialId(34);
const CONFIRM: Order = Order::Confirm { totp: TOTP, step: 100, codes: CODES };

fn sign_in(code: Option<Code>) -> Command {
    Command::MaySignIn { password: OLD, from: HERE, code }
}

fn step(step: u64) -> Code {
    Code::Totp { totp: TOTP, step }
}

fn recovery(number: u32) -> Code {
    Code::Recovery { codes: CODES, number }
}

fn order(live: &mut Live, order: Order) -> Result<Standing, Rejection> {
    live.run(Command::Factor(order))
}

fn with_factor() -> Live {
    let mut live = Live::verified();
    order(&mut live, Order::Begin { totp: TOTP }).expect("begun");
    order(&mut live, CONFIRM).expect("confirmed");
    live
}

#[test]
fn a_factor_holds_once_a_first_code_was_shown() {
    let mut live = Live::verified();
    for none in [CONFIRM, Order::Remove, Order::Renew { codes: FRESH }, Order::Show { code: step(1) }] {
        assert_eq!(order(&mut live, none), Err(Rejection::NoFactor), "{none:?}");
    }
    order(&mut live, Order::Begin { totp: TOTP }).expect("begun");
    order(&mut live, Order::Begin { totp: TOTP }).expect("its answer was lost");
    assert!(live.run(sign_in(None)).is_ok(), "it does not hold yet");
    order(&mut live, Order::Begin { totp: OTHER }).expect("begun anew");
    assert_eq!(order(&mut live, CONFIRM), Err(Rejection::NoFactor), "the one before");
    order(&mut live, Order::Begin { totp: TOTP }).expect("begun anew");
    let events = live.events.len();
    let standing = order(&mut live, CONFIRM).expect("confirmed");
    assert_eq!(standing.second, Some(SecondFactor { totp: TOTP, codes: CODES, codes_left: RECOVERY_CODES }));
    assert_eq!(live.letters.last(), Some(&PersonTemplate::SecondFactorOn));
    // Its answer was lost; the same code is told the same, and no other is.
    assert_eq!(order(&mut live, CONFIRM), Ok(standing));
    let second = Order::Confirm { totp: TOTP, step: 100, codes: FRESH };
    assert_eq!(order(&mut live, second), Err(Rejection::FactorExists), "two at once");
    let other = Order::Confirm { totp: TOTP, step: 101, codes: FRESH };
    assert_eq!(order(&mut live, other), Err(Rejection::FactorExists));
    assert_eq!(order(&mut live, Order::Begin { totp: OTHER }), Err(Rejection::FactorExists));
    live.now += SHOWN_AGAIN_MS;
    assert_eq!(order(&mut live, CONFIRM), Err(Rejection::FactorExists));
    assert_eq!(live.events.len(), events + 1);
}

#[test]
fn what_is_begun_is_confirmed_within_an_hour() {
    let mut live = Live::verified();
    order(&mut live, Order::Begin { totp: TOTP }).expect("begun");
    live.now += CONFIRM_WITHIN_MS;
    assert_eq!(order(&mut live, CONFIRM), Err(Rejection::NoFactor));
}

#[test]
fn each_step_is_good_once_and_none_before_it_any_more() {
    let mut live = with_factor();
    assert_eq!(live.run(sign_in(None)), Err(Rejection::CodeNeeded));
    assert_eq!(live.run(sign_in(Some(step(100)))), Err(Rejection::CodeSpent), "it confirmed the factor");
    assert!(live.run(sign_in(Some(step(102)))).is_ok());
    let events = live.events.len();
    for spent in [102, 101, 0] {
        assert_eq!(live.run(sign_in(Some(step(spent)))), Err(Rejection::CodeSpent), "{spent}");
        assert_eq!(order(&mut live, Order::Show { code: step(spent) }), Err(Rejection::CodeSpent), "{spent}");
    }
    let of_other = Code::Totp { totp: OTHER, step: 103 };
    assert_eq!(live.run(sign_in(Some(of_other))), Err(Rejection::CodeSpent));
    let wrong = Command::MaySignIn { password: NEW, from: HERE, code: Some(step(103)) };
    assert_eq!(live.run(wrong), Err(Rejection::PasswordChanged));
    assert_eq!(live.events.len(), events, "a wrong password consumes nothing");
    assert!(order(&mut live, Order::Show { code: step(103) }).is_ok());
    assert_eq!(live.run(sign_in(Some(step(103)))), Err(Rejection::CodeSpent));
    assert_eq!(live.events.last(), Some(&Event::TotpUsed { totp: TOTP, step: 103 }));
}

#[test]
fn each_recovery_code_is_good_once_and_its_use_is_told() {
    let mut live = with_factor();
    for number in 0..RECOVERY_CODES {
        let standing = live.run(sign_in(Some(recovery(number)))).expect("it is left");
        assert_eq!(standing.second.map(|second| second.codes_left), Some(RECOVERY_CODES - 1 - number));
        assert_eq!(live.letters.last(), Some(&PersonTemplate::RecoveryCodeUsed));
        assert_eq!(live.run(sign_in(Some(recovery(number)))), Err(Rejection::CodeSpent), "{number}");
    }
    assert_eq!(live.run(sign_in(Some(recovery(RECOVERY_CODES)))), Err(Rejection::CodeSpent), "never made");
    let standing = order(&mut live, Order::Renew { codes: FRESH }).expect("renewed");
    assert_eq!(standing.second, Some(SecondFactor { totp: TOTP, codes: FRESH, codes_left: RECOVERY_CODES }));
    assert_eq!(live.run(sign_in(Some(recovery(0)))), Err(Rejection::CodeSpent), "those before");
    assert!(live.run(sign_in(Some(Code::Recovery { codes: FRESH, number: 0 }))).is_ok());
}

#[test]
fn whoever_guesses_codes_waits_wherever_they_are() {
    let mut live = with_factor();
    let wrong = Command::CountFailure { at: Place::Shown, earlier: FREE_FAILURES };
    live.run(wrong).expect("counted");
    let until = Timestamp::from_millis(live.now + DELAY_FIRST_MS);
    for from in [HERE, Place::Network(2)] {
        let right = Command::MaySignIn { password: OLD, from, code: Some(step(101)) };
        assert_eq!(live.run(right), Err(Rejection::Locked { until }), "{from:?}");
    }
    assert_eq!(order(&mut live, Order::Show { code: step(101) }), Err(Rejection::Locked { until }));
    assert_eq!(live.run(sign_in(None)), Err(Rejection::CodeNeeded), "a password alone guesses no code");
    live.now = until.as_millis();
    assert!(live.run(sign_in(Some(step(101)))).is_ok());
    assert_eq!(live.events.last(), Some(&Event::Unlocked { at: Place::Shown }));
}

#[test]
fn a_factor_that_was_removed_is_not_asked_for_and_another_password_leaves_it() {
    let mut live = with_factor();
    live.run(Command::AskReset).expect("asked");
    live.run(Command::Reset { token: 2, password: NEW }).expect("reset");
    let new = |code| Command::MaySignIn { password: NEW, from: HERE, code };
    assert_eq!(live.run(new(None)), Err(Rejection::CodeNeeded));
    let standing = order(&mut live, Order::Remove).expect("removed");
    assert_eq!((standing.second, live.letters.last()), (None, Some(&PersonTemplate::SecondFactorOff)));
    assert!(live.run(new(None)).is_ok());
    assert!(live.run(new(Some(recovery(0)))).is_ok(), "nothing is asked for");
    assert_eq!(order(&mut live, Order::Remove), Err(Rejection::NoFactor));
    let names =
        |live: &Live, row| live.state.account.as_ref().is_some_and(|account| account.factors.names(row));
    assert!(!names(&live, TOTP) && !names(&live, CODES));
    order(&mut live, Order::Begin { totp: OTHER }).expect("begun");
    assert!(names(&live, OTHER));
}
