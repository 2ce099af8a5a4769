//! Key and token, and how texts are shown without them.

use std::fmt;

/// What stands for a secret in a text.
const MARK: &str = "[redacted]";

/// A secret cut off at the end of a text is recognised from this many bytes on.
const SHORTEST_CUT: usize = 4;

/// The two secrets of a source. They are never shown, by `Debug` neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    key: String,
    token: String,
    /// What they may look like in a text: as they are, in a URL, in a form, in JSON.
    forms: Vec<String>,
}

impl Secrets {
    /// Takes key and token.
    pub fn new(key: impl Into<String>, token: impl Into<String>) -> Secrets {
        let (key, token) = (key.into(), token.into());
        let mut forms: Vec<String> = [&key, &token].into_iter().flat_map(|secret| forms(secret)).collect();
        forms.retain(|form| !form.is_empty());
        // The longest first, so that of one secret inside the other nothing is left over.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Secrets { key, token, forms }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether key and token seem to stand in each other's place.
    pub fn look_swapped(&self) -> bool {
        looks_swapped(&self.key, &self.token)
    }

    /// A foreign text on one line, without the secrets and cut at `max_bytes`.
    pub fn redact(&self, text: &str, max_bytes: usize) -> String {
        let mut shown = String::new();
        let mut rest = text.trim();
        while let Some(next) = rest.chars().next() {
            if shown.len() >= max_bytes {
                shown.push('…');
                break;
            }
            if let Some(length) = self.secret_at(rest) {
                shown.push_str(MARK);
                rest = &rest[length..];
                continue;
            }
            // Blanks shrink to one, and nothing reaches a terminal that could command it.
            if !(next.is_whitespace() || next.is_control()) {
                shown.push(next);
            } else if !shown.ends_with(' ') {
                shown.push(' ');
            }
            rest = &rest[next.len_utf8()..];
        }
        shown
    }

    /// The length of the secret that a text begins with, in whatever form and case, or of as much of it as there is.
    fn secret_at(&self, text: &str) -> Option<usize> {
        let starts_with = |text: &str, beginning: &str| {
            let start = text.as_bytes().get(..beginning.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
        };
        let whole = self.forms.iter().find(|form| starts_with(text, form)).map(String::len);
        let cut = || {
            (text.len() >= SHORTEST_CUT && self.forms.iter().any(|form| starts_with(form, text))).then_some(text.len())
        };
        whole.or_else(cut)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Whether key and token seem to be swapped: the key has hyphens, the token has none.
pub fn looks_swapped(key: &str, token: &str) -> bool {
    !key.contains('-') && token.contains('-')
}

fn forms(secret: &str) -> [String; 4] {
    let encode = |blank: &str| {
        let mut encoded = String::new();
        for byte in secret.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => encoded.push(byte.into()),
                b'~' if blank != "+" => encoded.push('~'),
                b' ' => encoded.push_str(blank),
                _ => encoded.push_str(&format!("%{byte:02X}")),
            }
        }
        encoded
    };
    let json = serde_json::to_string(secret).unwrap_or_default();
    [
        secret.to_owned(),
        encode("%20"),
        encode("+"),
        json.trim_matches('"').to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_secret_is_shown() {
        let secrets = Secrets::new("d538b946-9d55", "a b/ç\"1");
        for (text, shown) in [
            ("key=d538b946-9d55&x", "key=[redacted]&x"),
            ("KEY D538B946-9D55.", "KEY [redacted]."),
            ("t=a%20b%2F%C3%A7%221&", "t=[redacted]&"),
            ("t=a+b%2f%c3%a7%221&", "t=[redacted]&"),
            (r#"{"t":"a b/ç\"1"}"#, r#"{"t":"[redacted]"}"#),
            ("<p>\n\t cut \u{1b}[1m d538b946", "<p> cut [1m [redacted]"),
            ("d538b946-9d55d538b946-9d55", "[redacted][redacted]"),
            ("nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(secrets.redact(text, 200), shown, "{text}");
        }
        assert_eq!(format!("{secrets:?}"), "Secrets { .. }");
    }

    #[test]
    fn cutting_leaves_no_part_of_a_secret() {
        let secrets = Secrets::new("0123456789", "0123");
        assert_eq!(secrets.redact("abcd0123456789", 6), "abcd[redacted]");
        assert_eq!(secrets.redact("abcdef0123456789", 6), "abcdef…");
        assert_eq!(secrets.redact("ééé", 3), "éé…");
    }

    #[test]
    fn swapped() {
        let (key, token) = ("d538b946-9d55-405a-9bd2-72d74b1cb8f5", "72d74b1cb8f59bd2");
        assert!(!looks_swapped(key, token));
        assert!(looks_swapped(token, key));
        assert!(!looks_swapped("a", "b"));
    }
}
