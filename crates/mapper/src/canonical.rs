//! The canonical record: one text for a record, however it was written down.
//!
//! Documented keys in documented order, then the others by code point. Whole numbers of integer fields as plain digits;
//! other numbers of numeric fields, quoted or bare, as JSON numbers with the digits they came with; every other value token for
//! token without blanks, its strings escaped as `serde_json` escapes.

use logferry_kondado::record::{Numeric, number};
use logferry_kondado::{Record, Stream};
use logferry_model::Value;
use logferry_model::json::{self, LoneSurrogate, Strings, compact};

/// Appends the canonical record.
///
/// # Errors
///
/// [`LoneSurrogate`] when a string of the record holds one. `out` then holds a part of the record.
pub fn write(stream: Stream, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), LoneSurrogate> {
    let mut before = b'{';
    for (key, raw, numeric) in record.members(stream) {
        out.push(before);
        before = b',';
        json::write_str(key, out);
        out.push(b':');
        let as_number = match numeric {
            Numeric::No => None,
            _ => number(raw, |decimal| match decimal.to_i64() {
                Some(whole) if numeric == Numeric::Integer => whole.write(out),
                _ => out.extend_from_slice(decimal.as_str().as_bytes()),
            }),
        };
        if as_number.is_none() {
            compact(raw.get(), Strings::Escaped, out)?;
        }
    }
    if before == b'{' {
        out.push(before);
    }
    out.push(b'}');
    Ok(())
}

/// Finds out whether [`write`] would fail. `scratch` is overwritten.
///
/// # Errors
///
/// [`LoneSurrogate`], as [`write`].
pub fn check(record: &Record<'_>, scratch: &mut Vec<u8>) -> Result<(), LoneSurrogate> {
    for raw in record.values().filter(|raw| raw.get().contains('\\')) {
        scratch.clear();
        compact(raw.get(), Strings::Escaped, scratch)?;
    }
    Ok(())
}
