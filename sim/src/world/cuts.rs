//! Cuts: for a while nothing gets from one place to another. The way back may be open.

use super::World;
use crate::rng::Rng;
use crate::schedule::Micros;

/// A place that words go to or come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// A node.
    Node(usize),
    /// The journal's database.
    Database,
    /// The bank.
    Bank,
    /// Everybody who has requests.
    People,
}

/// A way that is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    from: End,
    to: End,
    until: Micros,
}

impl Cut {
    /// Which way is closed, of a cluster of so many nodes. One end is always a node.
    fn draw(nodes: usize, until: Micros, rng: &mut Rng) -> Self {
        let node = End::Node(rng.below(nodes as u64) as usize);
        let other = match rng.below(10) {
            0..=3 => End::Database,
            4 | 5 => End::Bank,
            6 => End::People,
            _ => End::Node(rng.below(nodes as u64) as usize),
        };
        let (from, to) = if rng.chance(500) { (node, other) } else { (other, node) };
        Cut { from, to, until }
    }
}

impl World {
    /// Whether nothing gets from here to there now.
    pub(super) fn is_cut(&self, from: End, to: End) -> bool {
        let now = self.now;
        self.cuts.iter().any(|cut| cut.from == from && cut.to == to && cut.until > now)
    }

    /// Whether this node can ask the database something and hear the answer.
    pub(super) fn reaches_database(&self, node: usize) -> bool {
        !self.is_cut(End::Node(node), End::Database) && !self.is_cut(End::Database, End::Node(node))
    }

    /// A way is closed for a while; now and then the way back too.
    pub(super) fn cut(&mut self) {
        if self.is_calm() {
            return;
        }
        let until = self.now + self.within(3 * self.plan.lease);
        let cut = Cut::draw(self.nodes.len(), until, &mut self.rng);
        let both = self.rng.chance(300);
        if !self.strikes_now("cut") {
            return;
        }
        self.trace(|| format!("nothing gets from {:?} to {:?}, both ways: {both}", cut.from, cut.to));
        let now = self.now;
        self.cuts.retain(|cut| cut.until > now);
        self.cuts.push(cut);
        if both {
            self.cuts.push(Cut { from: cut.to, to: cut.from, until });
        }
    }
}
