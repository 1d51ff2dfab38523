//! What the bank knows of a payment.

use std::collections::BTreeMap;

use souk_core::payment::ProviderFact;

use super::failed;
use super::habit::Habit;

/// Where a payment stands at the bank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stands {
    /// The shopper is asked.
    Challenged,
    /// There is a slip.
    Awaiting,
    /// The money is reserved.
    Reserved,
    /// The money is taken.
    Taken,
    /// No.
    Declined,
    /// Let go.
    Released,
}

/// A payment as the bank knows it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Where it stands.
    pub stands: Stands,
    /// How much was asked for.
    pub asked: i64,
    /// What went back, by the key of the call.
    pub refunds: BTreeMap<String, i64>,
    pub(super) habit: Habit,
    pub(super) is_slip: bool,
}

impl Account {
    /// What the bank keeps of it.
    pub fn kept(&self) -> i64 {
        let taken = if self.stands == Stands::Taken { self.asked } else { 0 };
        taken - self.refunds.values().sum::<i64>()
    }

    /// What it says about it.
    pub(super) fn fact(&self) -> ProviderFact {
        match self.stands {
            Stands::Challenged => ProviderFact::ActionNeeded { url: "https://bank.example".to_owned() },
            Stands::Awaiting => ProviderFact::AwaitingPayment { reference: "slip".to_owned() },
            Stands::Reserved => ProviderFact::Authorised,
            Stands::Taken => ProviderFact::Captured,
            Stands::Declined => failed("declined"),
            Stands::Released => ProviderFact::Voided,
        }
    }
}
