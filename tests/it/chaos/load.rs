//! Clients that buy, cancel and bring new units, wherever the server is at the moment, and never give up.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use souk_core::ids::ProductId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::deeds::Deeds;
use super::scenario::Dice;
use crate::sales::{VENDORS, sku};
use crate::served::{Gone, ask};
use crate::shopper::{Shopper, is_passing};

/// How long everything that has begun may take to end once the server is well.
const SETTLES_WITHIN: Duration = Duration::from_secs(180);
/// The pause of a client whose server is not there.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest that an impatient client waits: about as long as a whole sale takes.
const HANGS_UP_WITHIN_US: u64 = 600_000;
/// Sales whose answers each client asks for again after a restart.
const REMEMBERED: usize = 3;
/// Units that a vendor brings at a time.
const BROUGHT: u32 = 7;

/// Cards of clients, most of them good. Those that wait for days and those of a slow bank are elsewhere.
const TOKENS: [&str; 16] = [
    "card_success",
    "card_success",
    "card_success",
    "card_success",
    "card_success",
    "card_success",
    "card_success",
    "card_declined",
    "card_3ds",
    "card_capture_declined",
    "card_timeout_then_succeeded",
    "card_timeout_lost",
    "card_late_notice",
    "card_duplicate_notice",
    "instant",
    "pay_later",
];

pub struct Load {
    at: watch::Sender<String>,
    over: watch::Sender<bool>,
    hangs_up: watch::Sender<bool>,
    clients: JoinSet<()>,
}

impl Load {
    /// Begins at once, as soon as it is told where the server is.
    pub fn start(clients: u64, deeds: &Arc<Deeds>, vendor_keys: &[String; 2]) -> Self {
        Self::of_tokens(clients, deeds, vendor_keys, &TOKENS)
    }

    /// The same with these cards.
    pub fn of_tokens(
        clients: u64,
        deeds: &Arc<Deeds>,
        vendor_keys: &[String; 2],
        tokens: &'static [&'static str],
    ) -> Self {
        let (at, over) = (watch::Sender::new(String::new()), watch::Sender::new(false));
        let hangs_up = watch::Sender::new(false);
        let mut running = JoinSet::new();
        for _ in 0..clients {
            let number = deeds.next_client();
            let client = Client {
                number,
                dice: Dice::of(number),
                at: at.subscribe(),
                over: over.subscribe(),
                hangs_up: hangs_up.subscribe(),
                deeds: Arc::clone(deeds),
                vendor_keys: vendor_keys.clone(),
                tokens,
            };
            running.spawn_local(client.live());
        }
        Load { at, over, hangs_up, clients: running }
    }

    /// From now on the server is there; what is asked of another one is given up.
    pub fn serve_at(&self, addr: &str) {
        self.at.send_replace(addr.to_owned());
    }

    /// From now on clients hang up in the middle, again and again, until everything is to settle.
    pub fn hangs_up(&self) {
        self.hangs_up.send_replace(true);
    }

    /// Nothing new is begun; waits until everything that was has come to its end on the server of now.
    pub async fn settle(mut self) {
        self.over.send_replace(true);
        self.hangs_up.send_replace(false);
        let all = async {
            while let Some(ended) = self.clients.join_next().await {
                if let Err(error) = ended {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        };
        timeout(SETTLES_WITHIN, all).await.expect("every sale has an end");
    }

    /// Panics when a client has: it was told something that must not be.
    pub fn is_content(&mut self) {
        while let Some(ended) = self.clients.try_join_next() {
            if let Err(error) = ended {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}

struct Client {
    number: u64,
    dice: Dice,
    at: watch::Receiver<String>,
    over: watch::Receiver<bool>,
    hangs_up: watch::Receiver<bool>,
    deeds: Arc<Deeds>,
    vendor_keys: [String; 2],
    tokens: &'static [&'static str],
}

impl Client {
    async fn live(mut self) {
        let mut remembered: Vec<Shopper> = Vec::new();
        let mut bought_at = String::new();
        for visit in 0_usize.. {
            if *self.over.borrow() {
                break;
            }
            let token = self.tokens[self.dice.below(self.tokens.len() as u64) as usize];
            let mut shopper = Shopper::with(token);
            self.insist(async |addr| shopper.enter(addr).await).await;
            self.deeds.entered(shopper.checkout().expect("a cart"));
            let mut noted = 0;
            let deeds = Arc::clone(&self.deeds);
            self.insist(async |addr| {
                let told = shopper.go_on(addr).await;
                for yes in &shopper.yeses[noted..] {
                    deeds.yes(&yes.rest);
                }
                noted = shopper.yeses.len();
                told
            })
            .await;
            if let Some(order) = shopper.order() {
                self.deeds.placed(&order);
                if self.dice.below(4) == 0 {
                    self.insist(async |addr| shopper.cancel(addr).await.map(drop)).await;
                    self.deeds.cancelled(&order);
                }
            } else if token == "card_success" {
                self.deeds.not_sold();
            }
            if self.dice.below(3) == 0 {
                self.bring(visit).await;
            }
            let now_at = self.at.borrow().clone();
            if now_at != bought_at {
                // Another process by now: it must give the answers of those before it.
                for old in &mut remembered {
                    self.insist(async |addr| old.go_on(addr).await).await;
                    self.insist(async |addr| old.ask_again(addr).await).await;
                }
                bought_at = now_at;
            }
            match remembered.len() {
                REMEMBERED => remembered[visit % REMEMBERED] = shopper,
                _ => remembered.push(shopper),
            }
        }
        for old in &mut remembered {
            self.insist(async |addr| old.go_on(addr).await).await;
            self.insist(async |addr| old.ask_again(addr).await).await;
        }
    }

    /// A vendor's new units.
    async fn bring(&mut self, visit: usize) {
        let which = self.dice.below(2) as usize;
        let (vendor, sku_id) = (VENDORS[which], sku(VENDORS[which]));
        let path = format!("/v1/vendor/products/{}/offers/{sku_id}/receive", ProductId(10 + vendor));
        let (bearer, key) =
            (format!("Bearer {}", self.vendor_keys[which]), format!("bring-{}-{visit}", self.number));
        let body = json!({ "quantity": BROUGHT }).to_string();
        self.insist(async |addr| {
            let headers = [
                ("content-type", "application/json"),
                ("authorization", bearer.as_str()),
                ("idempotency-key", key.as_str()),
            ];
            let told = ask(addr, "POST", &path, &headers, &body).await?;
            if is_passing(&told) {
                return Err(Gone);
            }
            assert_eq!(told.status, 200, "{told:?}");
            Ok(())
        })
        .await;
        self.deeds.received(sku_id, BROUGHT);
    }

    /// Does something until it is answered, wherever the server is.
    async fn insist(&mut self, mut step: impl AsyncFnMut(&str) -> Result<(), Gone>) {
        loop {
            let addr = self.at.borrow_and_update().clone();
            let hang_up_after = match *self.hangs_up.borrow() {
                true => Duration::from_micros(self.dice.below(HANGS_UP_WITHIN_US)),
                false => SETTLES_WITHIN,
            };
            let tried = tokio::select! {
                tried = timeout(hang_up_after, step(&addr)), if !addr.is_empty() => match tried {
                    Ok(tried) => tried,
                    Err(_) => {
                        self.deeds.hangs_up();
                        continue;
                    }
                },
                // Elsewhere by now: what was asked for here is given up in the middle.
                _ = self.at.changed() => continue,
            };
            if tried.is_ok() {
                return;
            }
            let _ = timeout(PAUSE, self.at.changed()).await;
        }
    }
}
