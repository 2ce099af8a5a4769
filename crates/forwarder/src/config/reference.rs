//! References in values: `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, `$$`, and `SECRET[file:PATH]`.
//!
//! They are replaced after parsing, so that what a variable or a file holds cannot become anything but a value.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Wrong;

/// A file of secrets holds one, and none is larger.
const MOST_SECRET_BYTES: u64 = 64 * 1024;

/// A value with references in it.
pub struct Reference {
    /// The value as it stands in the file.
    pub raw: String,
    /// What it stands for, if that is known.
    pub value: Option<String>,
    /// Whether the value is one reference and nothing else, which may stand for a number or a boolean.
    pub is_whole: bool,
}

/// The values with references, by where they begin in the text.
pub struct References(BTreeMap<usize, Reference>);

impl References {
    /// Finds and resolves the references in a document. Those in tables that are not needed stay unknown.
    pub fn of(
        document: &DeTable<'_>,
        is_needed: &dyn Fn(&str) -> bool,
        variable: &dyn Fn(&str) -> Option<String>,
        wrongs: &mut Vec<Wrong>,
    ) -> References {
        let mut references = References(BTreeMap::new());
        for (key, value) in document {
            references.find(value, is_needed(key.get_ref()), variable, wrongs);
        }
        references
    }

    fn find(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        is_needed: bool,
        variable: &dyn Fn(&str) -> Option<String>,
        wrongs: &mut Vec<Wrong>,
    ) {
        match value.get_ref() {
            DeValue::String(text) if text.contains('$') || text.starts_with(SECRET) => {
                let value_of = match is_needed {
                    true => Some(replaced(text, variable)),
                    false => None,
                };
                let resolved = match value_of {
                    Some(Ok(resolved)) => Some(resolved),
                    Some(Err(message)) => {
                        wrongs.push(Wrong::new(value.span(), message));
                        None
                    }
                    None => None,
                };
                let reference = Reference {
                    raw: text.to_string(),
                    value: resolved,
                    is_whole: is_one_reference(text),
                };
                self.0.insert(value.span().start, reference);
            }
            DeValue::Array(items) => {
                for item in items.iter() {
                    self.find(item, is_needed, variable, wrongs);
                }
            }
            DeValue::Table(table) => {
                for value in table.values() {
                    self.find(value, is_needed, variable, wrongs);
                }
            }
            _ => {}
        }
    }

    /// Puts what is known into the document.
    pub fn fill<'a>(&'a self, document: &mut DeTable<'a>) {
        for (_, value) in document.iter_mut() {
            self.fill_value(value);
        }
    }

    fn fill_value<'a>(&'a self, value: &mut Spanned<DeValue<'a>>) {
        let start = value.span().start;
        match value.get_mut() {
            DeValue::String(text) => {
                if let Some(resolved) = self.0.get(&start).and_then(|reference| reference.value.as_deref()) {
                    *text = resolved.into();
                }
            }
            DeValue::Array(items) => items.iter_mut().for_each(|item| self.fill_value(item)),
            DeValue::Table(table) => self.fill(table),
            _ => {}
        }
    }

    /// The reference of the value that begins here.
    pub fn at(&self, start: usize) -> Option<&Reference> {
        self.0.get(&start)
    }

    /// The references in a part of the text.
    pub fn within(&self, part: &Range<usize>) -> impl Iterator<Item = &Reference> {
        // A part may be empty.
        self.0
            .range(part.start..part.end.max(part.start))
            .map(|(_, reference)| reference)
    }
}

const SECRET: &str = "SECRET[";

/// Whether a text is one reference that holds nothing itself: neither a default nor anything beside it.
pub fn is_plain_reference(text: &str) -> bool {
    (is_one_reference(text) && !text.contains(":-")) || (text.starts_with(SECRET) && text.ends_with(']'))
}

fn is_one_reference(text: &str) -> bool {
    text.strip_prefix("${")
        .and_then(|rest| rest.split_once('}'))
        .is_some_and(|(_, after)| after.is_empty())
}

fn replaced(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    match text.strip_prefix(SECRET) {
        None => interpolated(text, variable),
        Some(rest) => {
            let path = rest.strip_prefix("file:").and_then(|rest| rest.strip_suffix(']'));
            let path = path.filter(|path| !path.is_empty());
            let path = path.ok_or("expected a file of a secret, such as SECRET[file:/run/secrets/token]")?;
            secret(&interpolated(path, variable)?)
        }
    }
}

/// What a file holds, without the line end at its end.
fn secret(path: &str) -> Result<String, String> {
    let read = || {
        let mut text = String::new();
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        file.take(MOST_SECRET_BYTES + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    let text: String = read().map_err(|error: io::Error| format!("the file of the secret cannot be read: {error}"))?;
    if text.len() as u64 > MOST_SECRET_BYTES {
        return Err(format!(
            "the file of the secret has more than {MOST_SECRET_BYTES} bytes"
        ));
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

fn interpolated(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (reference, after) = after
                .split_once('}')
                .ok_or("`${` has no closing `}` (write `$$` for a dollar sign)")?;
            out.push_str(&resolve(reference, variable)?);
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn resolve(reference: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let (name, otherwise) = match reference.split_once(':') {
        Some((name, otherwise)) => (name, Some(otherwise)),
        None => (reference, None),
    };
    if name.is_empty() || name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        return Err("`${` has no name of a variable behind it, expected letters, digits and `_`".to_owned());
    }
    let value = variable(name);
    match otherwise {
        None => value.ok_or_else(|| format!("the environment variable {name} is not set")),
        // As in shells, the colon forms also replace an empty value.
        Some(otherwise) => match (value.filter(|value| !value.is_empty()), otherwise.split_at_checked(1)) {
            (Some(value), Some(("-" | "?", _))) => Ok(value),
            (None, Some(("-", default))) => Ok(default.to_owned()),
            (None, Some(("?", message))) => Err(format!("the environment variable {name} is not set: {message}")),
            _ => Err(format!(
                "no reference, expected `${{{name}}}`, `${{{name}:-default}}` or `${{{name}:?message}}`"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<String, String> {
        replaced(text, &|name| match name {
            "SET" => Some("a\"\nb = 1".to_owned()),
            "EMPTY" => Some(String::new()),
            "SECRET" => Some("SECRET[file:/etc/hostname]".to_owned()),
            "DIR" => Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/configuration").to_owned()),
            _ => None,
        })
    }

    #[test]
    fn what_is_replaced() {
        for (text, expected) in [
            ("x_${SET}", "x_a\"\nb = 1"),
            ("${NO:-a:-b}", "a:-b"),
            ("${EMPTY:-a}", "a"),
            ("x${EMPTY}", "x"),
            ("$$${NO:-}$ $x", "$$ $x"),
            ("$${SET}", "${SET}"),
            ("${SECRET}", "SECRET[file:/etc/hostname]"),
            ("SECRET[file:${DIR}/secret.txt]", "not-a-real-key"),
        ] {
            assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced() {
        for (text, expected) in [
            ("${NO}", "the environment variable NO is not set"),
            ("${NO:?ask Ana}", "the environment variable NO is not set: ask Ana"),
            ("${NO", "`${` has no closing `}`"),
            ("${}", "no name of a variable"),
            ("${NO:x}", "no reference, expected `${NO}`"),
            ("SECRET[vault.key]", "expected a file of a secret"),
            (
                "SECRET[file:/nowhere]",
                "the file of the secret cannot be read: No such file",
            ),
            (
                "SECRET[file:/]",
                "the file of the secret cannot be read: is a directory",
            ),
        ] {
            let message = value(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
