//! One log row.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::number::Decimal;

/// What a log row is about, and the endpoint it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Runs of pipelines, `GET /pipeline_logs`.
    PipelineLogs,
    /// Runs of models, `GET /model_logs`.
    ModelLogs,
}

impl Stream {
    /// The name, which is also the endpoint's path.
    pub fn name(self) -> &'static str {
        match self {
            Stream::PipelineLogs => "pipeline_logs",
            Stream::ModelLogs => "model_logs",
        }
    }

    /// The field that holds the id of the pipeline or model.
    pub fn job_id(self) -> Field {
        match self {
            Stream::PipelineLogs => Field::PipelineId,
            Stream::ModelLogs => Field::ModelId,
        }
    }

    /// The field that holds the name of the pipeline or model.
    pub fn job_name(self) -> Field {
        match self {
            Stream::PipelineLogs => Field::PipelineName,
            Stream::ModelLogs => Field::ModelName,
        }
    }
}

/// How a field's value is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numeric {
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Decimal,
    /// No number.
    No,
}

macro_rules! fields {
    ($( $(#[doc = $doc:literal])+ $name:literal => $Field:ident, $numeric:ident, in $($Stream:ident)+; )*) => {
        /// The documented fields of both streams, in the order of the documented examples.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $( $(#[doc = $doc])+ $Field, )*
        }

        impl Field {
            /// Every documented field.
            pub const ALL: &'static [Field] = &[$( Field::$Field ),*];

            /// The key in the record.
            pub fn name(self) -> &'static str {
                match self { $( Field::$Field => $name, )* }
            }

            /// What it says.
            pub fn description(self) -> &'static str {
                match self { $( Field::$Field => concat!($( $doc ),+).trim_ascii(), )* }
            }

            /// How its value is to be read.
            pub fn numeric(self) -> Numeric {
                match self { $( Field::$Field => Numeric::$numeric, )* }
            }

            /// Whether it is documented for a stream.
            pub fn is_in(self, stream: Stream) -> bool {
                match self { $( Field::$Field => [$( Stream::$Stream ),+].contains(&stream), )* }
            }

            fn from_name(name: &str) -> Option<Field> {
                match name {
                    $( $name => Some(Field::$Field), )*
                    _ => None,
                }
            }
        }

        const FIELDS: usize = [$( $name ),*].len();
    };
}

fields! {
    /// Log record id. The two streams count apart.
    "id" => Id, Integer, in PipelineLogs ModelLogs;
    /// Account or workspace that the pipeline or model belongs to.
    "client_id" => ClientId, Integer, in PipelineLogs ModelLogs;
    /// Pipeline that ran.
    "pipeline_id" => PipelineId, Integer, in PipelineLogs;
    /// Model that ran.
    "model_id" => ModelId, Integer, in ModelLogs;
    /// Seconds that the run took, set-up not counted.
    "execution_time_seconds" => ExecutionTimeSeconds, Decimal, in PipelineLogs ModelLogs;
    /// Whether the run stored deltas.
    "has_deltas" => HasDeltas, No, in PipelineLogs;
    /// Name of the pipeline when it ran.
    "pipeline_name" => PipelineName, No, in PipelineLogs;
    /// Name of the model when it ran.
    "model_name" => ModelName, No, in ModelLogs;
    /// Pipelines: records processed. Models: rows in the final table.
    "row_count" => RowCount, Integer, in PipelineLogs ModelLogs;
    /// When the run ended, in UTC.
    "createdAt" => CreatedAt, No, in PipelineLogs ModelLogs;
    /// When the record was last changed, in UTC.
    "updatedAt" => UpdatedAt, No, in PipelineLogs ModelLogs;
    /// Where an incremental run began to read. Null for full pipelines.
    "initial_savepoint" => InitialSavepoint, No, in PipelineLogs;
    /// Where the next incremental run begins to read. Null for full pipelines.
    "new_savepoint" => NewSavepoint, No, in PipelineLogs;
    /// Address of the Kondado server that ran the pipeline.
    "external_ip" => ExternalIp, No, in PipelineLogs;
    /// Whether the rows of `row_count` count towards the plan.
    "is_billable" => IsBillable, No, in PipelineLogs;
    /// Rows processed; given since 2025-06-12.
    "raw_row_count" => RawRowCount, Integer, in PipelineLogs;
    /// Estimated size of the loaded data in MB.
    "mb_estimate" => MbEstimate, Decimal, in PipelineLogs;
}

/// One log row: every value as it came.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    fields: [Option<&'a RawValue>; FIELDS],
    others: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Whether there are no escapes, objects and arrays, as in most records: then strings need not be decoded, and every value
    /// is one token.
    plain: bool,
}

/// A field without which a record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The record does not have it.
    #[error("`{}` is missing", field.name())]
    Missing {
        /// Which field.
        field: Field,
    },
    /// The record has it, but its value cannot be used.
    #[error("`{}`: {expected}, found {found}", field.name())]
    Unusable {
        /// Which field.
        field: Field,
        /// What it should be.
        expected: String,
        /// The value, shortened.
        found: String,
    },
}

impl FieldError {
    /// Which field it is about.
    pub fn field(&self) -> Field {
        match self {
            FieldError::Missing { field } | FieldError::Unusable { field, .. } => *field,
        }
    }
}

impl<'a> Record<'a> {
    /// Reads a JSON object. Of a key that is given twice the last value counts.
    ///
    /// # Errors
    ///
    /// What `serde_json` says when the text is no JSON object.
    pub fn parse(text: &'a str) -> Result<Record<'a>, serde_json::Error> {
        let mut record: Record<'a> = serde_json::from_str(text)?;
        let members = text.trim_ascii_start().as_bytes().get(1..).unwrap_or_default();
        record.plain = memchr::memchr3(b'\\', b'{', b'[', members).is_none();
        Ok(record)
    }

    /// The value of a documented field, as it came.
    pub fn raw(&self, field: Field) -> Option<&'a RawValue> {
        self.fields[field as usize]
    }

    /// The value of a key that is not documented, as it came.
    pub fn other(&self, key: &str) -> Option<&'a RawValue> {
        let found = self.others.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, raw)| *raw)
    }

    /// The value of any key, as it came.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        Field::from_name(key).map_or_else(|| self.other(key), |field| self.raw(field))
    }

    /// All members: the documented ones of the stream in documented order, then the others by code point, each key once.
    pub fn members(&self, stream: Stream) -> impl Iterator<Item = (&str, &'a RawValue, Numeric)> {
        let given = |&field: &Field| Some((field.name(), self.raw(field)?, field.numeric()));
        let documented = Field::ALL
            .iter()
            .filter(move |field| field.is_in(stream))
            .filter_map(given);

        let foreign = Field::ALL.iter().filter(|field| !field.is_in(stream)).filter_map(given);
        let others = self.others.iter().map(|(key, raw)| (key.as_ref(), *raw, Numeric::No));
        let mut others: Vec<_> = foreign.chain(others).collect();
        // The one given last first, and sorting is stable: so it is the first of equal keys, which stays.
        others.reverse();
        others.sort_by_key(|(key, ..)| *key);
        others.dedup_by_key(|(key, ..)| *key);

        documented.chain(others)
    }

    /// Whether the record is known to have neither escapes nor objects or arrays as values.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// The field as a whole number within 63 bits and a sign.
    pub fn integer(&self, field: Field) -> Option<i64> {
        let raw = self.raw(field)?;
        match plain_digits(raw) {
            Some(digits) => {
                let digits = digits.bytes().map(|digit| i64::from(digit - b'0'));
                Some(digits.fold(0, |value, digit| value * 10 + digit))
            }
            None => self.decimal(field, |number| number.to_i64()).flatten(),
        }
    }

    /// What `read` makes of the field as a number. A number is a JSON number, or a string that is one by JSON's grammar
    /// once blanks are trimmed.
    pub fn decimal<T>(&self, field: Field, read: impl FnOnce(Decimal<'_>) -> T) -> Option<T> {
        number(self.raw(field)?, self.plain, read)
    }

    /// The field as a text; empty when it is absent or no string.
    pub fn text(&self, field: Field) -> Cow<'a, str> {
        let raw = self.raw(field);
        raw.and_then(|raw| text(raw, self.plain)).unwrap_or_default()
    }

    /// Rows loaded: `raw_row_count`, else `row_count`; whole and not negative.
    pub fn rows(&self) -> Option<i64> {
        let count = |field| self.integer(field).filter(|count| *count >= 0);
        count(Field::RawRowCount).or_else(|| count(Field::RowCount))
    }

    /// An id that the record must have: whole, from 0 to 2⁶³−1.
    ///
    /// # Errors
    ///
    /// [`FieldError`] when it is missing or something else.
    pub fn required_id(&self, field: Field) -> Result<u64, FieldError> {
        let id = self.integer(field).and_then(|id| u64::try_from(id).ok());
        id.ok_or_else(|| self.unusable(field, "expected a whole number from 0 to 9223372036854775807"))
    }

    /// The error for a field that is missing, or has a value other than expected.
    pub fn unusable(&self, field: Field, expected: impl fmt::Display) -> FieldError {
        let Some(raw) = self.raw(field) else {
            return FieldError::Missing { field };
        };
        FieldError::Unusable {
            field,
            expected: expected.to_string(),
            found: excerpt(raw),
        }
    }
}

/// The digits of a whole number as it would be written anew, and as nearly every one comes, bare or quoted: at most 18 of
/// them and nothing else. `None` says nothing.
pub fn plain_digits(raw: &RawValue) -> Option<&str> {
    let text = raw.get();
    let text = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    match text.as_bytes() {
        [b'1'..=b'9', rest @ ..] if rest.len() < 18 && rest.iter().all(u8::is_ascii_digit) => Some(text),
        _ => None,
    }
}

/// What `read` makes of a value that is a number, bare or quoted. `plain` says that it is known to have no escapes.
pub fn number<T>(raw: &RawValue, plain: bool, read: impl FnOnce(Decimal<'_>) -> T) -> Option<T> {
    if raw.get().starts_with('"') {
        let text = text(raw, plain)?;
        let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
        Decimal::parse(trimmed).map(read)
    } else {
        Decimal::parse(raw.get()).map(read)
    }
}

/// What a JSON string says; `None` for any other value, and for a string that holds a lone surrogate. `plain` says that it is
/// known to have no escapes. (The model has such a function too; neither crate may know the other.)
pub fn text(raw: &RawValue, plain: bool) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if !plain && inner.contains('\\') {
        serde_json::from_str(raw.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The beginning of a value's text, for a message.
pub(crate) fn excerpt(raw: &RawValue) -> String {
    let mut found: String = raw.get().chars().take(60).collect();
    if found.len() < raw.get().len() {
        found.push('…');
    }
    found
}

enum Key<'a> {
    Documented(Field),
    Other(Cow<'a, str>),
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Field::from_name(key).map_or(Key::Other(Cow::Borrowed(key)), Key::Documented))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Field::from_name(key).map_or_else(|| Key::Other(Cow::Owned(key.to_owned())), Key::Documented))
            }
        }

        deserializer.deserialize_identifier(KeyVisitor)
    }
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RecordVisitor;

        impl<'de> Visitor<'de> for RecordVisitor {
            type Value = Record<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut record = Record {
                    fields: [None; FIELDS],
                    others: Vec::new(),
                    plain: false,
                };
                while let Some(key) = map.next_key()? {
                    let value = map.next_value()?;
                    match key {
                        Key::Documented(field) => record.fields[field as usize] = Some(value),
                        Key::Other(key) => record.others.push((key, value)),
                    }
                }
                record.adopt("createdat", Field::CreatedAt);
                record.adopt("updatedat", Field::UpdatedAt);
                Ok(record)
            }
        }

        deserializer.deserialize_map(RecordVisitor)
    }
}

impl Record<'_> {
    /// Kondado's own connector spells some fields in lower case. Such a spelling stands for the field, unless the record
    /// has both.
    fn adopt(&mut self, spelling: &str, field: Field) {
        if self.raw(field).is_some() {
            return;
        }
        if let Some(raw) = self.other(spelling) {
            self.fields[field as usize] = Some(raw);
            self.others.retain(|(key, _)| key != spelling);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str, stream: Stream) -> Vec<String> {
        let record = Record::parse(text).unwrap();
        record
            .members(stream)
            .map(|(key, raw, _)| format!("{key}={raw}"))
            .collect()
    }

    #[test]
    fn numbers_come_in_every_dress() {
        for value in ["256", "\"256\"", "\" 256.0\\n\"", "2.56e2", "\"\\u0032\\u0035\\u0036\""] {
            let text = format!(r#"{{"row_count":{value}}}"#);
            assert_eq!(Record::parse(&text).unwrap().rows(), Some(256), "{text}");
        }
        for value in [
            "null",
            "\"\"",
            "\"NaN\"",
            "-1",
            "1.5",
            "true",
            "[256]",
            "1e30",
            "\"\\ud800\"",
        ] {
            let text = format!(r#"{{"row_count":{value}}}"#);
            assert_eq!(Record::parse(&text).unwrap().rows(), None, "{text}");
        }
    }

    #[test]
    fn an_unusable_raw_row_count_leaves_row_count() {
        let record = Record::parse(r#"{"row_count":"256","raw_row_count":"?"}"#).unwrap();
        assert_eq!(record.rows(), Some(256));
        let record = Record::parse(r#"{"row_count":"256","raw_row_count":0}"#).unwrap();
        assert_eq!(record.rows(), Some(0));
    }

    #[test]
    fn members_come_in_documented_order_then_by_code_point_each_once() {
        let text = r#"{"é":1,"z":1,"a":1,"pipeline_id":7,"model_id":8,"id":1,"z":2,"id":2,"createdat":"t"}"#;
        assert_eq!(
            keys(text, Stream::PipelineLogs),
            [
                "id=2",
                "pipeline_id=7",
                "createdAt=\"t\"",
                "a=1",
                "model_id=8",
                "z=2",
                "é=1"
            ]
        );
        assert_eq!(
            keys(text, Stream::ModelLogs),
            [
                "id=2",
                "model_id=8",
                "createdAt=\"t\"",
                "a=1",
                "pipeline_id=7",
                "z=2",
                "é=1"
            ]
        );
    }

    #[test]
    fn both_spellings_stay_apart() {
        let text = r#"{"createdat":"a","createdAt":null,"updatedat":"b"}"#;
        assert_eq!(
            keys(text, Stream::ModelLogs),
            ["createdAt=null", "updatedAt=\"b\"", "createdat=\"a\""]
        );
    }

    #[test]
    fn an_unusable_id_is_named() {
        let error = |text: &str| {
            Record::parse(text)
                .unwrap()
                .required_id(Field::Id)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(error("{}"), "`id` is missing");
        assert_eq!(
            error(r#"{"id":"abc"}"#),
            r#"`id`: expected a whole number from 0 to 9223372036854775807, found "abc""#
        );
    }
}
