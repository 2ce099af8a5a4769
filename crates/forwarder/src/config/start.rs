//! Where a stream is read from when there is no position yet.

use std::borrow::Cow;
use std::fmt;

use logferry_model::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer};

/// Where a stream is read from when there is no position yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The oldest record there is.
    Earliest,
    /// What comes from now on.
    Latest,
    /// The record of this id, or the first behind it.
    Id(u64),
    /// The first record that ended at this time or later.
    Time(Timestamp),
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Start::Earliest => f.write_str("earliest"),
            Start::Latest => f.write_str("latest"),
            Start::Id(id) => write!(f, "{id}"),
            Start::Time(time) => write!(f, "{time}"),
        }
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Start, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Start;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`earliest`, `latest`, an id from 0, or a time such as 2026-11-01T00:00:00Z")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Start, E> {
        match text {
            "earliest" => Ok(Start::Earliest),
            "latest" => Ok(Start::Latest),
            time => match Timestamp::parse(time) {
                Ok(time) => Ok(Start::Time(time)),
                Err(_) => Err(E::invalid_type(Unexpected::Str(text), &self)),
            },
        }
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<Start, E> {
        Ok(Start::Id(id))
    }

    fn visit_i64<E: de::Error>(self, id: i64) -> Result<Start, E> {
        match u64::try_from(id) {
            Ok(id) => Ok(Start::Id(id)),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(id), &self)),
        }
    }

    /// TOML has times of its own, which need no quotes.
    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Start, A::Error> {
        let time = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map));
        let time = time.map_err(|_| de::Error::invalid_type(Unexpected::Map, &self))?;
        match Timestamp::parse(&time.to_string()) {
            Ok(time) => Ok(Start::Time(time)),
            // A day alone, or an hour.
            Err(_) => Err(de::Error::invalid_value(Unexpected::Other("time"), &self)),
        }
    }
}

impl JsonSchema for Start {
    fn schema_name() -> Cow<'static, str> {
        "Start".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"enum": ["earliest", "latest"]},
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]"}
            ]
        })
    }
}
