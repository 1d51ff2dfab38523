//! The doors, through a real server on a free port.

mod bad_input;
mod carts;
mod operators;
mod rig;
mod sale;
mod under_load;
mod vendors;
