//! Carries out orders to the outside world: each is an outbox row, made in the append that decided it and gone in
//! the append that records its outcome.
//!
//! A lane per kind, so that a dead mail server never delays a capture. A row is taken up as soon as its append is
//! durable, and otherwise (after a restart, after a failure) when the rows are read again. It may be carried out
//! twice, always under the key that was journalled; it is never forgotten.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use souk_core::any::{Effect, Mail, OrderMail, PersonMail, VendorMail, VendorTemplate};
use souk_core::host::Answer;
use souk_core::ids::StreamId;
use souk_core::journal::{EffectId, Origin};
use souk_core::order::Order;
use souk_core::payment::{Command, Payment, ProviderCall, ProviderFact, Rejection};
use souk_core::vendor::Vendor;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::adapters::mail::{Letter, Links, Mailer};
use crate::adapters::payments::{Notice, Provider};
use crate::journal::Pool;
use crate::journal::wire::{MAIL_LANE, PAYMENT_LANE};
use crate::store::vault::Vault;
use crate::telemetry::traces;

use super::handle::{CallError, Told};
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
/// The pause before an order that failed is tried again; it doubles up to [`PAUSE_MAX_MS`].
const PAUSE_FIRST_MS: i64 = 2_000;
/// The longest.
const PAUSE_MAX_MS: i64 = 60 * 60 * 1000;
/// Tries after which a mail, or what nobody can read, is given up until somebody looks: after about half an hour.
const TRIES_MAX: u32 = 10;
/// How long a stream may take until it is told again that its order was carried out.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long the row of an order that was carried out may take to go. After that it is carried out again: nobody
/// remembers it for ever.
const ROW_GOES_WITHIN: Duration = Duration::from_secs(60 * 60);

/// The outside world, as this process reaches it.
#[derive(Clone, Debug)]
pub struct Outside {
    /// Who takes the money.
    pub payments: Provider,
    /// Who carries the mails.
    pub mails: Mailer,
    /// Where the addresses are.
    pub vault: Arc<Vault>,
    /// Where credentials are.
    pub plain: Pool,
    /// What links in mails are made of; without it they have none.
    pub links: Option<Links>,
}

/// An order to the outside world that waits to be carried out.
#[derive(Debug)]
pub(super) struct Work {
    /// Its row's name.
    pub(super) id: EffectId,
    /// What is to be done.
    pub(super) effect: Effect,
    /// How often it was tried before.
    pub(super) attempts: u32,
    /// The trace of the request behind it; rows do not keep it.
    pub(super) trace: Option<u128>,
}

/// Where durable orders are handed in.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: mpsc::UnboundedSender<Work>,
    /// Orders somebody has in hand, so that reading the rows does not hand them out again.
    in_hand: Mutex<HashMap<EffectId, InHand>>,
}

#[derive(Clone, Copy, Debug)]
enum InHand {
    UnderWay,
    /// Carried out; its row goes with an append of its stream's.
    Done {
        /// When it was told.
        told: Instant,
        since: Instant,
    },
}

impl Outbox {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Work>) {
        let (queue, work) = mpsc::unbounded_channel();
        (Outbox { queue, in_hand: Mutex::default() }, work)
    }

    /// Takes an order in hand unless somebody has it. Returns whether it has been carried out, and its stream must be
    /// told once more: its actor may have ended under the message.
    pub(super) fn offer(&self, order: Work) -> bool {
        let now = Instant::now();
        let mut in_hand = self.in_hand();
        match in_hand.get_mut(&order.id) {
            None => {
                in_hand.insert(order.id, InHand::UnderWay);
                let _ = self.queue.send(order);
                false
            }
            Some(InHand::UnderWay) => false,
            Some(InHand::Done { told, .. }) => {
                let again = now.duration_since(*told) >= TELL_AGAIN_AFTER;
                if again {
                    *told = now;
                }
                again
            }
        }
    }

    fn put_down(&self, id: EffectId) {
        self.in_hand().remove(&id);
    }

    /// It has been carried out, and all that is left to do is to take its row away.
    fn is_done(&self, id: EffectId) {
        let now = Instant::now();
        self.in_hand().insert(id, InHand::Done { told: now, since: now });
    }

    fn forget_done(&self) {
        let now = Instant::now();
        self.in_hand().retain(|_, held| match held {
            InHand::UnderWay => true,
            InHand::Done { since, .. } => now.duration_since(*since) < ROW_GOES_WITHIN,
        });
    }

    fn in_hand(&self) -> MutexGuard<'_, HashMap<EffectId, InHand>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the lanes. They end when told to, and let go of the outside world then: what was under way is cut off,
/// its row stays, and it is carried out again under the same key.
pub(super) fn spawn(
    node: &Arc<Node>,
    work: mpsc::UnboundedReceiver<Work>,
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

async fn hand_out(
    node: Weak<Node>,
    mut work: mpsc::UnboundedReceiver<Work>,
    outside: Outside,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut under_way = JoinSet::new();
    let payments = Arc::new(Semaphore::new(PAYMENT_CALLS_MAX));
    let mails = Arc::new(Semaphore::new(MAILS_MAX));
    loop {
        let order = tokio::select! {
            () = &mut stop => None,
            order = work.recv() => order,
        };
        let Some(Work { id, effect, attempts, trace }) = order else { break };
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
            let carried_out = match effect {
                Effect::Payment(call) => {
                    call_provider(&node, id, &call, (attempts, trace), &outside.payments).await;
                    // What was recorded took the row with it.
                    false
                }
                Effect::Mail(mail) => send_mail(&node, id, &mail, attempts, &outside).await,
            };
            if carried_out {
                node.outbox().is_done(id);
                node.effect_is_done(id);
            } else {
                node.outbox().put_down(id);
            }
        });
    }
    under_way.shutdown().await;
}

/// Calls and records what was said. The row goes with the event that records it; if it could not be recorded the
/// row is read again after a pause, and the call is made again under the same key.
async fn call_provider(
    node: &Arc<Node>,
    id: EffectId,
    call: &ProviderCall,
    (attempts, trace): (u32, Option<u128>),
    provider: &Provider,
) {
    if !node.journal().is_owner(id.stream.partition()) {
        return;
    }
    let span = traces::within(
        trace,
        || tracing::debug_span!(parent: None, "provider call", payment = %call.payment),
    );
    let fact = provider.call(call).instrument(span).await;
    let recorded =
        record(node, StreamId::Payment(call.payment), Some(id), call.key.clone(), fact, trace).await;
    if let Err(error) = recorded {
        // Never given up: somebody's money may hang on it.
        note(node, id, &error.to_string(), attempts, Tries::Endless).await;
    }
}

async fn record(
    node: &Arc<Node>,
    stream: StreamId,
    effect: Option<EffectId>,
    key: String,
    fact: ProviderFact,
    trace: Option<u128>,
) -> Result<Told<Payment>, CallError> {
    let command = Command::Provider { effect, key, fact };
    let origin = Origin { trace, ..Origin::default() };
    let recorded = node.handle::<Payment>().report(stream, command, origin, RECORD_PATIENCE).await;
    recorded.inspect_err(|error| {
        tracing::warn!(%stream, %error, "what the provider said could not be recorded; asking it again later");
    })
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tries {
    Endless,
    /// Given up after this many, until somebody looks.
    Some(u32),
}

/// Puts a failed order off, the longer the more often it has failed.
async fn note(node: &Node, id: EffectId, error: &str, attempts: u32, tries: Tries) {
    let pause = (PAUSE_FIRST_MS << attempts.min(16)).min(PAUSE_MAX_MS);
    let dead = matches!(tries, Tries::Some(max) if attempts + 1 >= max);
    let next = node.clock().now().plus_millis(pause);
    let noted = node.journal().writer().note_failure(id, error, next, dead).await;
    tracing::warn!(
        ?id,
        error,
        dead,
        noted = noted.is_ok(),
        "an order to the outside world was not carried out"
    );
}

/// Whether it was sent.
async fn send_mail(node: &Arc<Node>, id: EffectId, mail: &Mail, attempts: u32, outside: &Outside) -> bool {
    if !node.journal().is_owner(id.stream.partition()) {
        return false;
    }
    match write_and_send(node, id, mail, outside).await {
        Ok(()) => true,
        Err(error) => {
            note(node, id, &error.to_string(), attempts, Tries::Some(TRIES_MAX)).await;
            false
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
    // Bulk replays have so many that looking each order up would be their main work.
    if matches!(outside.mails, Mailer::Discard) {
        return Ok(());
    }
    let to = match mail {
        Mail::Order(mail) => mail.to,
        Mail::Person(mail) => mail.to,
        Mail::Vendor(mail) => mail.to,
    };
    let Some(address) = outside.vault.get(to).await? else { return Ok(()) };
    let (name, email) = (address.name.expose(), address.email.expose());
    let letter = match mail {
        Mail::Order(OrderMail { template, order, .. }) => {
            let link = match &outside.links {
                None => None,
                Some(links) => {
                    let handle = node.handle::<Order>();
                    let (state, _) = handle.read(StreamId::Order(*order), RECORD_PATIENCE).await?;
                    state.placed.map(|placed| links.to_order(*order, placed.buyer))
                }
            };
            Letter::about_order(*template, *order, name, email, link.as_deref())
        }
        Mail::Vendor(VendorMail { template, vendor, .. }) => {
            let VendorTemplate::Invitation { invitation } = *template;
            let token = outside.links.as_ref().map(|links| links.invitation(*vendor, invitation));
            let (state, _) = node.handle::<Vendor>().read(StreamId::Vendor(*vendor), RECORD_PATIENCE).await?;
            let vendor = state.profile.map(|profile| profile.application.name).unwrap_or_default();
            Letter::from_vendor(&vendor, email, token.as_ref())
        }
        Mail::Person(PersonMail { template, person, .. }) => {
            let token = outside.links.as_ref().and_then(|links| links.letter_token(*template, *person));
            Letter::about_person(*template, name, email, token.as_ref())
        }
    };
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
        node.outbox().forget_done();
        for lane in LANES {
            let owned = node.journal().lease().held();
            let rows = node.journal().reader().open_effects(lane, &owned, node.clock().now(), BATCH).await;
            for row in rows
                .inspect_err(|error| tracing::warn!(%error, "the outbox could not be read"))
                .into_iter()
                .flatten()
            {
                match row.decode() {
                    Ok(effect) => {
                        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
                        if node.outbox().offer(Work { id: row.id, effect, attempts, trace: None }) {
                            node.effect_is_done(row.id);
                        }
                    }
                    Err(error) => {
                        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX - 1);
                        note(&node, row.id, &error.to_string(), attempts, Tries::Some(TRIES_MAX)).await;
                    }
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
            match record(&node, StreamId::Payment(payment), None, key, fact, None).await {
                // Not acknowledged, so that it comes again and again until somebody looks: the provider has money of
                // a payment that this journal has never heard of (an older backup was restored, or a wrong account).
                Ok(Told { answer: Answer::Fresh(Err(Rejection::UnknownPayment)), .. }) => {
                    tracing::error!(%payment, "the provider speaks of a payment that is not in the journal");
                }
                Ok(_) => notices.acknowledge(&id),
                Err(_) => {}
            }
        });
    }
    under_way.shutdown().await;
}
