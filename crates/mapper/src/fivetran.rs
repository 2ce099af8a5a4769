//! Fivetran's own events.

use logferry_model::json::{Strings, compact};

/// Appends an event as one line, token for token: only blanks between tokens go. `text` must be well-formed JSON.
pub fn write(text: &str, out: &mut Vec<u8>) {
    // Strings that keep their escapes cannot fail.
    let _ = compact(text, Strings::AsTheyCame, out);
    out.push(b'\n');
}
