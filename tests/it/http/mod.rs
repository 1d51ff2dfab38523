//! The doors, through a real server on a free port.

mod bad_input;
mod caching;
mod carts;
mod openapi;
mod operators;
mod positions;
mod rate_limits;
mod reads;
pub mod rig;
mod rows_of_a_sale;
mod sale;
mod under_load;
mod vendors;
