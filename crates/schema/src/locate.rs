//! Where in a text the value is that a JSON pointer names.

use std::ops::Range;

use logferry_model::json;
use serde_json::value::RawValue;

/// What of a member is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its key.
    Key,
    /// Its value.
    Value,
}

/// The bytes of the value that `pointer` names, or of its key. If the text has no such value, those of the last one on
/// the way to it.
pub fn locate(text: &str, pointer: &str, part: Part) -> Range<usize> {
    let (mut key, mut value) = (text, text);
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        match child(value, &token) {
            Some((its_key, its_value)) => (key, value) = (its_key, its_value),
            None => break,
        }
    }
    let found = match part {
        Part::Key => key,
        Part::Value => value,
    };
    let start = (found.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let found = found.trim_ascii_end();
    start..start + found.len()
}

/// The key and value of a member, or the value of an item twice.
fn child<'t>(text: &'t str, token: &str) -> Option<(&'t str, &'t str)> {
    match text.as_bytes().first()? {
        b'{' => {
            let members = json::raw_members(text).ok()?;
            let mut members = members.iter().rev();
            let (key, value) = members.find(|(key, _)| json::read_str(key).is_some_and(|key| key == token))?;
            Some((key.get(), value.get()))
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let item = items.get(token.parse::<usize>().ok()?)?.get();
            Some((item, item))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_keys() {
        let text = r#"{"a": [1, {"b/c~d": "x", "e\u0066": 2}], "a2": 3, "a2": 4}"#;
        for (pointer, part, found) in [
            ("", Part::Value, text),
            ("/a/0", Part::Value, "1"),
            ("/a/1/b~1c~0d", Part::Value, r#""x""#),
            ("/a/1/b~1c~0d", Part::Key, r#""b/c~d""#),
            ("/a/1/ef", Part::Value, "2"),
            ("/a2", Part::Value, "4"),
            ("/a/7/x", Part::Value, r#"[1, {"b/c~d": "x", "e\u0066": 2}]"#),
        ] {
            assert_eq!(&text[locate(text, pointer, part)], found, "{pointer}");
        }
    }
}
