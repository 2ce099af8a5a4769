//! Lines of the configuration as they are shown: with a mark, and without secrets.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::reference::is_plain_reference;

/// The text, and what of it must not be shown.
pub struct Quotes<'t> {
    text: &'t str,
    masked: Vec<Range<usize>>,
    /// Whether the text is no TOML, so that what is a secret can only be told from its lines.
    is_broken: bool,
}

/// What stands in place of a secret.
const MASK: &str = "***";

/// Words whose presence in a key's name says that its value is a secret.
const SECRET_WORDS: [&str; 14] = [
    "key",
    "token",
    "password",
    "passwd",
    "pass",
    "secret",
    "credential",
    "credentials",
    "authorization",
    "apikey",
    // Of a header that shows who asks, and where one is written in another form.
    "value",
    "header",
    "headers",
    "auth",
];

/// Whether the value of a key is a secret, the key perhaps being misspelt.
fn is_secret(key: &str) -> bool {
    let mut words = key.split(|c: char| !c.is_alphanumeric());
    words.any(|word| {
        let word = word.to_lowercase();
        let is_near = |secret: &&str| strsim::damerau_levenshtein(secret, &word) <= 1;
        SECRET_WORDS.iter().any(is_near)
    })
}

/// Whether all values of a table are secrets, its name perhaps being misspelt.
fn is_table_of_secrets(key: &str) -> bool {
    strsim::damerau_levenshtein("headers", &key.to_lowercase()) <= 1
}

/// Whether a text may be an address with a user, a password or parameters in it.
fn holds_more_than_an_address(text: &str) -> bool {
    text.contains('/') && text.contains(['@', '?'])
}

impl<'t> Quotes<'t> {
    /// Quotes of a text; `document` is what could be read of it, references not yet replaced.
    pub fn new(text: &'t str, document: &DeTable<'_>, is_broken: bool) -> Quotes<'t> {
        let mut masked = Vec::new();
        secrets(document, &mut masked);
        masked.sort_by_key(|range| range.start);
        Quotes {
            text,
            masked,
            is_broken,
        }
    }

    /// Line and column of a place, and its line with a mark below it.
    pub fn quote(&self, at: Range<usize>) -> (usize, usize, String) {
        let mut start = at.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[line_start..].split('\n').next().unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let number = before.matches('\n').count() + 1;
        let column = self.text[line_start..start].chars().count() + 1;

        let from = self.hidden_from(line);
        let end = at.end.max(start + 1);
        let (mut shown, mut mark) = (String::new(), String::new());
        let mut marked = false;
        let mut masked_until = 0;
        for (offset, c) in line.char_indices() {
            let place = line_start + offset;
            if place < masked_until {
                continue;
            }
            let secret = match from {
                Some(from) if offset >= from => Some(usize::MAX),
                _ => self
                    .masked
                    .iter()
                    .find(|range| range.contains(&place))
                    .map(|range| range.end),
            };
            let is_marked = match secret {
                Some(masked) => {
                    masked_until = masked;
                    place < end && start < masked
                }
                None => (start..end).contains(&place),
            };
            let text = match secret {
                Some(_) => MASK.to_owned(),
                None if c == '\t' => "\t".to_owned(),
                None if c.is_control() => c.escape_default().to_string(),
                None => c.to_string(),
            };
            for c in text.chars() {
                mark.push(match c {
                    _ if is_marked => '^',
                    '\t' => '\t',
                    _ => ' ',
                });
            }
            marked |= is_marked;
            shown.push_str(&text);
        }
        if !marked {
            mark.push('^');
        }
        (number, column, format!("  | {shown}\n  | {}", mark.trim_end()))
    }

    /// In a text that is no TOML: from where on a line must not be shown.
    fn hidden_from(&self, line: &str) -> Option<usize> {
        if !self.is_broken {
            return None;
        }
        let value = |line: &str| {
            let mut offset = 0;
            line.split_inclusive('=').find_map(|part| {
                let key = part.strip_suffix('=')?;
                offset += part.len();
                let name = key
                    .trim_end()
                    .rsplit(|c: char| c.is_whitespace() || "{,.".contains(c))
                    .next();
                let blanks = line[offset..].len() - line[offset..].trim_start().len();
                name.is_some_and(is_secret).then_some(offset + blanks)
            })
        };
        if line.contains('=') {
            let found = value(line).filter(|offset| !is_plain_reference(line[*offset..].trim().trim_matches('"')));
            // `token "…="`: the name stands before something else than `=`.
            let before = line.split('=').next().unwrap_or_default();
            let mut stray = before.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let stray = stray
                .rfind(|word| is_secret(word))
                .filter(|word| !before.trim_end().ends_with(word));
            return found.or_else(|| stray.and_then(|word| before.find(word).map(|at| at + word.len())));
        }
        // The head of a table is no part of a value.
        if line.trim_start().starts_with('[') && !line.contains(['"', '\'']) {
            return None;
        }
        // Anything else may be a value, of another language's form (`token: …`), or one that began further up.
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = line.len() - line.trim_start().len();
        let end = line[name..].find(|c| !word(c)).map_or(line.len(), |end| name + end);
        let is_name = is_secret(&line[name..end]) && end < line.len();
        Some(if is_name { end + 1 } else { 0 })
    }
}

/// Finds what is a secret and stands in the file itself.
fn secrets(table: &DeTable<'_>, found: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        match value.get_ref() {
            DeValue::Table(headers) if is_table_of_secrets(key.get_ref()) => {
                for value in headers.values() {
                    secrets_of(value.get_ref(), value.span(), true, found);
                }
            }
            value_of => secrets_of(value_of, value.span(), is_secret(key.get_ref()), found),
        }
    }
}

fn secrets_of(value: &DeValue<'_>, span: Range<usize>, is_secret: bool, found: &mut Vec<Range<usize>>) {
    match value {
        DeValue::Table(table) => secrets(table, found),
        DeValue::Array(items) => {
            for item in items.iter() {
                secrets_of(item.get_ref(), item.span(), is_secret, found);
            }
        }
        DeValue::String(text) if is_plain_reference(text) => {}
        DeValue::String(text) if is_secret || holds_more_than_an_address(text) => found.push(span),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) if is_secret => found.push(span),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str, at: &str) -> String {
        let (document, errors) = DeTable::parse_recoverable(text);
        let start = text.find(at).unwrap();
        let quotes = Quotes::new(text, document.get_ref(), !errors.is_empty());
        quotes.quote(start..start + at.len()).2
    }

    #[test]
    fn secrets_are_not_quoted() {
        for (text, at, expected) in [
            ("key = 'abc'", "'abc'", "  | key = ***\n  |       ^^^"),
            ("tokn = 'abc'", "tokn", "  | tokn = ***\n  | ^^^^"),
            (
                "x = {key='abc', y=1}",
                "y=1",
                "  | x = {key=***, y=1}\n  |               ^^^",
            ),
            (
                "\tpass_word = 1 # é",
                "1",
                "  | \tpass_word = *** # é\n  | \t            ^^^",
            ),
            ("x = 'http://a:b@c'", "x", "  | x = ***\n  | ^"),
            (
                "headers = {X = 'abc'}",
                "X",
                "  | headers = {X = ***}\n  |            ^",
            ),
            ("key = '${KEY}'", "key", "  | key = '${KEY}'\n  | ^^^"),
            ("key = 'SECRET[file:/k]'", "key", "  | key = 'SECRET[file:/k]'\n  | ^^^"),
            ("key = '${KEY:-abc}'", "key", "  | key = ***\n  | ^^^"),
            ("key = 'a${KEY}'", "key", "  | key = ***\n  | ^^^"),
            (
                "a = { token = 'abc",
                "abc",
                "  | a = { token = ***\n  |               ^^^",
            ),
            ("token = '''\nabc\n", "abc", "  | ***\n  | ^^^"),
            ("token = abc", "abc", "  | token = ***\n  |         ^^^"),
            ("token = abc\n[a]", "a]", "  | [a]\n  |  ^^"),
            ("poll = abc", "abc", "  | poll = abc\n  |        ^^^"),
        ] {
            assert_eq!(quoted(text, at), expected, "{text}");
        }
    }
}
