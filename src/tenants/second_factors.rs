//! Second factors: an authenticator's secret and its codes (RFC 6238), and recovery codes for whoever has lost it.
//!
//! A secret is made of two halves, as those of sign-ins are: 32 random bytes in a row, and the server's own. Recovery codes are
//! made of the server's secret and the name of their row, so that an answer that was lost can be given again; the row holds
//! keyed hashes of them, and without it none of them is good.

use std::fmt;

use hmac::Mac as _;
use souk_core::ids::{CredentialId, UserId};
use souk_core::person::factors::RECOVERY_CODES;
use souk_core::time::Timestamp;
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use totp_rs::{Builder, Totp, TotpError};
use zeroize::Zeroizing;

use super::base32;
use super::server_key::ServerKey;

const SECRET: &str = "souk/1/totp secret";
const RECOVERY: &str = "souk/1/recovery code";
const RECOVERY_HASH: &str = "souk/1/recovery code hash";
/// Bytes of an authenticator's secret: as long as the hash, says RFC 4226, §4.
const SECRET_BYTES: usize = 20;
/// Bytes of a recovery code: 80 bits, which nobody guesses.
const RECOVERY_BYTES: usize = 10;
const HASH_BYTES: usize = 32;
/// Longer is no code.
const CODE_MAX: usize = 64;

/// The half of an authenticator's secret that lies in its row.
#[derive(Clone)]
pub struct TotpHalf(Zeroizing<[u8; 32]>);

impl TotpHalf {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        Ok(TotpHalf(bytes))
    }

    /// As its row holds it; `None` when those bytes are none.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| TotpHalf(Zeroizing::new(bytes)))
    }

    /// For its row.
    pub fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for TotpHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpHalf(***)")
    }
}

/// A code as somebody typed it, of an authenticator or for recovery. Wiped from memory when it is dropped, never printed.
#[derive(Clone)]
pub struct PresentedCode(Zeroizing<String>);

impl From<String> for PresentedCode {
    fn from(text: String) -> Self {
        let text = Zeroizing::new(text);
        // As people copy them: in groups, in capitals.
        let letters = text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').take(CODE_MAX);
        PresentedCode(Zeroizing::new(letters.map(|letter| letter.to_ascii_lowercase()).collect()))
    }
}

impl fmt::Debug for PresentedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedCode(***)")
    }
}

/// An authenticator's secret: makes and knows its codes. Never printed.
pub struct Authenticator(Totp);

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator(***)")
    }
}

impl Authenticator {
    fn new(secret: [u8; SECRET_BYTES]) -> Self {
        // SHA-1, six digits, half a minute and one step to both sides: what every authenticator speaks.
        Authenticator(Builder::new().with_secret(secret.to_vec()).with_skew(1).build_noncompliant())
    }

    /// The step that a code is of, when it is one of now, or of just before or after.
    pub fn step_of(&self, code: &PresentedCode, now: Timestamp) -> Option<u64> {
        self.0.check(&code.0, seconds(now))
    }

    /// The secret as people type it into an authenticator.
    pub fn secret(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.secret().to_base32())
    }
}

fn seconds(at: Timestamp) -> u64 {
    at.as_millis().max(0).unsigned_abs() / 1_000
}

impl ServerKey {
    /// The authenticator whose half lies in the row of this name.
    pub fn authenticator(&self, totp: CredentialId, half: &TotpHalf) -> Authenticator {
        let hash = Zeroizing::new(<[u8; HASH_BYTES]>::from(
            self.mac(SECRET, &[half.expose(), &totp.0.to_be_bytes()]).finalize().into_bytes(),
        ));
        let mut secret = [0; SECRET_BYTES];
        secret.copy_from_slice(&hash[..SECRET_BYTES]);
        Authenticator::new(secret)
    }

    /// What an authenticator reads from a picture (`otpauth://…`).
    ///
    /// # Errors
    /// When the names have a colon.
    pub fn enrolment(
        &self,
        totp: CredentialId,
        half: &TotpHalf,
        (issuer, account): (&str, &str),
    ) -> Result<Zeroizing<String>, TotpError> {
        let secret = self.authenticator(totp, half).0.secret().as_bytes().to_vec();
        let named = Builder::new()
            .with_secret(secret)
            .with_issuer(Some(issuer))
            .with_account_name(account)
            .build()?;
        named.to_url().map(Zeroizing::new)
    }

    /// The recovery codes whose hashes lie in the row of this name.
    pub fn recovery_codes(&self, person: UserId, codes: CredentialId) -> Vec<Zeroizing<String>> {
        let letters =
            (0..RECOVERY_CODES).map(|number| base32::encode(&*self.recovery_code(person, codes, number)));
        letters
            .map(|letters| {
                let letters = Zeroizing::new(letters);
                let groups: Vec<&str> =
                    (0..letters.len()).step_by(4).filter_map(|at| letters.get(at..at + 4)).collect();
                Zeroizing::new(groups.join("-"))
            })
            .collect()
    }

    /// The row of these codes: a hash of each, by number.
    pub fn recovery_row(&self, person: UserId, codes: CredentialId) -> Vec<u8> {
        let hash = |number| self.recovery_hash(codes, &self.recovery_code(person, codes, number));
        (0..RECOVERY_CODES).flat_map(hash).collect()
    }

    /// Which of the codes of this row somebody has typed. Takes the same whichever it is.
    pub fn recovery_number(&self, codes: CredentialId, row: &[u8], code: &PresentedCode) -> Option<u32> {
        // Letters that are no part of the alphabet are those they are mistaken for.
        let plain = |letter| match letter {
            'o' => '0',
            'i' | 'l' => '1',
            letter => letter,
        };
        let typed: Zeroizing<String> = Zeroizing::new(code.0.chars().map(plain).collect());
        let typed = Zeroizing::new(base32::decode::<RECOVERY_BYTES>(&typed)?);
        let hash = self.recovery_hash(codes, &typed);
        let mut found = u32::MAX;
        for (number, known) in (0..RECOVERY_CODES).zip(row.chunks_exact(HASH_BYTES)) {
            found.conditional_assign(&number, known.ct_eq(&hash));
        }
        (found < RECOVERY_CODES).then_some(found)
    }

    fn recovery_code(
        &self,
        person: UserId,
        codes: CredentialId,
        number: u32,
    ) -> Zeroizing<[u8; RECOVERY_BYTES]> {
        let fields: [&[u8]; 3] = [&person.0.to_be_bytes(), &codes.0.to_be_bytes(), &number.to_be_bytes()];
        let hash = self.mac(RECOVERY, &fields).finalize().into_bytes();
        let mut code = Zeroizing::new([0; RECOVERY_BYTES]);
        code.copy_from_slice(&hash[..RECOVERY_BYTES]);
        code
    }

    fn recovery_hash(&self, codes: CredentialId, code: &[u8; RECOVERY_BYTES]) -> [u8; HASH_BYTES] {
        self.mac(RECOVERY_HASH, &[&codes.0.to_be_bytes(), code]).finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: ServerKey = ServerKey::from_bytes([1; 32]);
    const TOTP: CredentialId = CredentialId(5);
    const PERSON: UserId = UserId(6);
    const CODES: CredentialId = CredentialId(7);
    const OTHER_CODES: CredentialId = CredentialId(8);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn typed(text: &str) -> PresentedCode {
        PresentedCode::from(text.to_owned())
    }

    fn half(of: u8) -> TotpHalf {
        TotpHalf::from_slice(&[of; 32]).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, its last six of eight digits.
        let secret = *b"12345678901234567890";
        let known = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        let authenticator = Authenticator::new(secret);
        assert_eq!(authenticator.secret().as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (seconds, code) in known {
            let step = u64::try_from(seconds / 30).unwrap();
            assert_eq!(authenticator.step_of(&typed(code), at(seconds)), Some(step), "{seconds}");
        }
    }

    #[test]
    fn a_clock_may_be_wrong_by_one_step_and_no_more() {
        let authenticator = Authenticator::new(*b"12345678901234567890");
        // 287082 is of step 1: from second 30 to 59.
        for (seconds, good) in
            [(0, true), (29, true), (30, true), (89, true), (90, false), (120, false), (-30, true)]
        {
            assert_eq!(authenticator.step_of(&typed("287082"), at(seconds)).is_some(), good, "{seconds}");
        }
        // 081804 is of step 37,037,036.
        let step = 37_037_036;
        for (steps, good) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let told = authenticator.step_of(&typed("081804"), at((step + steps) * 30));
            assert_eq!(told, good.then_some(step as u64), "{steps} steps");
        }
    }

    #[test]
    fn a_code_is_six_digits_however_they_are_spaced() {
        let authenticator = Authenticator::new(*b"12345678901234567890");
        for (text, good) in [
            ("287082", true),
            (" 287 082\n", true),
            ("287-082", true),
            ("", false),
            ("28708", false),
            ("0287082", false),
            ("+87082", false),
            ("２８７０８２", false),
            ("287083", false),
        ] {
            assert_eq!(authenticator.step_of(&typed(text), at(59)).is_some(), good, "{text}");
        }
    }

    #[test]
    fn a_secret_is_of_one_row_and_one_server() {
        let secret =
            |key: &ServerKey, totp, of| key.authenticator(CredentialId(totp), &half(of)).secret().to_string();
        let other = ServerKey::from_bytes([2; 32]);
        let all = [secret(&KEY, 5, 9), secret(&KEY, 5, 8), secret(&KEY, 4, 9), secret(&other, 5, 9)];
        for (at, one) in all.iter().enumerate() {
            assert!(one.len() == 32 && !all[..at].contains(one), "{at}");
        }
        // Worked out by hand from RFC 2104, not by this code: authenticators outlast releases.
        assert_eq!(all[0], "5RR7UPYJ36T2ZUMEW5IBKE2YCVQF4YSA");
        let uri = KEY.enrolment(TOTP, &half(9), ("shop.example", "ada@example.org")).unwrap();
        let expected =
            format!("otpauth://totp/shop.example:ada%40example.org?secret={}&issuer=shop.example", all[0]);
        assert_eq!(uri.as_str(), expected);
        assert_ne!(TotpHalf::new().unwrap().expose(), TotpHalf::new().unwrap().expose());
    }

    #[test]
    fn recovery_codes_are_known_by_their_row_only() {
        let (codes, row) = (KEY.recovery_codes(PERSON, CODES), KEY.recovery_row(PERSON, CODES));
        assert_eq!((codes.len(), row.len()), (10, 320));
        let known = |codes, row: &[u8], text: &str| KEY.recovery_number(codes, row, &typed(text));
        for (number, code) in (0..).zip(&codes) {
            assert_eq!(code.len(), 19, "four groups of four");
            for text in
                [code.to_string(), code.to_uppercase(), code.replace('-', " "), code.replace('1', "l")]
            {
                assert_eq!(known(CODES, &row, &text), Some(number), "{text}");
            }
            let later = &codes[number as usize + 1..];
            assert!(!later.contains(code), "each is another");
            assert_eq!(known(CODES, &[], code), None, "the row is gone");
            assert_eq!(known(OTHER_CODES, &row, code), None, "others");
        }
        for wrong in ["", "287082", "0000-0000-0000-0000", &codes[0][1..], &format!("{}0", *codes[0])] {
            assert_eq!(known(CODES, &row, wrong), None, "{wrong}");
        }
        assert_ne!(codes[0], KEY.recovery_codes(UserId(9), CODES)[0]);
        assert_ne!(codes[0], KEY.recovery_codes(PERSON, OTHER_CODES)[0]);
    }

    #[test]
    fn nothing_of_it_is_printed() {
        let printed = format!("{:?} {:?} {:?}", half(9), typed("287082"), KEY.authenticator(TOTP, &half(9)));
        assert_eq!(printed, "TotpHalf(***) PresentedCode(***) Authenticator(***)");
    }
}
