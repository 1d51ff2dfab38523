//! Wire types that mirror core types, field by field.
//!
//! A mirror is declared once and names every field of what it mirrors. When a core type gains, loses or renames a
//! field the mirror no longer compiles: whoever changes the core then decides here what the journal says, and
//! nothing changes in it silently.

use std::collections::BTreeMap;

use souk_core::ids::{
    BuyerId, CheckoutId, CredentialId, FamilyId, HoldId, KeyId, LocationId, MovementId, OrderId, ParcelId,
    PaymentId, ProductId, QuoteId, ShardNo, SkuId, SubjectId, UserId, VariantId, VendorId,
};
use souk_core::market::MarketId;
use souk_core::money::{Currency, Money, Rate};
use souk_core::time::Timestamp;

/// The wire form of `C`. A trait of its own rather than `From` both ways, so that lists, maps and options of
/// mirrors are mirrors too.
pub(super) trait Mirror<C> {
    /// As it is written.
    fn of(core: &C) -> Self;
    /// What was read.
    fn into_core(self) -> C;
}

/// Plain values that stand for themselves: their text or JSON form is part of what they are.
macro_rules! plain {
    ($($type:ty),+ $(,)?) => {$(
        impl Mirror<$type> for $type {
            fn of(core: &$type) -> Self {
                core.clone()
            }

            fn into_core(self) -> $type {
                self
            }
        }
    )+};
}

plain! {
    bool, u32, u64, i64, String, Timestamp, Currency, Money, Rate, MarketId, ShardNo,
    BuyerId, CheckoutId, CredentialId, FamilyId, HoldId, KeyId, LocationId, MovementId, OrderId, ParcelId,
    PaymentId, ProductId, QuoteId, SkuId, SubjectId, UserId, VariantId, VendorId,
}

impl<C, W: Mirror<C>> Mirror<Option<C>> for Option<W> {
    fn of(core: &Option<C>) -> Self {
        core.as_ref().map(W::of)
    }

    fn into_core(self) -> Option<C> {
        self.map(W::into_core)
    }
}

impl<C, W: Mirror<C>> Mirror<Vec<C>> for Vec<W> {
    fn of(core: &Vec<C>) -> Self {
        core.iter().map(W::of).collect()
    }

    fn into_core(self) -> Vec<C> {
        self.into_iter().map(W::into_core).collect()
    }
}

impl<K: Clone + Ord, C, W: Mirror<C>> Mirror<BTreeMap<K, C>> for BTreeMap<K, W> {
    fn of(core: &BTreeMap<K, C>) -> Self {
        core.iter().map(|(key, value)| (key.clone(), W::of(value))).collect()
    }

    fn into_core(self) -> BTreeMap<K, C> {
        self.into_iter().map(|(key, value)| (key, value.into_core())).collect()
    }
}

impl<A, B, V: Mirror<A>, W: Mirror<B>> Mirror<(A, B)> for (V, W) {
    fn of(core: &(A, B)) -> Self {
        (V::of(&core.0), W::of(&core.1))
    }

    fn into_core(self) -> (A, B) {
        (self.0.into_core(), self.1.into_core())
    }
}

/// Declares mirrors. A struct mirrors a struct of the same fields, an enum an enum of the same variants; the one
/// field of a tuple variant gets a name, which is not written. Types are those of the wire. Serde attributes may
/// stand on fields and variants.
///
/// ```text
/// mirror! {
///     struct Commission = vendor::Commission { rate: Rate, rule: String }
///     enum Party = product::Party { Vendor, Operator }
/// }
/// ```
macro_rules! mirror {
    () => {};
    (
        $(#[$about:meta])*
        struct $name:ident = $core:ty { $($(#[$attr:meta])* $field:ident: $type:ty),+ $(,)? }
        $($rest:tt)*
    ) => {
        $(#[$about])*
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name { $($(#[$attr])* $field: $type),+ }

        impl super::mirror::Mirror<$core> for $name {
            fn of(core: &$core) -> Self {
                type Core = $core;
                let Core { $($field),+ } = core;
                $name { $($field: super::mirror::Mirror::of($field)),+ }
            }

            fn into_core(self) -> $core {
                type Core = $core;
                Core { $($field: super::mirror::Mirror::into_core(self.$field)),+ }
            }
        }

        mirror! { $($rest)* }
    };
    (
        $(#[$about:meta])*
        enum $name:ident = $core:ty {
            $(
                $(#[$variant_attr:meta])*
                $variant:ident
                $({ $($(#[$attr:meta])* $field:ident: $type:ty),+ $(,)? })?
                $(($inner:ident: $inner_type:ty))?
            ),+ $(,)?
        }
        $($rest:tt)*
    ) => {
        $(#[$about])*
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        // Variants are named as in the core, whatever the mirror is called.
        #[allow(clippy::enum_variant_names)]
        pub(super) enum $name {
            $(
                $(#[$variant_attr])*
                $variant $({ $($(#[$attr])* $field: $type),+ })? $(($inner_type))?
            ),+
        }

        impl super::mirror::Mirror<$core> for $name {
            fn of(core: &$core) -> Self {
                type Core = $core;
                match core {
                    $(Core::$variant { $($($field),+)? $(0: $inner)? } => $name::$variant {
                        $($($field: super::mirror::Mirror::of($field)),+)?
                        $(0: super::mirror::Mirror::of($inner))?
                    }),+
                }
            }

            fn into_core(self) -> $core {
                type Core = $core;
                match self {
                    $($name::$variant { $($($field),+)? $(0: $inner)? } => Core::$variant {
                        $($($field: super::mirror::Mirror::into_core($field)),+)?
                        $(0: super::mirror::Mirror::into_core($inner))?
                    }),+
                }
            }
        }

        mirror! { $($rest)* }
    };
}

/// Declares how a machine's events are written: kind, version, and the fields of the payload in their order, as in
/// `mirror!`. Makes a payload type per event, `KINDS`, `encode` and `decode`.
///
/// A change of shape is a new version on the event's line; the shape it had moves to a type of its own, which stands
/// behind it with its version (`was 1 PricedV1`), and from which `decode` makes today's event.
macro_rules! events {
    (
        $event:ident:
        $(
            $kind:literal $version:literal => $variant:ident
            $({ $($(#[$attr:meta])* $field:ident: $type:ty),+ $(,)? })?
            $(($inner:ident: $inner_type:ty))?
            $(was $old_version:literal $old:ident)*
        ),+ $(,)?
    ) => {
        $(events!(@payload $variant $({ $($(#[$attr])* $field: $type),+ })? $(($inner: $inner_type))?);)+

        /// Every kind, with the version that is written today.
        pub(super) const KINDS: &[(&str, u32)] = &[$(($kind, $version)),+];

        pub(super) fn encode(event: &$event) -> Result<super::Encoded, super::WireError> {
            match event {
                $($event::$variant { $($($field),+)? $(0: $inner)? } => {
                    super::write($kind, $version, &$variant {
                        $($($field: super::mirror::Mirror::of($field)),+)?
                        $($inner: super::mirror::Mirror::of($inner))?
                    })
                }),+
            }
        }

        pub(super) fn decode(kind: &str, version: i64, payload: &str) -> Result<$event, super::WireError> {
            Ok(match (kind, version) {
                $(($kind, $version) => {
                    let $variant { $($($field),+)? $($inner)? } = super::read("event", kind, payload)?;
                    $event::$variant {
                        $($($field: super::mirror::Mirror::into_core($field)),+)?
                        $(0: super::mirror::Mirror::into_core($inner))?
                    }
                })+
                $($(($kind, $old_version) => super::read::<$old>("event", kind, payload)?.into(),)*)+
                _ => return Err(super::unknown("event", kind, version)),
            })
        }
    };
    (@payload $variant:ident) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $variant {}
    };
    (@payload $variant:ident ($inner:ident: $inner_type:ty)) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        struct $variant {
            $inner: $inner_type,
        }
    };
    (@payload $variant:ident { $($(#[$attr:meta])* $field:ident: $type:ty),+ }) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $variant { $($(#[$attr])* $field: $type),+ }
    };
}
