//! Everything that is tested through more than one module: one binary, because linking is slow.

mod actors;
mod architecture;
mod http;
mod journal;
mod killed;
mod projections;
mod sales;
mod servers;
