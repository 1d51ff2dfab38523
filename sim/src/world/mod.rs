//! One virtual world: some nodes, one database, a bus that loses things, and people who want something.
//!
//! Everything that happens is taken from one schedule and happens at once; whatever takes time is split into
//! several happenings, and between any two of them a node may stop for a while, end, or lose what it owns.

mod bus;
mod clients;
mod cuts;
mod doors;
mod durable;
mod faults;
mod hosts;
mod lease;
mod node;
mod notes;
mod outside;
mod projector;
mod writer;

use std::collections::BTreeMap;

use souk_core::ids::{PARTITIONS, StreamId};
use souk_core::journal::EffectId;
use souk_core::payment::{ProviderCall, RefundId};

use crate::bank::Bank;
use crate::database::{Database, Process, TransactionId};
use crate::failure::Failure;
use crate::options::Options;
use crate::oracle::{Call, Oracle};
use crate::people::Sold;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::schedule::{MS, Micros, Schedule};
use crate::stats::{Situation, Stats};

use bus::Message;
use clients::{Client, Said};
use cuts::Cut;
use node::{Local, Node};

/// A history of more happenings than this does not end by itself.
const STEPS_MAX: u64 = 400_000;
/// How long people have to get what they want once there are no more faults.
const PATIENCE: Micros = 600_000 * MS;
/// What takes longer than this, once everybody is content, does not come to rest by itself.
const REST_MAX: Micros = 2 * PATIENCE;
/// Longer than any message takes.
const REST: Micros = 1_000 * MS;

/// Something that happens.
#[derive(Debug)]
pub(crate) enum Happening {
    /// Within one life of a node; nothing of it is left when that ends.
    Local(Process, Local),
    /// A message reaches a node.
    Arrival(usize, Message),
    /// An answer reaches a client.
    Answer(usize, u64, Said),
    /// A client has waited long enough for this try.
    Timeout(usize, usize),
    /// A client goes on.
    Go(usize),
    /// The database looks whether the transaction's client has gone quiet.
    IdleTransaction(TransactionId),
    /// The database notices that the transaction's connection is gone; perhaps its COMMIT had arrived.
    LostTransaction(TransactionId, bool),
    /// A node stops for a while.
    Pause(usize),
    /// A way is closed for a while.
    Cut,
    /// A node starts.
    Start(usize),
    /// A call of an outbox row's lane reaches the bank.
    Call(Process, EffectId, ProviderCall),
    /// The bank tells something, for the so-manyeth time.
    Notice(usize, u32),
    /// The bank does what it does late.
    Deed,
    /// No more faults.
    Heal,
    /// Everybody had time enough: look whether they are content.
    Look,
    /// Everything that was due must have happened.
    End,
}

/// See the module's text.
pub(crate) struct World {
    pub plan: Plan,
    options: Options,
    rng: Rng,
    now: Micros,
    schedule: Schedule<Happening>,
    nodes: Vec<Node>,
    /// Ways that are closed.
    cuts: Vec<Cut>,
    /// How many faults there were.
    faults: u64,
    database: Database,
    oracle: Oracle,
    bank: Bank,
    /// When it is looked next whether the bank does something late.
    deed_at: Option<Micros>,
    /// How many of the bank's notices are on their way, or were.
    noticed: usize,
    /// What was sold, oldest first.
    sold: Vec<Sold>,
    /// Refunds that were refused, oldest first.
    refused: Vec<RefundId>,
    clients: Vec<Client>,
    calls: Vec<Call>,
    /// Who among the clients speaks for a stream that has no host of its own.
    spokesmen: BTreeMap<StreamId, usize>,
    /// Whether the operator has put everything on sale.
    open_for_business: bool,
    healed: bool,
    ended: bool,
    /// Nothing was under way when it was last looked.
    rested: bool,
    /// When whatever is still under way will never end.
    tired_at: Micros,
    /// Steps of nodes until one ends in the middle of what it does.
    crash_in: Option<u64>,
    stats: Stats,
}

impl World {
    pub fn new(options: &Options, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let plan = Plan::draw(&mut rng).without(&options.without);
        let mut world = World {
            oracle: Oracle::new(&plan.locations()),
            options: options.clone(),
            now: 0,
            schedule: Schedule::default(),
            nodes: (0..plan.nodes).map(|_| Node::new(0)).collect(),
            database: Database::new(plan.lots),
            bank: Bank::default(),
            cuts: Vec::new(),
            faults: 0,
            deed_at: None,
            noticed: 0,
            sold: Vec::new(),
            refused: Vec::new(),
            clients: Client::all(&plan, &mut rng),
            calls: Vec::new(),
            spokesmen: BTreeMap::new(),
            open_for_business: false,
            healed: false,
            ended: false,
            rested: false,
            tired_at: 0,
            crash_in: None,
            stats: Stats::of_one_run(),
            plan,
            rng,
        };
        for (happens, situation) in [
            (world.plan.nodes == 1, Situation::OneNodeAlone),
            (world.plan.nodes == 5, Situation::FiveNodes),
            (world.plan.lots == PARTITIONS, Situation::SharedOneByOne),
        ] {
            if happens {
                world.saw(situation);
            }
        }
        world.bank.late_max = world.plan.shop.as_ref().map_or(MS, |shop| shop.late_max);
        world.begin();
        world
    }

    fn begin(&mut self) {
        for node in 0..self.nodes.len() {
            // One of them is first, so that most histories begin with an owner and a standby.
            let at = self.rng.below(5 * MS);
            self.schedule.push(at, Happening::Start(node));
        }
        for client in 0..self.clients.len() {
            if let Some(stream) = self.clients[client].speaks_for() {
                self.spokesmen.insert(stream, client);
            }
            let at = self.rng.below(10 * MS);
            self.schedule.push(at, Happening::Go(client));
        }
        for _ in 0..self.plan.pauses {
            let (at, node) = (self.rng.below(self.plan.troubled_until), self.any_node());
            self.schedule.push(at, Happening::Pause(node));
        }
        for _ in 0..self.plan.cuts {
            let at = self.rng.below(self.plan.troubled_until);
            self.schedule.push(at, Happening::Cut);
        }
        self.draw_crash();
        self.schedule.push(self.plan.troubled_until, Happening::Heal);
    }

    /// Lets everything happen.
    pub fn run(mut self, seed: u64) -> Result<Stats, Box<Failure>> {
        while !self.ended
            && self.oracle.complaint().is_none()
            && let Some((at, order, what)) = self.schedule.pop()
        {
            self.now = at;
            self.stats.steps += 1;
            if self.stats.steps > STEPS_MAX {
                self.oracle.complain(|| "quiet: it never comes to rest".to_owned());
            }
            if self.options.step {
                wait_for_enter(at, &what);
            }
            self.happen(order, what);
        }
        match self.oracle.complaint() {
            None => Ok(self.stats),
            Some(complaint) => Err(Box::new(Failure {
                seed,
                bug: self.options.bug,
                without: self.options.without,
                faults: self.faults,
                errands: self.clients.iter().map(Client::errands).collect(),
                at_ms: self.now / MS,
                complaint: complaint.to_owned(),
                plan: self.plan,
            })),
        }
    }

    fn happen(&mut self, order: u64, what: Happening) {
        match what {
            Happening::Local(process, local) => {
                let node = &self.nodes[process.node];
                if !node.up || node.life != process.life {
                    return;
                }
                if node.paused_until > self.now {
                    return self.put_off(process, order, local);
                }
                self.local(process, local);
            }
            Happening::Arrival(node, message) => {
                if !self.nodes[node].up {
                    return self.lost(&message);
                }
                if self.nodes[node].paused_until > self.now {
                    let until = self.nodes[node].paused_until;
                    return self.schedule.put_off(until, order, Happening::Arrival(node, message));
                }
                self.trace(|| format!("node {node} gets {message:?}"));
                self.arrive(node, message);
            }
            Happening::Answer(client, number, said) => self.client_hears(client, number, said),
            Happening::Timeout(client, call) => self.client_waited(client, call),
            Happening::Go(client) => self.client_goes_on(client),
            Happening::IdleTransaction(id) => self.idle_transaction(id),
            Happening::LostTransaction(id, landed) => self.lost_transaction(id, landed),
            Happening::Pause(node) => self.pause(node, 1),
            Happening::Cut => self.cut(),
            Happening::Start(node) => self.start(node),
            Happening::Call(process, id, call) => self.bank_hears(process, id, &call),
            Happening::Notice(number, tries) => self.notice(number, tries),
            Happening::Deed => self.deed(),
            Happening::Heal => self.heal(),
            Happening::Look => self.look(),
            Happening::End => self.end(),
        }
    }

    /// A node that goes on after a pause finds everything at once. It learns last that it owns nothing any more.
    fn put_off(&mut self, process: Process, order: u64, local: Local) {
        let until = self.nodes[process.node].paused_until;
        if matches!(local, Local::Renew) {
            let late = self.within(self.plan.lease / 2);
            return self.later(process, until - self.now + late, local);
        }
        self.schedule.put_off(until, order, Happening::Local(process, local));
    }

    fn end(&mut self) {
        let rests = self.is_at_rest();
        if self.plan.shop.is_some() && !(rests && self.rested) && self.now < self.tired_at {
            self.rested = rests;
            return self.schedule.push(self.now + REST, Happening::End);
        }
        if rests && let Some(at) = self.bank.tells_long_after(self.now) {
            self.rested = false;
            return self.close_until(at);
        }
        self.ended = true;
        self.oracle.quiet(crate::database::clock(self.now), &self.database, &self.bank);
    }

    /// Whether nothing goes wrong: at the end, and in many histories until the doors open.
    fn is_calm(&self) -> bool {
        let opening = self.plan.shop.as_ref().is_some_and(|shop| shop.calm_opening);
        self.healed || (opening && !self.open_for_business)
    }

    /// How long something takes, at most `max`.
    fn within(&mut self, max: Micros) -> Micros {
        let max = if self.is_calm() { max.min(MS) } else { max };
        1 + self.rng.below(max.max(1))
    }

    fn later(&mut self, process: Process, delay: Micros, local: Local) {
        self.schedule.push(self.now + delay, Happening::Local(process, local));
    }

    fn saw(&mut self, situation: Situation) {
        self.trace(|| format!("   ({situation:?})"));
        self.stats.saw(situation);
    }

    fn trace(&self, what: impl FnOnce() -> String) {
        if self.options.trace {
            println!("{:>10.3} ms  {}", self.now as f64 / MS as f64, what());
        }
    }
}

/// The next thing happens when somebody says so; whoever says nothing any more sees everything.
fn wait_for_enter(at: Micros, what: &Happening) {
    println!("next at {:.3} ms: {what:?}", at as f64 / MS as f64);
    let mut line = String::new();
    // Where there is nobody to press a key, nothing waits.
    let _ = std::io::stdin().read_line(&mut line);
}
