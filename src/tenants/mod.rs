//! Who may act for whom.
//!
//! Whoever wants to read or change something must hold a scope, and a scope comes only from here: from an API
//! key that was verified ([`keys`]), from a token that this server signed ([`tokens`]), or from a sign-in that
//! stands ([`access_tokens`]). Everything here is pure but for the file of the server's secret ([`server_key`])
//! and the threads that hash passwords ([`passwords`]); where rows are stored is the business of `store/`.

pub mod access_tokens;
mod base32;
pub mod commands;
pub mod keys;
pub mod mail_address;
pub mod networks;
pub mod passwords;
pub mod policy;
pub mod positions;
pub mod publishable_keys;
pub mod refresh_tokens;
pub mod scope;
pub mod second_factors;
pub mod server_key;
pub mod service_keys;
pub mod tokens;

pub use commands::{IdempotencyKey, derived_id, new_id};
pub use keys::{KeyRecord, PresentedKey, Role};
pub use mail_address::MailAddress;
pub use publishable_keys::{Origin, PublishableKey};
pub use scope::{
    Access, BuyerScope, BuyersScope, OperatorScope, PersonScope, StoreScope, Tenant, VendorScope,
};
pub use server_key::ServerKey;
pub use service_keys::{PresentedServiceKey, ServiceKeyRow};
pub use souk_core::ids::KeyId;
