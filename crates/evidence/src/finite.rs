//! The search for numbers that are not finite in a measurement, before it is stored: JSON has no NaN and no infinity, so such
//! a number would become null and be read as something else.

use std::fmt::{Display, Formatter};

use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

/// The place of a number that is not finite: `predictions[2].log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFinite(String);

impl NotFinite {
    fn within(self, name: &str) -> Self {
        match self.0.as_bytes().first() {
            None => Self(name.to_owned()),
            Some(b'[') => Self(format!("{name}{}", self.0)),
            Some(_) => Self(format!("{name}.{}", self.0)),
        }
    }
}

impl Display for NotFinite {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`{}` is no finite number", self.0)
    }
}

impl std::error::Error for NotFinite {}

impl Error for NotFinite {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Finds the first number that is not finite.
pub fn check(measured: &(impl Serialize + ?Sized)) -> Result<(), NotFinite> {
    measured.serialize(Search)
}

struct Search;

/// The parts of a list, with the index of the next.
struct Parts(usize);

/// The entries of a map, with the last key.
struct Entries(String);

fn number(is_finite: bool) -> Result<(), NotFinite> {
    if is_finite { Ok(()) } else { Err(NotFinite(String::new())) }
}

macro_rules! no_numbers_with_a_point {
    ($($name:ident: $kind:ty),*) => {
        $(fn $name(self, _: $kind) -> Result<(), NotFinite> {
            Ok(())
        })*
    };
}

impl Serializer for Search {
    type Ok = ();
    type Error = NotFinite;
    type SerializeSeq = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Parts;
    type SerializeTupleVariant = Parts;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    no_numbers_with_a_point!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_u8: u8,
        serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_char: char, serialize_str: &str,
        serialize_bytes: &[u8], serialize_unit_struct: &'static str
    );

    fn serialize_f32(self, value: f32) -> Result<(), NotFinite> {
        number(value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Result<(), NotFinite> {
        number(value.is_finite())
    }

    fn serialize_none(self) -> Result<(), NotFinite> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotFinite> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotFinite> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), NotFinite> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotFinite> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), NotFinite> {
        value.serialize(self).map_err(|found: NotFinite| found.within(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts, NotFinite> {
        Ok(Parts(0))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts, NotFinite> {
        Ok(Parts(0))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts, NotFinite> {
        Ok(Parts(0))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Parts, NotFinite> {
        Ok(Parts(0))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, NotFinite> {
        Ok(Entries(String::new()))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, NotFinite> {
        Ok(Entries(String::new()))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Entries, NotFinite> {
        Ok(Entries(String::new()))
    }
}

impl Parts {
    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotFinite> {
        let index = self.0;
        self.0 += 1;
        value.serialize(Search).map_err(|found| found.within(&format!("[{index}]")))
    }
}

macro_rules! parts {
    ($($kind:ident: $method:ident),*) => {
        $(impl $kind for Parts {
            type Ok = ();
            type Error = NotFinite;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotFinite> {
                self.part(value)
            }

            fn end(self) -> Result<(), NotFinite> {
                Ok(())
            }
        })*
    };
}

parts!(
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

impl SerializeMap for Entries {
    type Ok = ();
    type Error = NotFinite;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotFinite> {
        self.0 = serde_json::to_string(key).unwrap_or_default().trim_matches('"').to_owned();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotFinite> {
        value.serialize(Search).map_err(|found| found.within(&self.0))
    }

    fn end(self) -> Result<(), NotFinite> {
        Ok(())
    }
}

macro_rules! entries {
    ($($kind:ident),*) => {
        $(impl $kind for Entries {
            type Ok = ();
            type Error = NotFinite;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), NotFinite> {
                value.serialize(Search).map_err(|found| found.within(key))
            }

            fn end(self) -> Result<(), NotFinite> {
                Ok(())
            }
        })*
    };
}

entries!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    enum Kind {
        Pair { high: f32 },
    }

    #[derive(Serialize)]
    struct Inner {
        shares: Vec<[f64; 2]>,
        name: Option<&'static str>,
        gap: Option<f64>,
    }

    #[derive(Serialize)]
    struct Outer {
        #[serde(flatten)]
        inner: Inner,
        by_name: BTreeMap<&'static str, f64>,
        kinds: Vec<Kind>,
    }

    fn outer(share: f64, gap: Option<f64>, speed: f64, high: f32) -> Outer {
        Outer {
            inner: Inner { shares: vec![[0.0, 1.0], [2.0, share]], name: None, gap },
            by_name: BTreeMap::from([("speed", speed)]),
            kinds: vec![Kind::Pair { high }],
        }
    }

    #[test]
    fn the_first_such_number_is_named_wherever_it_is() {
        assert_eq!(check(&outer(3.0, None, -1.0, 4.0)), Ok(()));
        let path = |outer| check(&outer).unwrap_err().to_string();
        assert_eq!(path(outer(f64::NAN, None, 1.0, 1.0)), "`shares[1][1]` is no finite number");
        assert_eq!(path(outer(1.0, Some(f64::INFINITY), 1.0, 1.0)), "`gap` is no finite number");
        assert_eq!(path(outer(1.0, None, f64::NEG_INFINITY, 1.0)), "`by_name.speed` is no finite number");
        assert_eq!(path(outer(1.0, Some(0.0), 1.0, f32::NAN)), "`kinds[0].high` is no finite number");
    }
}
