//! Findings as people and programs read them.

use std::fmt::Write as _;
use std::ops::Range;

use logferry_model::json::{self, Strings, write_str};
use serde_json::json;

use crate::check::{Finding, Level, Problem};

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A line for each, and the place in its text below.
    Human,
    /// A JSON object a line.
    Json,
    /// Annotations of GitHub workflows.
    Github,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit's XML, as CI systems read it.
    Junit,
}

/// A finding with its place.
#[derive(Debug)]
pub struct Report<'a> {
    /// The file, or `<stdin>`.
    pub file: &'a str,
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// What is wrong.
    pub finding: &'a Finding,
    /// The text of the event.
    pub text: &'a str,
    /// The place in the text.
    pub range: Range<usize>,
    /// The value that was found, where the text has it only within another.
    pub value: Option<&'a str>,
    /// Whether values must not be shown.
    pub mask: bool,
}

/// No more characters of a value are looked at: enough to show so many characters and the blanks between.
const READ_OF_VALUE: usize = 512;

/// A line is shown up to so many characters before and behind the place.
const SHOWN_OF_LINE: usize = 60;

impl Report<'_> {
    /// What is wrong, in a sentence.
    pub fn message(&self) -> String {
        let mut message = match self.mask {
            true => self.finding.problem.masked(),
            false => self.finding.problem.to_string(),
        };
        if let Some(found) = self.found() {
            let _ = write!(message, ", found {found}");
        }
        if let Some(suggestion) = &self.finding.suggestion {
            let _ = write!(message, " (did you mean `{suggestion}`?)");
        }
        message
    }

    /// What was found instead of what was expected.
    fn found(&self) -> Option<String> {
        self.finding.problem.expected()?;
        let value = self.value.or_else(|| self.text.get(self.range.clone()))?;
        if !self.mask {
            let mut compact = Vec::new();
            let begin: String = value.chars().take(READ_OF_VALUE).collect();
            // Strings that keep their escapes cannot fail.
            let _ = json::compact(&begin, Strings::AsTheyCame, &mut compact);
            return Some(json::excerpt(&String::from_utf8_lossy(&compact)));
        }
        let kind = match value.as_bytes().first()? {
            b'"' => "text",
            b'{' => "an object",
            b'[' => "an array",
            b't' | b'f' => "true or false",
            b'n' => "null",
            _ => "a number",
        };
        Some(kind.to_owned())
    }

    /// Appends the finding.
    pub fn write(&self, format: Format, out: &mut Vec<u8>) {
        let text = match format {
            Format::Human => self.human(),
            Format::Json => return self.json(out),
            Format::Github => self.github(),
            Format::Sarif => self.sarif(),
            Format::Junit => self.junit(),
        };
        out.extend_from_slice(text.as_bytes());
    }

    fn level(&self) -> &'static str {
        match self.finding.level {
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }

    /// The pointer before the message, where it says something.
    fn subject(&self) -> String {
        match self.finding.pointer.as_str() {
            "" => String::new(),
            pointer => format!("{pointer}: "),
        }
    }

    fn human(&self) -> String {
        let (subject, message) = (printable(&self.subject()), printable(&self.message()));
        let mut text = format!(
            "{}:{}:{}: {}: {subject}{message}\n",
            printable(self.file),
            self.line,
            self.column,
            self.level()
        );
        if !self.mask && !self.text.is_empty() {
            let (before, marked, behind) = self.quoted();
            let number = self.line.to_string();
            let gutter = " ".repeat(number.len());
            let _ = writeln!(text, " {number} | {before}{marked}{behind}");
            let _ = writeln!(
                text,
                " {gutter} | {}{}",
                " ".repeat(before.chars().count()),
                "^".repeat(marked.chars().count().max(1))
            );
        }
        text
    }

    /// The line in which the place begins: what stands before it, the place, what stands behind it; each shortened.
    fn quoted(&self) -> (String, String, String) {
        // A line may be as long as the text, and there may be a finding for each of its words: so no more is read than is shown.
        let (before, from) = self.text.split_at_checked(self.range.start).unwrap_or((self.text, ""));
        let line = before.chars().rev().take_while(|c| *c != '\n');
        let mut shown: Vec<char> = line.take(SHOWN_OF_LINE + 1).collect();
        let is_cut = shown.len() > SHOWN_OF_LINE;
        shown.truncate(SHOWN_OF_LINE);
        let cut = if is_cut { "…" } else { "" };
        let before = shown.into_iter().rev().collect::<String>();
        let marked = self.text.get(self.range.clone()).unwrap_or_default();
        let behind = from.get(marked.len()..).unwrap_or_default();
        let marked_line = rest_of_line(marked);
        let behind = match marked_line.len() < marked.len() && !marked_line.ends_with('…') {
            // The value goes on in the next line.
            true => String::new(),
            false => rest_of_line(behind),
        };
        (
            format!("{cut}{}", printable(&before)),
            printable(&marked_line),
            printable(&behind),
        )
    }

    fn json(&self, out: &mut Vec<u8>) {
        let members = [
            ("file", Some(self.file.to_owned())),
            ("pointer", Some(self.finding.pointer.clone())),
            ("level", Some(self.level().to_owned())),
            ("rule", Some(self.finding.problem.rule().to_owned())),
            ("message", Some(self.message())),
            ("expected", self.finding.problem.expected()),
            ("found", self.found()),
            ("suggestion", self.finding.suggestion.clone()),
        ];
        out.push(b'{');
        for (index, (key, value)) in members.iter().enumerate() {
            let Some(value) = value else { continue };
            if index > 0 {
                out.push(b',');
            }
            write_str(key, out);
            out.push(b':');
            write_str(value, out);
            if *key == "file" {
                out.extend_from_slice(format!(",\"line\":{},\"column\":{}", self.line, self.column).as_bytes());
            }
        }
        out.extend_from_slice(b"}\n");
    }

    /// As `actions/toolkit` escapes them.
    fn github(&self) -> String {
        let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
        format!(
            "::{} file={},line={},col={},title={}::{}\n",
            self.level(),
            property(self.file),
            self.line,
            self.column,
            property(self.finding.problem.rule()),
            data(&format!("{}{}", self.subject(), self.message()))
        )
    }

    /// A result, with the comma that divides it from the one before.
    fn sarif(&self) -> String {
        let marked = self.text.get(self.range.clone()).unwrap_or_default();
        let marked = marked.lines().next().unwrap_or_default();
        let result = json!({
            "ruleId": self.finding.problem.rule(),
            "level": self.level(),
            "message": {"text": format!("{}{}", self.subject(), self.message())},
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": {"uri": uri(self.file)},
                    "region": {
                        "startLine": self.line,
                        "startColumn": self.column,
                        "endColumn": self.column + marked.chars().count().max(1) as u64,
                    },
                },
                "logicalLocations": [{"fullyQualifiedName": self.finding.pointer, "kind": "value"}],
            }],
        });
        format!(",\n{result}")
    }

    fn junit(&self) -> String {
        let name = format!("{}:{} {}", self.line, self.column, self.finding.pointer);
        let element = match self.finding.level {
            Level::Error => "failure",
            Level::Warning => "skipped",
        };
        format!(
            "<testcase classname=\"{}\" name=\"{}\"><{element} message=\"{}\"/></testcase>\n",
            xml(self.file),
            xml(name.trim_end()),
            xml(&format!(
                "{}: {}{}",
                self.finding.problem.rule(),
                self.subject(),
                self.message()
            ))
        )
    }
}

/// What stands before the findings.
pub fn head(format: Format, version: &str) -> String {
    match format {
        Format::Human | Format::Json | Format::Github | Format::Junit => String::new(),
        Format::Sarif => {
            let rules: Vec<_> = Problem::RULES
                .iter()
                .map(|(id, meaning)| json!({"id": id, "shortDescription": {"text": meaning}}))
                .collect();
            let driver = json!({"name": "logferry", "version": version, "rules": rules});
            format!(
                "{{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{{\
                 \"tool\":{{\"driver\":{driver}}},\"columnKind\":\"unicodeCodePoints\",\"results\":["
            )
        }
    }
}

/// What stands behind the findings.
pub fn tail(format: Format) -> &'static str {
    match format {
        Format::Human | Format::Json | Format::Github => "",
        Format::Sarif => "]}]}\n",
        Format::Junit => "</testsuite></testsuites>\n",
    }
}

/// What stands before the findings in JUnit's form, which tells how many there are first; and a test that stands for all
/// events without errors.
pub fn junit_head(events: u64, valid: u64, errors: u64, warnings: u64) -> String {
    let tests = errors + warnings + 1;
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites><testsuite name=\"logferry validate\" tests=\"{tests}\" failures=\"{errors}\" errors=\"0\" skipped=\"{warnings}\">\n\
         <testcase classname=\"logferry validate\" name=\"{valid} of {events} events are valid\"/>\n"
    )
}

/// The first characters of a text up to the end of its first line.
fn rest_of_line(text: &str) -> String {
    let mut line = text.chars().take_while(|c| !matches!(c, '\n' | '\r'));
    let mut shown: String = line.by_ref().take(SHOWN_OF_LINE).collect();
    if line.next().is_some() {
        shown.push('…');
    }
    shown
}

/// A text without what moves a terminal's cursor.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => printable.push(' '),
            c if c.is_control() => printable.extend(c.escape_default()),
            c => printable.push(c),
        }
    }
    printable
}

/// A text within XML: what XML 1.0 cannot hold becomes U+FFFD.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A path as a URI reference.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}
