//! Pieces of the input: what may be a record, and what is none, with the reason.

use super::mark::{Mark, trim_blanks_end};
use super::scanner::Expected;

/// How much of a text is kept of a record that is too large.
pub const KEPT_OF_TOO_LARGE: usize = 64 * 1024;

/// A piece of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins.
    pub mark: Mark,
    /// What it is.
    pub content: Content,
}

/// What a [`Frame`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A closed line, or the rest of one: one value, or several, or none.
    Line {
        /// Its first byte in the buffer.
        start: usize,
        /// Behind its last byte.
        end: usize,
        /// Whether brackets were forgotten before it.
        forgot_brackets: bool,
    },
    /// A well-formed value, from its first to behind its last byte in the buffer.
    Value(usize, usize),
    /// Something that is no value.
    Bad(Box<Bad>),
}

/// What is no value, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// Why.
    pub fault: Fault,
    /// Where the fault is.
    pub at: Mark,
    /// The text that was passed over, or its beginning.
    pub text: Vec<u8>,
    /// Whether `text` is only the beginning.
    pub truncated: bool,
}

/// Why a text is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not JSON.
    #[error("expected {}, found {}", expected.words(), Found(*found))]
    Syntax {
        /// What was expected.
        expected: Expected,
        /// The byte that was found instead; `None` at the end of the line or of the text.
        found: Option<u8>,
    },
    /// It is larger than a record may be.
    #[error("larger than {0} bytes, the most that a record may have (--max-record-bytes)")]
    TooLarge(usize),
    /// It is deeper than a record may be.
    #[error("more than 128 levels of brackets")]
    TooDeep,
    /// It is a response that says `"success": false`, behind its rows.
    #[error("the API answered with an error behind these rows")]
    Failure,
}

struct Found(Option<u8>);

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("the end of the line"),
            Some(byte @ 0x21..0x7f) => write!(f, "`{}`", char::from(byte)),
            Some(byte) => write!(f, "byte 0x{byte:02x}"),
        }
    }
}

/// Something that is passed over.
#[derive(Debug)]
pub struct Passing {
    /// Where it begins.
    pub begin: Mark,
    fault: Fault,
    fault_at: Mark,
    text: Vec<u8>,
    truncated: bool,
    /// Whether it belongs to an error that was reported before.
    quiet: bool,
}

impl Passing {
    /// Begins to pass over something with this fault.
    pub fn new(begin: Mark, fault: Fault, fault_at: Mark) -> Passing {
        Passing {
            begin,
            fault,
            fault_at,
            text: Vec::new(),
            truncated: false,
            quiet: false,
        }
    }

    /// Begins to pass over what belongs to an error that was reported before.
    pub fn quiet(begin: Mark, fault: Fault) -> Passing {
        Passing {
            quiet: true,
            ..Passing::new(begin, fault, begin)
        }
    }

    /// Keeps bytes as long as they are no more than a record's, and else their beginning.
    pub fn keep(&mut self, bytes: &[u8], max_bytes: usize) {
        if self.truncated {
            return;
        }
        let too_large = matches!(self.fault, Fault::TooLarge(_)) || self.text.len() + bytes.len() > max_bytes;
        if !too_large {
            self.text.extend_from_slice(bytes);
        } else {
            let room = KEPT_OF_TOO_LARGE.saturating_sub(self.text.len()).min(bytes.len());
            self.text.extend_from_slice(&bytes[..room]);
            self.text.truncate(KEPT_OF_TOO_LARGE);
            self.truncated = self.text.len() == KEPT_OF_TOO_LARGE;
        }
    }

    /// What is reported of it, if anything.
    pub fn into_frame(mut self) -> Option<Frame> {
        if self.quiet {
            return None;
        }
        if self.truncated {
            cut_at_character(&mut self.text);
        }
        self.text.truncate(trim_blanks_end(&self.text).len());
        Some(Frame {
            mark: self.begin,
            content: Content::Bad(Box::new(Bad {
                fault: self.fault,
                at: self.fault_at,
                text: self.text,
                truncated: self.truncated,
            })),
        })
    }
}

/// Drops the beginning of a character at the end of a text that was cut.
fn cut_at_character(text: &mut Vec<u8>) {
    if let Err(error) = std::str::from_utf8(text)
        && error.error_len().is_none()
    {
        text.truncate(error.valid_up_to());
    }
}
