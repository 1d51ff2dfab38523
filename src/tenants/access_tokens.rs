//! Access tokens: JWTs (RFC 9068) of a few minutes that say who is signed in and for which surface; never what they may do,
//! which is looked up with every request.
//!
//! They are signed with Ed25519 by a key that is replaced from time to time; a token names its key. A key is a function of
//! this server's secret and of random bytes in its row, so that neither the database nor the file alone signs anything.

use std::fmt;
use std::sync::Once;

use ed25519_dalek::{Signature, SigningKey as Pair, VerifyingKey};
use hmac::Mac as _;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use souk_core::family::{Audience, Method, SignIn};
use souk_core::ids::{FamilyId, UserId, VendorId};
use souk_core::person::Standing;
use souk_core::time::Timestamp;

use super::base32;
use super::scope::PersonScope;
use super::server_key::ServerKey;

/// How long an access token is good, in ms.
pub const GOOD_FOR_MS: i64 = 10 * 60 * 1_000;
/// How long a key signs before there is a new one, in ms: 30 days.
pub const SIGNS_FOR_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// What clocks of two servers may differ by, in ms.
const LEEWAY_MS: i64 = 5_000;

const DERIVED: &str = "souk/1/signing key";
/// Says of a JWT that it is an access token and nothing else (RFC 9068, §2.1).
const TYPE: &str = "at+jwt";
/// How somebody showed who they are, as RFC 8176 calls it.
const PASSWORD: &str = "pwd";
const CODE: &str = "otp";

/// A signing key as its row holds it: worth nothing without the server's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeyRecord {
    /// Its name, which tokens say.
    pub id: String,
    /// The half of it that lies in the row.
    pub salt: [u8; 32],
    /// When it was made.
    pub made_at: Timestamp,
}

impl fmt::Debug for SigningKeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeyRecord({}, ***)", self.id)
    }
}

impl SigningKeyRecord {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new(now: Timestamp) -> Result<Self, getrandom::Error> {
        let (mut id, mut salt) = ([0; 10], [0; 32]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut salt)?;
        Ok(SigningKeyRecord { id: base32::encode(&id), salt, made_at: now })
    }

    /// Whether its time to sign is over.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.made_at.plus_millis(SIGNS_FOR_MS)
    }
}

/// A key that signs access tokens.
#[derive(Clone)]
pub struct AccessKey {
    id: String,
    signs: EncodingKey,
    verifies: DecodingKey,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey({}, ***)", self.id)
    }
}

impl ServerKey {
    /// The key of a row.
    pub fn access_key(&self, record: &SigningKeyRecord) -> AccessKey {
        install();
        let seed = self.mac(DERIVED, &[record.id.as_bytes(), &record.salt]).finalize().into_bytes();
        let pair = Pair::from_bytes(&seed.into());
        AccessKey {
            id: record.id.clone(),
            signs: EncodingKey::from_ed_der(pair.as_bytes()),
            verifies: DecodingKey::from_ed_der(pair.verifying_key().as_bytes()),
        }
    }
}

/// What an access token says. Times are seconds, as RFC 7519 has them. What a newer souk adds says nothing here.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    /// The sign-in.
    fam: FamilyId,
    /// For whom, on the vendors' surface and there only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ven: Option<VendorId>,
    iat: i64,
    nbf: i64,
    exp: i64,
    auth_time: i64,
    amr: Vec<String>,
}

/// What an access token is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holder {
    /// The sign-in.
    pub family: FamilyId,
    /// Who signed in.
    pub person: UserId,
    /// For which surface.
    pub audience: Audience,
    /// How they showed who they are.
    pub method: Method,
    /// When they last did.
    pub shown_at: Timestamp,
    /// When the sign-in is over in any case.
    pub ends_at: Timestamp,
}

/// An access token that this shop signed, for this surface, and that is in its time. Whether its sign-in still stands is
/// looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifiedToken {
    /// Who signed in.
    pub person: UserId,
    /// The sign-in.
    pub family: FamilyId,
    audience: Audience,
}

/// Why an access token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AccessRefused {
    /// It is no access token of this shop.
    #[error(
        "this is no access token of this shop, or it is incomplete: use the whole access_token of a sign-in"
    )]
    Malformed,
    /// It names a key that is not known.
    #[error("this access token was signed with a key that is not known here: refresh it")]
    UnknownKey,
    /// It is for another surface.
    #[error("this access token is for another part of the API: sign in for this one")]
    WrongAudience,
    /// Its time is over, or has not come.
    #[error("this access token has had its time: refresh it")]
    Expired,
    /// Its sign-in has ended.
    #[error("this sign-in is over: sign in again")]
    SignedOut,
}

/// A part of the API with tokens of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Surface {
    /// Shopping, and one's own account.
    Store,
    /// Acting for a vendor: the token says for which.
    Vendor,
    /// Keeping order.
    Operator,
}

impl Surface {
    /// How it is called in a token.
    const fn text(self) -> &'static str {
        match self {
            Surface::Store => "souk:store",
            Surface::Vendor => "souk:vendor",
            Surface::Operator => "souk:operator",
        }
    }

    /// What a token is good for that names this surface and this vendor, or none.
    const fn audience(self, vendor: Option<VendorId>) -> Option<Audience> {
        match (self, vendor) {
            (Surface::Store, None) => Some(Audience::Store),
            (Surface::Vendor, Some(vendor)) => Some(Audience::Vendor(vendor)),
            (Surface::Operator, None) => Some(Audience::Operator),
            (Surface::Store | Surface::Operator, Some(_)) | (Surface::Vendor, None) => None,
        }
    }
}

/// The surface of a sign-in, and its vendor.
const fn surface(of: Audience) -> (Surface, Option<VendorId>) {
    match of {
        Audience::Store => (Surface::Store, None),
        Audience::Vendor(vendor) => (Surface::Vendor, Some(vendor)),
        Audience::Operator => (Surface::Operator, None),
    }
}

impl AccessKey {
    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A token for this sign-in, good for some minutes but never longer than the sign-in, and until when.
    ///
    /// # Errors
    /// Only when a claim has no JSON form.
    pub fn sign(
        &self,
        issuer: &str,
        holder: &Holder,
        now: Timestamp,
    ) -> Result<(AccessText, Timestamp), jsonwebtoken::errors::Error> {
        let exp = seconds(now.plus_millis(GOOD_FOR_MS).min(holder.ends_at));
        let shown: &[&str] = match holder.method {
            Method::Password => &[PASSWORD],
            Method::PasswordAndCode => &[PASSWORD, CODE],
        };
        let (surface, ven) = surface(holder.audience);
        let claims = Claims {
            iss: issuer.to_owned(),
            aud: surface.text().to_owned(),
            sub: holder.person,
            fam: holder.family,
            ven,
            iat: seconds(now),
            nbf: seconds(now),
            exp,
            auth_time: seconds(holder.shown_at),
            amr: shown.iter().map(|name| (*name).to_owned()).collect(),
        };
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(self.id.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let text = jsonwebtoken::encode(&header, &claims, &self.signs)?;
        Ok((AccessText(text), Timestamp::from_millis(exp * 1_000)))
    }

    /// What a token says that names this key.
    ///
    /// # Errors
    /// See [`AccessRefused`].
    pub fn verify(
        &self,
        text: &str,
        issuer: &str,
        surface: Surface,
        now: Timestamp,
    ) -> Result<VerifiedToken, AccessRefused> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[issuer]);
        rules.set_audience(&[surface.text()]);
        rules.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        // By this server's clock, below.
        rules.validate_exp = false;
        let decoded = jsonwebtoken::decode::<Claims>(text, &self.verifies, &rules);
        let token = decoded.map_err(|error| match error.kind() {
            ErrorKind::InvalidAudience => AccessRefused::WrongAudience,
            _ => AccessRefused::Malformed,
        })?;
        if token.header.typ.as_deref() != Some(TYPE) {
            return Err(AccessRefused::Malformed);
        }
        let claims = token.claims;
        let lasts = claims.exp.saturating_sub(claims.nbf);
        if !(0..=GOOD_FOR_MS / 1_000).contains(&lasts) {
            return Err(AccessRefused::Malformed);
        }
        if now.as_millis() >= claims.exp.saturating_mul(1_000)
            || now.as_millis() < claims.nbf.saturating_mul(1_000).saturating_sub(LEEWAY_MS)
        {
            return Err(AccessRefused::Expired);
        }
        let audience = surface.audience(claims.ven).ok_or(AccessRefused::Malformed)?;
        Ok(VerifiedToken { person: claims.sub, family: claims.fam, audience })
    }
}

/// The key that a token names; `None` when it names none, or is no token.
pub fn key_of(text: &str) -> Option<String> {
    // Whatever else a header may say, keys come from our own table only.
    jsonwebtoken::decode_header(text).ok()?.kid
}

impl VerifiedToken {
    /// What the token opens while its sign-in stands: the family lives, as does the one that it came of, is the one
    /// that the token says, and its round is the person's.
    ///
    /// # Errors
    /// [`AccessRefused::SignedOut`].
    pub fn admit(
        &self,
        (sign_in, parent): (Option<&SignIn>, Option<&SignIn>),
        standing: Option<&Standing>,
        now: Timestamp,
    ) -> Result<PersonScope, AccessRefused> {
        let sign_in = sign_in.filter(|sign_in| {
            sign_in.is_live(now) && sign_in.person == self.person && sign_in.audience == self.audience
        });
        let sign_in = sign_in.filter(|sign_in| sign_in.comes_of_live(parent, now));
        let standing = standing.filter(|standing| standing.person == self.person);
        match (sign_in, standing) {
            (Some(sign_in), Some(standing)) if sign_in.round == standing.round => {
                let root = parent.unwrap_or(sign_in);
                Ok(PersonScope::of_sign_in(self.family, *sign_in, root, standing))
            }
            _ => Err(AccessRefused::SignedOut),
        }
    }
}

/// An access token's text. Whoever reads it may use it: shown to its owner only, never logged.
pub struct AccessText(String);

impl AccessText {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessText(***)")
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1_000)
}

// What jsonwebtoken is to sign and verify with. Its own choice of algorithms brings RSA, whose known weakness in timing has
// no mend (RUSTSEC-2023-0071), and curves that nothing here uses; there is one algorithm here, so that none can be swapped
// for another.

struct Signs(Pair);
struct Verifies(VerifyingKey);

impl Signer<Vec<u8>> for Signs {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

impl JwtSigner for Signs {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

impl Verifier<Vec<u8>> for Verifies {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        // Strictly: no signature that a second key would fit, too.
        self.0.verify_strict(message, &Signature::from_slice(signature)?)
    }
}

impl JwtVerifier for Verifies {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> jsonwebtoken::errors::Result<Box<dyn JwtSigner>> {
    let seed = <&[u8; 32]>::try_from(key.as_bytes()).ok().filter(|_| *algorithm == Algorithm::EdDSA);
    Ok(Box::new(Signs(Pair::from_bytes(seed.ok_or(ErrorKind::InvalidEddsaKey)?))))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> jsonwebtoken::errors::Result<Box<dyn JwtVerifier>> {
    let bytes = key.try_get_as_bytes()?;
    let bytes = <&[u8; 32]>::try_from(bytes).ok().filter(|_| *algorithm == Algorithm::EdDSA);
    let key = VerifyingKey::from_bytes(bytes.ok_or(ErrorKind::InvalidEddsaKey)?);
    Ok(Box::new(Verifies(key.map_err(|_| ErrorKind::InvalidEddsaKey)?)))
}

/// Once a process: whoever comes second finds it done.
fn install() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: signer,
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

#[cfg(test)]
mod tests;
