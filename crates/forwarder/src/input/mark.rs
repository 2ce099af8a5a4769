//! Places in a text, as a person counts them.

/// A place in a text: line and column, both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
    /// Blanks at the beginning of the line.
    pub indent: usize,
    /// Whether there are only blanks before it in its line.
    pub first_in_line: bool,
}

impl Mark {
    /// The beginning of a text.
    pub const START: Mark = Mark {
        line: 1,
        column: 1,
        indent: 0,
        first_in_line: true,
    };

    /// Goes on over bytes of the text.
    pub fn pass(&mut self, bytes: &[u8]) {
        let mut tail = bytes;
        if let Some(newline) = memchr::memrchr(b'\n', bytes) {
            let lines = memchr::memchr_iter(b'\n', bytes).count();
            *self = Mark {
                line: self.line + lines as u64,
                ..Mark::START
            };
            tail = &bytes[newline + 1..];
        }
        if self.first_in_line {
            let blanks = tail.iter().take_while(|byte| is_blank(**byte)).count();
            self.indent += blanks;
            self.first_in_line = blanks == tail.len();
        }
        // Every byte of a character but the first begins with the bits 10.
        self.column += tail.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u64;
    }

    /// The place behind these bytes.
    pub fn behind(mut self, bytes: &[u8]) -> Mark {
        self.pass(bytes);
        self
    }
}

/// The blanks that JSON allows between tokens.
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The bytes without the blanks at their end.
pub fn trim_blanks_end(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|byte| !is_blank(*byte))
        .map_or(0, |last| last + 1);
    &bytes[..end]
}
