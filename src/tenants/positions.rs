//! Where something was written, told to whoever wrote it, so that it can wait for its own write. Sealed: a plain
//! position would tell strangers how much is sold.

use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::{Block, BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use hmac::Mac as _;
use souk_core::ids::{PARTITIONS, Partition};

use super::base32;
use super::server_key::ServerKey;

const PURPOSE: &str = "souk/1/position";
/// What is left of a block; anything else in it was not sealed here.
const REST: [u8; 6] = [0; 6];

/// A place in the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The partition.
    pub partition: Partition,
    /// The position within it.
    pub position: u64,
}

impl ServerKey {
    /// Seals a place: one block of AES-256 under a key of its own, 26 letters. One place is always one text, which
    /// tells whether two writes are of one place and nothing more.
    pub fn seal_place(&self, place: Place) -> String {
        let mut block = [0; 16];
        block[..2].copy_from_slice(&place.partition.0.to_be_bytes());
        block[2..10].copy_from_slice(&place.position.to_be_bytes());
        let mut block = Block::<Aes256>::from(block);
        self.place_cipher().encrypt_block(&mut block);
        base32::encode(&block)
    }

    /// The place, when it was sealed with this key.
    pub fn open_place(&self, sealed: &str) -> Option<Place> {
        let mut block = Block::<Aes256>::from(base32::decode::<16>(sealed)?);
        self.place_cipher().decrypt_block(&mut block);
        let (partition, rest) = block.split_first_chunk::<2>()?;
        let (position, rest) = rest.split_first_chunk::<8>()?;
        let partition = Partition(u16::from_be_bytes(*partition));
        let sound = rest == REST && partition.0 < PARTITIONS;
        sound.then_some(Place { partition, position: u64::from_be_bytes(*position) })
    }

    fn place_cipher(&self) -> Aes256 {
        Aes256::new(&self.mac(PURPOSE, &[]).finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_opens_with_its_key_only_and_tells_nothing() {
        let key = ServerKey::from_bytes([1; 32]);
        let place = |position| Place { partition: Partition(63), position };
        let sealed = key.seal_place(place(7));
        assert_eq!(key.open_place(&sealed), Some(place(7)));
        assert_eq!(key.open_place(&key.seal_place(place(u64::MAX))), Some(place(u64::MAX)));
        assert_eq!(ServerKey::from_bytes([2; 32]).open_place(&sealed), None);
        let next = key.seal_place(place(8));
        let same = sealed.bytes().zip(next.bytes()).filter(|(a, b)| a == b).count();
        assert!(same < 10, "{sealed} {next}");
        for wrong in ["", "7", "63/7", &sealed[1..], &format!("{sealed}0"), &sealed.to_uppercase()] {
            assert_eq!(key.open_place(wrong), None, "{wrong}");
        }
        for at in 0..sealed.len() {
            let mut bent = sealed.clone().into_bytes();
            bent[at] = if bent[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(key.open_place(&String::from_utf8(bent).unwrap()), None, "letter {at}");
        }
    }
}
