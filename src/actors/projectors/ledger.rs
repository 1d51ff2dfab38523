//! The postings of an event.

use souk_core::any::AnyEvent;
use souk_core::journal::Recorded;
use souk_core::ledger::Transaction;
use souk_core::order::Event;

use crate::store::read::{PostingRow, account_name};

/// What an event posts; nothing for most.
pub(super) fn postings(recorded: &Recorded) -> Vec<PostingRow> {
    let Some(transaction) = transaction(&recorded.event) else { return Vec::new() };
    (0..)
        .zip(&transaction.postings)
        .map(|(n, posting)| PostingRow {
            stream: recorded.stream,
            seq: recorded.seq,
            n,
            account: account_name(&posting.account),
            amount: posting.amount,
            at: recorded.at,
        })
        .collect()
}

fn transaction(event: &AnyEvent) -> Option<&Transaction> {
    match event {
        AnyEvent::Order(Event::Placed(placed)) => Some(&placed.sale),
        AnyEvent::Order(Event::Cancelled { transaction, .. } | Event::Refunded { transaction, .. }) => {
            Some(transaction)
        }
        _ => None,
    }
}
