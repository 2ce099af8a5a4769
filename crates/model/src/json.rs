//! JSON text that keeps its tokens.
//!
//! `serde_json` reads and checks all JSON here; this module only walks text that it has found to be well formed,
//! because a parsed tree would forget the digits of numbers and the order of keys.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One JSON value as compact text: every token as it came, no blanks between tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<'a>(Cow<'a, str>);

impl<'a> Json<'a> {
    /// Takes text that is known to be one compact JSON value.
    pub fn from_compact(text: impl Into<Cow<'a, str>>) -> Json<'a> {
        let text = text.into();
        debug_assert!(serde_json::from_str::<&RawValue>(&text).is_ok(), "{text}");
        Json(text)
    }

    /// The value's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a RawValue> for Json<'a> {
    fn from(raw: &'a RawValue) -> Json<'a> {
        let mut text = Vec::new();
        match compact(raw.get(), Strings::AsTheyCame, &mut text) {
            Ok(()) if text.len() < raw.get().len() => Json(match String::from_utf8(text) {
                Ok(text) => Cow::Owned(text),
                Err(_) => Cow::Borrowed(raw.get()),
            }),
            _ => Json(Cow::Borrowed(raw.get())),
        }
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What [`compact`] does with strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// Every string keeps its escapes.
    AsTheyCame,
    /// Every string is escaped as `serde_json` escapes it, however it was escaped before.
    Escaped,
    /// As `Escaped`, and U+0000 is removed from keys and strings.
    EscapedWithoutNul,
}

/// A string holds half of a surrogate pair, which is no character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a string holds a lone surrogate (half of a \\u pair)")]
pub struct LoneSurrogate;

/// Appends `text`, which must be well-formed JSON, without the blanks between its tokens.
///
/// # Errors
///
/// [`LoneSurrogate`], only when strings are escaped anew. `out` then holds the part before it.
pub fn compact(text: &str, strings: Strings, out: &mut Vec<u8>) -> Result<(), LoneSurrogate> {
    let bytes = text.as_bytes();
    // The bytes from `copied` to `at` go out as they are.
    let (mut copied, mut at) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                let token = text.get(at..end).unwrap_or_default();
                // Without a backslash a well-formed string is as serde_json writes it.
                if strings != Strings::AsTheyCame && token.contains('\\') {
                    out.extend_from_slice(&bytes[copied..at]);
                    let mut value: String = serde_json::from_str(token).map_err(|_| LoneSurrogate)?;
                    if strings == Strings::EscapedWithoutNul {
                        value.retain(|c| c != '\0');
                    }
                    write_str(&value, out);
                    copied = end;
                }
                at = end;
            }
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.extend_from_slice(&bytes[copied..at]);
                at += 1;
                copied = at;
            }
            _ => at += 1,
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    Ok(())
}

/// Whether all strings of a well-formed JSON text are text: none holds a lone surrogate.
pub fn is_text(text: &str) -> bool {
    compact(text, Strings::Escaped, &mut Vec::new()).is_ok()
}

/// Where the string that opens at `start` ends: one past its closing quote.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        match memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
            Some(found) if bytes[at + found] == b'"' => return at + found + 1,
            Some(found) => at += found + 2,
            None => return bytes.len(),
        }
    }
}

/// Appends `value` as a JSON string.
pub fn write_str(value: &str, out: &mut Vec<u8>) {
    // Most strings have nothing to escape, and serde_json looks at them byte by byte.
    if is_plain(value) {
        out.reserve(value.len() + 2);
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
        return;
    }
    // Writing a str into a Vec cannot fail.
    let _ = serde_json::to_writer(out, value);
}

/// Whether a string within a JSON string stands as it is: it has nothing to escape.
pub fn is_plain(text: &str) -> bool {
    !needs_escape(text.as_bytes())
}

/// Whether a string holds a control character, a quote or a backslash. It looks at many bytes at a time; where the last are fewer,
/// at some of them twice.
fn needs_escape(bytes: &[u8]) -> bool {
    fn any<const N: usize>(bytes: &[u8; N]) -> bool {
        let special = |byte: u8| u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\');
        bytes.iter().fold(0, |found, &byte| found | special(byte)) != 0
    }
    if let Some(last) = bytes.last_chunk::<16>() {
        bytes.as_chunks::<16>().0.iter().any(any) || any(last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        any(first) | any(last)
    } else {
        bytes.as_chunks::<1>().0.iter().any(any)
    }
}

/// What a JSON string says, borrowed when it has no escapes. `None` when the value is no string, or holds a lone
/// surrogate.
pub fn read_str(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The members of a JSON object in the order they came, duplicates included, each key as the token it is.
///
/// # Errors
///
/// What `serde_json` says when the text is no JSON object.
pub fn raw_members(text: &str) -> Result<Vec<(&RawValue, &RawValue)>, serde_json::Error> {
    struct RawMembers<'a>(Vec<(&'a RawValue, &'a RawValue)>);

    impl<'de> Deserialize<'de> for RawMembers<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct RawMembersVisitor;

            impl<'de> Visitor<'de> for RawMembersVisitor {
                type Value = RawMembers<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                    // As many as most objects have at most.
                    let mut members = Vec::with_capacity(12);
                    while let Some(member) = map.next_entry()? {
                        members.push(member);
                    }
                    Ok(RawMembers(members))
                }
            }

            deserializer.deserialize_map(RawMembersVisitor)
        }
    }

    serde_json::from_str(text).map(|RawMembers(members)| members)
}

/// How many levels of brackets a well-formed JSON text has.
pub fn depth(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut open, mut deepest) = (0, 0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// The members of a JSON object in the order they came, duplicates included. `None` when the text is no JSON object, or a key
/// holds a lone surrogate.
pub(crate) fn members(text: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    let members = raw_members(text).ok()?.into_iter();
    members.map(|(key, value)| Some((read_str(key)?, value))).collect()
}

/// The beginning of a text, for a message.
pub fn excerpt(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compacted(text: &str, strings: Strings) -> Result<String, LoneSurrogate> {
        let mut out = Vec::new();
        compact(text, strings, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn blanks_go_and_tokens_stay() {
        let text = "\t{ \"a b\" : [ 1.50 , -0 , 1E+2 , \"\\u0041\\/\\\" \" ] , \"a b\" : null }\r\n";
        assert_eq!(
            compacted(text, Strings::AsTheyCame).as_deref(),
            Ok(r#"{"a b":[1.50,-0,1E+2,"\u0041\/\" "],"a b":null}"#)
        );
        assert_eq!(
            compacted(text, Strings::Escaped).as_deref(),
            Ok(r#"{"a b":[1.50,-0,1E+2,"A/\" "],"a b":null}"#)
        );
    }

    #[test]
    fn every_character_that_must_be_escaped_is() {
        for length in 0..20 {
            for at in 0..length {
                for byte in 0..=0x7f {
                    let mut text = vec![b'~'; length];
                    text[at] = byte;
                    let expected = byte < 0x20 || byte == b'"' || byte == b'\\';
                    assert_eq!(needs_escape(&text), expected, "{byte} at {at} of {length}");
                }
            }
        }
        assert!(!needs_escape("é…🚀ÿ\u{7f}\u{80}é…🚀".as_bytes()));
    }

    #[test]
    fn nul_goes_only_when_asked() {
        let text = r#"{"k\u0000":"a\u0000b"}"#;
        assert_eq!(compacted(text, Strings::Escaped).as_deref(), Ok(text));
        assert_eq!(
            compacted(text, Strings::EscapedWithoutNul).as_deref(),
            Ok(r#"{"k":"ab"}"#)
        );
    }

    #[test]
    fn a_lone_surrogate_is_no_character() {
        let text = r#"["\ud83d\ude80","\ud83d"]"#;
        assert_eq!(compacted(text, Strings::AsTheyCame).as_deref(), Ok(text));
        assert_eq!(compacted(text, Strings::Escaped), Err(LoneSurrogate));
    }
}
