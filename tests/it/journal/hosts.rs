//! A host driven by hand: it sends what it is told to and remembers what it was told.

use souk::journal::{Journal, OutcomeSink, Outcomes, Settled, Started};
use souk_core::any::{AnyEvent, AnyOutcome};
use souk_core::ids::{CheckoutId, OrderId, ShardNo, SkuId, StreamId};
use souk_core::inventory::{Event, Reply};
use souk_core::journal::{Append, AppendId, Origin, Refusal, WakeChange};
use souk_core::machine::{CommandId, CommandKey, Creation};
use souk_core::time::Timestamp;

use super::place::BOUND;

pub const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub struct HandHost {
    pub stream: StreamId,
    pub started: Started,
    pub outcomes: Outcomes,
    pub ordinal: u64,
    pub seq: u64,
}

pub fn shard(n: u16) -> StreamId {
    StreamId::Stock(ShardNo(n))
}

pub fn checkout(n: u128) -> StreamId {
    StreamId::Checkout(CheckoutId(n))
}

pub fn order(n: u128) -> StreamId {
    StreamId::Order(OrderId(n))
}

pub fn event(n: u64) -> AnyEvent {
    AnyEvent::Stock(Event::Opened { sku: SkuId(u128::from(n)), asked: 0 })
}

pub fn key(n: u128) -> CommandKey {
    CommandKey { id: CommandId(n), fingerprint: n + 1 }
}

pub fn outcome(available: i64) -> AnyOutcome {
    AnyOutcome::Stock(Ok(Reply::Stock { available }))
}

pub fn create(stream: StreamId, events: u64) -> Creation {
    Creation { stream, events: (1..=events).map(event).collect(), effects: Vec::new() }
}

impl HandHost {
    /// Starts behind the barrier and learns where the stream stands.
    pub async fn start(journal: &Journal, stream: StreamId) -> Self {
        let (sink, outcomes) = OutcomeSink::channel();
        let started = journal.start(stream, sink).await.unwrap();
        let seq = journal.reader().stream(stream, 0).await.unwrap().len() as u64;
        HandHost { stream, started, outcomes, ordinal: 0, seq }
    }

    /// The next append of this host, with so many events.
    pub fn append(&mut self, events: u64) -> Append {
        self.ordinal += 1;
        let expected_seq = self.seq;
        self.seq += events;
        Append {
            id: AppendId { incarnation: self.started.incarnation, ordinal: self.ordinal },
            partition: self.stream.partition(),
            epoch: self.started.epoch,
            stream: self.stream,
            expected_seq,
            at: AT,
            events: (1..=events).map(|n| event(expected_seq + n)).collect(),
            creates: Vec::new(),
            outbox: Vec::new(),
            closes: Vec::new(),
            wake: WakeChange::Keep,
            replies: Vec::new(),
            origin: Origin::default(),
        }
    }

    pub async fn send(&mut self, journal: &Journal, events: u64) {
        let append = self.append(events);
        journal.append(append).await.unwrap();
    }

    pub async fn settled(&mut self) -> Settled {
        let settled = tokio::time::timeout(BOUND, self.outcomes.next()).await;
        settled.expect("an outcome comes in time").expect("the writer is there")
    }

    /// Waits until everything sent is durable; returns the position.
    pub async fn all_durable(&mut self) -> u64 {
        loop {
            match self.settled().await {
                Settled::Durable { ordinal, position } if ordinal == self.ordinal => return position,
                Settled::Durable { .. } => {}
                Settled::Refused(refusal) => panic!("{} was refused: {refusal:?}", self.stream),
            }
        }
    }

    /// Waits for the refusal; returns the last ordinal that was durable before it.
    pub async fn refused(&mut self) -> (Refusal, u64) {
        let mut durable = 0;
        loop {
            match self.settled().await {
                Settled::Durable { ordinal, .. } => durable = ordinal,
                Settled::Refused(refusal) => return (refusal, durable),
            }
        }
    }
}

/// Nothing is missing between the first and the last position of any partition, and no stream has a gap.
pub async fn assert_gapless(journal: &Journal) -> usize {
    let mut pages = journal.reader().read_all();
    let mut last = (-1, 0);
    let mut seqs = std::collections::BTreeMap::new();
    let mut count = 0;
    loop {
        let page = pages.next_page().await.unwrap();
        if page.is_empty() {
            break;
        }
        for row in page {
            let expected = if row.partition == last.0 { last.1 + 1 } else { 1 };
            assert_eq!(row.position, expected, "partition {}", row.partition);
            last = (row.partition, row.position);
            let seq = seqs.entry(row.stream.clone()).or_insert(0);
            *seq += 1;
            assert_eq!(row.seq, *seq, "{}", row.stream);
            count += 1;
        }
    }
    count
}
