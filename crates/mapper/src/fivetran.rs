//! Fivetran's own events, from wherever they were written down, in canonical form.
//!
//! Three forms are read: the envelope of log services, that of webhooks (other order of keys, no `connection_*`), and rows of the
//! Platform Connector's LOG table, whose columns have names of their own and hold the data as text. Values stay token for token;
//! only blanks between tokens go.

use std::borrow::Cow;
use std::collections::BTreeMap;

use logferry_model::json::{self, Strings, compact, write_str};
use logferry_model::{EnvelopeTail, Group, Kind, Timestamp, TimestampError};
use serde_json::value::RawValue;

/// The most levels of brackets that an event may have.
const MOST_LEVELS: usize = 128;

/// How often data may be encoded as text within text.
const MOST_ENCODINGS: usize = 4;

/// Why an event cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no JSON object whose keys can be read.
    #[error("expected an event: {0}")]
    NoObject(String),
    /// A key that every event has is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A key has a value that cannot be used.
    #[error("`{key}`: {expected}, found {found}")]
    Unusable {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: String,
        /// The value, shortened.
        found: String,
    },
    /// A row of the LOG table has a column that stands for the same as another.
    #[error("`{key}` beside `{column}`: a row of the LOG table has only the latter")]
    Both {
        /// The key of an event.
        key: &'static str,
        /// The column of the table.
        column: &'static str,
    },
}

impl Error {
    /// The key whose value is at fault.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Error::Unusable { key, .. } | Error::Both { key, .. } => Some(key),
            Error::NoObject(_) | Error::Missing(_) => None,
        }
    }

    fn unusable(key: &'static str, raw: &RawValue, expected: impl ToString) -> Error {
        Error::Unusable {
            key,
            expected: expected.to_string(),
            found: json::excerpt(raw.get()),
        }
    }
}

/// The keys of an event, and where a form has other names for them.
struct Form {
    event: &'static str,
    data: &'static str,
    created: &'static str,
    /// What is not the event's.
    dropped: &'static [&'static str],
}

const ENVELOPE: Form = Form {
    event: "event",
    data: "data",
    created: "created",
    dropped: &[],
};

/// `event` is the severity there, which goes beside the envelope.
const LOG_ROW: Form = Form {
    event: "message_event",
    data: "message_data",
    created: "time_stamp",
    dropped: &["id", "_fivetran_synced", "event"],
};

/// The keys that say the same, the deprecated one first.
const TWINS: [(&str, &str); 2] = [("connector_id", "connection_id"), ("connector_name", "connection_name")];

/// Appends an event as one line in canonical form. `text` must be a well-formed JSON object of at most 128 levels.
///
/// # Errors
///
/// [`Error`] when it cannot be understood; then nothing is written.
pub fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    let before = out.len();
    let written = write_event(text, out);
    match written {
        Ok(()) => out.push(b'\n'),
        Err(_) => out.truncate(before),
    }
    written
}

fn write_event(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    let members = Members::read(text)?;
    let form = match members.given(LOG_ROW.event) {
        Some(_) => LOG_ROW,
        None => ENVELOPE,
    };
    for (key, column) in [("data", form.data), ("created", form.created)] {
        if key != column && members.given(key).is_some() {
            return Err(Error::Both { key, column });
        }
    }

    let raw_name = members.given(form.event).ok_or(Error::Missing(form.event))?;
    let name = json::read_str(raw_name)
        .ok_or_else(|| Error::unusable(form.event, raw_name, "expected the name of an event"))?;
    let kind = Kind::from_name(&name);
    out.extend_from_slice(br#"{"event":"#);
    match kind {
        Some(kind) if kind.group() == Group::Audit => write_str(kind.name(), out),
        _ => push(raw_name.get(), out),
    }

    if let Some(raw) = members.given(form.data) {
        let data = match form.data == LOG_ROW.data {
            true => decoded(raw)?,
            false => Cow::Borrowed(raw.get()),
        };
        if data != "null" {
            out.extend_from_slice(br#","data":"#);
            write_data(kind, &data, out);
        }
    }

    let raw_created = members.given(form.created).ok_or(Error::Missing(form.created))?;
    let created = json::read_str(raw_created).ok_or(TimestampError::Form);
    let created = created
        // As BigQuery writes times.
        .and_then(|text| Timestamp::parse(text.strip_suffix(" UTC").unwrap_or(&text)))
        .map_err(|error| Error::unusable(form.created, raw_created, error))?;
    out.extend_from_slice(br#","created":""#);
    created.write(out);
    out.push(b'"');

    let tail = EnvelopeTail::KEYS.iter().map(|spellings| spellings[0]);
    for key in tail.clone() {
        let twin = TWINS.iter().find_map(|(a, b)| match key {
            key if key == *a => Some(*b),
            key if key == *b => Some(*a),
            _ => None,
        });
        let value = members.given(key).or_else(|| members.given(twin?));
        if let Some(value) = value {
            write_named(key, value.get(), out);
        }
    }
    let is_ours = |key: &str| {
        let form = [form.event, form.data, form.created];
        form.contains(&key) || tail.clone().any(|known| known == key)
    };
    let mut unknown = members.0.iter().filter(|member| !is_ours(&member.key)).peekable();
    if unknown.peek().is_some() {
        // Of a key that is given twice the last value counts.
        let unknown: Vec<_> = unknown.collect();
        let last: BTreeMap<&str, usize> = unknown
            .iter()
            .enumerate()
            .map(|(index, member)| (&*member.key, index))
            .collect();
        for (index, member) in unknown.into_iter().enumerate() {
            let is_dropped = form.dropped.contains(&&*member.key) || member.value.get() == "null";
            if !is_dropped && last.get(&*member.key) == Some(&index) {
                write_member(member.raw_key.get(), member.value.get(), out);
            }
        }
    }
    out.push(b'}');
    Ok(())
}

struct Member<'a> {
    key: Cow<'a, str>,
    raw_key: &'a RawValue,
    value: &'a RawValue,
}

struct Members<'a>(Vec<Member<'a>>);

impl<'a> Members<'a> {
    fn read(text: &'a str) -> Result<Members<'a>, Error> {
        let members = json::raw_members(text).map_err(|error| Error::NoObject(error.to_string()))?;
        let members = members.into_iter().map(|(raw_key, value)| Member {
            // A key with a lone surrogate is known by its token.
            key: json::read_str(raw_key).unwrap_or(Cow::Borrowed(raw_key.get())),
            raw_key,
            value,
        });
        Ok(Members(members.collect()))
    }

    /// The value of a key; the last one, where it is given twice.
    fn get(&self, key: &str) -> Option<&'a RawValue> {
        let mut members = self.0.iter().rev();
        members.find(|member| member.key == key).map(|member| member.value)
    }

    /// The value of a key, unless it is null, which says nothing at the top.
    fn given(&self, key: &str) -> Option<&'a RawValue> {
        self.get(key).filter(|raw| raw.get() != "null")
    }
}

/// The data of a row: JSON, or JSON as text, or that as text again.
fn decoded(raw: &RawValue) -> Result<Cow<'_, str>, Error> {
    let error = |expected: &str| Error::unusable(LOG_ROW.data, raw, expected);
    let mut data = Cow::Borrowed(raw.get());
    for _ in 0..=MOST_ENCODINGS {
        if !data.starts_with('"') {
            if json::depth(&data) >= MOST_LEVELS {
                return Err(error("expected at most 128 levels of brackets"));
            }
            return Ok(data);
        }
        let text: String = serde_json::from_str(&data).map_err(|_| error("expected a text without lone surrogates"))?;
        let inner: &RawValue = serde_json::from_str(&text).map_err(|_| error("expected a text that holds JSON"))?;
        data = Cow::Owned(inner.get().to_owned());
    }
    Err(error("expected a text that holds JSON"))
}

/// Writes data with the usual spelling of keys that have several.
fn write_data(kind: Option<Kind>, data: &str, out: &mut Vec<u8>) {
    let keys = kind.map_or(&[][..], Kind::keys);
    let mut several = keys.iter().filter(|spellings| spellings.len() > 1).peekable();
    // A text that is no object has no keys.
    let Some(members) = several.peek().and_then(|_| Members::read(data).ok()) else {
        return push(data, out);
    };
    // Where both spellings are given they stay apart.
    let renamed: Vec<(&str, &str)> = several
        .filter_map(|spellings| {
            let mut given = spellings.iter().filter(|spelling| members.get(spelling).is_some());
            match (given.next(), given.next()) {
                (Some(spelling), None) => Some((*spelling, spellings[0])),
                _ => None,
            }
        })
        .collect();
    out.push(b'{');
    for member in &members.0 {
        match renamed.iter().find(|(spelling, _)| *spelling == member.key) {
            Some((_, usual)) => write_named(usual, member.value.get(), out),
            None => write_member(member.raw_key.get(), member.value.get(), out),
        }
    }
    out.push(b'}');
}

/// Writes a member of an object by the token of its key, with a comma where it is not the first.
fn write_member(key: &str, value: &str, out: &mut Vec<u8>) {
    comma(out);
    out.extend_from_slice(key.as_bytes());
    out.push(b':');
    push(value, out);
}

/// Writes a member of an object by its key, which has nothing to escape.
fn write_named(key: &str, value: &str, out: &mut Vec<u8>) {
    comma(out);
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    push(value, out);
}

fn comma(out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
}

fn push(json: &str, out: &mut Vec<u8>) {
    // Strings that keep their escapes cannot fail.
    let _ = compact(json, Strings::AsTheyCame, out);
}
