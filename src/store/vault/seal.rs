//! AES-256-GCM: a random key per subject seals the data, a versioned key of the key file wraps that key.
//!
//! What is sealed is bound to its place: text of one subject, or of one purpose, does not open as another's.
//! Randomness is the operating system's, by the `getrandom` that aes-gcm brings. A subject's key seals one text, so
//! its nonce cannot repeat; a wrapping key draws a random 96-bit nonce per subject, which is sound for 2^32 of them.

use aes_gcm::aead::{Aead, Generate, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use souk_core::ids::SubjectId;
use zeroize::Zeroizing;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// A key; wiped from memory when it is dropped.
pub(super) type Key = Zeroizing<[u8; KEY_BYTES]>;

/// What something sealed is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// The subject's key, wrapped by this version of the key file's.
    DataKey(u32),
    /// The subject's address.
    Address,
}

/// The operating system gives no random numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoRandomness;

/// A new key.
pub(super) fn new_key() -> Result<Key, NoRandomness> {
    <[u8; KEY_BYTES]>::try_generate().map(Zeroizing::new).map_err(|_| NoRandomness)
}

/// A number that nobody else has.
pub(super) fn random_number() -> Result<u64, NoRandomness> {
    u64::try_generate().map_err(|_| NoRandomness)
}

/// Seals: nonce, then ciphertext with its tag.
pub(super) fn seal(
    key: &Key,
    subject: SubjectId,
    purpose: Purpose,
    plain: &[u8],
) -> Result<Vec<u8>, NoRandomness> {
    let nonce = <[u8; NONCE_BYTES]>::try_generate().map_err(|_| NoRandomness)?;
    let place = place(subject, purpose);
    let payload = Payload { msg: plain, aad: place.as_bytes() };
    // Encryption itself fails beyond 64 GiB only, which no caller can hold; the cause said is then not the true one.
    let sealed =
        Aes256Gcm::new((&**key).into()).encrypt(&Nonce::from(nonce), payload).map_err(|_| NoRandomness)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens what was sealed with this key for this place; `None` for anything else.
pub(super) fn open(
    key: &Key,
    subject: SubjectId,
    purpose: Purpose,
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let place = place(subject, purpose);
    let payload = Payload { msg: sealed, aad: place.as_bytes() };
    Aes256Gcm::new((&**key).into()).decrypt(&Nonce::from(*nonce), payload).map(Zeroizing::new).ok()
}

/// The subject's key, from what wraps it.
pub(super) fn unwrap(key: &Key, subject: SubjectId, version: u32, wrapped: &[u8]) -> Option<Key> {
    let bytes = open(key, subject, Purpose::DataKey(version), wrapped)?;
    <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

fn place(subject: SubjectId, purpose: Purpose) -> String {
    match purpose {
        Purpose::DataKey(version) => format!("souk/vault/{subject}/key/{version}"),
        Purpose::Address => format!("souk/vault/{subject}/address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_place_open() {
        let (key, other) = (new_key().unwrap(), new_key().unwrap());
        let (a, b) = (SubjectId(1), SubjectId(2));
        let sealed = seal(&key, a, Purpose::Address, b"Ada").unwrap();
        assert_eq!(open(&key, a, Purpose::Address, &sealed).unwrap().as_slice(), b"Ada");
        assert!(open(&other, a, Purpose::Address, &sealed).is_none(), "another key");
        assert!(open(&key, b, Purpose::Address, &sealed).is_none(), "another subject");
        assert!(open(&key, a, Purpose::DataKey(1), &sealed).is_none(), "another purpose");
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(open(&key, a, Purpose::Address, &bent).is_none(), "byte {at}");
            assert!(open(&key, a, Purpose::Address, &sealed[..at]).is_none(), "cut at {at}");
        }
        assert_ne!(sealed, seal(&key, a, Purpose::Address, b"Ada").unwrap(), "a nonce of its own");
    }

    #[test]
    fn what_an_older_souk_sealed_still_opens() {
        let key: Key = Zeroizing::new(std::array::from_fn(|at| at as u8));
        // Made by another implementation of AES-256-GCM, over "souk/vault/sub_0000…07/address" and "Ada".
        let sealed = [
            0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x06, 0x66, 0xb7, 0x16,
            0x24, 0x50, 0x4d, 0xf8, 0x52, 0xf6, 0x79, 0x9a, 0x0a, 0xc2, 0x8a, 0x2c, 0xdc, 0xe2, 0x01,
        ];
        assert_eq!(open(&key, SubjectId(7), Purpose::Address, &sealed).unwrap().as_slice(), b"Ada");
    }

    #[test]
    fn a_wrapped_key_is_bound_to_its_version() {
        let (kek, data) = (new_key().unwrap(), new_key().unwrap());
        let wrapped = seal(&kek, SubjectId(1), Purpose::DataKey(1), data.as_slice()).unwrap();
        assert_eq!(unwrap(&kek, SubjectId(1), 1, &wrapped).unwrap(), data);
        assert!(unwrap(&kek, SubjectId(1), 2, &wrapped).is_none());
        let short = seal(&kek, SubjectId(1), Purpose::DataKey(1), b"short").unwrap();
        assert!(unwrap(&kek, SubjectId(1), 1, &short).is_none());
    }
}
