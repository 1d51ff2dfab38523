//! A person's second factor: no code is consumed twice, and none of one that does not hold.

use std::collections::BTreeSet;

use crate::ids::CredentialId;
use crate::person::Event;
use crate::time::Timestamp;

const HOUR_MS: i64 = 3_600_000;

/// What a person's second factor has come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Factors {
    begun: Option<(CredentialId, Timestamp)>,
    holds: Option<CredentialId>,
    /// The recovery codes that hold.
    codes: Option<CredentialId>,
    /// Every step that was ever consumed, with its secret.
    steps: BTreeSet<(CredentialId, u64)>,
    /// Every recovery code that was.
    used: BTreeSet<(CredentialId, u32)>,
    /// Every secret and every set of codes that there was.
    named: BTreeSet<CredentialId>,
}

impl Factors {
    /// Whether this event follows from those before it; `None` when it is none about a second factor.
    pub(super) fn follows(&mut self, event: &Event, now: Timestamp) -> Option<bool> {
        Some(match *event {
            Event::TotpBegun { totp } => {
                self.begun = Some((totp, now));
                self.holds.is_none() && self.named.insert(totp)
            }
            Event::TotpConfirmed { totp, step, codes } => {
                let begun = self.begun.take();
                let in_time = begun.is_some_and(|(begun, at)| begun == totp && now < at.plus_millis(HOUR_MS));
                let is_first = self.holds.replace(totp).is_none();
                self.codes = Some(codes);
                in_time && is_first && self.named.insert(codes) && self.consume(totp, step)
            }
            Event::TotpUsed { totp, step } => self.holds == Some(totp) && self.consume(totp, step),
            Event::RecoveryUsed { codes, number } => {
                self.codes == Some(codes) && number < 10 && self.used.insert((codes, number))
            }
            Event::RecoveryRenewed { codes } => {
                self.codes.replace(codes).is_some() && self.named.insert(codes)
            }
            Event::FactorRemoved { totp } => {
                self.codes = None;
                self.begun = None;
                self.holds.take() == Some(totp)
            }
            _ => return None,
        })
    }

    /// Whether the step was not consumed before, nor one after it.
    fn consume(&mut self, totp: CredentialId, step: u64) -> bool {
        let later = self.steps.range((totp, step)..=(totp, u64::MAX)).next();
        let is_new = later.is_none();
        self.steps.insert((totp, step));
        is_new
    }
}
