//! JSON without double meanings: an object that has a key twice is no object, because two readers would read two.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// An object and nothing after it. The error says nothing of the text.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, NotAnObject> {
    match serde_json::from_slice(bytes) {
        Ok(Strict(Value::Object(members))) => Ok(members),
        _ => Err(NotAnObject),
    }
}

/// These bytes are no JSON object (RFC 8259) in UTF-8 with each key once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAnObject;

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Once.deserialize(deserializer).map(Self)
    }
}

/// Reads a value whose objects have each key once. Nesting is bounded by serde_json, at 128.
struct Once;

impl<'de> DeserializeSeed<'de> for Once {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(Once)? {
            read.push(item);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if read.contains_key(&key) {
                return Err(A::Error::custom("a key stands twice"));
            }
            read.insert(key, members.next_value_seed(Once)?);
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn each_key_once() {
        let read = object(br#"{"a":[1,-1,1.5,null,true,"x"],"b":{"a":1}}"#).unwrap();
        assert_eq!(read["a"], serde_json::json!([1, -1, 1.5, null, true, "x"]));
        for twice in
            [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"b":[{"a":1,"b":2,"a":3}]}"#, r#"{"":1,"":2}"#]
        {
            assert_eq!(object(twice.as_bytes()), Err(NotAnObject), "{twice}");
        }
    }

    #[test]
    fn an_object_and_nothing_else() {
        for wrong in [
            "",
            "[]",
            "1",
            "\"{}\"",
            "{}{}",
            "{} x",
            "{",
            "{\"a\":1,}",
            "\u{feff}{}",
            "{'a':1}",
            "{\"a\":NaN}",
        ] {
            assert_eq!(object(wrong.as_bytes()), Err(NotAnObject), "{wrong}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), Err(NotAnObject));
        assert_eq!(
            object(format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500)).as_bytes()),
            Err(NotAnObject)
        );
    }
}
