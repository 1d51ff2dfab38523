//! The rules of a person's account.

use crate::any::{Effect, Mail, PersonMail, PersonTemplate};
use crate::ids::{CredentialId, SubjectId};
use crate::machine::{Ctx, Decision};
use crate::time::Timestamp;

use super::lock::{FREE_FAILURES, Place};
use super::{
    Account, BUYERS_MAX, Command, Event, Person, Purpose, Rejection, Reply, Standing, State, factors,
};

pub(super) type Decided = Result<Decision<Person>, Rejection>;

pub(super) fn decide(state: &State, command: &Command, ctx: &Ctx) -> Decided {
    if let Command::SignUp { mail } = *command {
        return sign_up(state, mail, ctx);
    }
    let (account, standing) = state.account.as_ref().zip(state.standing()).ok_or(Rejection::NotFound)?;
    // The number after the last one is never reached: nothing could follow it.
    if account.letters >= u32::MAX - 1 || account.round >= u32::MAX - 1 {
        return Err(Rejection::Exhausted);
    }
    match *command {
        // Handled above: the only order that needs no account.
        Command::SignUp { .. } => Err(Rejection::AlreadyExists),
        // Whoever has never chosen a password does so by the letter that verifies.
        Command::AskReset if account.password.is_none() => {
            ask_letter(account, standing, Purpose::Verify, ctx)
        }
        Command::AskReset => ask_letter(account, standing, Purpose::Reset, ctx),
        Command::Verify { token, password } => {
            let spent = Event::Verified { token, password };
            by_letter(account, standing, (Purpose::Verify, token), password, spent, ctx)
        }
        Command::Reset { token, password } => {
            let spent = Event::PasswordReset { token, password };
            by_letter(account, standing, (Purpose::Reset, token), password, spent, ctx)
        }
        Command::ChangePassword { new, .. } if account.password == Some(new) => stays(standing),
        Command::ChangePassword { old, .. } if account.password != Some(old) => {
            Err(Rejection::PasswordChanged)
        }
        Command::ChangePassword { new, .. } => {
            // They are signed in, which a thief may be, too.
            not_locked(account, Place::Shown, ctx)?;
            Ok(chosen(standing, new, Event::PasswordChanged { password: new }))
        }
        Command::EndSignIns => {
            let round = standing.round + 1;
            Ok(Decision::of(vec![Event::SignInsEnded], Reply::Account(Standing { round, ..standing })))
        }
        Command::SetOperator { .. } | Command::Adopt { .. } if account.password.is_none() => {
            Err(Rejection::NotVerified)
        }
        Command::SetOperator { role } if account.operator == role => stays(standing),
        Command::SetOperator { role } => {
            let after = Standing { operator: role, ..standing };
            Ok(Decision::of(vec![Event::OperatorSet { role }], Reply::Account(after)))
        }
        Command::Adopt { buyer } if account.buyers.contains(&buyer) => stays(standing),
        Command::Adopt { .. } if account.buyers.len() >= BUYERS_MAX => Err(Rejection::TooManyBuyers),
        Command::Adopt { buyer } => {
            Ok(Decision::of(vec![Event::Adopted { buyer }], Reply::Account(standing)))
        }
        Command::MaySignIn { password, from, code } => {
            not_locked(account, from, ctx)?;
            if account.password != Some(password) {
                return Err(Rejection::PasswordChanged);
            }
            let mut events = factors::beside_password(account, code, ctx)?;
            let of_place = unlocked(account, from, ctx).filter(|event| !events.contains(event));
            events.extend(of_place.collect::<Vec<_>>());
            Ok(factors::used(events, standing))
        }
        Command::Factor(order) => factors::decide(account, standing, order, ctx),
        Command::CountFailure { at, earlier } => Ok(count_failure(account, standing, (at, earlier), ctx)),
    }
}

/// A right password is refused as a wrong one is, else a delay would not keep anybody from guessing.
pub(super) fn not_locked(account: &Account, at: Place, ctx: &Ctx) -> Result<(), Rejection> {
    match account.locks.at(at, ctx.now).and_then(|failures| failures.delays(ctx.now)) {
        Some(until) => Err(Rejection::Locked { until }),
        None => Ok(()),
    }
}

/// Somebody has shown who they are: what they failed there before is forgotten.
pub(super) fn unlocked(account: &Account, at: Place, ctx: &Ctx) -> impl Iterator<Item = Event> {
    let known = account.locks.at(at, ctx.now);
    known.map(|_| Event::Unlocked { at: account.locks.place(at, ctx.now) }).into_iter()
}

fn count_failure(
    account: &Account,
    standing: Standing,
    (at, earlier): (Place, u32),
    ctx: &Ctx,
) -> Decision<Person> {
    let before = account.locks.at(at, ctx.now);
    let count = match before {
        // Whatever was said there was not listened to.
        Some(before) if before.delays(ctx.now).is_some() => None,
        Some(before) => before.count.checked_add(1),
        None => Some(FREE_FAILURES + 1).filter(|_| earlier >= FREE_FAILURES),
    };
    let at = account.locks.place(at, ctx.now);
    let failed = count.map(|count| Event::TryFailed { at, count });
    Decision::of(failed.into_iter().collect(), Reply::Account(standing))
}

/// An account begins with the letter that verifies its address. Asked for again, whatever there is of it, the answer is the
/// same and the letter says what to do: who asks is not told whether there is an account.
fn sign_up(state: &State, mail: SubjectId, ctx: &Ctx) -> Decided {
    let Some((account, standing)) = state.account.as_ref().zip(state.standing()) else {
        let (purpose, token) = (Purpose::Verify, 1);
        let (password, operator, second) = (None, None, None);
        let standing = Standing { person: state.id, mail, password, round: 0, operator, second };
        let events = vec![Event::SignedUp { mail }, Event::LetterAsked { purpose, token }];
        return Ok(with_letter(events, standing, PersonTemplate::VerifyMail { token }));
    };
    if account.mail != mail {
        return Err(Rejection::AlreadyExists);
    }
    if account.password.is_none() {
        return ask_letter(account, standing, Purpose::Verify, ctx);
    }
    not_too_soon(account.next_reminder(), ctx)?;
    Ok(with_letter(vec![Event::Reminded], standing, PersonTemplate::HasAccount))
}

fn ask_letter(account: &Account, standing: Standing, purpose: Purpose, ctx: &Ctx) -> Decided {
    not_too_soon(account.next_letter(purpose), ctx)?;
    let token = account.next_token(purpose, ctx.now).ok_or(Rejection::Exhausted)?;
    let template = match purpose {
        Purpose::Verify => PersonTemplate::VerifyMail { token },
        Purpose::Reset => PersonTemplate::ResetPassword { token },
    };
    Ok(with_letter(vec![Event::LetterAsked { purpose, token }], standing, template))
}

fn not_too_soon(next_at: Option<Timestamp>, ctx: &Ctx) -> Result<(), Rejection> {
    match next_at.filter(|next_at| ctx.now < *next_at) {
        Some(next_at) => Err(Rejection::TooSoon { next_at }),
        None => Ok(()),
    }
}

/// Somebody has a letter's token, and has chosen a password.
fn by_letter(
    account: &Account,
    standing: Standing,
    (purpose, token): (Purpose, u32),
    password: CredentialId,
    spent: Event,
    ctx: &Ctx,
) -> Decided {
    if account.password == Some(password) {
        // The same order once more.
        return stays(standing);
    }
    if !account.takes(purpose, token, ctx.now) {
        return Err(Rejection::TokenSpent);
    }
    Ok(chosen(standing, password, spent))
}

/// Another password. Who had one before is told: it may not have been them.
fn chosen(standing: Standing, password: CredentialId, event: Event) -> Decision<Person> {
    let after = Standing { password: Some(password), round: standing.round + 1, ..standing };
    match standing.password {
        None => Decision::of(vec![event], Reply::Account(after)),
        Some(_) => with_letter(vec![event], after, PersonTemplate::PasswordChanged),
    }
}

pub(super) fn with_letter(
    events: Vec<Event>,
    standing: Standing,
    template: PersonTemplate,
) -> Decision<Person> {
    let mut decision = Decision::of(events, Reply::Account(standing));
    let mail = PersonMail { template, to: standing.mail, person: standing.person };
    decision.effects.push(Effect::Mail(Mail::Person(mail)));
    decision
}

pub(super) fn stays(standing: Standing) -> Decided {
    Ok(Decision::unchanged(Reply::Account(standing)))
}
