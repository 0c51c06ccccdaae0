//! The arguments of a call as they are sent: what is absent is left out.
use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
        SerializeTupleVariant,
    },
};
use serde_json::{Error, Map, Value, value::Serializer as Json};

/// `args` without the fields that are `None`: a process of an earlier release does not know those that were
/// added since. What is null otherwise says something, as [`Patch::Empty`](crate::Patch::Empty) does.
pub(crate) fn given(args: &(impl Serialize + ?Sized)) -> Result<Value, Error> {
    Ok(args.serialize(Given)?.unwrap_or_default())
}

/// Makes JSON as `serde_json` does, but tells `None` from null.
struct Given;

/// A list; of an enum's variant, under the variant's name.
struct Items(Option<&'static str>, Vec<Value>);

/// An object; of an enum's variant, under the variant's name.
struct Fields(Option<&'static str>, Map<String, Value>, String);

fn under(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::Object([(variant.to_owned(), value)].into_iter().collect()),
        None => value,
    }
}

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        self.1.push(given(item)?);
        Ok(())
    }
}

impl Fields {
    fn set<T: Serialize + ?Sized>(&mut self, name: &str, field: &T) -> Result<(), Error> {
        if let Some(value) = field.serialize(Given)? {
            self.1.insert(name.to_owned(), value);
        }
        Ok(())
    }
}

macro_rules! as_json {
    ($($method:ident($Type:ty)),*) => {
        $(fn $method(self, value: $Type) -> Result<Self::Ok, Error> {
            Json.$method(value).map(Some)
        })*
    };
}

impl Serializer for Given {
    type Ok = Option<Value>;
    type Error = Error;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    as_json! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_f32(f32),
        serialize_f64(f64), serialize_char(char), serialize_str(&str), serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str)
    }

    fn serialize_none(self) -> Result<Self::Ok, Error> {
        Ok(None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Self::Ok, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Self::Ok, Error> {
        Ok(Some(Value::Null))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Self::Ok, Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Self::Ok, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Self::Ok, Error> {
        Ok(Some(under(Some(variant), given(value)?)))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items, Error> {
        Ok(Items(None, Vec::new()))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items, Error> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items, Error> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Result<Items, Error> {
        Ok(Items(Some(variant), Vec::new()))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields, Error> {
        Ok(Fields(None, Map::new(), String::new()))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, Error> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, Error> {
        Ok(Fields(Some(variant), Map::new(), String::new()))
    }
}

macro_rules! items {
    ($($Trait:ident::$method:ident),*) => {
        $(impl $Trait for Items {
            type Ok = Option<Value>;
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
                self.push(item)
            }
            fn end(self) -> Result<Self::Ok, Error> {
                Ok(Some(under(self.0, self.1.into())))
            }
        })*
    };
}

items! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($Trait:ident),*) => {
        $(impl $Trait for Fields {
            type Ok = Option<Value>;
            type Error = Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, field: &T) -> Result<(), Error> {
                self.set(name, field)
            }
            fn end(self) -> Result<Self::Ok, Error> {
                Ok(Some(under(self.0, self.1.into())))
            }
        })*
    };
}

fields! { SerializeStruct, SerializeStructVariant }

impl SerializeMap for Fields {
    type Ok = Option<Value>;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let Value::String(key) = serde_json::to_value(key)? else {
            return Err(serde::ser::Error::custom("only text names a field"));
        };
        self.2 = key;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = std::mem::take(&mut self.2);
        self.set(&key, value)
    }

    fn end(self) -> Result<Self::Ok, Error> {
        Ok(Some(under(self.0, self.1.into())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Patch;

    #[derive(Default, Serialize)]
    struct Place {
        city: Option<&'static str>,
        #[serde(skip_serializing_if = "Patch::is_absent")]
        region: Patch<&'static str>,
        limit: Option<u32>,
        lines: Vec<Option<Side>>,
        #[serde(flatten)]
        rest: Option<Rest>,
    }

    #[derive(Serialize)]
    struct Rest {
        zone: Option<i64>,
        at: (i64, &'static str),
    }

    #[derive(Serialize)]
    enum Side {
        Plain,
        New(Option<i64>),
        Tuple(i64, bool),
        Struct { a: Option<()>, b: char },
    }

    #[test]
    fn what_is_absent_is_not_sent_and_what_is_emptied_is() {
        let none = Place::default();
        assert_eq!(given(&none).unwrap(), json!({"lines": []}));
        let emptied = Place { city: Some("x"), region: Patch::Empty, limit: Some(5), ..Place::default() };
        assert_eq!(given(&emptied).unwrap(), json!({"city": "x", "region": null, "limit": 5, "lines": []}));
    }

    #[test]
    fn everything_else_is_as_serde_json_has_it() {
        let struct_variant = Side::Struct { a: Some(()), b: 'b' };
        let lines =
            vec![None, Some(Side::Plain), Some(Side::New(Some(1))), Some(Side::Tuple(1, true)), Some(struct_variant)];
        let rest = Some(Rest { zone: Some(-1), at: (1, "noon") });
        let whole = Place { city: Some("x"), region: Patch::Value("y"), limit: Some(5), lines, rest };
        assert_eq!(given(&whole).unwrap(), serde_json::to_value(&whole).unwrap());
        let bare = json!({"free": null, "list": [null, 1.5, {"a": null}]});
        assert_eq!(given(&bare).unwrap(), bare, "what is free in form keeps its nulls");
        assert_eq!(given(&Side::New(None)).unwrap(), json!({"New": null}));
    }
}
