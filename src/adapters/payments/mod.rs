//! The port to the payment provider: calls whose key was journalled before, and notices that come back on their own.
//!
//! A call is made at least once and always under the same key; the provider carries it out once. What it answers is
//! a [`ProviderFact`]; no answer in time is [`ProviderFact::Unknown`], and only a look-up (or a notice) can tell.
//! Notices may be late, doubled and out of order, and come again until they are acknowledged. Whoever receives one
//! hands it to the payment's machine first and acknowledges it when the machine has answered.

pub mod test_bank;

use std::fmt;

use souk_core::ids::PaymentId;
use souk_core::payment::{ProviderCall, ProviderFact};

pub use test_bank::TestBank;

/// A payment provider.
#[derive(Clone, Debug)]
pub enum Provider {
    /// In process; moves no money.
    TestBank(TestBank),
}

impl Provider {
    /// Makes a call and waits for its answer, no longer than the form's patience.
    pub async fn call(&self, call: &ProviderCall) -> ProviderFact {
        match self {
            Provider::TestBank(bank) => bank.call(call).await,
        }
    }

    /// What the provider tells without being asked.
    pub fn notices(&self) -> Notices {
        Notices { provider: self.clone() }
    }
}

/// Names a notice, the same in every delivery.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NoticeId(pub String);

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the provider tells without being asked, as by a webhook.
#[derive(Clone, PartialEq, Debug)]
pub struct Notice {
    /// Its name; a second delivery has the same.
    pub id: NoticeId,
    /// The key of the call it is about; empty when it names none.
    pub key: String,
    /// The payment it is about.
    pub payment: PaymentId,
    /// What it says: how things stood when it was written, not when it arrives.
    pub fact: ProviderFact,
}

/// The provider's notices, each delivered at least once.
#[derive(Clone, Debug)]
pub struct Notices {
    provider: Provider,
}

impl Notices {
    /// Waits for the next delivery. May be dropped at any time: what was taken and not acknowledged comes again.
    pub async fn next(&self) -> Notice {
        match &self.provider {
            Provider::TestBank(bank) => bank.next_notice().await,
        }
    }

    /// Says that a notice has been dealt with: it need not come again (it still may, once more).
    pub fn acknowledge(&self, id: &NoticeId) {
        match &self.provider {
            Provider::TestBank(bank) => bank.acknowledge(id),
        }
    }
}
