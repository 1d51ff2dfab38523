//! The vault on both backends, and its key file.

mod backend;
mod key_file;
mod rows;

use souk_core::ids::{CheckoutId, StreamId, SubjectId};

use super::*;

fn subject(n: u128) -> SubjectId {
    SubjectId(n)
}

fn stream(n: u128) -> StreamId {
    StreamId::Checkout(CheckoutId(n))
}

fn address(name: &str) -> Address {
    Address {
        name: name.into(),
        street: "12 Secret Lane".into(),
        postal_code: "99998".into(),
        city: "Hiddenville".into(),
        country: "DE".into(),
        email: "ada@hidden.example".into(),
    }
}
