//! `souk drive`: clients in this process that hold, sell and give back units of one SKU through its actor, as
//! fast as they are answered, and keep a log of what they were told.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::bail;
use souk_core::host::Answer;
use souk_core::ids::{CheckoutId, HoldId, LocationId, MovementId, PaymentId, SkuId, StreamId};
use souk_core::inventory::{Command, Inventory, Movement, Rejection, Reply, Request};
use souk_core::journal::Origin;
use souk_core::verify::Told;
use tokio::time::Instant;

use crate::actors::{CallError, Handle};
use crate::app::ShopOptions;
use crate::clock::Clock;
use crate::replay::AckLog;

use super::output;
use super::settings::SettingsArgument;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingsArgument,
    /// Clients at the same time
    #[arg(long, default_value_t = 64)]
    clients: u32,
    /// For how long
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Units that arrive before the first hold
    #[arg(long, default_value_t = 1_000_000)]
    units: u32,
    /// Where to log what clients were told, for `souk verify --acks`
    #[arg(long)]
    acks: Option<PathBuf>,
}

/// The one SKU everybody wants.
const SKU: SkuId = SkuId(1);
const HOLD_TTL_MS: i64 = 60_000;
const PATIENCE: Duration = Duration::from_secs(10);

struct Drive {
    stock: Handle<Inventory>,
    stream: StreamId,
    clock: Clock,
    acks: Option<AckLog>,
    answered: AtomicU64,
    sold: AtomicU64,
    out_of_stock: AtomicU64,
    overloaded: AtomicU64,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let shop = arguments.settings.load()?.open_shop(ShopOptions::default()).await?;
    let node = &shop.node;
    let acks = arguments.acks.as_deref().map(AckLog::open).transpose()?;
    let drive = Arc::new(Drive {
        stock: node.stock(),
        stream: StreamId::Stock(SKU.shard()),
        clock: node.clock().clone(),
        acks,
        answered: AtomicU64::new(0),
        sold: AtomicU64::new(0),
        out_of_stock: AtomicU64::new(0),
        overloaded: AtomicU64::new(0),
    });
    // Names of holds must be new in every run on the same journal: they begin with the time.
    let run = drive.clock.now().as_millis() as u128;
    drive.prepare(Command::open(SKU)).await?;
    let movement = Movement {
        movement: MovementId(run),
        sku: SKU,
        location: LocationId::MAIN,
        quantity: arguments.units,
    };
    drive.prepare(Command::Receive(movement)).await?;
    output::line(format_args!("driving {} clients for {} s", arguments.clients, arguments.seconds))?;

    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let started = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..arguments.clients {
        let drive = Arc::clone(&drive);
        clients.spawn(async move { drive.shop(run, client, until).await });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    let seconds = started.elapsed().as_secs_f64();
    shop.close().await;
    let answered = drive.answered.load(Ordering::Relaxed);
    output::line(format_args!(
        "{answered} commands answered ({:.0}/s), {} units sold, {} times out of stock, {} times overloaded",
        answered as f64 / seconds,
        drive.sold.load(Ordering::Relaxed),
        drive.out_of_stock.load(Ordering::Relaxed),
        drive.overloaded.load(Ordering::Relaxed),
    ))?;
    Ok(ExitCode::SUCCESS)
}

impl Drive {
    /// One client: takes a unit, then buys it, gives it back, or walks away and lets it expire.
    async fn shop(&self, run: u128, client: u32, until: Instant) -> anyhow::Result<()> {
        let mut visit: u128 = 0;
        while Instant::now() < until {
            visit += 1;
            let checkout = CheckoutId((run << 64) | (u128::from(client) << 40) | visit);
            let hold = HoldId { checkout, n: 1 };
            let deadline = self.clock.now().plus_millis(HOLD_TTL_MS);
            let request = Request::Hold { hold, sku: SKU, quantity: 1, deadline, pin: None };
            match self.ask(1, request).await? {
                Ok(_) => self.log(Told::Held(hold))?,
                Err(Rejection::OutOfStock { .. }) => {
                    self.out_of_stock.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                Err(other) => bail!("{hold} was refused: {other:?}"),
            }
            match visit % 3 {
                0 => {
                    let payment = PaymentId { checkout, attempt: 1 };
                    self.expect(2, Request::Pin { hold, payment }).await?;
                    self.expect(3, Request::Commit { hold }).await?;
                    self.log(Told::Committed(hold))?;
                    self.sold.fetch_add(1, Ordering::Relaxed);
                }
                1 => {
                    self.expect(2, Request::Undo { hold, deadline }).await?;
                    self.log(Told::Undone(hold))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn prepare(&self, command: Command) -> anyhow::Result<()> {
        match self.command(command).await? {
            Ok(_) => Ok(()),
            Err(rejection) => bail!("preparing was refused: {rejection:?}"),
        }
    }

    async fn expect(&self, asked: u64, request: Request) -> anyhow::Result<Reply> {
        let what = format!("{request:?}");
        match self.ask(asked, request).await? {
            Ok(reply) => Ok(reply),
            Err(rejection) => bail!("{what} was refused: {rejection:?}"),
        }
    }

    async fn ask(&self, asked: u64, request: Request) -> anyhow::Result<Result<Reply, Rejection>> {
        self.command(Command::Hold { asked, request }).await
    }

    /// Holds carry their own names, so a command whose answer was lost is simply given again.
    async fn command(&self, command: Command) -> anyhow::Result<Result<Reply, Rejection>> {
        loop {
            let told =
                self.stock.command(self.stream, command.clone(), None, Origin::default(), PATIENCE).await;
            match told {
                Ok(told) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    match told.answer {
                        Answer::Fresh(outcome) | Answer::Repeated(outcome) => return Ok(outcome),
                        other => bail!("a command without a key was told {other:?}"),
                    }
                }
                Err(CallError::Overloaded { retry_after_ms }) => {
                    self.overloaded.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(retry_after_ms)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn log(&self, told: Told) -> anyhow::Result<()> {
        self.acks.as_ref().map_or(Ok(()), |acks| acks.log(&told))
    }
}
