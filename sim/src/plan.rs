//! What a seed draws first: which faults there are, and how strong.

use souk_core::host::REPEATS_KEPT_MS;
use souk_core::ids::{LocationId, PARTITIONS, SkuId, StreamId};

use crate::kind::Habits;
use crate::rng::Rng;
use crate::schedule::{MS, Micros};
use crate::shop::Shop;
use crate::tape::Without;

/// The kinds of faults that a tape can leave out.
pub const KINDS: &[&str] = &[
    "loss",
    "double",
    "roll-back",
    "refusal",
    "unknown",
    "pause-in-commit",
    "panic",
    "crash",
    "crash-at-step",
    "pause",
    "cut",
    "skew",
    "damage",
];

/// The conditions of one history. Every probability is per mille.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many nodes there are.
    pub nodes: usize,
    /// In how many lots they share the partitions; in one, one node owns everything and the others stand by.
    pub lots: u16,
    /// Until when there are faults.
    pub troubled_until: Micros,
    /// A message is lost.
    pub lose: u64,
    /// A message arrives twice.
    pub double: u64,
    /// The longest way of a message.
    pub delay_max: Micros,
    /// The longest time of one step of a transaction.
    pub write_max: Micros,
    /// The largest group.
    pub group_max: usize,
    /// A group is rolled back before COMMIT.
    pub roll_back: u64,
    /// The database refuses one append for itself.
    pub refuse: u64,
    /// A COMMIT is not answered.
    pub unknown: u64,
    /// A node stops for a while between the check of the epoch and the insert.
    pub pause_in_commit: u64,
    /// A host panics between two of its actions.
    pub panic: u64,
    /// Mean number of steps between two crashes; 0 for none.
    pub steps_per_crash: u64,
    /// How many pauses of nodes there are besides.
    pub pauses: u64,
    /// How often a way is closed.
    pub cuts: u64,
    /// A stored snapshot is damaged.
    pub damage: u64,
    /// How many events a projector reads at once.
    pub page_max: usize,
    /// How long a lease lasts.
    pub lease: Micros,
    /// After this long the database ends a transaction that waits for its client.
    pub idle_in_transaction: Micros,
    /// How far a node's clock may be off, in milliseconds.
    pub skew_max_ms: i64,
    /// A host sleeps after this long without messages.
    pub sleep_after: Micros,
    /// The longest time a load takes.
    pub load_max: Micros,
    /// How often due wakes are read.
    pub wakes_every: Micros,
    /// A snapshot is taken after so many events.
    pub snapshots_every: u64,
    /// How long a host itself knows what it answered; then the journal must be asked.
    pub repeats_kept_ms: i64,
    /// Whether the handler looks into the stored replies before it asks the host.
    pub handler_looks_first: bool,
    /// What is sold; the first is what everybody wants.
    pub skus: Vec<SkuId>,
    /// How many units there are of each at first.
    pub units: u64,
    /// How many shoppers come.
    pub shoppers: usize,
    /// How many holds each takes.
    pub rounds: u64,
    /// The longest time a hold lasts.
    pub ttl_max_ms: u64,
    /// How many extra movements of stock the operator makes.
    pub movements: u64,
    /// What is special when whole sales are made; without it people deal with shards directly.
    pub shop: Option<Shop>,
}

impl Plan {
    /// The conditions of this seed.
    pub fn draw(rng: &mut Rng) -> Self {
        // A fault that is always there hides what only its absence shows: each is off in a good part of the seeds.
        let mut strength = |choices: &[u64]| if rng.chance(300) { 0 } else { rng.pick(choices) };
        let (lose, double) = (strength(&[10, 50, 150, 300]), strength(&[10, 50, 200]));
        let (roll_back, refuse) = (strength(&[10, 50, 150]), strength(&[5, 20, 60]));
        let (unknown, pause_in_commit) = (strength(&[10, 50, 150]), strength(&[5, 20, 50]));
        let (steps_per_crash, pauses) = (strength(&[100, 300, 1_000]), strength(&[1, 2, 4]));
        let panic = strength(&[2, 10, 40]);
        let (cuts, damage) = (strength(&[1, 3, 8]), strength(&[5, 50]));
        let nodes = rng.pick(&[1, 2, 2, 2, 3, 3, 4, 5]);
        let lots = if nodes == 1 { 1 } else { rng.pick(&[1, 1, 1, 2, 3, 8, PARTITIONS]) };
        let lease = rng.range(100, 1_000) * MS;
        let skus = rng.pick(&[1, 1, 2, 3, 4]);
        let skus: Vec<SkuId> = (0..skus).map(|n| nth_sku(n, rng.chance(400))).collect();
        let shop = rng.chance(500).then(|| Shop::draw(rng, &skus));
        // From dice of its own, so that histories before there was this choice stay what they were, and it goes with every
        // other choice.
        let mut aside = Rng::new(rng.clone().below(u64::MAX) ^ 0x5eed_0f0c_1d5a_9e01);
        let repeats_kept_ms = aside.pick(&[REPEATS_KEPT_MS, REPEATS_KEPT_MS, 5, 100, 1_000]);
        Plan {
            nodes,
            lots,
            troubled_until: rng.range(1_000, if shop.is_some() { 15_000 } else { 8_000 }) * MS,
            lose,
            double,
            delay_max: rng.pick(&[1, 5, 50, 400]) * MS,
            write_max: rng.pick(&[1, 5, 30]) * MS,
            group_max: rng.pick(&[1, 2, 8, 64]),
            roll_back,
            refuse,
            unknown,
            pause_in_commit,
            panic,
            steps_per_crash,
            pauses,
            cuts,
            damage,
            page_max: rng.pick(&[1, 3, 100]),
            lease,
            idle_in_transaction: rng.pick(&[lease * 2 / 5, lease * 3]),
            skew_max_ms: rng.pick(&[0, 5, 300, 2_000]),
            sleep_after: rng.pick(&[20, 200, 1_000, 100_000]) * MS,
            load_max: rng.pick(&[1, 10, 100]) * MS,
            wakes_every: rng.pick(&[10, 50, 200]) * MS,
            snapshots_every: rng.pick(&[1, 3, 8, 1_000]),
            repeats_kept_ms,
            handler_looks_first: rng.chance(500),
            skus,
            units: rng.pick(if shop.is_some() { &[1, 2, 3, 8, 20] } else { &[1, 1, 2, 3, 8] }),
            shoppers: rng.range(2, 10) as usize,
            rounds: rng.range(1, 5),
            ttl_max_ms: rng.pick(&[300, 2_000, 6_000]),
            movements: rng.range(0, 8),
            shop,
        }
    }

    /// The same conditions, without what a tape leaves out.
    #[must_use]
    pub fn without(mut self, left_out: &Without) -> Self {
        let nodes = left_out.nodes_after.unwrap_or(self.nodes).clamp(1, self.nodes);
        self.nodes = nodes;
        self.lots = if nodes == 1 { 1 } else { self.lots };
        for kind in &left_out.kinds {
            match kind.as_str() {
                "loss" => self.lose = 0,
                "double" => self.double = 0,
                "roll-back" => self.roll_back = 0,
                "refusal" => self.refuse = 0,
                "unknown" => self.unknown = 0,
                "pause-in-commit" => self.pause_in_commit = 0,
                "panic" => self.panic = 0,
                "crash" => self.steps_per_crash = 0,
                "crash-at-step" => {
                    if let Some(shop) = &mut self.shop {
                        shop.crash_at_step = 0;
                    }
                }
                "pause" => self.pauses = 0,
                "cut" => self.cuts = 0,
                "skew" => self.skew_max_ms = 0,
                "damage" => self.damage = 0,
                _ => {}
            }
        }
        self
    }

    /// What its hosts do.
    pub fn habits(&self) -> Habits {
        Habits { snapshots_every: self.snapshots_every, repeats_kept_ms: self.repeats_kept_ms }
    }

    /// Where units lie.
    pub fn locations(&self) -> [LocationId; 2] {
        [LocationId::MAIN, LocationId(1)]
    }
}

/// The `n`th SKU, in the shard of the first one if it should be.
fn nth_sku(n: u64, same_shard: bool) -> SkuId {
    let first = SkuId(1);
    let home = StreamId::Stock(first.shard());
    let mut candidates = (1 + u128::from(n) * 1_000..).map(SkuId);
    candidates.find(|sku| n == 0 || (StreamId::Stock(sku.shard()) == home) == same_shard).unwrap_or(first)
}
