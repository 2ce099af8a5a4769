//! Names of connections, schemas and tables, made from what people call their pipelines.

use std::borrow::Cow;

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// The schema of a pipeline whose name tells none.
const NO_SCHEMA: &[u8] = b"kondado";

/// The names that follow from a pipeline's name and id. All are ASCII.
#[derive(Debug, Default)]
pub struct Names {
    connection_id: Vec<u8>,
    connection_name: Vec<u8>,
    schema: Vec<u8>,
    table: Vec<u8>,
}

impl Names {
    /// `pipeline_702`.
    pub fn connection_id(&self) -> &str {
        ascii(&self.connection_id)
    }

    /// `kondado_blog_wp_options_702`.
    pub fn connection_name(&self) -> &str {
        ascii(&self.connection_name)
    }

    /// `kondado_blog`.
    pub fn schema(&self) -> &str {
        ascii(&self.schema)
    }

    /// `wp_options`.
    pub fn table(&self) -> &str {
        ascii(&self.table)
    }

    /// Makes the names anew.
    pub fn set(&mut self, pipeline_name: &str, pipeline_id: u64) {
        for name in [
            &mut self.connection_id,
            &mut self.connection_name,
            &mut self.schema,
            &mut self.table,
        ] {
            name.clear();
        }
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(pipeline_id).as_bytes();
        self.connection_id.extend_from_slice(b"pipeline_");
        self.connection_id.extend_from_slice(digits);

        let name = without_nul(pipeline_name);
        if let Some((before, after)) = cut(&name) {
            push_slug(before, &mut self.schema);
            push_slug(after, &mut self.table);
        }
        if self.schema.is_empty() || self.table.is_empty() {
            self.schema.clear();
            self.schema.extend_from_slice(NO_SCHEMA);
            self.table.clear();
            push_slug(&name, &mut self.table);
        } else {
            self.connection_name.extend_from_slice(&self.schema);
            self.connection_name.push(b'_');
        }
        if self.table.is_empty() {
            self.table.extend_from_slice(&self.connection_id);
            self.connection_name.extend_from_slice(&self.connection_id);
        } else {
            self.connection_name.extend_from_slice(&self.table);
            self.connection_name.push(b'_');
            self.connection_name.extend_from_slice(digits);
        }
    }
}

/// Appends the slug of a text: Unicode NFKD, marks dropped, lower case, each run of anything but `a`–`z` and `0`–`9` one
/// `_`, none at the ends.
fn push_slug(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    let mut gap = false;
    let mut push = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            if gap && out.len() > start {
                out.push(b'_');
            }
            gap = false;
            out.push(byte.to_ascii_lowercase());
        } else {
            gap = true;
        }
    };
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let (before, from) = rest.split_at(ascii);
        before.bytes().for_each(&mut push);
        let mut chars = from.chars();
        if let Some(c) = chars.next() {
            // Character by character is enough: what depends on the neighbours is only the order of marks. And beyond
            // ASCII nothing that NFKD leaves has a lower case within ASCII.
            decompose_compatible(c, |part| {
                if !is_combining_mark(part) {
                    push(u8::try_from(part).unwrap_or(b' '));
                }
            });
        }
        rest = chars.as_str();
    }
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// A pipeline's name before and after its last ` - `.
fn cut(name: &str) -> Option<(&str, &str)> {
    let hyphens = memchr::memrchr_iter(b'-', name.as_bytes());
    let mut cuts = hyphens.filter_map(|hyphen| {
        let before = name.get(..hyphen)?.strip_suffix(' ')?;
        let after = name.get(hyphen + 1..)?.strip_prefix(' ')?;
        Some((before, after))
    });
    cuts.next()
}

/// The text without U+0000, which databases refuse.
pub fn without_nul(text: &str) -> Cow<'_, str> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        Cow::Owned(text.replace('\0', ""))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for (text, expected) in [
            ("Kondado - Blog", "kondado_blog"),
            ("  Vendas (São Paulo) / 2024!  ", "vendas_sao_paulo_2024"),
            ("ação№5", "acaono5"),
            ("ＦＵＬＬ ｗｉｄｔｈ ﬁ", "full_width_fi"),
            ("K\u{212a}İ", "kki"),
            ("日本語 🚀", ""),
            ("ß", ""),
            ("a日b", "a_b"),
            ("", ""),
        ] {
            let mut slug = Vec::new();
            push_slug(text, &mut slug);
            assert_eq!(ascii(&slug), expected, "{text}");
        }
    }

    #[test]
    fn names() {
        for (name, expected) in [
            (
                "Kondado - Blog - wp_options",
                "kondado_blog_wp_options_702 kondado_blog wp_options",
            ),
            ("Leads", "leads_702 kondado leads"),
            ("🚀 - Leads", "leads_702 kondado leads"),
            ("Leads - ", "leads_702 kondado leads"),
            ("Leads-2024", "leads_2024_702 kondado leads_2024"),
            ("A\0 -\0 B", "a_b_702 a b"),
            ("", "pipeline_702 kondado pipeline_702"),
            (" - ", "pipeline_702 kondado pipeline_702"),
        ] {
            let mut names = Names::default();
            names.set(name, 702);
            assert_eq!(
                format!("{} {} {}", names.connection_name(), names.schema(), names.table()),
                expected,
                "{name:?}"
            );
        }
    }
}
