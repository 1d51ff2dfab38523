//! Those who follow the journal are shown by its own process what it wrote last, and by the database what it did not.

use souk::journal::{Journal, Reader, Window};
use souk_core::ids::PARTITIONS;
use souk_core::journal::{Origin, Recorded};

use super::hosts::{HandHost, checkout, create, order, shard};
use super::ownership::take_over;
use super::place::{Place, on_both};

on_both!(
    what_was_written_here_is_shown_as_the_database_shows_it,
    what_another_server_may_have_written_is_asked_for,
    what_was_written_before_this_start_is_asked_for,
);

const DAMAGE: &str = "UPDATE events SET checksum = chain";

fn whole(host: &HandHost, up_to: u64) -> Window {
    Window { partition: host.stream.partition(), after: 0, up_to }
}

async fn in_other_process(place: &Place) -> Reader {
    Reader::open(&place.database, 1).await.unwrap()
}

async fn read(reader: &Reader, windows: &[Window], kinds: &[&str]) -> Vec<Recorded> {
    reader.windows(windows, kinds).await.unwrap()
}

async fn followed(journal: &Journal) -> Vec<u64> {
    journal.reader().ends_to_follow().await.unwrap()
}

async fn what_was_written_here_is_shown_as_the_database_shows_it(place: Place) {
    let journal = place.open().await;
    let mut stock = HandHost::start(&journal, shard(1)).await;
    let mut buying = HandHost::start(&journal, checkout(1)).await;
    stock.send(&journal, 3).await;
    let mut append = buying.append(4);
    append.creates = vec![create(order(1), 2)];
    append.origin = Origin { cause: Some((shard(1), 2)), trace: Some(7), ..Origin::default() };
    journal.append(append).await.unwrap();
    let (of_stock, of_buying) = (stock.all_durable().await, buying.all_durable().await);
    let other = in_other_process(&place).await;
    assert_eq!(followed(&journal).await, other.ends().await.unwrap());
    assert_eq!(followed(&journal).await.len(), usize::from(PARTITIONS));

    let windows = [whole(&stock, of_stock), whole(&buying, of_buying)];
    let in_part = [Window { after: 1, up_to: of_buying - 1, ..windows[1] }];
    let questions = [(&windows[..], "stock."), (&in_part[..], "stock."), (&windows[..], "order.")];
    let mut told = Vec::new();
    for (windows, kind) in questions {
        told.push(read(&other, windows, &[kind]).await);
        assert_eq!(read(journal.reader(), windows, &[kind]).await, told[told.len() - 1]);
    }
    let counts: Vec<usize> = told.iter().map(Vec::len).collect();
    assert_eq!(counts, [9, 4, 0]);

    // Nobody asked the database: it would have shown what nobody believes.
    place.side_door().await.execute(DAMAGE).await;
    assert!(other.windows(&windows, &["stock."]).await.is_err());
    assert_eq!(read(journal.reader(), &windows, &["stock."]).await, told[0]);
    journal.close().await;
}

async fn what_another_server_may_have_written_is_asked_for(place: Place) {
    let journal = place.open().await;
    let mut lost = HandHost::start(&journal, shard(1)).await;
    let mut kept = HandHost::start(&journal, shard(2)).await;
    for host in [&mut lost, &mut kept] {
        host.send(&journal, 2).await;
        host.all_durable().await;
    }
    let mut door = place.side_door().await;
    door.execute(&take_over(lost.stream.partition())).await;
    lost.send(&journal, 1).await;
    lost.refused().await;
    kept.send(&journal, 1).await;
    kept.all_durable().await;

    // As the winner would: the last of what is there is another's.
    let partition = lost.stream.partition();
    let last = format!("WHERE partition = {} AND position = 2", partition.0);
    door.execute(&format!("DELETE FROM events {last}")).await;
    assert_eq!(followed(&journal).await[usize::from(partition.0)], 1);
    let both = [whole(&lost, 2), whole(&kept, 3)];
    let seen: Vec<_> = read(journal.reader(), &both, &["stock."]).await;
    let seen: Vec<_> = seen.iter().map(|recorded| (recorded.stream, recorded.position)).collect();
    assert_eq!(seen, [(shard(1), 1), (shard(2), 1), (shard(2), 2), (shard(2), 3)]);
    journal.close().await;
}

async fn what_was_written_before_this_start_is_asked_for(place: Place) {
    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    host.send(&journal, 3).await;
    host.all_durable().await;
    journal.close().await;

    let journal = place.open().await;
    let mut host = HandHost::start(&journal, shard(1)).await;
    assert_eq!(followed(&journal).await[usize::from(host.stream.partition().0)], 3);
    host.send(&journal, 2).await;
    let up_to = host.all_durable().await;
    let other = in_other_process(&place).await;
    for after in 0..=up_to {
        let window = [Window { after, ..whole(&host, up_to) }];
        let seen = read(journal.reader(), &window, &["stock."]).await;
        assert_eq!(seen, read(&other, &window, &["stock."]).await);
        assert_eq!(seen.len() as u64, up_to - after);
    }
    journal.close().await;
}
