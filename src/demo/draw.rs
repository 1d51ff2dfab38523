//! Chance that is the same every time: SplitMix64, written here because a founding that goes on after an update must
//! draw the same.

/// Draws numbers from a seed.
#[derive(Clone, Debug)]
pub(super) struct Draw(u64);

impl Draw {
    /// A sequence of its own for every purpose, so that one that draws more leaves the others as they were.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        Draw((super::ids::hash(seed, "draw", purpose) >> 64) as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `end`; 0 when there is none.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }

    /// A number of a range, both ends included.
    pub(super) fn between(&mut self, from: u32, to: u32) -> u32 {
        from + self.below((to - from) as usize + 1) as u32
    }

    /// True so many times in a hundred.
    pub(super) fn per_cent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of them. There must be one.
    pub(super) fn of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }

    /// The numbers below `end` in another order.
    pub(super) fn shuffled(&mut self, end: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..end).collect();
        for at in (1..end).rev() {
            numbers.swap(at, self.below(at + 1));
        }
        numbers
    }
}
