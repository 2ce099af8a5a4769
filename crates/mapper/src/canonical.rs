//! The canonical record: one text for a record, however it was written down.
//!
//! Documented keys in documented order, then the others by code point. Whole numbers of integer fields as plain digits;
//! other numbers of numeric fields, quoted or bare, as JSON numbers with the digits they came with; every other value token for
//! token without blanks, its strings escaped as `serde_json` escapes.

use logferry_kondado::record::{Numeric, number, plain_digits};
use logferry_kondado::{Record, Stream};
use logferry_model::ToJson;
use logferry_model::json::{LoneSurrogate, Strings, compact, is_plain, write_str};

/// Where the canonical record will stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By itself.
    Alone,
    /// Between the quotes of a JSON string, and escaped for it. To escape it token by token, as it is written, costs a
    /// fraction of escaping its text.
    InString,
}

impl Form {
    fn quote(self) -> &'static [u8] {
        match self {
            Form::Alone => b"\"",
            Form::InString => b"\\\"",
        }
    }

    /// Appends compact JSON, in which only quotes and backslashes are left to escape.
    fn push(self, json: &[u8], out: &mut Vec<u8>) {
        match self {
            Form::Alone => out.extend_from_slice(json),
            Form::InString => {
                for &byte in json {
                    if matches!(byte, b'"' | b'\\') {
                        out.push(b'\\');
                    }
                    out.push(byte);
                }
            }
        }
    }

    /// Appends a string that has nothing to escape within its quotes.
    fn push_plain(self, text: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.quote());
        out.extend_from_slice(text);
        out.extend_from_slice(self.quote());
    }
}

/// Appends the canonical record. `spare` is overwritten.
///
/// # Errors
///
/// [`LoneSurrogate`] when a string of the record holds one. `out` then holds a part of the record.
pub fn write(
    stream: Stream,
    record: &Record<'_>,
    form: Form,
    spare: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), LoneSurrogate> {
    let mut before = b'{';
    for (key, raw, numeric) in record.members(stream) {
        out.push(before);
        before = b',';
        if is_plain(key) {
            form.push_plain(key.as_bytes(), out);
        } else {
            spare.clear();
            write_str(key, spare);
            form.push(spare, out);
        }
        out.push(b':');

        let as_number = match (numeric, plain_digits(raw)) {
            (Numeric::No, _) => None,
            (Numeric::Integer, Some(digits)) => {
                out.extend_from_slice(digits.as_bytes());
                Some(())
            }
            (Numeric::Integer, None) => number(raw, record.is_plain(), |decimal| match decimal.to_i64() {
                Some(whole) => whole.write(out),
                None => out.extend_from_slice(decimal.as_str().as_bytes()),
            }),
            (Numeric::Decimal, _) => number(raw, record.is_plain(), |decimal| {
                out.extend_from_slice(decimal.as_str().as_bytes());
            }),
        };
        match raw.get().as_bytes() {
            _ if as_number.is_some() => {}
            [b'"', plain @ .., b'"'] if record.is_plain() => form.push_plain(plain, out),
            [b'"' | b'{' | b'[', ..] => {
                spare.clear();
                compact(raw.get(), Strings::Escaped, spare)?;
                form.push(spare, out);
            }
            token => out.extend_from_slice(token),
        }
    }
    if before == b'{' {
        out.push(before);
    }
    out.push(b'}');
    Ok(())
}

/// Finds out whether [`write()`] would fail. `spare` is overwritten.
///
/// # Errors
///
/// [`LoneSurrogate`], as [`write()`].
pub fn check(stream: Stream, record: &Record<'_>, spare: &mut Vec<u8>) -> Result<(), LoneSurrogate> {
    if !record.is_plain() {
        for (_, raw, _) in record.members(stream) {
            spare.clear();
            compact(raw.get(), Strings::Escaped, spare)?;
        }
    }
    Ok(())
}
