//! Names of things: prefixed ids, streams, partitions, and how they are placed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Partitions of the journal: the unit of ownership. Stored at creation, compared at every start.
pub const PARTITIONS: u16 = 64;
/// Stock shards. A SKU with all its locations lives in exactly one.
pub const STOCK_SHARDS: u16 = 256;
/// The hash that places SKUs and keys; its name is stored at creation and compared at every start.
pub const PLACEMENT_HASH: &str = "fnv1a64-be128";

/// Letters of ids: Crockford's base 32 in lower case (no i, l, o, u), which sorts like the number it spells.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const KEY_CHARS: usize = 26;

/// What is wrong with a text that should be an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid id")
    }
}

impl std::error::Error for InvalidId {}

fn write_key(key: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0u8; KEY_CHARS];
    let mut rest = key;
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn parse_key(text: &str) -> Result<u128, InvalidId> {
    if text.len() != KEY_CHARS {
        return Err(InvalidId);
    }
    let mut key: u128 = 0;
    for (at, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|a| *a == byte).ok_or(InvalidId)? as u128;
        // 26 letters hold 130 bits: the first may only use three.
        if at == 0 && digit > 7 {
            return Err(InvalidId);
        }
        key = (key << 5) | digit;
    }
    Ok(key)
}

/// Defines an id: 128 bits behind a prefix that says what it names.
macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Self::PREFIX)?;
                write_key(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_key(text.strip_prefix(Self::PREFIX).ok_or(InvalidId)?).map($name)
            }
        }

        text_serde!($name);
    };
}

/// Serialises a type by its text form.
macro_rules! text_serde {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

mod principal;

pub use principal::Principal;

prefixed_id!(
    /// An offer: one vendor's variant of a product. Carts, holds and lines name it.
    SkuId,
    "sku_"
);
prefixed_id!(
    /// A place where units lie.
    LocationId,
    "loc_"
);
prefixed_id!(
    /// A checkout session; the cart is its open phase.
    CheckoutId,
    "chk_"
);
prefixed_id!(
    /// An order; shares its key with the checkout that placed it.
    OrderId,
    "ord_"
);
prefixed_id!(
    /// A product: facts shared by the offers of several vendors.
    ProductId,
    "prd_"
);
prefixed_id!(
    /// A vendor, the tenant.
    VendorId,
    "ven_"
);
prefixed_id!(
    /// A counted thing: coupon uses, a gift balance, a cap per buyer.
    LimitedId,
    "lim_"
);
prefixed_id!(
    /// One receipt, restock or adjustment of stock, named by whoever orders it.
    MovementId,
    "mov_"
);

prefixed_id!(
    /// A variant of a product: one choice of its options. Several vendors may offer it.
    VariantId,
    "var_"
);
prefixed_id!(
    /// A person whose data lies in the vault. Events hold this id and nothing that identifies anybody.
    SubjectId,
    "sub_"
);
prefixed_id!(
    /// A person with an account.
    UserId,
    "usr_"
);
prefixed_id!(
    /// A sign-in of a person, over all its refreshes.
    FamilyId,
    "fam_"
);
prefixed_id!(
    /// Something by which a person shows who they are: a plain row that an event names.
    CredentialId,
    "crd_"
);
prefixed_id!(
    /// An API key; no secret.
    KeyId,
    "key_"
);
prefixed_id!(
    /// A key that pages of another origin show to use the store; no secret.
    PublishableKeyId,
    "pk_"
);
prefixed_id!(
    /// A shopper, from the first cart on, with or without an account.
    BuyerId,
    "buy_"
);
prefixed_id!(
    /// A quote: prices, taxes and shipping as asked and answered, valid for a while.
    QuoteId,
    "quo_"
);

prefixed_id!(
    /// A parcel of an order, named by whoever sends it.
    ParcelId,
    "pcl_"
);

impl OrderId {
    /// A number that a person can read out: nine letters and digits, none of which is mistaken for another.
    /// It helps to find an order and names none: two orders in many millions may share one.
    pub fn number(self) -> String {
        let hash = placement_hash(self.0);
        let mut mixed = hash ^ (hash >> 32);
        let mut text = String::with_capacity(11);
        for at in 0..9 {
            if at == 3 || at == 6 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[(mixed & 31) as usize].to_ascii_uppercase()));
            mixed >>= 5;
        }
        text
    }
}

impl LocationId {
    /// Where units lie for a vendor that names no location.
    pub const MAIN: LocationId = LocationId(0);
}

/// One claim of a checkout on units of a SKU: the checkout's key and a number that is new in every round.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId {
    /// The checkout that asked.
    pub checkout: CheckoutId,
    /// Counts the holds this checkout ever asked for.
    pub n: u32,
}

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hld_")?;
        write_key(self.checkout.0, f)?;
        write!(f, "-{}", self.n)
    }
}

impl fmt::Debug for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for HoldId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (key, n) = text.strip_prefix("hld_").and_then(|t| t.split_once('-')).ok_or(InvalidId)?;
        Ok(HoldId { checkout: CheckoutId(parse_key(key)?), n: parse_number(n)? })
    }
}

text_serde!(HoldId);

/// One attempt to be paid: the checkout's key and the attempt's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentId {
    /// The checkout (and later order) that is paid.
    pub checkout: CheckoutId,
    /// Counts the attempts, from 1.
    pub attempt: u32,
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pay_")?;
        write_key(self.checkout.0, f)?;
        write!(f, "-{}", self.attempt)
    }
}

impl fmt::Debug for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PaymentId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (key, n) = text.strip_prefix("pay_").and_then(|t| t.split_once('-')).ok_or(InvalidId)?;
        Ok(PaymentId { checkout: CheckoutId(parse_key(key)?), attempt: parse_number(n)? })
    }
}

text_serde!(PaymentId);

/// Digits only, so that `+1` and `01` are not second names for the same thing.
fn parse_number(text: &str) -> Result<u32, InvalidId> {
    let number: u32 = text.parse().map_err(|_| InvalidId)?;
    if number.to_string() == text { Ok(number) } else { Err(InvalidId) }
}

/// A partition's number, below [`PARTITIONS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Partition(pub u16);

/// A stock shard's number, below [`STOCK_SHARDS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ShardNo(pub u16);

impl SkuId {
    /// The shard that owns this SKU.
    pub fn shard(self) -> ShardNo {
        ShardNo((placement_hash(self.0) % u64::from(STOCK_SHARDS)) as u16)
    }
}

/// 64-bit FNV-1a over the key's 16 bytes, most significant first.
///
/// Written here because placement must never change with a dependency: a different value on the next start
/// would send a SKU to a shard that does not own it.
fn placement_hash(key: u128) -> u64 {
    key.to_be_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One machine's history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// `stock-017`: a stock shard.
    Stock(ShardNo),
    /// `chk_X`: a checkout session.
    Checkout(CheckoutId),
    /// `pay_X-n`: one attempt to be paid.
    Payment(PaymentId),
    /// `ord_X`: an order.
    Order(OrderId),
    /// `prd_Y`: a product with its offers.
    Product(ProductId),
    /// `ven_V`: a vendor.
    Vendor(VendorId),
    /// `acc_V`: a vendor's money.
    Account(VendorId),
    /// `lim_L`: a counted thing.
    Limited(LimitedId),
    /// `usr_P`: a person.
    Person(UserId),
    /// `fam_F`: a sign-in.
    Family(FamilyId),
}

impl StreamId {
    /// The partition that owns this stream. Streams that share a key share it, so that one append may create
    /// a sibling (a checkout its payments and its order).
    pub fn partition(self) -> Partition {
        let key = match self {
            StreamId::Stock(shard) => return Partition(shard.0 % PARTITIONS),
            StreamId::Checkout(id) => id.0,
            StreamId::Payment(id) => id.checkout.0,
            StreamId::Order(id) => id.0,
            StreamId::Product(id) => id.0,
            StreamId::Vendor(id) | StreamId::Account(id) => id.0,
            StreamId::Limited(id) => id.0,
            StreamId::Person(id) => id.0,
            StreamId::Family(id) => id.0,
        };
        Partition((placement_hash(key) % u64::from(PARTITIONS)) as u16)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamId::Stock(shard) => write!(f, "stock-{:03}", shard.0),
            StreamId::Checkout(id) => id.fmt(f),
            StreamId::Payment(id) => id.fmt(f),
            StreamId::Order(id) => id.fmt(f),
            StreamId::Product(id) => id.fmt(f),
            StreamId::Vendor(id) => id.fmt(f),
            StreamId::Account(id) => {
                f.write_str("acc_")?;
                write_key(id.0, f)
            }
            StreamId::Limited(id) => id.fmt(f),
            StreamId::Person(id) => id.fmt(f),
            StreamId::Family(id) => id.fmt(f),
        }
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for StreamId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if let Some(number) = text.strip_prefix("stock-") {
            let shard: u16 = number.parse().map_err(|_| InvalidId)?;
            let stream = StreamId::Stock(ShardNo(shard));
            // No second spelling (`+12`, `0012`) of the same shard.
            return if shard < STOCK_SHARDS && stream.to_string() == text {
                Ok(stream)
            } else {
                Err(InvalidId)
            };
        }
        match text.get(..4).ok_or(InvalidId)? {
            "chk_" => text.parse().map(StreamId::Checkout),
            "pay_" => text.parse().map(StreamId::Payment),
            "ord_" => text.parse().map(StreamId::Order),
            "prd_" => text.parse().map(StreamId::Product),
            "ven_" => text.parse().map(StreamId::Vendor),
            "acc_" => parse_key(&text[4..]).map(|key| StreamId::Account(VendorId(key))),
            "lim_" => text.parse().map(StreamId::Limited),
            "usr_" => text.parse().map(StreamId::Person),
            "fam_" => text.parse().map(StreamId::Family),
            _ => Err(InvalidId),
        }
    }
}

text_serde!(StreamId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text_form() {
        for key in [0, 1, 31, 32, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let sku = SkuId(key);
            assert_eq!(sku.to_string().parse(), Ok(sku));
            let hold = HoldId { checkout: CheckoutId(key), n: 7 };
            assert_eq!(hold.to_string().parse(), Ok(hold));
            for stream in [
                StreamId::Checkout(CheckoutId(key)),
                StreamId::Payment(PaymentId { checkout: CheckoutId(key), attempt: 3 }),
                StreamId::Order(OrderId(key)),
                StreamId::Account(VendorId(key)),
                StreamId::Limited(LimitedId(key)),
                StreamId::Stock(ShardNo((key % u128::from(STOCK_SHARDS)) as u16)),
            ] {
                assert_eq!(stream.to_string().parse(), Ok(stream));
            }
        }
    }

    #[test]
    fn second_spellings_are_refused() {
        for bad in [
            "sku_",
            "sku_0000000000000000000000000O",
            "sku_z0000000000000000000000000",
            "ord_00000000000000000000000000",
            "SKU_00000000000000000000000000",
        ] {
            assert_eq!(bad.parse::<SkuId>(), Err(InvalidId), "{bad}");
        }
        for bad in [
            "stock-17",
            "stock-0017",
            "stock-256",
            "stock-+12",
            "stock-1 2",
            "pay_00000000000000000000000000-01",
            "x",
        ] {
            assert_eq!(bad.parse::<StreamId>(), Err(InvalidId), "{bad}");
        }
    }

    #[test]
    fn a_checkout_its_payments_and_its_order_share_a_partition() {
        for key in 0..1000u128 {
            let key = key.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let home = StreamId::Checkout(CheckoutId(key)).partition();
            assert_eq!(home, StreamId::Order(OrderId(key)).partition());
            let payment = PaymentId { checkout: CheckoutId(key), attempt: 2 };
            assert_eq!(home, StreamId::Payment(payment).partition());
        }
    }

    #[test]
    fn placement_is_what_it_was() {
        // Changing either value would strand the stock of every existing journal.
        assert_eq!(SkuId(1).shard(), ShardNo(placement_hash(1) as u16 % 256));
        assert_eq!(placement_hash(0), 0x88201fb960ff6465);
        assert_eq!(placement_hash(1), 0x88201eb960ff62b2);
    }
}
