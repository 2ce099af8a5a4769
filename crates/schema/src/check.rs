//! Checks events against the schemas, and says what is wrong in words.

use std::collections::BTreeSet;
use std::fmt;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use logferry_model::{EnvelopeTail, Kind, json, timestamp};
use serde::Deserialize as _;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::locate::Part;
use crate::registry::{Registry, Subject};

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is not documented, but Fivetran may send it tomorrow.
    Warning,
    /// It breaks the schema.
    Error,
}

/// What is wrong with a part of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The text cannot be read, or is no record.
    Unreadable(String),
    /// A key that must be there is not.
    Missing(String),
    /// A value is of another kind than expected; what was expected.
    Unexpected(String),
    /// A value is not among the documented ones; which those are.
    UnknownValue(Vec<String>),
    /// A key is not documented.
    UnknownKey(String),
    /// The catalogue has no event of this name.
    UnknownEvent(String),
}

impl Problem {
    /// Its short name, for programs.
    pub fn rule(&self) -> &'static str {
        match self {
            Problem::Unreadable(_) => "unreadable",
            Problem::Missing(_) => "missing",
            Problem::Unexpected(_) => "unexpected",
            Problem::UnknownValue(_) => "unknown-value",
            Problem::UnknownKey(_) => "unknown-key",
            Problem::UnknownEvent(_) => "unknown-event",
        }
    }

    /// The short names, each with what it means.
    pub const RULES: &'static [(&'static str, &'static str)] = &[
        ("unreadable", "The text is no JSON, or no event or record."),
        ("missing", "A key that every event has is missing."),
        (
            "unexpected",
            "A value is of another type or form than the documented one.",
        ),
        ("unknown-value", "A value is not among the documented ones."),
        ("unknown-key", "A key is not documented."),
        ("unknown-event", "The event is not documented."),
    ];

    /// What was expected, if something was.
    pub fn expected(&self) -> Option<String> {
        match self {
            Problem::Unexpected(expected) => Some(expected.clone()),
            Problem::UnknownValue(known) => Some(one_of(known)),
            _ => None,
        }
    }

    /// In words, without what the record holds.
    pub fn masked(&self) -> String {
        match self {
            Problem::Unreadable(_) => "cannot be read".to_owned(),
            Problem::UnknownEvent(_) => "the event is not documented".to_owned(),
            Problem::Missing(_) | Problem::Unexpected(_) | Problem::UnknownValue(_) | Problem::UnknownKey(_) => {
                self.to_string()
            }
        }
    }
}

fn one_of(names: &[String]) -> String {
    match names {
        [name] => name.clone(),
        names => format!("one of {}", names.join(", ")),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Unreadable(why) => f.write_str(why),
            Problem::Missing(key) => write!(f, "`{key}` is missing"),
            Problem::Unexpected(expected) => write!(f, "expected {expected}"),
            Problem::UnknownValue(known) => write!(f, "not a documented value: expected {}", one_of(known)),
            Problem::UnknownKey(key) => write!(f, "`{key}` is not documented"),
            Problem::UnknownEvent(name) => write!(f, "the event `{name}` is not documented"),
        }
    }
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The JSON pointer of the value.
    pub pointer: String,
    /// Whether the key is meant or the value.
    pub part: Part,
    /// How bad it is.
    pub level: Level,
    /// What it is.
    pub problem: Problem,
    /// A name that may have been meant.
    pub suggestion: Option<String>,
}

impl Registry {
    /// Checks the text of an event, which must be a JSON object. Everything that is wrong, in the order of the schema. `name` is
    /// the event's, if it is known already, which makes the check faster.
    pub fn check_event(&self, text: &str, name: Option<&str>) -> Vec<Finding> {
        if let Some(kind) = name.and_then(Kind::from_name)
            && self.is_surely_valid(Subject::Event(kind), text)
        {
            return Vec::new();
        }
        self.check(text, |value| match value["event"].as_str() {
            Some(name) => Kind::from_name(name).map_or(Subject::UnknownEvent, Subject::Event),
            None => Subject::UnknownEvent,
        })
    }

    /// Checks a text against one of the other schemas, by its name.
    pub fn check_other(&self, name: &str, text: &str) -> Vec<Finding> {
        self.check(text, |_| self.other(name))
    }

    fn check(&self, text: &str, subject: impl FnOnce(&Value) -> Subject) -> Vec<Finding> {
        let value = value(text);
        let subject = subject(&value);
        let Some(schema) = self.get(subject) else {
            return vec![at_root(Problem::Unreadable("no schema to check it against".to_owned()))];
        };
        let mut findings = Vec::new();
        match (subject, value["event"].as_str()) {
            (Subject::UnknownEvent, Some(name)) => findings.push(unknown_event(name)),
            _ if schema.strict.is_valid(&value) => return findings,
            _ => {}
        }
        for error in schema.open.iter_errors(&value) {
            explain(&error, Level::Error, &mut findings);
        }
        // A text may break several rules for what is one mistake to a person.
        findings.dedup_by(|a, b| a.pointer == b.pointer && a.problem == b.problem);
        // The strict schema finds again what the open one found.
        let known: BTreeSet<_> = findings
            .iter()
            .map(|finding| (finding.pointer.clone(), finding.part))
            .collect();
        let mut strict = Vec::new();
        for error in schema.strict.iter_errors(&value) {
            explain(&error, Level::Warning, &mut strict);
        }
        strict.retain(|finding| !known.contains(&(finding.pointer.clone(), finding.part)));
        findings.append(&mut strict);
        suggest(subject, &value, &mut findings);
        findings
    }
}

/// The value of a well-formed text. What a [`Value`] cannot hold becomes the nearest that it can: a number beyond the range of
/// 64 bits its greatest, half a surrogate pair the six characters it is written with.
fn value(text: &str) -> Value {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // How deep it may be is known already.
    deserializer.disable_recursion_limit();
    Value::deserialize(&mut deserializer).unwrap_or_else(|_| nearest_value(text))
}

fn nearest_value(text: &str) -> Value {
    let string = |raw: &RawValue| match json::read_str(raw) {
        Some(text) => text.into_owned(),
        None => raw.get().trim_matches('"').to_owned(),
    };
    let raw: Result<&RawValue, _> = serde_json::from_str(text);
    match (text.as_bytes().first(), raw) {
        (Some(b'{'), _) => {
            let members = json::raw_members(text).unwrap_or_default().into_iter();
            members
                .map(|(key, value)| (string(key), nearest_value(value.get())))
                .collect()
        }
        (Some(b'['), _) => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            items.into_iter().map(|item| nearest_value(item.get())).collect()
        }
        (Some(b'"'), Ok(raw)) => Value::String(string(raw)),
        (Some(b'-'), _) => serde_json::from_str(text).unwrap_or_else(|_| f64::MIN.into()),
        _ => serde_json::from_str(text).unwrap_or_else(|_| f64::MAX.into()),
    }
}

fn at_root(problem: Problem) -> Finding {
    Finding {
        pointer: String::new(),
        part: Part::Value,
        level: Level::Error,
        problem,
        suggestion: None,
    }
}

fn unknown_event(name: &str) -> Finding {
    Finding {
        pointer: "/event".to_owned(),
        level: Level::Warning,
        suggestion: nearest(name, Kind::ALL.iter().map(|kind| kind.name())),
        ..at_root(Problem::UnknownEvent(name.to_owned()))
    }
}

/// Puts what a validator found into words.
fn explain(error: &ValidationError<'_>, level: Level, findings: &mut Vec<Finding>) {
    let pointer = error.instance_path().as_str();
    let mut push = |pointer: String, part, problem| {
        findings.push(Finding {
            pointer,
            part,
            level,
            problem,
            suggestion: None,
        });
    };
    let here = pointer.to_owned();
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default().to_owned();
            push(here, Part::Value, Problem::Missing(key));
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for key in unexpected {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                push(pointer, Part::Key, Problem::UnknownKey(key.clone()));
            }
        }
        ValidationErrorKind::Type { kind } => push(here, Part::Value, Problem::Unexpected(types(kind))),
        ValidationErrorKind::Pattern { pattern } if pattern == timestamp::PATTERN => {
            push(here, Part::Value, Problem::Unexpected(TIME.to_owned()));
        }
        ValidationErrorKind::Not { .. } => push(here, Part::Value, Problem::Unexpected(TIME.to_owned())),
        ValidationErrorKind::Pattern { .. } => push(here, Part::Value, Problem::Unexpected("a number".to_owned())),
        ValidationErrorKind::Minimum { limit } => {
            push(here, Part::Value, Problem::Unexpected(format!("{limit} or more")));
        }
        ValidationErrorKind::AnyOf { context } => any_of(error, context, level, findings),
        _ => push(here, Part::Value, Problem::Unexpected(error.masked().to_string())),
    }
}

const TIME: &str = "a time such as 2020-09-17T00:03:48.108Z";

/// None of several schemas holds: of an open set, of something that may be null, of two spellings of a key.
fn any_of(
    error: &ValidationError<'_>,
    context: &[Vec<ValidationError<'static>>],
    level: Level,
    findings: &mut Vec<Finding>,
) {
    let known: Vec<String> = context
        .iter()
        .flatten()
        .filter_map(|error| match error.kind() {
            ValidationErrorKind::Constant { expected_value } => expected_value.as_str().map(str::to_owned),
            _ => None,
        })
        .collect();
    if !known.is_empty() {
        // What is no text is said to be none by the type beside.
        if error.instance().is_string() {
            findings.push(Finding {
                pointer: error.instance_path().as_str().to_owned(),
                part: Part::Value,
                level,
                problem: Problem::UnknownValue(known),
                suggestion: None,
            });
        }
        return;
    }
    let wrong_types: Vec<String> = context
        .iter()
        .flatten()
        .filter(|inner| inner.instance_path() == error.instance_path())
        .filter_map(|inner| match inner.kind() {
            ValidationErrorKind::Type { kind } => Some(types(kind)),
            _ => None,
        })
        .collect();
    if wrong_types.len() == context.len() {
        findings.push(Finding {
            pointer: error.instance_path().as_str().to_owned(),
            part: Part::Value,
            level,
            problem: Problem::Unexpected(wrong_types.join(" or ")),
            suggestion: None,
        });
        return;
    }
    // The schema that got furthest is the one that was meant: what is wrong deeper down says more.
    let depth = |errors: &&Vec<ValidationError<'static>>| {
        let deepest = errors.iter().map(|error| error.instance_path().as_str().len()).max();
        (deepest, std::cmp::Reverse(errors.len()))
    };
    let furthest = context.iter().rev().max_by_key(depth);
    for inner in furthest.into_iter().flatten() {
        explain(inner, level, findings);
    }
}

fn types(kind: &TypeKind) -> String {
    let word = |kind: JsonType| match kind {
        JsonType::Array => "an array",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "text",
    };
    match kind {
        TypeKind::Single(kind) => word(*kind).to_owned(),
        TypeKind::Multiple(kinds) => {
            // Null is said last: it is the exception.
            let (null, others): (Vec<_>, Vec<_>) = kinds.iter().partition(|kind| *kind == JsonType::Null);
            let words: Vec<_> = others.into_iter().chain(null).map(word).collect();
            words.join(" or ")
        }
    }
}

/// Says for a key that is unknown, and for one that is missing, which may have been meant.
fn suggest(subject: Subject, value: &Value, findings: &mut [Finding]) {
    let envelope: Vec<&str> = match subject {
        Subject::Other(_) => return,
        _ => {
            let tail = EnvelopeTail::KEYS.iter().map(|spellings| spellings[0]);
            ["event", "data", "created"].into_iter().chain(tail).collect()
        }
    };
    let data = match subject {
        Subject::Event(kind) => kind.keys().concat(),
        _ => Vec::new(),
    };
    let absent = |names: &[&'static str], object: &Value| {
        let names = names.iter().filter(|name| object.get(**name).is_none());
        names.copied().collect::<Vec<_>>()
    };
    for finding in findings {
        let level = finding.pointer.matches('/').count();
        let nearest = match &finding.problem {
            Problem::UnknownKey(key) if level == 1 => nearest(key, absent(&envelope, value)),
            Problem::UnknownKey(key) if level == 2 => nearest(key, absent(&data, &value["data"])),
            Problem::Missing(key) if level == 0 => {
                let given = value.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
                nearest(key, given.filter(|given| !envelope.contains(given)))
            }
            _ => continue,
        };
        finding.suggestion = nearest;
    }
}

/// The nearest of some names, if it is near: a letter, or more of a longer name.
fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    nearest_within(5, name, names).map(str::to_owned)
}

/// The nearest of some names, if no more than one letter in so many has to be changed for it.
pub fn nearest_within<'n>(letters: usize, name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let names = names.into_iter();
    let nearest = names
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .min();
    let is_near = |(distance, other): &(usize, &str)| *distance <= other.len().div_ceil(letters);
    nearest.filter(is_near).map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found, a line each: level, pointer, words, suggestion.
    fn found(text: &str) -> Vec<String> {
        let findings = Registry::new(Vec::new()).check_event(text, None);
        let line = |finding: &Finding| {
            let suggestion = finding.suggestion.as_ref().map(|name| format!(" ({name}?)"));
            format!(
                "{:?} {} {}{}",
                finding.level,
                finding.pointer,
                finding.problem,
                suggestion.unwrap_or_default()
            )
        };
        findings.iter().map(line).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_said_once_and_precisely() {
        for (text, expected) in [
            (
                r#"{"event":"sync_start","created":"2023-07-07T09:56:43.688Z"}"#,
                &[][..],
            ),
            (
                r#"{"event":"records_modified","data":{"count":"12","tabel":"t","operationType":"MERGED"},"creatd":"x"}"#,
                &[
                    "Error  `created` is missing (creatd?)",
                    "Error /data/count expected a whole number",
                    "Warning /data/operationType not a documented value: expected one of REPLACED_OR_INSERTED, UPDATED, DELETED",
                    "Warning /data/tabel `tabel` is not documented (table?)",
                    "Warning /creatd `creatd` is not documented (created?)",
                ],
            ),
            (
                r#"{"event":"sync_ends","created":"2023-02-29T09:56:43Z","conection_id":7}"#,
                &[
                    "Warning /event the event `sync_ends` is not documented (sync_end?)",
                    "Error /created expected a time such as 2020-09-17T00:03:48.108Z",
                    "Warning /conection_id `conection_id` is not documented (connection_id?)",
                ],
            ),
            (
                r#"{"event":7,"created":"2023-02-28T09:56:43Z","data":[]}"#,
                &["Error /event expected text"],
            ),
            (
                r#"{"event":"edit_connection","created":"2023-02-28T09:56:43Z","data":{"newValues":{"schema_changes":{"phase":"2"}}}}"#,
                &["Error /data/newValues/schema_changes/phase expected a whole number"],
            ),
            (
                r#"{"event":"edit_connection","created":"2023-02-28T09:56:43Z","data":{"newValues":{"schema_changes":7}}}"#,
                &["Error /data/newValues/schema_changes expected an object or null"],
            ),
            (
                r#"{"event":"sync_end","created":"2023-02-28T09:56:43Z","data":{"status":7}}"#,
                &["Error /data/status expected text"],
            ),
            (
                r#"{"event":"records_modified","created":"2023-02-28T09:56:43Z","data":{"count":1e400,"schema":"\ud800","table":7}}"#,
                &["Error /data/table expected text"],
            ),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
