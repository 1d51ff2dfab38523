//! What may be tuned about the test bank.

use souk_core::ids::PaymentId;
use souk_core::time::Timestamp;

/// Where the bank's pages are, and how long it takes. Without delays by default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// What the addresses of the bank's pages begin with: the server's public URL.
    pub public_url: String,
    /// A call without an answer after this long has an unknown outcome.
    pub patience_ms: u64,
    /// How long an answer takes.
    pub answer_delay_ms: u64,
    /// How long it takes for a slow card; longer than the patience, and the answer is lost.
    pub slow_delay_ms: u64,
    /// How long the caller waits when there will be no answer. A real one waits for as long as its patience lasts.
    pub silence_ms: u64,
    /// How long after the deed its notice comes.
    pub notice_delay_ms: u64,
    /// The same of a notice that is late.
    pub late_notice_delay_ms: u64,
    /// How long after the slip was issued the shopper pays it.
    pub pay_later_delay_ms: u64,
    /// How long after a delivery that was not acknowledged the notice comes again.
    pub redeliver_after_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            public_url: "http://localhost:8080".to_owned(),
            patience_ms: 10_000,
            answer_delay_ms: 0,
            slow_delay_ms: 0,
            silence_ms: 0,
            notice_delay_ms: 0,
            late_notice_delay_ms: 0,
            pay_later_delay_ms: 0,
            redeliver_after_ms: 5_000,
        }
    }
}

impl Settings {
    /// The page on which the shopper of this payment passes or fails 3-D Secure.
    pub fn action_url(&self, payment: PaymentId) -> String {
        format!("{}/test-bank/{payment}", self.public_url.trim_end_matches('/'))
    }
}

pub(super) fn later(at: Timestamp, delay_ms: u64) -> Timestamp {
    at.plus_millis(i64::try_from(delay_ms).unwrap_or(i64::MAX))
}
