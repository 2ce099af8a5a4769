//! What is wrong, in words for people.

use toml::de::DeValue;

use crate::suggest::{nearest, with_suggestion};

/// That a name is unknown, with those that are known and the nearest of them.
pub fn unknown(what: &str, name: &str, known: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = known.iter().map(AsRef::as_ref).collect();
    let message = format!("unknown {what} `{name}`, expected one of `{}`", names.join("`, `"));
    // The name may have any character in it, so the message is not taken apart for the suggestion.
    match nearest(name, names.into_iter()) {
        Some(near) => format!("{message} (did you mean `{near}`?)"),
        None => message,
    }
}

/// What a value is, in words.
pub fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A message of serde's in words for people, without the value that is wrong.
pub fn in_words(message: &str) -> String {
    if let Some(field) = message.strip_prefix("missing field ") {
        return format!("{field} is missing");
    }
    if message.starts_with("invalid ")
        && let Some((found, expected)) = message.split_once(", expected ")
    {
        let expected = in_words_of(expected);
        let found = found.split_once(": ").map_or("", |(_, found)| found);
        let kinds = [
            ("string", "a text"),
            ("integer", "a number"),
            ("floating point", "a number with a fraction"),
            ("boolean", "true or false"),
            ("sequence", "an array"),
            ("map", "a table"),
        ];
        let kind = kinds.iter().find(|(name, _)| found.starts_with(name));
        return match kind {
            Some((_, kind)) if message.starts_with("invalid type") => format!("expected {expected}, found {kind}"),
            _ => format!("expected {expected}"),
        };
    }
    // serde's enums, which are texts here.
    if message == "wanted string or table" {
        return "expected a text in quotes".to_owned();
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return with_suggestion(&format!("unknown value {rest}"));
    }
    if let Some(name) = message
        .strip_prefix("unknown event `")
        .and_then(|rest| rest.strip_suffix('`'))
        && !name.contains('`')
    {
        let names = logferry_model::Kind::ALL.iter().map(|kind| kind.name());
        let near = nearest(name, names).map(|near| format!(" (did you mean `{near}`?)"));
        return format!("{message}{}", near.unwrap_or_default());
    }
    with_suggestion(message)
}

/// What serde expects, in words for people.
pub fn in_words_of(expected: &str) -> &str {
    match expected {
        "u64" | "usize" => "a whole number from 0",
        "u32" => "a whole number from 0 to 4294967295",
        "a nonzero usize" => "a whole number from 1",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        "path string" => "a path in quotes",
        "a sequence" => "an array",
        "a map" => "a table",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    }
}
