//! Random values of any type, without a word in the type: its own `Deserialize` says what it reads.
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, SecondsFormat};
use kernel::Sampler;
use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};
use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
        VariantAccess, Visitor,
        value::{Error, StrDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Value;
use uuid::Uuid;

use crate::samples;

/// Where the values come from; the same seed gives the same ones.
pub(crate) struct Random {
    rng: TestRng,
    /// The variants that every enum has, and those of them that were made.
    pub(crate) enums: BTreeMap<(&'static str, &'static [&'static str]), BTreeSet<&'static str>>,
    /// The fields in which a time was asked for.
    pub(crate) times: BTreeSet<&'static str>,
    /// Whether anything was free in form.
    pub(crate) free: bool,
}

/// What breaks careless encoders, pages and databases.
const PIECES: [&str; 24] = [
    " ",
    "\0",
    "\n",
    "\t",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{202e}",
    "\u{fffd}",
    "\"",
    "\\",
    "\\u0000",
    "/",
    "~1",
    "<b>",
    "%",
    "$1",
    "null",
    "ß",
    "é",
    "e\u{301}",
    "日本",
    "👩‍👩‍👧",
];
const CURRENCIES: [&str; 5] = ["EUR", "JPY", "KWD", "USD", "CLF"];

impl Random {
    /// Values that depend on `seed` alone.
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self { rng, enums: BTreeMap::new(), times: BTreeSet::new(), free: false }
    }

    /// A value of any type; `field` is the name that it has, and tells what its text may be.
    pub(crate) fn value<T: DeserializeOwned>(&mut self, field: &'static str) -> T {
        let source = Source { random: self, field, optional: false };
        T::deserialize(source).unwrap_or_else(|error| panic!("`{field}` cannot be generated: {error}"))
    }

    /// One of several.
    pub(crate) fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }

    /// Any JSON but floats, for what has no form of its own.
    pub(crate) fn json(&mut self, depth: usize) -> Value {
        self.free = true;
        match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => Value::Null,
            1 => self.coin().into(),
            2 => self.integer(i64::MIN, i64::MAX).into(),
            3 => self.text().into(),
            4 => (0..self.below(3)).map(|_| self.json(depth - 1)).collect(),
            _ => (0..self.below(3)).map(|_| (self.text(), self.json(depth - 1))).collect(),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        let any = self.rng.next_u64() % u64::try_from(end).expect("a length fits");
        usize::try_from(any).expect("it is below a length")
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn integer(&mut self, min: i64, max: i64) -> i64 {
        let any = self.rng.next_u64().cast_signed();
        let around_2_53 = (1 << 53) + 1;
        self.pick(&[min, max, 0, 1, -1, around_2_53, any, any % 1000]).clamp(min, max)
    }

    fn text(&mut self) -> String {
        let pieces = self.below(4);
        (0..pieces).fold(String::new(), |text, _| match self.below(8) {
            0 => text + &"x".repeat(self.below(500)),
            1 => text + &char::from_u32(self.rng.next_u32() % 0x11_0000).unwrap_or('?').to_string(),
            _ => text + self.pick(&PIECES),
        })
    }

    fn sku(&mut self) -> String {
        self.pick(&["A", "0", "tee.blue_M-1", "-", "..", &"Z".repeat(64)]).to_owned()
    }

    /// To the microsecond, and in any zone: what is kept must be UTC.
    fn time(&mut self) -> String {
        let second = self.pick(&[-62_000_000_000, -1, 0, 1_700_000_000, 4_102_444_800, 253_000_000_000]);
        let micros = self.pick(&[0, 1, 120_000, 999_999]);
        let zone = FixedOffset::east_opt(self.pick(&[0, 7200, -34_200])).expect("a zone of a few hours");
        let at = DateTime::from_timestamp_micros(second * 1_000_000 + micros).expect("a year of four digits");
        at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::AutoSi, self.coin())
    }
}

impl Sampler for Random {
    fn value<T: DeserializeOwned>(&mut self, field: &'static str) -> T {
        Self::value(self, field)
    }
}

/// One value to be made.
struct Source<'a> {
    random: &'a mut Random,
    /// The last field on the way to it.
    field: &'static str,
    /// Whether it stands directly in an `Option`.
    optional: bool,
}

impl Source<'_> {
    fn of(&mut self, field: &'static str) -> Source<'_> {
        Source { random: self.random, field, optional: false }
    }
}

impl<'de> Deserializer<'de> for Source<'_> {
    type Error = Error;

    /// What is tagged, flattened or free does not say what it wants; samples of it are listed by hand.
    ///
    /// Floats, maps and whatever else has no place on the wire end here too, and are refused.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let sample = samples::of(&wanted(&visitor), self.random);
        sample.deserialize_any(visitor).map_err(Error::custom)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.random.coin())
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(self.random.integer(i64::MIN, i64::MAX))
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(self.random.integer(0, u32::MAX.into()))
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(self.random.integer(0, i64::MAX))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let wanted = wanted(&visitor);
        visitor.visit_string(match self.field {
            at if wanted.contains("RFC 3339") => {
                self.random.times.insert(at);
                self.random.time()
            }
            _ if wanted.contains("UUID") => Uuid::from_u64_pair(self.random.rng.next_u64(), 7).to_string(),
            "sku" | "skus" => self.random.sku(),
            "currency" => self.random.pick(&CURRENCIES).into(),
            _ => self.random.text(),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        assert!(!self.optional, "`{}` is an Option<Option<_>>: JSON has one null", self.field);
        if self.random.coin() { visitor.visit_none() } else { visitor.visit_some(Self { optional: true, ..self }) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.random.below(4);
        visitor.visit_seq(Items { source: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { source: self, left: fields.iter(), field: "" })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = self.random.pick(variants);
        self.random.enums.entry((name, variants)).or_default().insert(variant);
        visitor.visit_enum(Choice { source: self, variant })
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit_struct tuple tuple_struct map identifier ignored_any
    }
}

/// What a type says that it reads.
fn wanted<'de, V: Visitor<'de>>(visitor: &V) -> String {
    (visitor as &dyn Expected).to_string()
}

struct Items<'a> {
    source: Source<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let field = self.source.field;
        seed.deserialize(self.source.of(field)).map(Some)
    }
}

struct Fields<'a> {
    source: Source<'a>,
    left: std::slice::Iter<'static, &'static str>,
    field: &'static str,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(field) = self.left.next() else { return Ok(None) };
        self.field = field;
        seed.deserialize((*field).into_deserializer()).map(Some)
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.source.of(self.field))
    }
}

struct Choice<'a> {
    source: Source<'a>,
    variant: &'static str,
}

impl<'de, 'a> EnumAccess<'de> for Choice<'a> {
    type Error = Error;
    type Variant = Source<'a>;
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Source<'a>), Error> {
        let name: StrDeserializer<'_, Error> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self.source))
    }
}

impl<'de> VariantAccess<'de> for Source<'_> {
    type Error = Error;
    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Items { source: self, left: length })
    }
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.deserialize_struct("", fields, visitor)
    }
}
