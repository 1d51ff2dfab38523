//! Postings and balances.

use souk_core::ids::StreamId;
use souk_core::ledger::Account;
use souk_core::money::Money;
use souk_core::time::Timestamp;

use crate::journal::JournalError;
use crate::tenants::OperatorScope;

use super::statement::{Statement, values};
use super::{ReadModels, parsed};

/// A posting that is there already changes nothing, and then no balance either.
const PUT: &str = "INSERT INTO ledger_postings (stream, seq, n, account, currency, minor, recorded_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (stream, seq, n) DO NOTHING";
const ADD: &str = "INSERT INTO ledger_balances (account, currency, minor) VALUES ($1, $2, $3) \
     ON CONFLICT (account, currency) DO UPDATE SET minor = ledger_balances.minor + excluded.minor";
const BALANCES: &str =
    "SELECT account, currency, minor FROM ledger_balances WHERE {ledger_balances} ORDER BY account, currency";

/// A line of a ledger transaction.
#[derive(Clone, PartialEq, Debug)]
pub struct PostingRow {
    /// The stream whose event posted it.
    pub stream: StreamId,
    /// Which event.
    pub seq: u64,
    /// Tells the postings of one event apart.
    pub n: u32,
    /// The account's name: [`account_name`].
    pub account: String,
    /// Debit positive, credit negative.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

/// An account's sum in one currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Balance {
    /// The account's name: [`account_name`].
    pub account: String,
    /// Debit positive, credit negative.
    pub amount: Money,
}

/// How an account is written in a column.
pub fn account_name(account: &Account) -> String {
    match account {
        Account::PaymentClearing => "payment_clearing".to_owned(),
        Account::VendorPayable(vendor) => format!("vendor_payable/{vendor}"),
        Account::Commission => "commission".to_owned(),
        Account::Tax { jurisdiction } => format!("tax/{jurisdiction}"),
        Account::Shipping => "shipping".to_owned(),
        Account::ProviderFees => "provider_fees".to_owned(),
        Account::Refunds => "refunds".to_owned(),
        Account::Disputes => "disputes".to_owned(),
        Account::Reserves => "reserves".to_owned(),
        Account::Payouts => "payouts".to_owned(),
    }
}

pub(super) fn put(row: PostingRow) -> Statement {
    let currency = row.amount.currency.code();
    let add = values![row.account.as_str(), currency, row.amount.minor];
    let at = row.at.as_millis();
    let values =
        values![row.stream.to_string(), row.seq, row.n, row.account.as_str(), currency, row.amount.minor, at];
    Statement::new(PUT, values).then(vec![Statement::new(ADD, add)])
}

impl ReadModels {
    /// Every account's balance. All of a currency come to zero.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn trial_balance(&self, scope: &OperatorScope) -> Result<Vec<Balance>, JournalError> {
        let mut asking = self.reads.within(scope, "trial_balance").await?;
        let rows: Vec<(String, String, i64)> =
            asking.all("read the trial balance", BALANCES, values![]).await?;
        asking.end();
        rows.into_iter()
            .map(|(account, currency, minor)| {
                let amount = Money::new(minor, parsed("ledger_balances", "currency", &currency)?);
                Ok(Balance { account, amount })
            })
            .collect()
    }
}
