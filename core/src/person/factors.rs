//! A second factor: what somebody shows beside the password, so that a password alone opens nothing.
//!
//! begun → confirmed by a first code → removed. The secret lies in a plain row; its events name it. A code of an authenticator
//! (RFC 6238) is good for one *step* of half a minute, and a step is consumed by an event: it is good once, also after a crash
//! or a take-over, and so is every step before it. For whoever has lost the authenticator there are recovery codes, each of
//! which is consumed likewise.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::CredentialId;
use crate::machine::{Ctx, Decision};
use crate::time::Timestamp;

use super::decide::{Decided, not_locked, stays, unlocked, with_letter};
use super::lock::Place;
use super::{Account, Event, Rejection, Reply, Standing};
use crate::any::PersonTemplate;

/// How long a factor that was begun may be confirmed, in ms: an hour.
pub const CONFIRM_WITHIN_MS: i64 = 60 * 60 * 1000;
/// How long whoever confirmed a factor is shown the same recovery codes once more, because the answer was lost, in ms.
pub const SHOWN_AGAIN_MS: i64 = 10 * 60 * 1000;
/// Recovery codes that are made at once.
pub const RECOVERY_CODES: u32 = 10;

/// A code that somebody showed, as the server has compared it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// Of the authenticator.
    Totp {
        /// Names its secret.
        totp: CredentialId,
        /// The step that the code is of.
        step: u64,
    },
    /// A recovery code.
    Recovery {
        /// Names those that it is of.
        codes: CredentialId,
        /// Its number, from 0.
        number: u32,
    },
}

/// An order about the second factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The person wants one; its secret is shown to them.
    Begin {
        /// Names the secret.
        totp: CredentialId,
    },
    /// They show that they have put it into their authenticator.
    Confirm {
        /// Names the secret.
        totp: CredentialId,
        /// The step of the code that they showed.
        step: u64,
        /// Names the recovery codes that come with it.
        codes: CredentialId,
    },
    /// They show a code, being signed in.
    Show {
        /// Which.
        code: Code,
    },
    /// They want other recovery codes.
    Renew {
        /// Names them.
        codes: CredentialId,
    },
    /// They want none any more.
    Remove,
}

/// A second factor that holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Factor {
    /// Names the authenticator's secret.
    pub totp: CredentialId,
    /// When it was confirmed.
    pub confirmed_at: Timestamp,
    /// By the code of this step.
    pub confirmed_by: u64,
    /// The last step that was consumed; none before it is good any more.
    pub step: u64,
    /// Names the recovery codes.
    pub codes: CredentialId,
    /// The numbers of those that were consumed.
    pub used: BTreeSet<u32>,
}

/// What is known of a person's second factor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Factors {
    /// Begun and not confirmed: its secret, and when.
    pub begun: Option<(CredentialId, Timestamp)>,
    /// The one that holds.
    pub factor: Option<Factor>,
}

/// What may be known of a second factor without asking its machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SecondFactor {
    /// Names the authenticator's secret.
    pub totp: CredentialId,
    /// Names the recovery codes.
    pub codes: CredentialId,
    /// How many of them are left.
    pub codes_left: u32,
}

impl Factor {
    /// What consumes this code; `None` when it is none of this factor's, or was consumed.
    fn consume(&self, code: Code) -> Option<Event> {
        match code {
            Code::Totp { totp, step } => {
                (totp == self.totp && step > self.step).then_some(Event::TotpUsed { totp, step })
            }
            Code::Recovery { codes, number } => {
                let is_left = number < RECOVERY_CODES && !self.used.contains(&number);
                (codes == self.codes && is_left).then_some(Event::RecoveryUsed { codes, number })
            }
        }
    }
}

impl Factors {
    /// The secret that may be confirmed now.
    pub fn waiting(&self, now: Timestamp) -> Option<CredentialId> {
        let (totp, begun_at) = self.begun?;
        (now < begun_at.plus_millis(CONFIRM_WITHIN_MS)).then_some(totp)
    }

    /// Whether a row of this name is still of use.
    pub fn names(&self, row: CredentialId) -> bool {
        let of_factor = |factor: &Factor| factor.totp == row || factor.codes == row;
        self.begun.is_some_and(|(totp, _)| totp == row) || self.factor.as_ref().is_some_and(of_factor)
    }

    /// What may be known of it.
    pub fn standing(&self) -> Option<SecondFactor> {
        let factor = self.factor.as_ref()?;
        let used = u32::try_from(factor.used.len()).unwrap_or(RECOVERY_CODES);
        let codes_left = RECOVERY_CODES.saturating_sub(used);
        Some(SecondFactor { totp: factor.totp, codes: factor.codes, codes_left })
    }

    pub(super) fn fold(&mut self, at: Timestamp, event: &Event) {
        match (*event, &mut self.factor) {
            (Event::TotpBegun { totp }, _) => self.begun = Some((totp, at)),
            (Event::TotpConfirmed { totp, step, codes }, _) => {
                self.begun = None;
                let (confirmed_at, confirmed_by, used) = (at, step, BTreeSet::new());
                self.factor = Some(Factor { totp, confirmed_at, confirmed_by, step, codes, used });
            }
            (Event::TotpUsed { step, .. }, Some(factor)) => factor.step = step,
            (Event::RecoveryUsed { number, .. }, Some(factor)) => drop(factor.used.insert(number)),
            (Event::RecoveryRenewed { codes }, Some(factor)) => {
                factor.codes = codes;
                factor.used.clear();
            }
            (Event::FactorRemoved { .. }, _) => *self = Factors::default(),
            _ => {}
        }
    }
}

/// Whether a password that was right is enough: `None` of a code means that none was shown.
pub(super) fn beside_password(
    account: &Account,
    code: Option<Code>,
    ctx: &Ctx,
) -> Result<Vec<Event>, Rejection> {
    if account.factors.factor.is_none() {
        return Ok(Vec::new());
    }
    consumed(account, code.ok_or(Rejection::CodeNeeded)?, ctx)
}

fn consumed(account: &Account, code: Code, ctx: &Ctx) -> Result<Vec<Event>, Rejection> {
    not_locked(account, Place::Shown, ctx)?;
    let factor = account.factors.factor.as_ref().ok_or(Rejection::NoFactor)?;
    let used = factor.consume(code).ok_or(Rejection::CodeSpent)?;
    Ok([used].into_iter().chain(unlocked(account, Place::Shown, ctx)).collect())
}

pub(super) fn decide(account: &Account, standing: Standing, order: Order, ctx: &Ctx) -> Decided {
    let factors = &account.factors;
    match (order, &factors.factor) {
        (Order::Begin { totp }, None) if factors.begun.is_some_and(|(begun, _)| begun == totp) => {
            stays(standing)
        }
        (Order::Begin { totp }, None) => {
            Ok(Decision::of(vec![Event::TotpBegun { totp }], Reply::Account(standing)))
        }
        // Its answer was lost: whoever asks again knows the codes that came of it. Who does not was second.
        (Order::Confirm { totp, step, codes }, Some(factor))
            if (factor.totp, factor.confirmed_by, factor.codes) == (totp, step, codes)
                && ctx.now < factor.confirmed_at.plus_millis(SHOWN_AGAIN_MS) =>
        {
            stays(standing)
        }
        (Order::Begin { .. } | Order::Confirm { .. }, Some(_)) => Err(Rejection::FactorExists),
        (Order::Confirm { totp, step, codes }, None) => {
            not_locked(account, Place::Shown, ctx)?;
            if factors.waiting(ctx.now) != Some(totp) {
                return Err(Rejection::NoFactor);
            }
            let second = SecondFactor { totp, codes, codes_left: RECOVERY_CODES };
            let after = Standing { second: Some(second), ..standing };
            let confirmed = [Event::TotpConfirmed { totp, step, codes }];
            let events = confirmed.into_iter().chain(unlocked(account, Place::Shown, ctx)).collect();
            Ok(with_letter(events, after, PersonTemplate::SecondFactorOn))
        }
        (Order::Show { code }, _) => {
            let events = consumed(account, code, ctx)?;
            Ok(used(events, standing))
        }
        (Order::Renew { .. } | Order::Remove, None) => Err(Rejection::NoFactor),
        (Order::Renew { codes }, Some(factor)) if factor.codes == codes => stays(standing),
        (Order::Renew { codes }, Some(_)) => {
            let second =
                standing.second.map(|second| SecondFactor { codes, codes_left: RECOVERY_CODES, ..second });
            let after = Standing { second, ..standing };
            Ok(Decision::of(vec![Event::RecoveryRenewed { codes }], Reply::Account(after)))
        }
        (Order::Remove, Some(factor)) => {
            let removed = Event::FactorRemoved { totp: factor.totp };
            let after = Standing { second: None, ..standing };
            Ok(with_letter(vec![removed], after, PersonTemplate::SecondFactorOff))
        }
    }
}

/// A code was consumed. Whoever has a recovery code less is told: they rarely use one, and a thief does.
pub(super) fn used(events: Vec<Event>, standing: Standing) -> Decision<super::Person> {
    if !events.iter().any(|event| matches!(event, Event::RecoveryUsed { .. })) {
        return Decision::of(events, Reply::Account(standing));
    }
    let one_less =
        |second: SecondFactor| SecondFactor { codes_left: second.codes_left.saturating_sub(1), ..second };
    let after = Standing { second: standing.second.map(one_less), ..standing };
    with_letter(events, after, PersonTemplate::RecoveryCodeUsed)
}
