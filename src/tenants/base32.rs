//! Secrets as text: the letters of ids (Crockford's base 32 in lower case), read as one number, so that 16
//! bytes look like the key of an id and 32 bytes take 52 letters. One text per value: no second spelling is
//! accepted.

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// How many letters `bytes` bytes take.
pub(super) const fn letters(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

pub(super) fn encode(bytes: &[u8]) -> String {
    let count = letters(bytes.len());
    // What the letters could hold more than the bytes do is zero and stands in front.
    let spare = count * 5 - bytes.len() * 8;
    let letter = |at: usize| {
        let digit = (0..5).fold(0, |digit, bit| {
            let set =
                (at * 5 + bit).checked_sub(spare).is_some_and(|bit| bytes[bit / 8] >> (7 - bit % 8) & 1 == 1);
            digit << 1 | usize::from(set)
        });
        char::from(ALPHABET[digit])
    };
    (0..count).map(letter).collect()
}

/// The bytes; `None` for anything that [`encode`] does not write.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != letters(N) {
        return None;
    }
    let spare = letters(N) * 5 - N * 8;
    let mut bytes = [0u8; N];
    for (at, letter) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|known| *known == letter)?;
        for bit in 0..5 {
            let set = digit >> (4 - bit) & 1 == 1;
            match (at * 5 + bit).checked_sub(spare) {
                Some(bit) => bytes[bit / 8] |= u8::from(set) << (7 - bit % 8),
                None if set => return None,
                None => {}
            }
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use souk_core::ids::SkuId;

    #[test]
    fn sixteen_bytes_are_written_like_an_id() {
        for key in [0, 1, 31, 32, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let text = encode(&key.to_be_bytes());
            assert_eq!(format!("sku_{text}"), SkuId(key).to_string());
            assert_eq!(decode(&text), Some(key.to_be_bytes()));
        }
    }

    #[test]
    fn thirty_two_bytes_take_fifty_two_letters_and_have_one_spelling() {
        let bytes: [u8; 32] = std::array::from_fn(|at| (at * 37 + 200) as u8);
        let text = encode(&bytes);
        assert_eq!(text.len(), 52);
        assert_eq!(decode(&text), Some(bytes));
        assert_eq!(decode::<32>(&text.to_uppercase()), None);
        assert_eq!(decode::<32>(&text[1..]), None);
        assert_eq!(decode::<32>(&format!("{text}0")), None);
        // 260 bits of letters for 256 bits: the first letter may only be 0 or 1.
        let bloated = format!("z{}", &text[1..]);
        assert_eq!(decode::<32>(&bloated), None);
        assert_eq!(decode::<32>(&"é".repeat(26)), None);
    }
}
