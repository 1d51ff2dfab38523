//! One timer wheel for all hosts of a node.

use std::collections::{BTreeSet, HashMap};
use std::sync::Weak;
use std::time::Duration;

use souk_core::ids::StreamId;
use souk_core::time::Timestamp;
use tokio::sync::mpsc;

use super::node::Node;

/// Sets a stream's timer; `None` cancels it.
pub(super) type SetTimer = (StreamId, Option<Timestamp>);

/// How long the wheel sleeps at most: a clock that was moved forward is noticed by then.
const LONGEST_SLEEP: Duration = Duration::from_millis(250);

/// Turns until the node is gone.
pub(super) async fn run(node: Weak<Node>, mut orders: mpsc::UnboundedReceiver<SetTimer>) {
    let mut wheel = Wheel::default();
    loop {
        let Some(alive) = node.upgrade() else { return };
        let now = alive.clock().now();
        for stream in wheel.due(now) {
            alive.tick(stream);
        }
        drop(alive);
        let pause = wheel.next().map_or(LONGEST_SLEEP, |at| {
            Duration::from_millis(at.millis_since(now).max(0).unsigned_abs()).min(LONGEST_SLEEP)
        });
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => wheel.set(order),
                None => return,
            },
            () = tokio::time::sleep(pause) => {}
        }
        while let Ok(order) = orders.try_recv() {
            wheel.set(order);
        }
    }
}

#[derive(Default)]
struct Wheel {
    by_time: BTreeSet<(Timestamp, StreamId)>,
    by_stream: HashMap<StreamId, Timestamp>,
}

impl Wheel {
    fn set(&mut self, (stream, at): SetTimer) {
        if let Some(old) = self.by_stream.remove(&stream) {
            self.by_time.remove(&(old, stream));
        }
        if let Some(at) = at {
            self.by_stream.insert(stream, at);
            self.by_time.insert((at, stream));
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    fn due(&mut self, now: Timestamp) -> Vec<StreamId> {
        let mut due = Vec::new();
        while let Some((at, stream)) = self.by_time.first().copied()
            && at <= now
        {
            self.by_time.pop_first();
            self.by_stream.remove(&stream);
            due.push(stream);
        }
        due
    }
}
