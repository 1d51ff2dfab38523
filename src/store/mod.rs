//! Read models and plain tables, each behind typed functions. SQL text lives here and in `journal/` only.

pub mod credentials;
pub mod key_uses;
pub mod keys;
pub mod plain;
pub mod publishable_keys;
pub mod read;
pub mod signing_keys;
pub mod vault;
