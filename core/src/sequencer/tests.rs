use super::*;
use crate::ids::{CheckoutId, OrderId, PARTITIONS, ShardNo};

const EPOCH: Epoch = Epoch(3);

/// An append reduced to what the sequencer looks at.
#[derive(Clone, Debug)]
struct Plain {
    id: AppendId,
    stream: StreamId,
    expected_seq: u64,
    events: u64,
    creates: Vec<(StreamId, u64)>,
}

impl Placeable for Plain {
    fn id(&self) -> AppendId {
        self.id
    }
    fn partition(&self) -> Partition {
        self.stream.partition()
    }
    fn epoch(&self) -> Epoch {
        EPOCH
    }
    fn stream(&self) -> StreamId {
        self.stream
    }
    fn expected_seq(&self) -> u64 {
        self.expected_seq
    }
    fn events(&self) -> u64 {
        self.events
    }
    fn creations(&self) -> impl Iterator<Item = (StreamId, u64)> {
        self.creates.iter().copied()
    }
}

fn shard(n: u16) -> StreamId {
    StreamId::Stock(ShardNo(n))
}

fn append(stream: StreamId, incarnation: u64, ordinal: u64, expected_seq: u64, events: u64) -> Plain {
    let id = AppendId { incarnation: Incarnation(incarnation), ordinal };
    Plain { id, stream, expected_seq, events, creates: Vec::new() }
}

fn owner() -> Sequencer {
    let mut sequencer = Sequencer::new();
    for partition in 0..PARTITIONS {
        sequencer.own(Partition(partition), EPOCH, 0);
    }
    sequencer
}

fn refusals<A>(group: &Group<A>) -> Vec<(u64, Refusal)> {
    group.refused.iter().map(|(id, _, refusal)| (id.ordinal, *refusal)).collect()
}

#[test]
fn positions_are_gapless_per_partition() {
    let mut sequencer = owner();
    sequencer.start(shard(1), Incarnation(1));
    sequencer.start(shard(65), Incarnation(2));
    sequencer.start(shard(2), Incarnation(3));
    let group = sequencer.place(vec![
        append(shard(1), 1, 1, 0, 2),
        append(shard(65), 2, 1, 0, 1),
        append(shard(2), 3, 1, 0, 1),
        append(shard(1), 1, 2, 2, 1),
    ]);
    let places: Vec<_> = group.placed.iter().map(|p| (p.first_position, p.last_position)).collect();
    assert_eq!(places, [(1, 2), (3, 3), (1, 1), (4, 4)]);
    assert_eq!(group.placed.iter().map(|p| p.is_first).collect::<Vec<_>>(), [true, true, true, false]);
    assert_eq!(sequencer.last_position(Partition(1)), Some(4));
}

#[test]
fn a_refusal_takes_everything_later_with_it() {
    let mut sequencer = owner();
    sequencer.start(shard(1), Incarnation(1));
    let group = sequencer.place(vec![
        append(shard(1), 1, 1, 0, 1),
        append(shard(1), 1, 2, 7, 1),
        append(shard(1), 1, 3, 1, 1),
    ]);
    assert_eq!(group.placed.len(), 1);
    assert_eq!(refusals(&group), [(2, Refusal::WrongSeq), (3, Refusal::Closed)]);
    assert!(!sequencer.is_open(shard(1), Incarnation(1)));
    let later = sequencer.place(vec![append(shard(1), 1, 4, 1, 1)]);
    assert_eq!(refusals(&later), [(4, Refusal::Closed)]);
}

#[test]
fn a_new_start_closes_the_old_incarnation() {
    let mut sequencer = owner();
    assert_eq!(sequencer.start(shard(1), Incarnation(1)), None);
    assert_eq!(sequencer.start(shard(1), Incarnation(2)), Some(Incarnation(1)));
    let group = sequencer.place(vec![append(shard(1), 1, 1, 0, 1), append(shard(1), 2, 1, 0, 1)]);
    assert_eq!(refusals(&group), [(1, Refusal::Closed)]);
    assert_eq!(group.placed[0].append.id.incarnation, Incarnation(2));
    sequencer.end(shard(1), Incarnation(1));
    assert!(sequencer.is_open(shard(1), Incarnation(2)), "the end of an old one is not the end of the new");
}

#[test]
fn nobody_writes_to_a_lost_partition() {
    let mut sequencer = owner();
    sequencer.start(shard(1), Incarnation(1));
    assert_eq!(sequencer.lose(Partition(1)), [(shard(1), Incarnation(1))]);
    let group = sequencer.place(vec![append(shard(1), 1, 1, 0, 1)]);
    assert_eq!(refusals(&group), [(1, Refusal::Fenced)]);
    sequencer.own(Partition(1), Epoch(4), 0);
    sequencer.start(shard(1), Incarnation(2));
    let group = sequencer.place(vec![append(shard(1), 2, 1, 0, 1)]);
    assert_eq!(refusals(&group), [(1, Refusal::Fenced)], "the append names the term before");
}

#[test]
fn an_abandoned_group_gives_everything_back() {
    let mut sequencer = owner();
    sequencer.start(shard(1), Incarnation(1));
    let first = sequencer.place(vec![append(shard(1), 1, 1, 0, 3)]);
    sequencer.commit(&first);
    let group = sequencer.place(vec![
        append(shard(1), 1, 2, 3, 1),
        append(shard(1), 1, 3, 4, 1),
        append(shard(1), 1, 4, 9, 1),
    ]);
    let appends = sequencer.abandon(group);
    assert_eq!(sequencer.last_position(Partition(1)), Some(3));
    // The two that were fine are placed as before; what was refused stays refused.
    let again = sequencer.place(appends);
    assert_eq!(again.placed.iter().map(|p| p.first_position).collect::<Vec<_>>(), [4, 5]);
    let group = sequencer.place(vec![append(shard(1), 1, 5, 5, 1)]);
    assert_eq!(refusals(&group), [(5, Refusal::Closed)]);
}

#[test]
fn the_guilty_one_is_refused_alone_with_what_follows_it() {
    let mut sequencer = owner();
    sequencer.start(shard(1), Incarnation(1));
    sequencer.start(shard(65), Incarnation(2));
    let group = sequencer.place(vec![
        append(shard(1), 1, 1, 0, 1),
        append(shard(1), 1, 2, 1, 1),
        append(shard(65), 2, 1, 0, 1),
    ]);
    let mut appends = sequencer.abandon(group).into_iter();
    let guilty = sequencer.place(vec![appends.next().unwrap()]);
    sequencer.abandon(guilty);
    sequencer.refuse(shard(1), AppendId { incarnation: Incarnation(1), ordinal: 1 });
    let rest = sequencer.place(appends.collect());
    assert_eq!(refusals(&rest), [(2, Refusal::Closed)]);
    assert_eq!(rest.placed[0].first_position, 1, "no position is lost");
}

#[test]
fn a_creation_stays_in_its_partition_and_happens_once() {
    let (chk, ord) = (StreamId::Checkout(CheckoutId(5)), StreamId::Order(OrderId(5)));
    let elsewhere = (6..100)
        .map(|n| StreamId::Order(OrderId(n)))
        .find(|stream| stream.partition() != chk.partition())
        .unwrap();
    let mut sequencer = owner();
    let mut ordinal = 0;
    let mut create = |sequencer: &mut Sequencer, expected_seq, what: Vec<(StreamId, u64)>| {
        ordinal += 1;
        sequencer.start(chk, Incarnation(ordinal));
        let mut append = append(chk, ordinal, 1, expected_seq, 2);
        append.creates = what;
        sequencer.place(vec![append])
    };
    assert_eq!(create(&mut sequencer, 0, vec![(elsewhere, 1)]).placed.len(), 0);
    assert_eq!(create(&mut sequencer, 0, vec![(chk, 1)]).placed.len(), 0);
    assert_eq!(create(&mut sequencer, 0, vec![(ord, 1), (ord, 1)]).placed.len(), 0);
    assert_eq!(create(&mut sequencer, 0, vec![(ord, 0)]).placed.len(), 0);
    assert_eq!(sequencer.last_position(chk.partition()), Some(0));

    let group = create(&mut sequencer, 0, vec![(ord, 3)]);
    assert_eq!(group.placed[0].creations, [(ord, 3)]);
    assert_eq!(group.placed[0].last_position, 5);
    // Known to exist while the group is under way; after that the journal knows.
    assert_eq!(create(&mut sequencer, 2, vec![(ord, 1)]).placed.len(), 0);
    sequencer.commit(&group);
    assert!(!sequencer.streams.contains_key(&ord));
}

#[test]
fn a_host_that_started_before_its_stream_was_created_is_closed() {
    let (chk, ord) = (StreamId::Checkout(CheckoutId(5)), StreamId::Order(OrderId(5)));
    let mut sequencer = owner();
    sequencer.start(chk, Incarnation(1));
    sequencer.start(ord, Incarnation(2));
    let mut creating = append(chk, 1, 1, 0, 1);
    creating.creates = vec![(ord, 1)];
    let group = sequencer.place(vec![creating.clone(), append(ord, 2, 1, 0, 1)]);
    assert_eq!(group.closed, [(ord, Incarnation(2))]);
    assert_eq!(refusals(&group), [(1, Refusal::Closed)]);
    assert!(!sequencer.is_open(ord, Incarnation(2)));

    // Had the creation not happened, the host would still be good.
    sequencer.start(ord, Incarnation(3));
    sequencer.start(chk, Incarnation(4));
    creating.id.incarnation = Incarnation(4);
    let group = sequencer.place(vec![creating]);
    sequencer.abandon(group);
    assert!(sequencer.is_open(ord, Incarnation(3)));
}

#[test]
fn a_creation_given_back_does_not_open_what_was_refused_meanwhile() {
    let (chk, ord) = (StreamId::Checkout(CheckoutId(5)), StreamId::Order(OrderId(5)));
    let mut sequencer = owner();
    sequencer.start(chk, Incarnation(1));
    sequencer.start(ord, Incarnation(2));
    let mut creating = append(chk, 1, 1, 0, 1);
    creating.creates = vec![(ord, 1)];
    let group = sequencer.place(vec![creating, append(ord, 2, 1, 0, 0)]);
    assert_eq!(refusals(&group), [(1, Refusal::Closed)], "its host has been told");
    sequencer.abandon(group);
    let later = sequencer.place(vec![append(ord, 2, 2, 0, 1)]);
    assert_eq!(refusals(&later), [(2, Refusal::Closed)]);
}
