//! The actors: hosts of core machines, their supervision, and the ways to reach them.
//!
//! ```text
//! Node ── supervisor (one per kind of machine) ── host actors (one per stream that is awake)
//!   ├─ directories   stream → actor; wakes what sleeps, replaces what ended
//!   ├─ timers        one wheel for all hosts
//!   ├─ wakes         reads due rows of the journal and ticks their streams
//!   ├─ outbox        carries out orders to the outside world, in lanes per kind
//!   ├─ sweeper       drops rows of the vault that no event came to name
//!   └─ admission     permits for new work from outside
//! ```
//!
//! No actor awaits another inside `handle`: orders and answers between machines are messages of their own.

mod admission;
mod directory;
mod handle;
mod host;
mod kinds;
mod message;
mod node;
mod outbox;
pub mod projectors;
mod published;
mod pulse;
mod supervisor;
mod sweeper;
mod timers;
mod trap;
mod views;
mod wakes;

pub use admission::{Admission, Overloaded};
pub use handle::{CallError, Handle, Told};
pub use kinds::Hosted;
pub use node::{Node, NodeOptions};
pub use outbox::Outside;
pub use published::Published;
pub use pulse::{ActorPulse, KindOverview};
pub use supervisor::Quarantined;
pub use trap::{Handling, Trap};
pub use views::{Changes, Seen, StockView};
