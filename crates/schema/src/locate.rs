//! Where in a text the value is that a JSON pointer names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use logferry_model::json;
use serde_json::value::RawValue;

/// What of a member is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Its key.
    Key,
    /// Its value.
    Value,
}

/// Finds values in a text. It reads each object and array on the way once, however many of its members are asked for.
#[derive(Debug)]
pub struct Locator<'t> {
    text: &'t str,
    /// The members of the objects and arrays that were read, by pointer.
    read: BTreeMap<String, Members<'t>>,
}

/// Key and value by name; of an array, the value twice.
type Members<'t> = BTreeMap<Cow<'t, str>, (&'t str, &'t str)>;

impl<'t> Locator<'t> {
    /// For values in this text, which must be well-formed JSON.
    pub fn new(text: &'t str) -> Locator<'t> {
        Locator {
            text,
            read: BTreeMap::new(),
        }
    }

    /// The bytes of the value that `pointer` names, or of its key. If the text has no such value, those of the last value on
    /// the way to it.
    pub fn locate(&mut self, pointer: &str, part: Part) -> Range<usize> {
        let (mut key, mut value) = (self.text, self.text);
        let mut end = 0;
        while let Some(rest) = pointer.get(end..).and_then(|rest| rest.strip_prefix('/')) {
            let token = rest.split('/').next().unwrap_or_default();
            let parent = pointer.get(..end).unwrap_or_default();
            if !self.read.contains_key(parent) {
                self.read.insert(parent.to_owned(), members(value));
            }
            let name = token.replace("~1", "/").replace("~0", "~");
            match self.read.get(parent).and_then(|members| members.get(name.as_str())) {
                Some(member) => (key, value) = *member,
                None => break,
            }
            end += 1 + token.len();
        }
        let found = match part {
            Part::Key if end == pointer.len() => key,
            _ => value,
        };
        let start = (found.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let found = found.trim_ascii_end();
        start..start + found.len()
    }
}

fn members(text: &str) -> Members<'_> {
    match text.as_bytes().first() {
        Some(b'{') => {
            let members = json::raw_members(text).unwrap_or_default().into_iter();
            // Of a key that is given twice the last value counts, and is the one that stays.
            members
                .filter_map(|(key, value)| Some((json::read_str(key)?, (key.get(), value.get()))))
                .collect()
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            let items = items.into_iter().map(RawValue::get).enumerate();
            items
                .map(|(index, item)| (index.to_string().into(), (item, item)))
                .collect()
        }
        _ => Members::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_keys() {
        let text = r#"{"a": [1, {"b/c~d": "x", "e\u0066": 2}], "a2": 3, "a2": 4}"#;
        let mut locator = Locator::new(text);
        for (pointer, part, found) in [
            ("", Part::Value, text),
            ("/a/0", Part::Value, "1"),
            ("/a/1/b~1c~0d", Part::Value, r#""x""#),
            ("/a/1/b~1c~0d", Part::Key, r#""b/c~d""#),
            ("/a/1/ef", Part::Value, "2"),
            ("/a2", Part::Value, "4"),
            ("/a/7/x", Part::Value, r#"[1, {"b/c~d": "x", "e\u0066": 2}]"#),
        ] {
            assert_eq!(&text[locator.locate(pointer, part)], found, "{pointer}");
        }
    }
}
