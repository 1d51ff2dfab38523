//! An address as a client says it. It goes into the vault and nowhere else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::error::{ApiError, Code};
use crate::store::vault::Address;

/// The longest line of an address, in characters.
const LINE_MAX: usize = 200;

/// Who gets an order, and where. Serialised for the request's fingerprint only, which is keyed.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Address")]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct AddressIn {
    name: String,
    street: String,
    postal_code: String,
    city: String,
    /// ISO 3166 alpha-2.
    pub(in crate::http) country: String,
    email: String,
}

impl AddressIn {
    /// What the vault keeps.
    pub(in crate::http) fn checked(&self) -> Result<Address, ApiError> {
        let lines = [
            ("name", &self.name),
            ("street", &self.street),
            ("postal_code", &self.postal_code),
            ("city", &self.city),
            ("country", &self.country),
            ("email", &self.email),
        ];
        for (field, line) in lines {
            let short = line.len() <= LINE_MAX * 4 && line.chars().count() <= LINE_MAX;
            if line.trim().is_empty() || !short || line.chars().any(char::is_control) {
                return Err(wrong(field, "1 to 200 printable characters"));
            }
        }
        if self.country.len() != 2 || !self.country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong("country", "two capital letters (ISO 3166)"));
        }
        let mailbox = self.email.split_once('@');
        if !mailbox.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@')) {
            return Err(wrong("email", "a mail address"));
        }
        Ok(Address {
            name: self.name.as_str().into(),
            street: self.street.as_str().into(),
            postal_code: self.postal_code.as_str().into(),
            city: self.city.as_str().into(),
            country: self.country.as_str().into(),
            email: self.email.as_str().into(),
        })
    }
}

/// Names the field, never what it holds.
fn wrong(field: &'static str, must: &str) -> ApiError {
    ApiError::new(Code::InvalidValue, format!("{field} must be {must}")).with("field", field)
}
