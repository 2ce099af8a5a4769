//! Names of connections, schemas and tables, made from what people call their pipelines.

use std::borrow::Cow;

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// The schema of a pipeline whose name tells none.
const NO_SCHEMA: &str = "kondado";

/// The names that follow from a pipeline's name and id.
#[derive(Debug, Default)]
pub struct Names {
    /// `pipeline_702`.
    pub connection_id: String,
    /// `kondado_blog_wp_options_702`.
    pub connection_name: String,
    /// `kondado_blog`.
    pub schema: String,
    /// `wp_options`.
    pub table: String,
    slug: Vec<u8>,
}

impl Names {
    /// Makes the names anew.
    pub fn set(&mut self, pipeline_name: &str, pipeline_id: u64) {
        let Names {
            connection_id,
            connection_name,
            schema,
            table,
            slug,
        } = self;
        for name in [&mut *connection_id, &mut *connection_name, &mut *schema, &mut *table] {
            name.clear();
        }
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(pipeline_id);
        connection_id.push_str("pipeline_");
        connection_id.push_str(digits);

        let name = without_nul(pipeline_name);
        if let Some((before, after)) = cut(&name) {
            schema.push_str(slug_of(before, slug));
            table.push_str(slug_of(after, slug));
        }
        if schema.is_empty() || table.is_empty() {
            schema.clear();
            schema.push_str(NO_SCHEMA);
            table.clear();
            table.push_str(slug_of(&name, slug));
        } else {
            connection_name.push_str(schema);
            connection_name.push('_');
        }
        if table.is_empty() {
            table.push_str(connection_id);
            connection_name.push_str(connection_id);
        } else {
            connection_name.push_str(table);
            connection_name.push('_');
            connection_name.push_str(digits);
        }
    }
}

/// What an ASCII character leaves in a slug: itself in lower case, or 0 for nothing.
const IN_SLUG: [u8; 128] = {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            table[byte] = (byte as u8).to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// The slug of a text: Unicode NFKD, marks dropped, lower case, each run of anything but `a`–`z` and `0`–`9` one `_`, none
/// at the ends. It is written into `out`, anew.
fn slug_of<'o>(text: &str, out: &'o mut Vec<u8>) -> &'o str {
    let mut slug = Slug {
        out,
        len: 0,
        gap: false,
    };
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let (before, from) = rest.split_at(ascii);
        slug.push(before.as_bytes());
        let mut chars = from.chars();
        if let Some(c) = chars.next() {
            // Character by character is enough: what depends on the neighbours is only the order of marks. And beyond
            // ASCII nothing that NFKD leaves has a lower case within ASCII.
            decompose_compatible(c, |part| {
                if !is_combining_mark(part) {
                    slug.push(&[u8::try_from(part).unwrap_or(b' ')]);
                }
            });
        }
        rest = chars.as_str();
    }
    let len = slug.len;
    out.truncate(len);
    // It is ASCII.
    std::str::from_utf8(out).unwrap_or_default()
}

struct Slug<'o> {
    /// The slug, and behind it bytes that say nothing.
    out: &'o mut Vec<u8>,
    len: usize,
    gap: bool,
}

impl Slug<'_> {
    /// Appends what is left of some bytes. There are no branches to mispredict, for words have any length.
    fn push(&mut self, bytes: &[u8]) {
        let room = self.len + bytes.len() + 2;
        if self.out.len() < room {
            self.out.resize(room, 0);
        }
        for &byte in bytes {
            let left = IN_SLUG.get(usize::from(byte)).copied().unwrap_or(0);
            let any = left != 0;
            self.out[self.len] = b'_';
            self.len += usize::from(any & self.gap);
            self.out[self.len] = left;
            self.len += usize::from(any);
            self.gap = !any & (self.len > 0);
        }
    }
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
            assert_eq!(slug_of(text, &mut Vec::new()), expected, "{text}");
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
                format!("{} {} {}", names.connection_name, names.schema, names.table),
                expected,
                "{name:?}"
            );
        }
    }
}
