//! The doors, through a real server on a free port.

mod bad_input;
mod caching;
mod carts;
mod cross_origin;
mod keys;
mod lockouts;
mod matrix;
mod openapi;
mod operator_people;
mod operators;
mod own_orders;
mod people;
mod positions;
mod rate_limits;
mod reads;
pub mod rig;
mod rows_of_a_sale;
mod sale;
pub mod second_factor;
mod standings;
mod teams;
mod texts;
mod under_load;
mod vendors;
