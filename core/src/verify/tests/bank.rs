//! A bank that keeps accounts: it may decline, keep silent, or never hear a call, but it never does one thing twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::PaymentId;
use crate::payment::{Method, Operation, ProviderCall, ProviderFact};

/// What happens to the calls from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mood {
    /// Done and answered.
    Fine,
    /// New payments are declined.
    Declines,
    /// So are new refunds.
    KeepsMoney,
    /// Done, but the answer is lost.
    TimesOut,
    /// Lost on the way there.
    Deaf,
    /// New payments wait for the shopper.
    Later,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Bank {
    pub(super) mood: Option<Mood>,
    accounts: BTreeMap<PaymentId, Account>,
}

#[derive(Clone, Debug)]
struct Account {
    standing: ProviderFact,
    amount: i64,
    refunds: BTreeSet<String>,
    declined: BTreeSet<String>,
    returned: i64,
}

impl Bank {
    pub(super) fn call(&mut self, call: &ProviderCall) -> Vec<ProviderFact> {
        let mood = self.mood.unwrap_or(Mood::Fine);
        if mood == Mood::Deaf {
            return vec![ProviderFact::Unknown];
        }
        let fact = self.perform(call, mood);
        if mood == Mood::TimesOut { vec![ProviderFact::Unknown] } else { vec![fact] }
    }

    fn perform(&mut self, call: &ProviderCall, mood: Mood) -> ProviderFact {
        if let Operation::Authorise { amount, method } = &call.operation {
            let standing = match (mood, method) {
                (Mood::Declines, _) => ProviderFact::Failed { reason: "declined".to_owned() },
                (Mood::Later, Method::Card { .. }) => {
                    ProviderFact::ActionNeeded { url: "https://bank".to_owned() }
                }
                (_, Method::Card { .. }) => ProviderFact::Authorised,
                (_, Method::Instant { .. }) => ProviderFact::Captured,
                (_, Method::PayLater { .. }) => {
                    ProviderFact::AwaitingPayment { reference: "slip".to_owned() }
                }
            };
            let new = Account {
                standing,
                amount: amount.minor,
                refunds: BTreeSet::new(),
                declined: BTreeSet::new(),
                returned: 0,
            };
            return self.accounts.entry(call.payment).or_insert(new).standing.clone();
        }
        let Some(account) = self.accounts.get_mut(&call.payment) else { return ProviderFact::Nothing };
        match &call.operation {
            Operation::Capture { amount } => {
                assert_eq!(amount.minor, account.amount);
                if account.standing == ProviderFact::Authorised {
                    account.standing = ProviderFact::Captured;
                }
                account.standing.clone()
            }
            Operation::Void => {
                if !matches!(account.standing, ProviderFact::Captured | ProviderFact::Failed { .. }) {
                    account.standing = ProviderFact::Voided;
                }
                account.standing.clone()
            }
            Operation::Refund { .. } if mood == Mood::KeepsMoney && !account.refunds.contains(&call.key) => {
                account.declined.insert(call.key.clone());
                ProviderFact::Failed { reason: "account_closed".to_owned() }
            }
            Operation::Refund { .. } if account.declined.contains(&call.key) => {
                ProviderFact::Failed { reason: "account_closed".to_owned() }
            }
            Operation::Refund { amount } => {
                if account.refunds.insert(call.key.clone()) {
                    account.returned += amount.minor;
                    assert!(account.standing == ProviderFact::Captured, "a refund of what was not taken");
                    assert!(account.returned <= account.amount, "more goes back than was taken");
                }
                ProviderFact::Refunded { key: call.key.clone() }
            }
            Operation::LookUp { of } if of.contains("/refund-") => {
                let known = account.refunds.contains(of);
                if account.declined.contains(of) {
                    return ProviderFact::Failed { reason: "account_closed".to_owned() };
                }
                if known { ProviderFact::Refunded { key: of.clone() } } else { ProviderFact::Nothing }
            }
            Operation::LookUp { .. } | Operation::Authorise { .. } => account.standing.clone(),
        }
    }

    /// The shopper acts: what waited for him goes on. Returns the notice, if there is any.
    pub(super) fn shopper_acts(&mut self, payment: PaymentId) -> Option<ProviderFact> {
        let account = self.accounts.get_mut(&payment)?;
        account.standing = match &account.standing {
            ProviderFact::ActionNeeded { .. } => ProviderFact::Authorised,
            ProviderFact::AwaitingPayment { .. } => ProviderFact::Captured,
            other => other.clone(),
        };
        Some(account.standing.clone())
    }

    /// It takes the money of a payment it knows, whatever it said before.
    pub(super) fn take(&mut self, payment: PaymentId) -> bool {
        let account = self.accounts.get_mut(&payment);
        account.map(|account| account.standing = ProviderFact::Captured).is_some()
    }

    /// What the shopper is charged in the end, all payments together.
    pub(super) fn kept(&self) -> i64 {
        let taken = self.accounts.values().filter(|account| account.standing == ProviderFact::Captured);
        taken.map(|account| account.amount - account.returned).sum()
    }
}
