//! Carries out orders to the outside world: each is an outbox row, made in the append that decided it and gone in
//! the append that records its outcome.
//!
//! A lane per kind, so that a dead mail server never delays a capture. A row is taken up as soon as its append is
//! durable, and otherwise (after a restart, after a failure) when the rows are read again. It may be carried out
//! twice, always under the key that was journalled; it is never forgotten.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use souk_core::any::{Effect, Mail};
use souk_core::ids::StreamId;
use souk_core::journal::EffectId;
use souk_core::order::Order;
use souk_core::payment::{Command, Payment, ProviderCall, ProviderFact};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::adapters::mail::{Letter, Mailer, OrderLinks};
use crate::adapters::payments::{Notice, Provider};
use crate::journal::wire::{MAIL_LANE, PAYMENT_LANE};
use crate::store::vault::Vault;

use super::node::Node;

/// The lanes, as outbox rows name them.
const LANES: [&str; 2] = [PAYMENT_LANE, MAIL_LANE];
/// Payment calls under way at once.
const PAYMENT_CALLS_MAX: usize = 256;
/// Mails under way at once.
const MAILS_MAX: usize = 8;
/// Notices under way at once.
const NOTICES_MAX: usize = 64;
/// How often the rows are read, for those that nobody has in hand.
const READ_EVERY: Duration = Duration::from_secs(2);
/// Rows read at a time, per lane.
const BATCH: u32 = 500;
/// How long a payment may take to record what the provider said.
const RECORD_PATIENCE: Duration = Duration::from_secs(30);
/// The pause before a mail that failed is tried again.
const MAIL_PAUSE_MS: i64 = 60_000;
/// Tries after which a mail is given up until somebody looks.
const MAIL_TRIES_MAX: u32 = 10;

/// The outside world, as this process reaches it.
#[derive(Clone, Debug)]
pub struct Outside {
    /// Who takes the money.
    pub payments: Provider,
    /// Who carries the mails.
    pub mails: Mailer,
    /// Where the addresses are.
    pub vault: Arc<Vault>,
    /// What links in mails are made of; without it they have none.
    pub links: Option<OrderLinks>,
}

/// What waits to be carried out.
pub(super) type Work = mpsc::UnboundedReceiver<(EffectId, Effect, u32)>;

/// Where durable orders are handed in.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: mpsc::UnboundedSender<(EffectId, Effect, u32)>,
    /// Orders somebody has in hand, so that reading the rows does not hand them out again.
    in_hand: Mutex<HashSet<EffectId>>,
}

impl Outbox {
    pub(super) fn new() -> (Self, Work) {
        let (queue, work) = mpsc::unbounded_channel();
        (Outbox { queue, in_hand: Mutex::default() }, work)
    }

    /// Takes an order in hand unless somebody has it.
    pub(super) fn offer(&self, id: EffectId, effect: Effect) {
        self.offer_again(id, effect, 0);
    }

    fn offer_again(&self, id: EffectId, effect: Effect, attempts: u32) {
        if self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
            let _ = self.queue.send((id, effect, attempts));
        }
    }

    fn put_down(&self, id: EffectId) {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Starts the lanes. They end when told to, and let go of the outside world then: what was under way is cut off,
/// its row stays, and it is carried out again under the same key.
pub(super) fn spawn(
    node: &Arc<Node>,
    work: Work,
    outside: Outside,
    stop: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let stopped = |mut stop: watch::Receiver<bool>| async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let (notices, rows, lanes) = (stopped(stop.clone()), stopped(stop.clone()), stopped(stop.clone()));
    let weak = Arc::downgrade(node);
    vec![
        tokio::spawn(receive_notices(Weak::clone(&weak), outside.payments.clone(), notices)),
        tokio::spawn(async move {
            tokio::select! {
                () = rows => {}
                () = read_rows(weak) => {}
            }
        }),
        tokio::spawn(hand_out(Arc::downgrade(node), work, outside, lanes)),
    ]
}

async fn hand_out(node: Weak<Node>, mut work: Work, outside: Outside, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut under_way = JoinSet::new();
    let payments = Arc::new(Semaphore::new(PAYMENT_CALLS_MAX));
    let mails = Arc::new(Semaphore::new(MAILS_MAX));
    loop {
        let order = tokio::select! {
            () = &mut stop => None,
            order = work.recv() => order,
        };
        let Some((id, effect, attempts)) = order else { break };
        let Some(node) = node.upgrade() else { break };
        while under_way.try_join_next().is_some() {}
        let outside = outside.clone();
        let lane = match &effect {
            Effect::Payment(_) => Arc::clone(&payments),
            Effect::Mail(_) => Arc::clone(&mails),
        };
        // The lane is waited for in the task of the order, so that a full lane does not hold up the other.
        under_way.spawn(async move {
            let Ok(_permit) = lane.acquire_owned().await else { return };
            match effect {
                Effect::Payment(call) => call_provider(&node, id, &call, &outside.payments).await,
                Effect::Mail(mail) => send_mail(&node, id, &mail, attempts, &outside).await,
            }
            node.outbox().put_down(id);
        });
    }
    under_way.shutdown().await;
}

/// Calls and records what was said. The row goes with the event that records it; if it could not be recorded the
/// row is read again, and the call is made again under the same key.
async fn call_provider(node: &Arc<Node>, id: EffectId, call: &ProviderCall, provider: &Provider) {
    if !node.journal().is_owner(id.stream.partition()) {
        return;
    }
    let fact = provider.call(call).await;
    record(node, StreamId::Payment(call.payment), Some(id), call.key.clone(), fact).await;
}

async fn record(
    node: &Arc<Node>,
    stream: StreamId,
    effect: Option<EffectId>,
    key: String,
    fact: ProviderFact,
) -> bool {
    let command = Command::Provider { effect, key, fact };
    match node.handle::<Payment>().report(stream, command, RECORD_PATIENCE).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%stream, %error, "what the provider said could not be recorded; asking it again later");
            false
        }
    }
}

async fn send_mail(node: &Arc<Node>, id: EffectId, mail: &Mail, attempts: u32, outside: &Outside) {
    match write_and_send(node, id, mail, outside).await {
        Ok(()) => node.effect_is_done(id),
        Err(error) => {
            let next = node.clock().now().plus_millis(MAIL_PAUSE_MS);
            let dead = attempts + 1 >= MAIL_TRIES_MAX;
            let noted = node.journal().writer().note_failure(id, &error.to_string(), next, dead).await;
            tracing::warn!(?id, %error, dead, noted = noted.is_ok(), "a mail could not be sent");
        }
    }
}

/// A person who was erased gets no mail; that counts as done.
async fn write_and_send(
    node: &Arc<Node>,
    id: EffectId,
    mail: &Mail,
    outside: &Outside,
) -> anyhow::Result<()> {
    let Mail { template, order, .. } = *mail;
    // Bulk replays have so many that looking each order up would be their main work.
    if matches!(outside.mails, Mailer::Discard) {
        return Ok(());
    }
    let Some(address) = outside.vault.get(mail.to).await? else { return Ok(()) };
    let link = match &outside.links {
        None => None,
        Some(links) => {
            let (state, _) = node.handle::<Order>().read(StreamId::Order(order), RECORD_PATIENCE).await?;
            state.placed.map(|placed| links.to(order, placed.buyer))
        }
    };
    let (name, email) = (address.name.expose(), address.email.expose());
    let letter = Letter::new(template, order, name, email, link.as_deref());
    outside.mails.send(id, &letter).await?;
    Ok(())
}

/// Takes up rows that nobody has in hand: after a restart, and after failures.
async fn read_rows(node: Weak<Node>) {
    let mut round = tokio::time::interval(READ_EVERY);
    round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        round.tick().await;
        let Some(node) = node.upgrade() else { return };
        for lane in LANES {
            let owned = node.journal().lease().held();
            let rows = node.journal().reader().open_effects(lane, &owned, node.clock().now(), BATCH).await;
            for row in rows
                .inspect_err(|error| tracing::warn!(%error, "the outbox could not be read"))
                .into_iter()
                .flatten()
            {
                match row.decode() {
                    Ok(effect) => node.outbox().offer_again(
                        row.id,
                        effect,
                        u32::try_from(row.attempts).unwrap_or(u32::MAX),
                    ),
                    Err(error) => tracing::error!(id = ?row.id, %error, "an outbox row cannot be read"),
                }
            }
        }
    }
}

/// Hands the provider's notices to their payments, and acknowledges each only when it is durable.
async fn receive_notices(node: Weak<Node>, provider: Provider, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut under_way = JoinSet::new();
    let notices = provider.notices();
    let lane = Arc::new(Semaphore::new(NOTICES_MAX));
    loop {
        // The permit first: a notice that is taken and then waits would come again meanwhile.
        let Ok(permit) = Arc::clone(&lane).acquire_owned().await else { break };
        let notice = tokio::select! {
            () = &mut stop => break,
            notice = notices.next() => notice,
        };
        let Notice { id, key, payment, fact } = notice;
        let Some(node) = node.upgrade() else { break };
        while under_way.try_join_next().is_some() {}
        let notices = notices.clone();
        under_way.spawn(async move {
            let _permit = permit;
            if record(&node, StreamId::Payment(payment), None, key, fact).await {
                notices.acknowledge(&id);
            }
        });
    }
    under_way.shutdown().await;
}
