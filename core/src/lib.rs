//! The rules of the marketplace, and the decisions of the host that runs them.
//!
//! Pure on purpose: nothing here awaits, reads a clock, draws a random number, opens a file or iterates in
//! hash order. Time and ids come in through [`machine::Ctx`]; everything that must happen outside leaves as
//! data. That is what lets the simulator run thousands of crash histories of the very code that production runs.

pub mod any;
pub mod ask;
pub mod checkout;
pub mod family;
pub mod host;
pub mod ids;
pub mod inventory;
pub mod journal;
pub mod ledger;
pub mod machine;
pub mod market;
pub mod money;
pub mod order;
pub mod payment;
pub mod person;
pub mod planted;
pub mod product;
pub mod sequencer;
mod text;
pub mod time;
pub mod vendor;
pub mod verify;
