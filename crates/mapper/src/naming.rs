//! Names of connections, schemas and tables, made from what people call their pipelines.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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
}

impl Names {
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
        let digits = digits.format(pipeline_id);
        self.connection_id.push_str("pipeline_");
        self.connection_id.push_str(digits);

        let name = without_nul(pipeline_name);
        if let Some((before, after)) = name.rsplit_once(" - ") {
            slug(before, &mut self.schema);
            slug(after, &mut self.table);
        }
        if self.schema.is_empty() || self.table.is_empty() {
            self.schema.clear();
            self.schema.push_str(NO_SCHEMA);
            self.table.clear();
            slug(&name, &mut self.table);
        } else {
            self.connection_name.push_str(&self.schema);
            self.connection_name.push('_');
        }
        if self.table.is_empty() {
            self.table.push_str(&self.connection_id);
            self.connection_name.push_str(&self.connection_id);
        } else {
            self.connection_name.push_str(&self.table);
            self.connection_name.push('_');
            self.connection_name.push_str(digits);
        }
    }
}

/// Appends the slug of a text: Unicode NFKD, marks dropped, lower case, each run of anything but `a`–`z` and `0`–`9` one
/// `_`, none at the ends.
pub fn slug(text: &str, out: &mut String) {
    let start = out.len();
    let mut gap = false;
    let mut push = |c: char| {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            if gap && out.len() > start {
                out.push('_');
            }
            gap = false;
            out.push(c);
        } else {
            gap = true;
        }
    };
    if text.is_ascii() {
        text.chars().for_each(&mut push);
    } else {
        // After NFKD no character beyond ASCII has a lower case within it.
        text.nfkd().filter(|c| !is_combining_mark(*c)).for_each(&mut push);
    }
}

/// The text without U+0000, which databases refuse.
pub fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
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
            let mut out = String::new();
            slug(text, &mut out);
            assert_eq!(out, expected, "{text}");
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
