//! The outside world, each part behind a port with an embedded and a remote form.

pub mod mail;
pub mod payments;
pub mod search;
