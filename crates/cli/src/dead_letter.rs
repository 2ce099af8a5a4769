//! Dead letters: what could not be mapped, kept whole with the reason, one JSON object a line.

use std::fmt::Display;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logferry_model::json::{Strings, compact, is_text, write_str};
use serde_json::value::RawValue;

use logferry_forwarder::input::scanner::Scanner;

/// Appends a dead letter. The record is written as JSON if it is JSON that every reader can read, else as a string, else in
/// Base64.
pub fn write(reason: &dyn Display, source: &str, line: u64, record: &[u8], truncated: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"reason":"#);
    write_str(&reason.to_string(), out);
    out.extend_from_slice(br#","source":"#);
    write_str(source, out);
    out.extend_from_slice(br#","line":"#);
    out.extend_from_slice(line.to_string().as_bytes());
    match std::str::from_utf8(record) {
        Ok(text) => {
            out.extend_from_slice(br#","record":"#);
            if truncated || !is_readable_json(text) {
                write_str(text, out);
            } else {
                // Strings that keep their escapes cannot fail.
                let _ = compact(text, Strings::AsTheyCame, out);
            }
        }
        Err(_) => {
            out.extend_from_slice(br#","record_base64":"#);
            write_str(&STANDARD.encode(record), out);
        }
    }
    if truncated {
        out.extend_from_slice(br#","truncated":true"#);
    }
    out.extend_from_slice(b"}\n");
}

fn is_readable_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok() && !Scanner::is_too_deep(text) && is_text(text)
}
