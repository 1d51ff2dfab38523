//! The sections: every key with its type and its bounds. What a key means stands beside it in
//! `config/default.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;

use souk_core::family::LASTS_MAX_MS;
use souk_core::inventory::HOLD_TTL_MAX_MS;
use souk_core::market::{MarketId, TaxRule};
use souk_core::money::{Currency, Rate};
use souk_core::payment::LOOK_UP_PAUSE_MAX_MS;

use super::form::{self, Millis};
use super::load::Reader;
use super::secret::Secret;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// Defines a section so that a key, its field and its form are said once.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident in $section:literal {
        $($(#[$field_doc:meta])* $field:ident: $type:ty = $form:expr,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            pub(super) const KEYS: &'static [&'static str] = &[$(concat!($section, ".", stringify!($field)),)*];

            pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
                // All are read before one may be missing, so that all faults are told.
                $(let $field = reader.read(concat!($section, ".", stringify!($field)), $form);)*
                Some($name { $($field: $field?,)* })
            }
        }
    };
}

/// The known keys, in the order in which they are shown.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    let sections = [
        Server::KEYS,
        Database::KEYS,
        Engine::KEYS,
        Checkout::KEYS,
        Market::KEYS,
        Payments::KEYS,
        Vault::KEYS,
        Telemetry::KEYS,
        SignIns::KEYS,
        Limits::KEYS,
    ];
    sections.into_iter().flatten().copied()
}

/// Keys whose values may hold a password.
pub(super) const SECRET: &[&str] = &[
    "database.url",
    "database.migrator_url",
    "database.engine_url",
    "database.app_url",
    "database.vault_url",
    "telemetry.otlp_endpoint",
];

section!(
    /// The HTTP server.
    Server in "server" {
        /// Where to listen.
        addr: SocketAddr = form::address,
        /// How shoppers reach it; without a slash at its end.
        public_url: String = form::public_url,
        /// The longest a request may take.
        request_timeout_ms: Millis = form::millis(SECOND, 10 * MINUTE),
        /// The longest a client may take to send its headers.
        header_timeout_ms: Millis = form::millis(100, MINUTE),
        /// The largest body.
        body_limit_bytes: u32 = form::count(1_024, 64 * 1_024 * 1_024),
        /// How long requests under way are waited for at the end.
        drain_timeout_ms: Millis = form::millis(SECOND, 10 * MINUTE),
        /// How long a successor keeps a request waiting until its predecessor has ended.
        park_ms: Millis = form::millis(0, MINUTE),
        /// The signing secret's file, when it is not in the data directory; see
        /// [`Config::server_key_file`](super::Config::server_key_file).
        key_file: Option<PathBuf> = form::optional_path,
        /// Whether strangers can reach it.
        mode: Mode = form::mode,
    }
);

/// What a server is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Looking around and building.
    Development,
    /// Selling: what would leave the shop open is refused.
    Production,
}

section!(
    /// Where the data lives.
    Database in "database" {
        /// The database, when it is not SQLite in the data directory; see
        /// [`Config::database_address`](super::Config::database_address).
        url: Option<Secret> = form::database_url,
        /// The owner's login on Postgres, when it is another.
        migrator_url: Option<Secret> = form::login_url,
        /// The engine's.
        engine_url: Option<Secret> = form::login_url,
        /// That of handlers that read.
        app_url: Option<Secret> = form::login_url,
        /// That of keys, credentials and the vault.
        vault_url: Option<Secret> = form::login_url,
        /// This server's files.
        data_dir: PathBuf = form::path,
        /// How long a lease lasts without its owner.
        lease_ms: Millis = form::millis(2 * SECOND, MINUTE),
        /// Connections that read.
        read_connections: u32 = form::count(1, 256),
    }
);

section!(
    /// The actors.
    Engine in "engine" {
        /// Commands from outside that may be under way at once.
        admission: u32 = form::count(1, 100_000),
        /// How long an actor stays awake that nobody writes to.
        actor_idle_ms: Millis = form::millis(100, DAY),
    }
);

section!(
    /// Deadlines of a sale.
    Checkout in "checkout" {
        /// Of a hold.
        hold_ttl_ms: Millis = form::millis(SECOND, HOLD_TTL_MAX_MS),
        /// Of a quote.
        quote_ttl_ms: Millis = form::millis(SECOND, DAY),
        /// Of a cart that nobody touches.
        cart_ttl_ms: Millis = form::millis(SECOND, 366 * DAY),
        /// Of an attempt to pay by card.
        attempt_card_ms: Millis = form::millis(SECOND, DAY),
        /// Of an attempt to pay by a method that takes the money in one step.
        attempt_instant_ms: Millis = form::millis(SECOND, DAY),
        /// Of an attempt to pay by a method whose money comes later.
        attempt_pay_later_ms: Millis = form::millis(SECOND, 60 * DAY),
        /// The first pause between look-ups of an unknown payment.
        look_up_every_ms: Millis = form::millis(100, LOOK_UP_PAUSE_MAX_MS),
        /// How long money is looked out for that may come after the provider had never heard of it.
        late_money_ms: Millis = form::millis(SECOND, 60 * DAY),
        /// How long a pay request waits for its result.
        pay_answer_ms: Millis = form::millis(100, MINUTE),
    }
);

impl Checkout {
    /// The same, as a checkout copies them when it opens.
    pub fn limits(&self) -> souk_core::checkout::Limits {
        souk_core::checkout::Limits {
            cart_ttl_ms: self.cart_ttl_ms.get(),
            quote_ttl_ms: self.quote_ttl_ms.get(),
            hold_ttl_ms: self.hold_ttl_ms.get(),
            card_ms: self.attempt_card_ms.get(),
            instant_ms: self.attempt_instant_ms.get(),
            pay_later_ms: self.attempt_pay_later_ms.get(),
            look_up_every_ms: self.look_up_every_ms.get(),
            late_money_ms: self.late_money_ms.get(),
        }
    }
}

section!(
    /// The main market, and what the marketplace keeps.
    Market in "market" {
        /// Its name.
        id: MarketId = form::market_id,
        /// Where it delivers.
        countries: Vec<String> = form::countries,
        /// The one currency of its prices.
        currency: Currency = form::currency,
        /// The language of its pages.
        locale: String = form::locale,
        /// Whether prices contain the tax.
        prices_include_tax: bool = form::yes_or_no,
        /// What the marketplace keeps of goods, for vendors without a rate of their own.
        commission: Rate = form::percent,
        /// The tax on goods; there is one exactly when there is a jurisdiction.
        tax_rate: Option<Rate> = form::optional_percent,
        /// Whose tax.
        tax_jurisdiction: Option<String> = form::optional_jurisdiction,
    }
);

impl Market {
    /// The market's facts, as carts and quotes copy them.
    pub fn facts(&self) -> souk_core::market::Market {
        let tax = self.tax_jurisdiction.clone().zip(self.tax_rate);
        souk_core::market::Market {
            id: self.id.clone(),
            countries: self.countries.clone(),
            currency: self.currency,
            locale: self.locale.clone(),
            prices_include_tax: self.prices_include_tax,
            tax: tax.map(|(jurisdiction, rate)| TaxRule { jurisdiction, rate }),
        }
    }
}

section!(
    /// Who moves the money.
    Payments in "payments" {
        /// The provider.
        provider: Provider = form::provider,
        /// How long the test bank thinks.
        test_bank_delay_ms: Millis = form::millis(0, MINUTE),
        /// How long after a payment the test bank's notice comes.
        notice_delay_ms: Millis = form::millis(0, DAY),
    }
);

/// A payment provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provider {
    /// In process; moves no money.
    TestBank,
}

section!(
    /// Personal data.
    Vault in "vault" {
        /// The file of the keys, when it is not in the data directory; see
        /// [`Config::vault_key_file`](super::Config::vault_key_file).
        key_file: Option<PathBuf> = form::optional_path,
    }
);

section!(
    /// Logs and traces.
    Telemetry in "telemetry" {
        /// What is logged.
        log: String = form::log_filter,
        /// How it is written.
        log_format: LogFormat = form::log_format,
        /// Where traces go, if anywhere.
        otlp_endpoint: Option<String> = form::optional_endpoint,
    }
);

/// How a log line is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

section!(
    /// How long people stay signed in, and what it takes.
    SignIns in "sign_ins" {
        /// Without being back.
        idle_ms: Millis = form::millis(MINUTE, LASTS_MAX_MS),
        /// In any case.
        lasts_ms: Millis = form::millis(MINUTE, LASTS_MAX_MS),
        /// Who must have a second factor.
        second_factor: SecondFactor = form::second_factor,
    }
);

/// Who must have a second factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondFactor {
    /// Nobody.
    Off,
    /// Owners of vendors and operators who are people, to act as such.
    Owners,
}

section!(
    /// How much may be asked.
    Limits in "limits" {
        /// Requests a minute that ask for something to be done, from all shoppers and vendors together; 0 is no limit.
        all_requests_per_minute: u32 = form::count(0, 10_000_000),
        /// Requests a minute from one API key; 0 is no limit.
        key_requests_per_minute: u32 = form::count(0, 10_000_000),
        /// Requests a minute from one address without a key; 0 is no limit.
        address_requests_per_minute: u32 = form::count(0, 10_000_000),
        /// How many of them may come at once.
        burst: u32 = form::count(1, 100_000),
    }
);
