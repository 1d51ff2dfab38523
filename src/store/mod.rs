//! Read models and plain tables, each behind typed functions. SQL text lives here and in `journal/` only.

pub mod keys;
pub mod read;
pub mod vault;
