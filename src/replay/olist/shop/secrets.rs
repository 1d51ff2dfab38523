//! Secrets of a replay. None is stored but the vendors' keys: the others are functions of what the server has.

use std::fmt;

use sha2::{Digest as _, Sha256};
use souk_core::time::Timestamp;

use crate::tenants::keys::{KeyError, KeyText};
use crate::tenants::{KeyRecord, Role, ServerKey};

use super::super::ids;

/// A text that is not printed.
#[derive(Clone)]
pub(super) struct Hidden(pub(super) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The operator's key of a replay into a server of its own. It is a function of the server's secret, so a replay that
/// goes on is the same operator: the names of its commands contain who gave them.
///
/// # Errors
/// None that can happen: the key's name is a good one.
pub fn operator_key(server_key: &ServerKey, now: Timestamp) -> Result<(KeyText, KeyRecord), KeyError> {
    server_key.issue(ids::operator_key(), Role::Operator, "replay olist", now)
}

/// What the replay's shoppers know and nobody else: with it a cart that is opened again is the same one.
pub fn cart_secret(operator_key: &str) -> String {
    let digest = Sha256::digest(format!("souk/1/replay carts/{operator_key}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
