//! The outside world: who carries out effects.
//!
//! No machine has effects yet. The first one brings its provider here: the owner of a partition works the rows of
//! its outbox at least once (when [`AnyAction::Effect`](crate::kind::AnyAction::Effect) says that one is durable,
//! and all of them when it becomes owner), and the outcome goes back to the stream as a command.

use souk_core::any::Effect;
use souk_core::journal::EffectId;

use super::World;

impl World {
    /// The row of this effect is durable.
    pub(super) fn effect(&mut self, node: usize, id: EffectId, effect: &Effect) {
        self.trace(|| format!("node {node} would carry out {id:?}: {effect:?}"));
    }
}
