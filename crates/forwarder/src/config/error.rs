//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::quote::Quotes;

/// Why a configuration cannot be used: everything that is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum Errors {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Something in the file is wrong.
    #[error("{}", Lines(.0))]
    Content(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The line, without secrets, with a mark below what is wrong.
    pub quoted: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            line, column, message, ..
        } = self;
        write!(f, "{}:{line}:{column}: {message}\n{}", self.path.display(), self.quoted)
    }
}

struct Lines<'p>(&'p [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let before = if index > 0 { "\n" } else { "" };
            write!(f, "{before}{problem}")?;
        }
        Ok(())
    }
}

/// What is wrong, and where in the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wrong {
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What it is.
    pub message: String,
}

impl Wrong {
    /// Something wrong at a place.
    pub fn new(at: Range<usize>, message: impl Into<String>) -> Wrong {
        Wrong {
            start: at.start,
            end: at.end,
            message: message.into(),
        }
    }

    /// Where it is.
    pub fn place(&self) -> Range<usize> {
        self.start..self.end
    }
}

impl From<toml::de::Error> for Wrong {
    fn from(error: toml::de::Error) -> Wrong {
        Wrong::new(error.span().unwrap_or(0..0), error.message())
    }
}

impl Errors {
    /// What is wrong, in the order of the text, each once.
    pub(super) fn in_file(path: &Path, quotes: &Quotes<'_>, mut wrongs: Vec<Wrong>) -> Errors {
        wrongs.sort();
        wrongs.dedup();
        let problem = |wrong: &Wrong| {
            let (line, column, quoted) = quotes.quote(wrong.place());
            Problem {
                path: path.to_owned(),
                line,
                column,
                message: one_line(&wrong.message),
                quoted,
            }
        };
        Errors::Content(wrongs.iter().map(problem).collect())
    }
}

/// A key may hold any character; one that moves a terminal's cursor is escaped.
fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}
