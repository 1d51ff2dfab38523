//! How often one client may ask: per API key, and per address for whoever has none. And how often all together may ask for
//! something to be done.
//!
//! A key counts only when it is good: else somebody could use up another's allowance with a made-up secret, or get a
//! new allowance with every made-up key.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use souk_core::ids::Principal;
use tokio::time::Instant;

use super::Shared;
use super::auth::{self, Authenticated};
use super::error::{ApiError, Code};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");
/// Clients that are told apart. Who comes when there are so many shares one allowance with the others who do.
const CLIENTS_MAX: usize = 100_000;
/// Tries to sign in a minute with one mail address from one network, and how many may come at once.
const TRIES_PER_MINUTE: u32 = 10;
const TRIES_AT_ONCE: u32 = 20;
/// How often those are forgotten whose allowance is whole again.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// The same while there are too many.
const SWEEP_EVERY_WHEN_FULL: Duration = Duration::from_secs(1);

/// The address of the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// What every client may ask, and all of them.
pub struct RateLimits {
    all: Option<DefaultDirectRateLimiter>,
    keys: Option<Limit<u128>>,
    addresses: Option<Limit<IpAddr>>,
    tries: Option<Limit<(u128, Option<IpAddr>)>>,
}

impl RateLimits {
    /// Requests a minute, and how many of a client's may come at once. 0 a minute is no limit.
    pub fn new(all_per_minute: u32, key_per_minute: u32, address_per_minute: u32, burst: u32) -> Self {
        let all = NonZeroU32::new(all_per_minute).map(|per_minute| {
            let burst = NonZeroU32::new(per_minute.get() / 600).unwrap_or(NonZeroU32::MIN);
            RateLimiter::direct(Quota::per_minute(per_minute).allow_burst(burst))
        });
        RateLimits {
            all,
            keys: Limit::new("key", key_per_minute, burst),
            addresses: Limit::new("address", address_per_minute, burst),
            tries: Limit::new("tries", TRIES_PER_MINUTE, TRIES_AT_ONCE),
        }
    }

    /// How long whoever asks for something to be done must wait, because all together have asked for too much.
    pub(super) fn wait_of_all(&self) -> Option<Duration> {
        let all = self.all.as_ref()?;
        all.check().err().map(|until| until.wait_time_from(DefaultClock::default().now()))
    }

    /// Forgets clients whose allowance is whole again.
    pub(super) fn sweep(&self) {
        if let Some(keys) = &self.keys {
            keys.sweep(Duration::ZERO);
        }
        if let Some(addresses) = &self.addresses {
            addresses.sweep(Duration::ZERO);
        }
        if let Some(tries) = &self.tries {
            tries.sweep(Duration::ZERO);
        }
    }

    fn are_off(&self) -> bool {
        self.keys.is_none() && self.addresses.is_none()
    }
}

impl std::fmt::Debug for RateLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RateLimits")
            .field("keys", &self.keys)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

type Limiter<K> =
    RateLimiter<Option<K>, DefaultKeyedStateStore<Option<K>>, DefaultClock, StateInformationMiddleware>;

/// An allowance per client.
struct Limit<K: Clone + Eq + Hash> {
    name: &'static str,
    limiter: Limiter<K>,
    clock: DefaultClock,
    burst: NonZeroU32,
    /// After how long one request more is allowed.
    replenish: Duration,
    swept: Mutex<Instant>,
    clients_max: usize,
}

impl<K: Clone + Eq + Hash> std::fmt::Debug for Limit<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limit").field("name", &self.name).field("burst", &self.burst).finish_non_exhaustive()
    }
}

/// How a client stands after a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Standing {
    allowed: bool,
    remaining: u32,
    /// Until its allowance is whole again; for a refused one, until it may ask again.
    wait: Duration,
}

impl<K: Clone + Eq + Hash> Limit<K> {
    fn new(name: &'static str, per_minute: u32, burst: u32) -> Option<Self> {
        let (per_minute, burst) = (NonZeroU32::new(per_minute)?, NonZeroU32::new(burst)?);
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        Some(Limit {
            name,
            limiter: RateLimiter::keyed(quota).with_middleware(),
            clock: DefaultClock::default(),
            burst,
            replenish: Duration::from_secs(60) / per_minute.get(),
            swept: Mutex::new(Instant::now()),
            clients_max: CLIENTS_MAX,
        })
    }

    fn check(&self, client: K) -> Standing {
        if self.limiter.len() >= self.clients_max {
            self.sweep(SWEEP_EVERY_WHEN_FULL);
        }
        let client = Some(client).filter(|_| self.limiter.len() < self.clients_max);
        match self.limiter.check_key(&client) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = self.burst.get().saturating_sub(remaining);
                Standing { allowed: true, remaining, wait: self.replenish * used }
            }
            Err(until) => {
                Standing { allowed: false, remaining: 0, wait: until.wait_time_from(self.clock.now()) }
            }
        }
    }

    fn sweep(&self, at_most_every: Duration) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.elapsed() >= at_most_every {
            *swept = Instant::now();
            self.limiter.retain_recent();
        }
    }

    /// The allowance as it is described: so many requests in the time that gives back all of them.
    fn tell(&self, headers: &mut HeaderMap, standing: Standing) {
        let window = seconds(self.replenish * self.burst.get());
        let policy = format!("\"{}\";q={};w={window}", self.name, self.burst);
        let now = format!("\"{}\";r={};t={}", self.name, standing.remaining, seconds(standing.wait));
        for (name, text) in [(POLICY, policy), (STANDING, now)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}

fn seconds(time: Duration) -> u128 {
    time.as_millis().div_ceil(1_000)
}

/// What a client may still ask, after it has asked this.
pub(super) struct Allowance<'a> {
    told: Told<'a>,
    standing: Standing,
}

enum Told<'a> {
    Key(&'a Limit<u128>),
    Address(&'a Limit<IpAddr>),
}

impl Allowance<'_> {
    /// The answer to a client that must wait.
    pub(super) fn refusal(&self) -> Option<Response> {
        if self.standing.allowed {
            return None;
        }
        let detail = "nothing was started: send the same request again after Retry-After";
        let wait = u64::try_from(self.standing.wait.as_millis()).unwrap_or(u64::MAX);
        Some(ApiError::new(Code::RateLimited, detail).retry_after_ms(wait).into_response())
    }

    /// Puts it into the answer.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        match self.told {
            Told::Key(limit) => limit.tell(headers, self.standing),
            Told::Address(limit) => limit.tell(headers, self.standing),
        }
    }
}

impl RateLimits {
    /// Of a client without a key; `None` when it may ask as often as it likes.
    pub(super) fn of_address(&self, peer: Option<Peer>) -> Option<Allowance<'_>> {
        let (limit, Peer(address)) = (self.addresses.as_ref()?, peer?);
        Some(Allowance { told: Told::Address(limit), standing: limit.check(network(address)) })
    }

    /// Of somebody who tries to sign in with a mail address, named by a number: whether or not there is an account, guessing
    /// its password takes long, and nobody elsewhere is kept out by it.
    pub(super) fn try_with(&self, mail: u128, peer: Option<Peer>) -> Result<(), ApiError> {
        let Some(limit) = &self.tries else { return Ok(()) };
        let standing = limit.check((mail, peer.map(|Peer(address)| network(address))));
        if standing.allowed {
            return Ok(());
        }
        let wait = u64::try_from(standing.wait.as_millis()).unwrap_or(u64::MAX);
        let detail = "too many tries with this mail address: come again after Retry-After, or choose another password \
                      by /v1/auth/reset-letters";
        Err(ApiError::new(Code::RateLimited, detail).retry_after_ms(wait))
    }

    fn of_key(&self, key: u128) -> Option<Allowance<'_>> {
        let limit = self.keys.as_ref()?;
        Some(Allowance { told: Told::Key(limit), standing: limit.check(key) })
    }
}

/// Of whoever sends a request of the API; `None` when it may ask as often as it likes.
pub(super) async fn allowance<'a>(
    services: &'a Shared,
    peer: Option<Peer>,
    request: &mut Request,
) -> Option<Allowance<'a>> {
    let limits = &services.rate_limits;
    if limits.are_off() || !request.uri().path().starts_with("/v1/") {
        return None;
    }
    let mut key = None;
    if let Some(presented) = auth::presented_key(request.headers()) {
        let access = auth::verify(services, &presented).await;
        if let Ok(Principal::Key(known)) = access.as_ref().map(auth::principal) {
            key = Some(known);
        }
        // It is not looked up a second time.
        request.extensions_mut().insert(Authenticated(access));
    }
    match key {
        Some(key) => limits.of_key(key),
        None => limits.of_address(peer),
    }
}

/// Who has one address of version 6 has the whole network of 64 bits, and could come from a new one each time.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_used_up_told_and_each_clients_own() {
        let limit = Limit::<u128>::new("key", 60, 2).unwrap();
        let standing = |allowed, remaining| (allowed, remaining);
        let of = |client| {
            let Standing { allowed, remaining, .. } = limit.check(client);
            (allowed, remaining)
        };
        assert_eq!([of(1), of(1), of(1)], [standing(true, 1), standing(true, 0), standing(false, 0)]);
        assert_eq!(of(2), standing(true, 1));
        let refused = limit.check(1);
        assert!(refused.wait <= Duration::from_secs(1) && refused.wait > Duration::ZERO, "{refused:?}");
        let mut headers = HeaderMap::new();
        limit.tell(&mut headers, refused);
        assert_eq!(headers[POLICY], "\"key\";q=2;w=2");
        assert_eq!(headers[STANDING], "\"key\";r=0;t=1");
        assert!(Limit::<u128>::new("key", 0, 2).is_none(), "0 is no limit");
    }

    #[test]
    fn too_many_clients_share_one_allowance_and_take_no_more_room() {
        let limit = Limit::<u128> { clients_max: 10, ..Limit::new("key", 1, 2).unwrap() };
        let allowed = (0..1_000).filter(|client| limit.check(*client).allowed).count();
        assert_eq!(allowed, 10 + 2, "ten of their own, and two for all others");
        assert!(limit.limiter.len() <= 11);
    }

    #[test]
    fn tries_are_counted_by_mail_address_and_network() {
        let limits = RateLimits::new(0, 0, 0, 1);
        let from = |address: &str| Some(Peer(address.parse().unwrap()));
        for _ in 0..TRIES_AT_ONCE {
            assert!(limits.try_with(1, from("2001:db8::1")).is_ok());
        }
        assert!(limits.try_with(1, from("2001:db8::2")).is_err(), "the same network");
        assert!(limits.try_with(1, from("192.0.2.1")).is_ok());
        assert!(limits.try_with(2, from("2001:db8::1")).is_ok());
    }

    #[test]
    fn all_together_have_one_allowance() {
        let limits = RateLimits::new(1_200, 0, 0, 1);
        assert_eq!([limits.wait_of_all(), limits.wait_of_all()], [None, None], "a tenth of a second's worth");
        let wait = limits.wait_of_all().expect("a wait");
        assert!(wait <= Duration::from_millis(50), "{wait:?}");
        assert_eq!(RateLimits::new(0, 0, 0, 1).wait_of_all(), None, "0 is no limit");
    }

    #[test]
    fn a_network_of_version_6_is_one_client() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
