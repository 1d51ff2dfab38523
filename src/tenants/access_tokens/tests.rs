use serde_json::{Value, json};
use souk_core::family::Shown;
use souk_core::ids::CredentialId;
use souk_core::person::factors::SecondFactor;

use super::super::scope::STEPPED_UP_FOR_MS;
use super::*;

const KEY: ServerKey = ServerKey::from_bytes([1; 32]);
const ISSUER: &str = "https://shop.example";
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const PERSON: UserId = UserId(4);
const FAMILY: FamilyId = FamilyId(5);

fn record(salt: u8) -> SigningKeyRecord {
    SigningKeyRecord { id: "key1".to_owned(), salt: [salt; 32], made_at: NOW }
}

fn holder(audience: Audience) -> Holder {
    Holder {
        family: FAMILY,
        person: PERSON,
        audience,
        method: Method::Password,
        shown_at: NOW.plus_millis(-1_000),
        ends_at: NOW.plus_millis(GOOD_FOR_MS * 10),
    }
}

fn token() -> String {
    KEY.access_key(&record(7)).sign(ISSUER, &holder(Audience::Store), NOW).unwrap().0.expose().to_owned()
}

/// As a request's token is looked at, from the first letter on.
fn verify(text: &str, surface: Surface, now: Timestamp) -> Result<VerifiedToken, AccessRefused> {
    match key_of(text).ok_or(AccessRefused::Malformed)?.as_str() {
        "key1" => KEY.access_key(&record(7)).verify(text, ISSUER, surface, now),
        _ => Err(AccessRefused::UnknownKey),
    }
}

/// Base64 for URLs, without padding (RFC 7515, appendix C).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letters = bytes.chunks(3).flat_map(|chunk| {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |at| char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]))
    });
    letters.collect()
}

fn header() -> Value {
    json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "key1" })
}

fn claims() -> Value {
    let now = NOW.as_millis() / 1_000;
    json!({
        "iss": ISSUER, "aud": "souk:store", "sub": PERSON, "fam": FAMILY,
        "iat": now, "nbf": now, "exp": now + 600, "auth_time": now, "amr": ["pwd"],
    })
}

/// Signed with a key of ours, whatever it says.
fn signed_with(key: &AccessKey, header: &Value, claims: &Value) -> String {
    let message =
        format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key.signs, Algorithm::EdDSA).unwrap();
    format!("{message}.{signature}")
}

fn signed(header: &Value, claims: &Value) -> String {
    signed_with(&KEY.access_key(&record(7)), header, claims)
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

#[test]
fn a_token_says_who_is_signed_in_for_its_time_and_surface() {
    let text = token();
    let known = VerifiedToken { person: PERSON, family: FAMILY, audience: Audience::Store };
    assert_eq!(verify(&text, Surface::Store, NOW), Ok(known));
    assert_eq!(verify(&signed(&header(), &claims()), Surface::Store, NOW), Ok(known), "the forger can sign");
    let last = NOW.plus_millis(GOOD_FOR_MS - 1);
    assert_eq!(verify(&text, Surface::Store, last), Ok(known));
    let late = NOW.plus_millis(GOOD_FOR_MS);
    assert_eq!(verify(&text, Surface::Store, late), Err(AccessRefused::Expired));
    assert_eq!(verify(&text, Surface::Store, NOW.plus_millis(-LEEWAY_MS)), Ok(known));
    let early = NOW.plus_millis(-LEEWAY_MS - 1_000);
    assert_eq!(verify(&text, Surface::Store, early), Err(AccessRefused::Expired));
    for surface in [Surface::Vendor, Surface::Operator] {
        assert_eq!(verify(&text, surface, NOW), Err(AccessRefused::WrongAudience));
    }
    let ends_at = NOW.plus_millis(5_000);
    let short = Holder { ends_at, ..holder(Audience::Store) };
    let (_, until) = KEY.access_key(&record(7)).sign(ISSUER, &short, NOW).unwrap();
    assert_eq!(until, ends_at, "never longer than its sign-in");
    assert!(!format!("{:?} {:?}", KEY.access_key(&record(7)), record(7)).contains("07"));
}

#[test]
fn a_token_for_a_vendor_is_for_no_other() {
    let key = KEY.access_key(&record(7));
    let (text, _) = key.sign(ISSUER, &holder(Audience::Vendor(VendorId(8))), NOW).unwrap();
    let verified = verify(text.expose(), Surface::Vendor, NOW).unwrap();
    assert_eq!(verified.audience, Audience::Vendor(VendorId(8)));
    assert_eq!(verify(text.expose(), Surface::Store, NOW), Err(AccessRefused::WrongAudience));
    let of_nobody = signed(&header(), &with(claims(), "aud", json!("souk:vendor")));
    assert_eq!(verify(&of_nobody, Surface::Vendor, NOW), Err(AccessRefused::Malformed));
}

#[test]
fn forged_tokens_open_nothing() {
    let good = token();
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, signature] = parts[..] else { panic!("three parts") };
    let swapped = |header: Value, signature: &str| {
        format!("{}.{body}.{signature}", base64(header.to_string().as_bytes()))
    };
    let as_said = |claims: Value| format!("{head}.{}.{signature}", base64(claims.to_string().as_bytes()));
    let other_salt = KEY.access_key(&record(8));
    let other_server = ServerKey::from_bytes([2; 32]).access_key(&record(7));
    let now = NOW.as_millis() / 1_000;
    let mut flipped = signature.to_owned().into_bytes();
    flipped[10] = if flipped[10] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let forged = [
        // Without a signature, or with one of another kind.
        swapped(with(header(), "alg", json!("none")), ""),
        swapped(with(header(), "alg", json!("None")), ""),
        swapped(with(header(), "alg", json!("NONE")), signature),
        swapped(with(header(), "alg", json!("HS256")), signature),
        swapped(with(header(), "alg", json!("HS512")), signature),
        swapped(with(header(), "alg", json!("RS256")), signature),
        swapped(with(header(), "alg", json!("PS256")), signature),
        swapped(with(header(), "alg", json!("ES256")), signature),
        swapped(with(header(), "alg", json!("")), signature),
        swapped(without(header(), "alg"), signature),
        format!("{head}.{body}."),
        format!("{head}.{body}"),
        format!("{head}..{signature}"),
        format!(".{body}.{signature}"),
        format!("{good}."),
        format!("{good}=="),
        format!("{good}.{signature}"),
        format!(" {good}"),
        format!("{head}.{body}.{flipped}"),
        format!("{head}.{body}.{}", &signature[..signature.len() - 2]),
        format!("{head}.{body}.{}", base64(&[0; 64])),
        // Signed with another key, or with one that the token brings along or says where to find.
        signed_with(&other_salt, &header(), &claims()),
        signed_with(&other_server, &header(), &claims()),
        signed_with(&other_salt, &with(header(), "jku", json!("https://evil.example/keys")), &claims()),
        signed_with(&other_salt, &with(header(), "x5u", json!("https://evil.example/cert")), &claims()),
        signed_with(
            &other_salt,
            &with(header(), "jwk", json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" })),
            &claims(),
        ),
        signed(&with(header(), "kid", json!("key2")), &claims()),
        signed(&with(header(), "kid", json!("../../dev/null")), &claims()),
        signed(&with(header(), "kid", json!("key1' OR '1'='1")), &claims()),
        signed(&without(header(), "kid"), &claims()),
        // Changed after it was signed.
        as_said(with(claims(), "sub", json!(UserId(6)))),
        as_said(with(claims(), "fam", json!(FamilyId(6)))),
        as_said(with(claims(), "aud", json!("souk:operator"))),
        as_said(with(claims(), "exp", json!(now + 601))),
        // Signed by us, for something else or never in this shape.
        signed(&with(header(), "typ", json!("JWT")), &claims()),
        signed(&without(header(), "typ"), &claims()),
        signed(&with(header(), "crit", json!(["exp2"])), &claims()),
        signed(&header(), &with(claims(), "iss", json!("https://other.example"))),
        signed(&header(), &with(claims(), "aud", json!("souk:vendor"))),
        signed(&header(), &with(claims(), "aud", json!(["souk:vendor", "souk:store"]))),
        signed(&header(), &with(claims(), "exp", json!(now + 86_400))),
        signed(&header(), &with(claims(), "exp", json!(i64::MAX))),
        signed(&header(), &with(claims(), "exp", json!(-1))),
        signed(&header(), &with(claims(), "exp", json!((now + 600).to_string()))),
        signed(&header(), &with(claims(), "exp", json!(null))),
        signed(&header(), &with(claims(), "nbf", json!(now + 300))),
        signed(&header(), &with(claims(), "sub", json!("usr_x"))),
        signed(&header(), &with(claims(), "ven", json!(VendorId(1)))),
        signed(&header(), &without(claims(), "iss")),
        signed(&header(), &without(claims(), "aud")),
        signed(&header(), &without(claims(), "sub")),
        signed(&header(), &without(claims(), "fam")),
        signed(&header(), &without(claims(), "exp")),
        signed(&header(), &without(claims(), "nbf")),
        signed(&header(), &json!([])),
        String::new(),
    ];
    for (at, text) in forged.iter().enumerate() {
        let told = verify(text, Surface::Store, NOW);
        assert!(told.is_err(), "{at}: {text} {told:?}");
    }
    println!("{} forged tokens", forged.len());
}

#[test]
fn a_token_opens_what_its_sign_in_does() {
    let verified = verify(&token(), Surface::Store, NOW).unwrap();
    let sign_in = SignIn {
        person: PERSON,
        round: 3,
        audience: Audience::Store,
        method: Method::Password,
        parent: None,
        begun_at: NOW,
        idle_ms: 1,
        ends_at: NOW.plus_millis(1),
        generation: 1,
        rotated_at: NOW,
        stepped_up: None,
        ended: None,
    };
    let mail = souk_core::ids::SubjectId(1);
    let (operator, second) = (None, None);
    let standing = Standing { person: PERSON, mail, password: None, round: 3, operator, second };
    let admit = |sign_in: Option<SignIn>, standing: Option<Standing>, now| {
        verified
            .admit((sign_in.as_ref(), None), standing.as_ref(), now)
            .map(|scope| (scope.person(), scope.family()))
    };
    assert_eq!(admit(Some(sign_in), Some(standing), NOW), Ok((PERSON, FAMILY)));
    let over = Err(AccessRefused::SignedOut);
    assert_eq!(admit(None, Some(standing), NOW), over);
    assert_eq!(admit(Some(sign_in), None, NOW), over);
    assert_eq!(admit(Some(sign_in), Some(standing), NOW.plus_millis(1)), over);
    let ended = Some(souk_core::family::EndReason::Revoked);
    assert_eq!(admit(Some(SignIn { ended, ..sign_in }), Some(standing), NOW), over);
    assert_eq!(admit(Some(SignIn { person: UserId(9), ..sign_in }), Some(standing), NOW), over);
    assert_eq!(admit(Some(SignIn { audience: Audience::Operator, ..sign_in }), Some(standing), NOW), over);
    for round in [2, 4] {
        assert_eq!(admit(Some(sign_in), Some(Standing { round, ..standing }), NOW), over, "round {round}");
    }
}

/// A sign-in to the store, and one for a vendor that came of it.
fn family_of(stepped_up: Option<(Timestamp, Shown)>, method: Method) -> (SignIn, SignIn) {
    let root = SignIn {
        person: PERSON,
        round: 3,
        audience: Audience::Store,
        method,
        parent: None,
        begun_at: NOW,
        idle_ms: GOOD_FOR_MS,
        ends_at: NOW.plus_millis(GOOD_FOR_MS),
        generation: 1,
        rotated_at: NOW,
        stepped_up,
        ended: None,
    };
    let begun_at = NOW.plus_millis(STEPPED_UP_FOR_MS);
    (root, SignIn { audience: Audience::Vendor(VendorId(8)), parent: Some(FamilyId(4)), begun_at, ..root })
}

#[test]
fn what_was_shown_is_good_for_five_minutes_and_a_second_factor_is_asked_for() {
    let second = SecondFactor { totp: CredentialId(1), codes: CredentialId(2), codes_left: 10 };
    let mail = souk_core::ids::SubjectId(1);
    let without = Standing { person: PERSON, mail, password: None, round: 3, operator: None, second: None };
    let with = Standing { second: Some(second), ..without };
    let later = NOW.plus_millis(STEPPED_UP_FOR_MS);
    let (password, code) = (Some((later, Shown::Password)), Some((later, Shown::Code)));
    // Who, what they have shown since, whether that is good a moment before five minutes after it, whether it has their factor.
    for (standing, method, stepped_up, is_good, has_second) in [
        (without, Method::Password, None, true, false),
        (without, Method::Password, password, true, false),
        (with, Method::Password, None, false, false),
        (with, Method::Password, password, false, false),
        (with, Method::Password, code, true, true),
        (with, Method::PasswordAndCode, None, true, true),
        // Of a factor that was removed.
        (without, Method::PasswordAndCode, None, true, false),
    ] {
        let (root, child) = family_of(stepped_up, method);
        let shown_at = stepped_up.map_or(NOW, |(at, _)| at);
        let of_root = VerifiedToken { person: PERSON, family: FamilyId(4), audience: Audience::Store };
        let of_child = VerifiedToken { person: PERSON, family: FAMILY, audience: child.audience };
        // A sign-in for a vendor has shown what the one that it came of has, however new it is.
        for (token, sign_in, parent) in [(of_root, &root, None), (of_child, &child, Some(&root))] {
            let scope = token.admit((Some(sign_in), parent), Some(&standing), NOW).unwrap();
            let last = shown_at.plus_millis(STEPPED_UP_FOR_MS - 1);
            assert_eq!(scope.stepped_up(last).is_ok(), is_good, "{standing:?} {method:?} {stepped_up:?}");
            assert!(scope.stepped_up(last.plus_millis(1)).is_err());
            assert_eq!(scope.has_shown_second_factor(), has_second, "{standing:?} {method:?} {stepped_up:?}");
        }
        // Without that one it is nothing.
        let ended = SignIn { ended: Some(souk_core::family::EndReason::SignedOut), ..root };
        for parent in [None, Some(&ended)] {
            let told = of_child.admit((Some(&child), parent), Some(&standing), NOW);
            assert_eq!(told, Err(AccessRefused::SignedOut));
        }
    }
}

#[test]
fn a_token_says_what_was_shown() {
    for (method, shown) in
        [(Method::Password, json!(["pwd"])), (Method::PasswordAndCode, json!(["pwd", "otp"]))]
    {
        let holder = Holder { method, ..holder(Audience::Store) };
        let key = KEY.access_key(&record(7));
        let text = key.sign(ISSUER, &holder, NOW).unwrap().0.expose().to_owned();
        let rules = jsonwebtoken::dangerous::insecure_decode::<Value>(&text).unwrap();
        assert_eq!(rules.claims["amr"], shown);
    }
}
