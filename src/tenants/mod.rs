//! Who may act for whom.
//!
//! Whoever wants to read or change something must hold a scope, and a scope comes only from here: from an API
//! key that was verified ([`keys`]) or from a token that this server signed ([`tokens`]). Everything here is
//! pure but for the file of the server's secret ([`server_key`]); where keys are stored is the business of
//! `store/keys.rs`.

mod base32;
pub mod commands;
pub mod keys;
pub mod positions;
pub mod scope;
pub mod server_key;
pub mod tokens;

pub use commands::{IdempotencyKey, derived_id};
pub use keys::{KeyId, KeyRecord, PresentedKey, Role};
pub use scope::{Access, BuyerScope, OperatorScope, StoreScope, Tenant, VendorScope};
pub use server_key::ServerKey;
