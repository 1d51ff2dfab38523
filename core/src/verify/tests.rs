//! Every invariant is named by a history that breaks it, and by none that does not.

mod bank;
mod cell;
mod damaged;
mod people;
mod random;
mod sales;
mod world;
