//! People: how somebody comes by an account, signs in, stays signed in and signs out.
//!
//! What an account or a sign-in may do next is its machine's business. Here stands what takes more than one of them: rows
//! that are written before the event that names them, a password that is hashed in between, tokens that are made of what
//! came out. Nothing here is ever told that would say whether an address has an account: who asks gets the same answer in the
//! same time.

mod account;
mod buyers;
mod keyring;
mod operators;
mod second_factor;
mod service_keys;
mod sign_in;
mod team;
mod tries;

use std::sync::Arc;
use std::time::Duration;

use souk_core::family::SignIn;
use souk_core::ids::{FamilyId, Principal, StreamId, UserId};
use souk_core::journal::Origin;
use souk_core::person::{Person, Standing};
use souk_core::time::Timestamp;
use tokio::time::Instant;

use crate::actors::{CallError, Hosted, Node};
use crate::journal::{JournalError, Pool};
use crate::store::vault::{Vault, VaultError};
use crate::tenants::ServerKey;
use crate::tenants::access_tokens::{AccessRefused, AccessText};
use crate::tenants::keys::KeyError;
use crate::tenants::passwords::{Hasher, PasswordError};
use crate::tenants::scope::StepUpNeeded;
use crate::tenants::service_keys::ServiceKeyRefused;
use crate::tenants::tokens::SignedToken;

use keyring::Keyring;
use service_keys::Uses;
use tries::Tries;

pub use second_factor::{Enrolment, RecoveryCodes, ShownAgain};
pub use service_keys::KeyTold;
pub use sign_in::Presented;

/// How long whoever may not learn whether there is an account waits for the answer in either case: longer than the work for
/// one that there is takes, and than a hash that waits for its turn.
const SAME_TIME: Duration = Duration::from_millis(500);

/// Who must have a second factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondFactorPolicy {
    /// Nobody.
    Off,
    /// Owners of vendors and operators who are people, to act as such.
    Owners,
}

/// How sign-ins behave.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who issues tokens: the shop's public address.
    pub issuer: String,
    /// What authenticators call the shop.
    pub shop: String,
    /// Who must have a second factor.
    pub second_factor: SecondFactorPolicy,
    /// Without a refresh for so long a sign-in is over, in ms.
    pub idle_ms: i64,
    /// It is over after so long in any case, in ms.
    pub lasts_ms: i64,
    /// Passwords that are hashed at once.
    pub hashes_at_once: usize,
    /// How long a machine is waited for.
    pub patience: Duration,
}

/// Everything that has to do with accounts.
#[derive(Debug)]
pub struct People {
    node: Arc<Node>,
    vault: Arc<Vault>,
    rows: Pool,
    server_key: ServerKey,
    hasher: Hasher,
    keyring: Keyring,
    uses: Uses,
    tries: Tries,
    settings: Settings,
}

/// What somebody who signed in gets.
#[derive(Debug)]
pub struct Tokens {
    /// Who.
    pub person: UserId,
    /// By which sign-in.
    pub family: FamilyId,
    /// Opens what is theirs.
    pub access: AccessText,
    /// Until when.
    pub access_until: Timestamp,
    /// Gets the next ones, once.
    pub refresh: SignedToken,
    /// Until when.
    pub refresh_until: Timestamp,
}

/// Why it did not come to what somebody wanted.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// There is no account with this address and password.
    #[error("no account has this mail address and password")]
    WrongPassword,
    /// Whoever tries has failed too often.
    #[error("too many failures: nothing is tried for a while")]
    Delayed {
        /// After how long something is.
        retry_after_ms: u64,
    },
    /// The password was right, and a code is needed beside it.
    #[error("this account has a second factor")]
    CodeNeeded,
    /// The code is none of theirs, or was used.
    #[error("this code is not good: wrong, of another time, or used already")]
    WrongCode,
    /// They have no second factor, or none to be confirmed.
    #[error("there is no such second factor")]
    NoFactor,
    /// They have one.
    #[error("this account has a second factor already")]
    FactorExists,
    /// They have not shown lately who they are.
    #[error(transparent)]
    StepUp(#[from] StepUpNeeded),
    /// They act for a vendor as its owner, without a second factor.
    #[error("owners act for their vendors here with a second factor only")]
    SecondFactorNeeded,
    /// A token of a letter or for a refresh that this shop did not make.
    #[error("this token was not made by this shop, or it is incomplete: use the whole token as it was given")]
    TokenRefused,
    /// A letter's token that is of no use any more.
    #[error(
        "this token was used, is too old, or there is a newer letter: use the newest letter, or ask for another"
    )]
    TokenSpent,
    /// An invitation that is of no use any more.
    #[error("this invitation was used, taken back, or has had its week")]
    InvitationOver,
    /// Whoever accepts an invitation is in that team already.
    #[error("you are in this team already")]
    AlreadyMember,
    /// There is no such vendor, or they are not in its team.
    #[error("there is no such vendor, or you are not in its team")]
    NotInTeam,
    /// The person's role does not have it.
    #[error("your role does not allow that")]
    NoPower,
    /// The person is no operator.
    #[error("you are no operator of this marketplace")]
    NoOperator,
    /// There is no such person, or nobody has shown yet that the address is theirs.
    #[error("there is no such person, or they have not shown yet that their mail address is theirs")]
    NoSuchPerson,
    /// Somebody else has shown to have been that shopper.
    #[error("this cart belongs to another account already")]
    AdoptedByOther,
    /// They have been as many shoppers as can be counted.
    #[error("this account has as many carts of guests as it can have")]
    TooManyBuyers,
    /// A service key that opens nothing.
    #[error(transparent)]
    ServiceKey(#[from] ServiceKeyRefused),
    /// A service key cannot be called so.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The password is not taken, or not hashed now.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Not signed in, or not any more.
    #[error(transparent)]
    Access(#[from] AccessRefused),
    /// A machine was not reached.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database does not answer.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The vault does not.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Something that cannot be the caller's fault.
    #[error("{0}")]
    Internal(String),
}

impl PeopleError {
    fn delayed(until: Timestamp, now: Timestamp) -> Self {
        PeopleError::Delayed { retry_after_ms: until.millis_since(now).max(0).unsigned_abs() }
    }
}

impl From<getrandom::Error> for PeopleError {
    fn from(error: getrandom::Error) -> Self {
        PeopleError::Internal(format!("the system gives no random bytes: {error}"))
    }
}

impl People {
    /// Finds or makes the key that signs access tokens.
    ///
    /// # Errors
    /// When the table of keys cannot be read or written.
    pub async fn open(
        node: Arc<Node>,
        vault: Arc<Vault>,
        rows: Pool,
        server_key: ServerKey,
        settings: Settings,
    ) -> Result<Self, PeopleError> {
        let keyring = Keyring::open(rows.clone(), server_key.clone(), node.clock().now()).await?;
        let hasher = Hasher::new(settings.hashes_at_once);
        let (tries, uses) = (Tries::new(), Uses::default());
        Ok(People { node, vault, rows, server_key, hasher, keyring, tries, uses, settings })
    }

    /// How many passwords were hashed or compared since the start.
    pub fn hashed(&self) -> u64 {
        self.hasher.hashed()
    }

    fn now(&self) -> Timestamp {
        self.node.clock().now()
    }

    /// How an account stands; `None` when there is none.
    async fn standing(&self, person: UserId) -> Result<Option<Standing>, CallError> {
        let stream = StreamId::Person(person);
        if let Some(standing) = self.node.accounts().get(stream) {
            return Ok(Some(standing));
        }
        let (state, _) = self.node.handle::<Person>().read(stream, self.settings.patience).await?;
        Ok(state.standing())
    }

    /// How a sign-in stands; `None` when there never was one.
    async fn sign_in_of(&self, family: FamilyId) -> Result<Option<SignIn>, CallError> {
        let stream = StreamId::Family(family);
        if let Some(sign_in) = self.node.sign_ins().get(stream) {
            return Ok(Some(sign_in));
        }
        let handle = self.node.handle::<souk_core::family::Family>();
        let (state, _) = handle.read(stream, self.settings.patience).await?;
        Ok(state.sign_in)
    }

    /// Gives an order to a machine that knows its repeats by itself.
    async fn order<M: Hosted>(
        &self,
        stream: StreamId,
        command: M::Command,
        (principal, trace): (Principal, Option<u128>),
        patience: Duration,
    ) -> Result<Result<M::Reply, M::Rejection>, CallError> {
        let origin = Origin { principal, cause: None, trace };
        let told = self.node.handle::<M>().command(stream, command, None, origin, patience).await?;
        match told.answer {
            souk_core::host::Answer::Fresh(outcome) | souk_core::host::Answer::Repeated(outcome) => {
                Ok(outcome)
            }
            // Orders without a name are never taken for others.
            souk_core::host::Answer::KeyReused | souk_core::host::Answer::InFlight => {
                Err(CallError::OutcomeUnknown)
            }
        }
    }
}

/// The same answer at the same time, whatever it took.
async fn at_the_same_time<T>(work: impl Future<Output = T>) -> T {
    let from = Instant::now();
    let done = work.await;
    tokio::time::sleep_until(from + SAME_TIME).await;
    done
}
