//! Names of connections, schemas and tables, made from what people call their pipelines.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use crate::text;

/// The schema of a pipeline whose name tells none.
const NO_SCHEMA: &str = "kondado";

/// The names that follow from a pipeline's name and id.
#[derive(Debug, Default)]
pub struct Names {
    connection_id: String,
    /// The slugs of schema and table, where the name tells them, and the id.
    connection_name: Vec<u8>,
    schema: Range<usize>,
    table: Range<usize>,
}

impl Names {
    /// Makes the names anew.
    pub fn set(&mut self, pipeline_name: &str, pipeline_id: u64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(pipeline_id);
        self.connection_id.clear();
        self.connection_id.push_str("pipeline_");
        self.connection_id.push_str(digits);

        let pipeline_name = without_nul(pipeline_name);
        let name = &mut self.connection_name;
        name.clear();
        self.schema = 0..0;
        self.table = 0..0;
        if let Some((before, after)) = cut(&pipeline_name) {
            self.schema = push_slug(before, name);
            name.push(b'_');
            self.table = push_slug(after, name);
        }
        if self.schema.is_empty() || self.table.is_empty() {
            self.schema = 0..0;
            name.clear();
            self.table = push_slug(&pipeline_name, name);
        }
        if self.table.is_empty() {
            name.extend_from_slice(self.connection_id.as_bytes());
        } else {
            name.push(b'_');
            name.extend_from_slice(digits.as_bytes());
        }
    }

    /// `pipeline_702`.
    pub fn connection_id(&self) -> &str {
        &self.connection_id
    }

    /// `kondado_blog_wp_options_702`.
    pub fn connection_name(&self) -> &str {
        text(&self.connection_name)
    }

    /// `kondado_blog`.
    pub fn schema(&self) -> &str {
        match &self.connection_name[self.schema.clone()] {
            [] => NO_SCHEMA,
            slug => text(slug),
        }
    }

    /// `wp_options`.
    pub fn table(&self) -> &str {
        match &self.connection_name[self.table.clone()] {
            [] => &self.connection_id,
            slug => text(slug),
        }
    }
}

/// What stands for an ASCII character in a slug.
const IN_SLUG: [u8; 128] = {
    let mut table = [b'_'; 128];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            table[byte] = (byte as u8).to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// Appends the slug of a text: Unicode NFKD, marks dropped, lower case, each run of anything but `a`–`z` and `0`–`9` one `_`,
/// none at the ends. Tells where it stands.
fn push_slug(text: &str, out: &mut Vec<u8>) -> Range<usize> {
    let start = out.len();
    // As if it stood behind a `_`, for none may stand at the beginning.
    let mut last = b'_';
    let mut rest = text;
    loop {
        let ascii = push_ascii(rest.as_bytes(), &mut last, out);
        let mut chars = rest.get(ascii..).unwrap_or_default().chars();
        let Some(c) = chars.next() else { break };
        // Character by character is enough: what depends on the neighbours is only the order of marks. And beyond
        // ASCII nothing that NFKD leaves has a lower case within ASCII.
        decompose_compatible(c, |part| {
            if !is_combining_mark(part) {
                let byte = u8::try_from(part).ok().filter(u8::is_ascii);
                push_ascii(&[byte.unwrap_or(b'_')], &mut last, out);
            }
        });
        rest = chars.as_str();
    }
    if out.len() > start && last == b'_' {
        out.pop();
    }
    start..out.len()
}

/// Appends what stands for the bytes up to the first beyond ASCII, and tells how many they are. `last` is what stands before
/// them. Words have any length, so there is no branch at their ends to mispredict.
fn push_ascii(bytes: &[u8], last: &mut u8, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.resize(start + bytes.len(), 0);
    let room = &mut out[start..];
    let (mut len, mut read, mut before) = (0, bytes.len(), *last);
    for (index, &byte) in bytes.iter().enumerate() {
        let Some(&next) = IN_SLUG.get(usize::from(byte)) else {
            read = index;
            break;
        };
        room[len] = next;
        len += usize::from((next != b'_') | (before != b'_'));
        before = next;
    }
    *last = before;
    out.truncate(start + len);
    read
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
            let mut out = b"a_".to_vec();
            let slug = push_slug(text, &mut out);
            assert_eq!(out[slug], *expected.as_bytes(), "{text}");
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
