//! The rules of a person's account.

use crate::any::{Effect, Mail, PersonMail, PersonTemplate};
use crate::ids::{CredentialId, SubjectId};
use crate::machine::{Ctx, Decision};
use crate::time::Timestamp;

use super::{Account, Command, Event, LETTERS_EVERY_MS, Person, Purpose, Rejection, Reply, State};

type Decided = Result<Decision<Person>, Rejection>;

pub(super) fn decide(state: &State, command: &Command, ctx: &Ctx) -> Decided {
    if let Command::Register { mail, password } = *command {
        return register(state, mail, password, ctx);
    }
    let account = state.account.as_ref().ok_or(Rejection::NotFound)?;
    match *command {
        // Handled above: the only order that needs no account.
        Command::Register { .. } => Err(Rejection::AlreadyExists),
        Command::AskLetter { purpose } => ask_letter(state, account, purpose, ctx),
        Command::Verify { token } => {
            if !account.takes(Purpose::Verify, token, ctx.now) {
                // Whoever follows the link a second time has reached what they wanted.
                return if account.verified { stays(state, account) } else { Err(Rejection::TokenSpent) };
            }
            let reply = told(state, true, account.signed_in_from);
            Ok(Decision::of(vec![Event::Verified { token }], reply))
        }
        Command::Reset { token, password } => {
            if account.password == password {
                // The same order once more.
                return stays(state, account);
            }
            if !account.takes(Purpose::Reset, token, ctx.now) {
                return Err(Rejection::TokenSpent);
            }
            let reply = told(state, true, ctx.now);
            let mut decision = Decision::of(vec![Event::PasswordReset { token, password }], reply);
            decision.effects.push(letter(state, account.mail, PersonTemplate::PasswordChanged));
            Ok(decision)
        }
        Command::ChangePassword { password } => {
            if account.password == password {
                return stays(state, account);
            }
            let reply = told(state, account.verified, ctx.now);
            let mut decision = Decision::of(vec![Event::PasswordChanged { password }], reply);
            decision.effects.push(letter(state, account.mail, PersonTemplate::PasswordChanged));
            Ok(decision)
        }
        Command::EndSignIns => {
            Ok(Decision::of(vec![Event::SignInsEnded], told(state, account.verified, ctx.now)))
        }
        Command::MaySignIn { password } if account.password == password => stays(state, account),
        Command::MaySignIn { .. } => Err(Rejection::PasswordChanged),
    }
}

/// An account begins with the letter that verifies its address.
fn register(state: &State, mail: SubjectId, password: CredentialId, ctx: &Ctx) -> Decided {
    if let Some(account) = &state.account {
        if (account.mail, account.password) == (mail, password) {
            return stays(state, account);
        }
        return Err(Rejection::AlreadyExists);
    }
    let (purpose, token) = (Purpose::Verify, 1);
    let events = vec![Event::Registered { mail, password }, Event::LetterAsked { purpose, token }];
    let mut decision = Decision::of(events, told(state, false, ctx.now));
    decision.effects.push(letter(state, mail, PersonTemplate::VerifyMail { token }));
    Ok(decision)
}

fn ask_letter(state: &State, account: &Account, purpose: Purpose, ctx: &Ctx) -> Decided {
    if purpose == Purpose::Verify && account.verified {
        return Err(Rejection::AlreadyVerified);
    }
    if let Some(last) = account.last.get(&purpose) {
        let next_at = last.asked_at.plus_millis(LETTERS_EVERY_MS);
        if ctx.now < next_at {
            return Err(Rejection::TooSoon { next_at });
        }
    }
    let token = account.letters.saturating_add(1);
    let template = match purpose {
        Purpose::Verify => PersonTemplate::VerifyMail { token },
        Purpose::Reset => PersonTemplate::ResetPassword { token },
    };
    let reply = told(state, account.verified, account.signed_in_from);
    let mut decision = Decision::of(vec![Event::LetterAsked { purpose, token }], reply);
    decision.effects.push(letter(state, account.mail, template));
    Ok(decision)
}

fn letter(state: &State, to: SubjectId, template: PersonTemplate) -> Effect {
    Effect::Mail(Mail::Person(PersonMail { template, to, person: state.id }))
}

fn stays(state: &State, account: &Account) -> Decided {
    Ok(Decision::unchanged(told(state, account.verified, account.signed_in_from)))
}

fn told(state: &State, verified: bool, signed_in_from: Timestamp) -> Reply {
    Reply::Account { person: state.id, verified, signed_in_from }
}
