//! Refresh tokens: `souk_refresh_FAMILY_GENERATION_SIGNATURE`.
//!
//! The signature is made of two secrets: the server's own, and 32 random bytes in the family's plain row. Whoever reads the
//! database has only the second, whoever reads the server's file only the first. The token of a generation is always the
//! same, so that one whose answer was lost is made again; when the row is gone no token of the family can be.

use std::fmt;
use std::str::FromStr;

use hmac::Mac as _;
use souk_core::ids::FamilyId;
use zeroize::Zeroizing;

use super::base32;
use super::server_key::ServerKey;
use super::tokens::{SignedToken, TokenRefused};

const PREFIX: &str = "souk_refresh_";
const SIGNED: &str = "souk/1/refresh token";
/// Bytes of the signature.
const SIGNATURE: usize = 16;

/// The half of a family's secret that lies in its row.
#[derive(Clone)]
pub struct FamilySecret(Zeroizing<[u8; 32]>);

impl FamilySecret {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        Ok(FamilySecret(bytes))
    }

    /// As its row holds it; `None` when those bytes are none.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| FamilySecret(Zeroizing::new(bytes)))
    }

    /// For its row.
    pub fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for FamilySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FamilySecret(***)")
    }
}

/// A refresh token as somebody sent it: well formed, not yet verified.
#[derive(Clone)]
pub struct PresentedRefresh {
    family: FamilyId,
    generation: u32,
    signature: [u8; SIGNATURE],
}

impl PresentedRefresh {
    /// Whose secret it must be signed with.
    pub fn family(&self) -> FamilyId {
        self.family
    }
}

impl fmt::Debug for PresentedRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedRefresh({} {}, ***)", self.family, self.generation)
    }
}

impl FromStr for PresentedRefresh {
    type Err = TokenRefused;

    fn from_str(text: &str) -> Result<Self, TokenRefused> {
        let mut parts = text.strip_prefix(PREFIX).ok_or(TokenRefused)?.split('_');
        let mut next = || parts.next().ok_or(TokenRefused);
        let (family, generation, signature) = (next()?, next()?, next()?);
        let family: [u8; 16] = base32::decode(family).ok_or(TokenRefused)?;
        let number: u32 = generation.parse().map_err(|_| TokenRefused)?;
        // One spelling: neither +1 nor 01.
        if number.to_string() != generation || parts.next().is_some() {
            return Err(TokenRefused);
        }
        let signature = base32::decode(signature).ok_or(TokenRefused)?;
        Ok(PresentedRefresh { family: FamilyId(u128::from_be_bytes(family)), generation: number, signature })
    }
}

impl ServerKey {
    /// The refresh token of this generation.
    pub fn refresh_token(&self, secret: &FamilySecret, family: FamilyId, generation: u32) -> SignedToken {
        let signature = self.refresh_mac(secret, family, generation).finalize().into_bytes();
        SignedToken::of(format!(
            "{PREFIX}{}_{generation}_{}",
            base32::encode(&family.0.to_be_bytes()),
            base32::encode(&signature[..SIGNATURE])
        ))
    }

    /// The generation that somebody really has the token of.
    ///
    /// # Errors
    /// When it was not made with this secret.
    pub fn open_refresh(
        &self,
        presented: &PresentedRefresh,
        secret: &FamilySecret,
    ) -> Result<u32, TokenRefused> {
        let mac = self.refresh_mac(secret, presented.family, presented.generation);
        // In constant time: how long a wrong signature takes must not tell how much of it was right.
        mac.verify_truncated_left(&presented.signature).map_err(|_| TokenRefused)?;
        Ok(presented.generation)
    }

    fn refresh_mac(
        &self,
        secret: &FamilySecret,
        family: FamilyId,
        generation: u32,
    ) -> hmac::Hmac<sha2::Sha256> {
        self.mac(SIGNED, &[secret.expose(), &family.0.to_be_bytes(), &generation.to_be_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: ServerKey = ServerKey::from_bytes([1; 32]);
    const FAMILY: FamilyId = FamilyId(5);

    fn secret(of: u8) -> FamilySecret {
        FamilySecret::from_slice(&[of; 32]).unwrap()
    }

    fn opened(text: &str, with: u8) -> Result<u32, TokenRefused> {
        KEY.open_refresh(&text.parse()?, &secret(with))
    }

    #[test]
    fn a_token_is_of_one_family_generation_and_secret() {
        let token = KEY.refresh_token(&secret(9), FAMILY, 6);
        // Worked out by hand from RFC 2104, not by this code: people stay signed in over releases.
        let known = "souk_refresh_00000000000000000000000005_6_6yx3zknewm1eyhbezfbatqy4hz";
        assert_eq!(token.expose(), known);
        assert_eq!(opened(known, 9), Ok(6));
        assert_eq!(opened(known, 8), Err(TokenRefused), "another secret");
        assert_eq!(opened(&known.replace("_6_", "_7_"), 9), Err(TokenRefused), "another generation");
        let of_other = KEY.refresh_token(&secret(9), FamilyId(4), 6);
        let swapped = of_other.expose().replace("00004_", "00005_");
        assert_eq!(opened(&swapped, 9), Err(TokenRefused), "another family");
        let elsewhere = ServerKey::from_bytes([2; 32]).refresh_token(&secret(9), FAMILY, 6);
        assert_eq!(opened(elsewhere.expose(), 9), Err(TokenRefused), "another server");
    }

    #[test]
    fn there_is_one_spelling_of_a_token() {
        let token = KEY.refresh_token(&secret(9), FAMILY, 6).expose().to_owned();
        for wrong in [
            "",
            "souk_refresh_",
            &token[..token.len() - 1],
            &format!("{token}_"),
            &format!("{token}0"),
            &token.to_uppercase(),
            &token.replace("_6_", "_06_"),
            &token.replace("_6_", "_+6_"),
            &token.replace("_6_", "_4294967302_"),
            &token.replace("_6_", "__"),
        ] {
            assert!(wrong.parse::<PresentedRefresh>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_never_printed() {
        let presented: PresentedRefresh = KEY.refresh_token(&secret(9), FAMILY, 6).expose().parse().unwrap();
        let printed = format!("{presented:?} {:?}", secret(9));
        assert!(printed.contains(&FAMILY.to_string()) && !printed.contains("6yx3"), "{printed}");
    }
}
