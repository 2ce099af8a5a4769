//! Envelopes for services that read them as values and keep the values, not the text.

use std::collections::BTreeSet;
use std::fmt;

use logferry_model::json::depth;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Of the hundred levels that readers of Protocol Buffers take, a level of JSON uses up to three.
const MOST_LEVELS: usize = 30;

/// Whether a well-formed JSON text means the same after it has been read into values whose numbers are doubles: no number changes, no key
/// is there twice, every string is text, and it is not too deep.
pub(crate) fn is_same_when_parsed(text: &str) -> bool {
    depth(text) <= MOST_LEVELS && serde_json::from_str::<Plain>(text).is_ok() && numbers(text).all(is_double)
}

/// Any value without a key that is there twice.
struct Plain;

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Plain, D::Error> {
        deserializer.deserialize_any(PlainVisitor)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Plain, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some((key, Plain)) = map.next_entry::<String, Plain>()? {
            if !keys.insert(key) {
                return Err(A::Error::custom("a key is there twice"));
            }
        }
        Ok(Plain)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Plain, A::Error> {
        while seq.next_element::<Plain>()?.is_some() {}
        Ok(Plain)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Plain, E> {
        Ok(Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Plain, E> {
        Ok(Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Plain, E> {
        Ok(Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Plain, E> {
        Ok(Plain)
    }

    fn visit_str<E>(self, _: &str) -> Result<Plain, E> {
        Ok(Plain)
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain)
    }
}

/// The numbers of a well-formed JSON text, as they stand there.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit())?;
            rest = &rest[start..];
            if let Some(string) = rest.strip_prefix('"') {
                rest = after_string(string);
                continue;
            }
            let is_of_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
            let (number, after) = rest.split_at(rest.find(|c| !is_of_number(c)).unwrap_or(rest.len()));
            rest = after;
            return Some(number);
        }
    })
}

/// What follows a string, given what follows its opening quote.
fn after_string(mut text: &str) -> &str {
    while let Some(at) = text.find(['"', '\\']) {
        let is_end = text[at..].starts_with('"');
        // What stands after a backslash is one character at least, and no end of the string.
        let skipped = text[at + 1..].chars().next().map_or(0, char::len_utf8);
        text = &text[at + 1 + if is_end { 0 } else { skipped }..];
        if is_end {
            return text;
        }
    }
    ""
}

/// Whether a double shows itself as this number.
fn is_double(number: &str) -> bool {
    // Any number of fifteen digits does.
    if number.len() <= 15 && !number.contains(['e', 'E']) {
        return true;
    }
    let Ok(double) = number.parse::<f64>() else {
        return false;
    };
    let digits_of_number = digits(number);
    double.is_finite() && digits_of_number.is_some() && digits_of_number == digits(&format!("{double:e}"))
}

/// The digits of a number without zeros around them, and the power of ten that the last of them stands for.
fn digits(number: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let significant = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let after_point = i64::try_from(fraction.len()).ok()?;
    let exponent = exponent
        .parse::<i64>()
        .ok()?
        .checked_sub(after_point)?
        .checked_add(zeros)?;
    let significant = significant.trim_start_matches('0');
    let exponent = if significant.is_empty() { 0 } else { exponent };
    Some((significant.to_owned(), exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_changes_when_it_is_no_double() {
        for (number, expected) in [
            ("0", true),
            ("-0", true),
            ("0.0e17", true),
            ("1.50", true),
            ("-12.5e-3", true),
            ("1E+300", true),
            ("0.30000000000000004", true),
            ("0.1000000000000000055", false),
            ("9007199254740992", true),
            ("9007199254740993", false),
            ("-9007199254740993", false),
            ("9007199254740994", true),
            ("1795194000123456789", false),
            ("1.2300000000000000000000000", true),
            ("1e400", false),
            ("1e-400", false),
            ("123456789012345678", false),
            ("100000000000000000000", true),
        ] {
            assert_eq!(is_double(number), expected, "{number}");
            assert_eq!(is_same_when_parsed(&format!("[{number}]")), expected, "{number}");
        }
    }

    #[test]
    fn numbers_in_strings_are_text() {
        let text =
            r#"{"9007199254740993":"9007199254740993 \" 9007199254740993 \\","ä\u0031\ä":[1,-2.5e3,{"b":3}],"c":4}"#;
        assert_eq!(numbers(text).collect::<Vec<_>>(), ["1", "-2.5e3", "3", "4"]);
    }

    #[test]
    fn what_readers_refuse_or_forget_is_not_the_same() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        for (text, expected) in [
            (r#"{"a":{"b":1},"b":[true,null,"a"]}"#.to_owned(), true),
            (r#"{"a":1,"b":{"c":1,"\u0063":2}}"#.to_owned(), false),
            (r#"{"a":"\ud83d\ude80"}"#.to_owned(), true),
            (r#"{"a":"\ud83d"}"#.to_owned(), false),
            (deep(30), true),
            (deep(31), false),
            (deep(10_000), false),
        ] {
            assert_eq!(is_same_when_parsed(&text), expected, "{text}");
        }
    }
}
