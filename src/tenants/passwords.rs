//! Passwords: which are taken, and how they are hashed.
//!
//! A hash costs 19 MiB and a good part of a second's work on purpose, so hashing is a thing that a shop must not be drowned
//! in: as many at once as there are processors, a few more that wait, and whoever comes then is told to come again. A sign-in
//! costs one hash whether or not anybody has an account under that address.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// The shortest password, in characters.
pub const LENGTH_MIN: usize = 12;
/// The longest.
pub const LENGTH_MAX: usize = 128;
/// What a guesser must be expected to need, of 0 to 4 (a hundred million tries).
const STRENGTH_MIN: u8 = 3;

/// How many characters are judged: what the rest adds makes no password weaker, and judging takes long for long ones.
const JUDGED: usize = 32;

/// Hashes that may be under way or wait, for each processor.
const PLACES_PER_THREAD: usize = 16;

/// Compared with when there is nothing to compare with: a hash of the same cost that no password has.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c291ay9ub2JvZHkvc2FsdA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password as somebody typed it; wiped from memory when it is dropped, never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl From<String> for Password {
    fn from(text: String) -> Self {
        Password(Zeroizing::new(text))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// A password's hash as its row holds it: Argon2id with its salt and costs, in the PHC's notation.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordRow(Zeroizing<String>);

impl PasswordRow {
    /// As its row holds it; `None` when those bytes are no text.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(|text| PasswordRow(Zeroizing::new(text.to_owned())))
    }

    /// For its row.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordRow(***)")
    }
}

/// Why a password is not taken, or not hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has {LENGTH_MIN} to {LENGTH_MAX} characters")]
    Length,
    /// Others would soon think of it.
    #[error(
        "this password is too easily guessed: take several words that have nothing to do with each other, or let \
         a password manager make one"
    )]
    Common,
    /// Too many are being hashed.
    #[error("too many people sign in at this moment")]
    Busy,
    /// The system gave no random bytes, or no memory.
    #[error("the password could not be hashed")]
    Failed,
}

/// Hashes passwords, not too many at once. Clones share the places.
#[derive(Clone, Debug)]
pub struct Hasher(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    /// For those under way and those that wait.
    places: Arc<Semaphore>,
    /// For those under way.
    threads: Arc<Semaphore>,
    /// How many were hashed since the start.
    hashed: AtomicU64,
}

impl Hasher {
    /// Hashes as many at once as this.
    pub fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        Hasher(Arc::new(Inside {
            places: Arc::new(Semaphore::new(threads * PLACES_PER_THREAD)),
            threads: Arc::new(Semaphore::new(threads)),
            hashed: AtomicU64::new(0),
        }))
    }

    /// How many were hashed since the start.
    pub fn hashed(&self) -> u64 {
        self.0.hashed.load(Ordering::Relaxed)
    }

    /// The hash of a password that its owner has chosen. `known` are texts that an attacker knows of its owner.
    ///
    /// # Errors
    /// When it is not one to be taken, or cannot be hashed now.
    pub async fn hash(&self, password: Password, known: Vec<String>) -> Result<PasswordRow, PasswordError> {
        if !has_length(&password) {
            return Err(PasswordError::Length);
        }
        self.place(move |inside| {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let judged: Zeroizing<String> = Zeroizing::new(password.0.chars().take(JUDGED).collect());
            if u8::from(zxcvbn::zxcvbn(&judged, &known).score()) < STRENGTH_MIN {
                return Err(PasswordError::Common);
            }
            inside.hashed.fetch_add(1, Ordering::Relaxed);
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(|_| PasswordError::Failed)?;
            let hash: Result<PasswordHash, _> =
                Argon2::default().hash_password_with_salt(password.0.as_bytes(), &salt);
            hash.map(|hash| PasswordRow(Zeroizing::new(hash.to_string()))).map_err(|_| PasswordError::Failed)
        })
        .await
    }

    /// Whether this is the password of that row. Without a row it costs the same and is not.
    ///
    /// # Errors
    /// When it cannot be hashed now, or the row was damaged.
    pub async fn verify(&self, password: Password, row: Option<PasswordRow>) -> Result<bool, PasswordError> {
        // Nobody has one of another length; and what costs a hash must not be made costlier by whoever sends it.
        let password = if has_length(&password) { password } else { Password(Zeroizing::default()) };
        self.place(move |inside| {
            inside.hashed.fetch_add(1, Ordering::Relaxed);
            let text = row.as_ref().map_or(NOBODY, |row| row.expose());
            let hash = PasswordHash::new(text).map_err(|_| PasswordError::Failed)?;
            let is_it = Argon2::default().verify_password(password.0.as_bytes(), &hash).is_ok();
            Ok(is_it && row.is_some())
        })
        .await
    }

    /// Does it on a thread of its own when there is room. Its places are given back when it is done, not when nobody waits
    /// for it any more.
    async fn place<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inside) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let inside = Arc::clone(&self.0);
        let place = Arc::clone(&inside.places).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let thread = Arc::clone(&inside.threads).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, thread);
            work(&inside)
        });
        done.await.map_err(|_| PasswordError::Failed)?
    }
}

fn has_length(password: &Password) -> bool {
    // A character has at most four bytes: a text that is far too long is not counted through.
    password.0.len() <= LENGTH_MAX * 4 && (LENGTH_MIN..=LENGTH_MAX).contains(&password.0.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "lantern-oyster-47-granite";

    fn typed(text: &str) -> Password {
        Password::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let hasher = Hasher::new(2);
        let row = hasher.hash(typed(GOOD), Vec::new()).await.unwrap();
        assert!(row.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", row.expose());
        assert_eq!(PasswordRow::from_slice(row.expose().as_bytes()), Some(row.clone()));
        let is = async |text: &str| hasher.verify(typed(text), Some(row.clone())).await;
        assert_eq!(is(GOOD).await, Ok(true));
        for other in ["lantern-oyster-47-granitE", "", &"x".repeat(10_000)] {
            assert_eq!(is(other).await, Ok(false));
        }
        let again = hasher.hash(typed(GOOD), Vec::new()).await.unwrap();
        assert_ne!(again, row, "a salt of its own");
        assert_eq!(format!("{:?} {:?}", row, typed(GOOD)), "PasswordRow(***) Password(***)");
    }

    #[tokio::test]
    async fn whoever_has_no_account_costs_the_same() {
        let costs = |text: &str| {
            let hash = PasswordHash::new(text).unwrap();
            (hash.algorithm.to_string(), hash.version, hash.params.to_string(), hash.hash.unwrap().len())
        };
        let hasher = Hasher::new(1);
        let row = hasher.hash(typed(GOOD), Vec::new()).await.unwrap();
        assert_eq!(costs(row.expose()), costs(NOBODY));
        for (row, text) in [(Some(row), "another-long-password"), (None, GOOD), (None, "")] {
            let before = hasher.hashed();
            assert_eq!(hasher.verify(typed(text), row).await, Ok(false));
            assert_eq!(hasher.hashed(), before + 1);
        }
    }

    #[tokio::test]
    async fn what_is_soon_guessed_is_not_taken() {
        let hasher = Hasher::new(1);
        let refused = async |text: &str, known: &[&str]| {
            let known = known.iter().map(|text| (*text).to_owned()).collect();
            hasher.hash(typed(text), known).await.err()
        };
        for short in ["", "elevenchars", &"x".repeat(129)] {
            assert_eq!(refused(short, &[]).await, Some(PasswordError::Length), "{short}");
        }
        for common in ["password1234", "123456789012", "qwertyuiop[]", "aaaaaaaaaaaaa", "PasswordPassword"] {
            assert_eq!(refused(common, &[]).await, Some(PasswordError::Common), "{common}");
        }
        let mail = "wilhelmina@example.org";
        assert_eq!(refused("wilhelmina12", &[mail, "wilhelmina"]).await, Some(PasswordError::Common));
        assert_eq!(hasher.hashed(), 0);
        for good in [GOOD, "дванадцять-слонів-летять", "correct horse battery staple"] {
            assert_eq!(refused(good, &[mail]).await, None, "{good}");
        }
    }

    #[tokio::test]
    async fn too_many_at_once_are_told_so() {
        let hasher = Hasher::new(1);
        let held = Arc::clone(&hasher.0.threads).acquire_owned().await.unwrap();
        let waiting: Vec<_> = (0..PLACES_PER_THREAD)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.verify(typed(GOOD), None).await })
            })
            .collect();
        while hasher.0.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.verify(typed(GOOD), None).await, Err(PasswordError::Busy));
        // Nobody waits for the first one any more: its place is free again.
        waiting[0].abort();
        drop(held);
        for (at, one) in waiting.into_iter().enumerate() {
            let told = one.await;
            assert!(at == 0 || matches!(told, Ok(Ok(false))), "{told:?}");
        }
        assert_eq!(hasher.verify(typed(GOOD), None).await, Ok(false));
    }
}
