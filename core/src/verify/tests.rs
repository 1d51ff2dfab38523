//! Every invariant is named by a history that breaks it, and by none that does not.

mod damaged;
mod sales;
mod world;
