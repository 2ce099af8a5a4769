//! Cuts a stream of bytes into records, and into what is none.
//!
//! The text may be a row of values (one a line, or many lines each), an array, or API responses; these may follow each
//! other. What comes out does not depend on how the bytes arrive. The rules:
//!
//! - *A closed line* is a line that begins a value with `{`, ends with `}`, and is followed by a line that begins with `{` or
//!   `[`, or by the end. It is framed without looking inside, and stands or falls alone. (A well-formed value that
//!   was not complete there could only go on with `,`, `]` or `}`.)
//! - Every other value is framed where the [`Scanner`] finds its end.
//! - An object is held whole, so that its keys can tell what it is, up to the size of a record. If it is larger, deeper or
//!   broken, and looks like a response, its rows are framed one by one.
//! - After an error, reading resumes at the next line that begins a value: at or behind the error any line that begins with `{`
//!   or `[`; before it, one that is indented no deeper than the line of the broken value, so that a record that was cut off
//!   does not swallow the next. Open brackets are forgotten; what closes them later is passed over.

use super::frame::{Content, Fault, Frame, Passing};
use super::mark::{Mark, is_blank, trim_blanks_end};
use super::scanner::{Expected, MAX_LEVELS, Rows, Scanner, Step};

/// A batch has no more frames than this, so that its reports are bounded too.
const MAX_FRAMES: usize = 4096;

/// So many broken values in a row may be read again from a line before their error: each may be as large as a record.
const MAX_RESTARTS: u8 = 16;

/// So many blanks behind a line count as the end.
const MAX_BLANKS: usize = 64 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The state of the cut.
#[derive(Debug)]
pub struct Framer {
    max_bytes: usize,
    /// Whether a closed line is framed without looking inside.
    closed_lines: bool,
    mode: Mode,
    /// The open arrays of records, from the outermost: how many objects of a response are around each.
    arrays: Vec<u8>,
    /// Whether brackets were forgotten, so that what closes them is no error.
    forgot_brackets: bool,
    /// The line on which the last object outside of arrays began. What follows it on that line belongs to the closed line, if
    /// it is one.
    object_line: u64,
    /// Where reading is: in the buffer, and for a person.
    at: usize,
    mark: Mark,
    /// How often reading was resumed before an error since the last value.
    restarts: u8,
}

#[derive(Debug)]
enum Mode {
    /// Between values.
    Between(Next),
    /// In a value that begins at `at`.
    Value(Scanner),
    /// Behind a value that begins at `at`, of which it is not known whether its line ends with it.
    Ended(Scanner),
    /// In a value that begins at `at` and is none.
    Faulty(Scanner, Trouble),
    /// In a value that is too large or too deep: scanned, but not held.
    Skip(Scanner, Passing),
    /// Behind the rows of a response.
    Tail(Scanner),
    /// Behind an error, before the next line that begins a value.
    Recover(Passing),
    /// At the end.
    End,
}

/// What may come between values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Outside of arrays: a value.
    Value,
    /// After `[`: an element or the end.
    FirstElement,
    /// After an element: `,` or the end.
    Separator,
    /// After `,`: an element.
    Element,
}

/// Why a value is none, before it is known what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Syntax(Expected),
    TooLarge { ended: bool },
    TooDeep,
}

/// What [`Framer::closed_line`] finds.
enum ClosedLine {
    /// The value's last byte is before `end`, the next line begins at `next`.
    Yes {
        end: usize,
        next: usize,
    },
    No,
    /// More bytes are needed to tell.
    Unknown,
}

impl Framer {
    /// Starts at the beginning of a text.
    pub fn new(max_bytes: usize) -> Framer {
        Framer {
            max_bytes,
            closed_lines: true,
            mode: Mode::Between(Next::Value),
            arrays: Vec::new(),
            forgot_brackets: false,
            object_line: 0,
            at: 0,
            mark: Mark::START,
            restarts: 0,
        }
    }

    /// Starts at this place of a text, to look inside of a line or of a response.
    pub fn inside(mark: Mark, max_bytes: usize, forgot_brackets: bool) -> Framer {
        Framer {
            closed_lines: false,
            mark,
            forgot_brackets,
            ..Framer::new(max_bytes)
        }
    }

    /// Starts behind the `[` of a response's rows, of which the scanner found the place.
    pub fn rows(mark: Mark, max_bytes: usize, rows: Rows) -> Framer {
        Framer {
            arrays: vec![rows.levels],
            mode: Mode::Between(Next::FirstElement),
            ..Framer::inside(mark, max_bytes, false)
        }
    }

    /// Cuts what stands in `buffer`, which begins with the bytes that were not consumed before. `end` says that nothing
    /// follows. Returns how many bytes are consumed: frames point into them, and the next call goes on behind them.
    pub fn advance(&mut self, buffer: &[u8], end: bool, frames: &mut Vec<Frame>) -> usize {
        while frames.len() < MAX_FRAMES && self.step(buffer, end, frames) {}
        std::mem::take(&mut self.at)
    }

    /// Does one thing; false when it needs more bytes, or is at the end.
    fn step(&mut self, buffer: &[u8], end: bool, frames: &mut Vec<Frame>) -> bool {
        match std::mem::replace(&mut self.mode, Mode::End) {
            Mode::Between(next) => self.between(next, buffer, end, frames),
            Mode::Value(scanner) => self.value(scanner, buffer, end, frames),
            Mode::Ended(scanner) => self.end_value(scanner, buffer, end, frames),
            Mode::Faulty(scanner, trouble) => self.faulty(scanner, trouble, buffer, end, frames),
            Mode::Skip(scanner, passing) => self.skip(scanner, passing, buffer, end, frames),
            Mode::Tail(scanner) => self.tail(scanner, buffer, end, frames),
            Mode::Recover(passing) => self.recover(passing, buffer, end, frames),
            Mode::End => false,
        }
    }

    fn between(&mut self, next: Next, buffer: &[u8], end: bool, frames: &mut Vec<Frame>) -> bool {
        let blanks = buffer[self.at..].iter().take_while(|byte| is_blank(**byte)).count();
        self.pass(blanks, buffer);
        self.mode = Mode::Between(next);
        let rest = &buffer[self.at..];
        let Some(&byte) = rest.first() else {
            if end {
                self.mode = Mode::End;
                if !self.arrays.is_empty() {
                    let expected = match next {
                        Next::Separator => Expected::ArrayNext,
                        _ => Expected::ValueOrClose,
                    };
                    frames.extend(self.container_error(expected, None).into_frame());
                }
            }
            return false;
        };
        if byte == BOM[0] && rest.len() < BOM.len() && !end {
            return false;
        }
        if rest.starts_with(BOM) {
            // At the beginning, or between texts that were put together.
            self.at += BOM.len();
            return true;
        }
        if next == Next::Value && (byte == b'{' || self.mark.line == self.object_line) {
            self.object_line = self.mark.line;
            match self.closed_line(buffer, end) {
                ClosedLine::Yes { end, next } => {
                    self.take_line(end, next, buffer, frames);
                    return true;
                }
                // Of an object the scanner may see the end before the end of the line is there.
                ClosedLine::Unknown if byte != b'{' => return false,
                ClosedLine::Unknown | ClosedLine::No => {}
            }
        }
        match (next, byte) {
            (Next::FirstElement | Next::Separator, b']') => {
                self.pass(1, buffer);
                match self.arrays.pop() {
                    None | Some(0) => self.after_value(),
                    Some(levels) => self.mode = Mode::Tail(Scanner::inside_objects(levels)),
                }
            }
            (Next::Separator, b',') => {
                self.pass(1, buffer);
                self.mode = Mode::Between(Next::Element);
            }
            (Next::Separator, _) => self.recover_here(Expected::ArrayNext, buffer, frames),
            (Next::Value | Next::FirstElement | Next::Element, b'[') if self.arrays.len() < usize::from(MAX_LEVELS) => {
                self.pass(1, buffer);
                self.arrays.push(0);
                self.mode = Mode::Between(Next::FirstElement);
            }
            // Lines cut out of an array end with commas.
            (Next::Value, b',') => self.pass(1, buffer),
            (Next::Value, b']' | b'}') if self.forgot_brackets => self.pass(1, buffer),
            _ => self.mode = Mode::Value(Scanner::new()),
        }
        true
    }

    fn value(&mut self, mut scanner: Scanner, buffer: &[u8], end: bool, frames: &mut Vec<Frame>) -> bool {
        let rest = &buffer[self.at + scanner.scanned()..];
        // One byte more than a record may have is enough to know that it is too large.
        let room = self.max_bytes.saturating_add(1) - scanner.scanned();
        let step = scanner.feed(&rest[..rest.len().min(room)]);
        let ended = matches!(step, Step::Done(_)) || (end && step == Step::More && scanner.end().is_ok());
        let trouble = match step {
            _ if scanner.scanned() > self.max_bytes => Trouble::TooLarge { ended },
            _ if ended => return self.end_value(scanner, buffer, end, frames),
            Step::TooDeep(_) => Trouble::TooDeep,
            Step::Wrong(_, expected) => Trouble::Syntax(expected),
            _ if end => Trouble::Syntax(scanner.end().err().unwrap_or(Expected::Value)),
            _ => {
                self.mode = Mode::Value(scanner);
                return false;
            }
        };
        self.faulty(scanner, trouble, buffer, end, frames)
    }

    /// A well-formed value is whole.
    fn end_value(&mut self, scanner: Scanner, buffer: &[u8], end: bool, frames: &mut Vec<Frame>) -> bool {
        let value_end = self.at + scanner.scanned();
        if self.arrays.is_empty() && !begins_value(buffer[self.at]) {
            // No record begins so, and what is no JSON often does: it is one with the rest of its line.
            let behind = &buffer[value_end..];
            let behind = &behind[..behind.len().min(MAX_BLANKS)];
            match behind.iter().find(|byte| **byte == b'\n' || !is_blank(**byte)) {
                None if !end && behind.len() < MAX_BLANKS => {
                    self.mode = Mode::Ended(scanner);
                    return false;
                }
                Some(b':') if self.forgot_brackets => {
                    // A member of an object whose bracket was forgotten.
                    let expected = Expected::Value;
                    self.mode = Mode::Recover(Passing::quiet(self.mark, Fault::Syntax { expected, found: None }));
                    self.pass_into_recovery(value_end - self.at, buffer);
                    return true;
                }
                Some(b',' | b']' | b'}') if self.forgot_brackets => {}
                Some(&found) if found != b'\n' => {
                    let blanks = buffer[value_end..].iter().take_while(|byte| is_blank(**byte)).count();
                    let expected = Expected::LineEnd;
                    let found = Some(found);
                    let place = self.mark.behind(&buffer[self.at..value_end + blanks]);
                    self.mode = Mode::Recover(self.passing(Fault::Syntax { expected, found }, place));
                    self.pass_into_recovery(value_end + blanks - self.at, buffer);
                    return true;
                }
                _ => {}
            }
        }
        self.restarts = 0;
        frames.push(Frame {
            mark: self.mark,
            content: Content::Value(self.at, value_end),
        });
        self.pass(scanner.scanned(), buffer);
        self.after_value();
        true
    }

    fn faulty(
        &mut self,
        scanner: Scanner,
        trouble: Trouble,
        buffer: &[u8],
        end: bool,
        frames: &mut Vec<Frame>,
    ) -> bool {
        match self.closed_line(buffer, end) {
            ClosedLine::Yes { end, next } => {
                self.take_line(end, next, buffer, frames);
                return true;
            }
            ClosedLine::Unknown => {
                self.mode = Mode::Faulty(scanner, trouble);
                return false;
            }
            ClosedLine::No => {}
        }
        if let Some(rows) = scanner.rows()
            && self.arrays.len() < usize::from(MAX_LEVELS)
        {
            self.pass(rows.start, buffer);
            self.arrays.push(rows.levels);
            self.mode = Mode::Between(Next::FirstElement);
            return true;
        }

        let scanned_to = self.at + scanner.scanned();
        let (limit, error) = match trouble {
            Trouble::Syntax(_) => (buffer.len(), scanned_to),
            Trouble::TooLarge { .. } | Trouble::TooDeep => (scanned_to, usize::MAX),
        };
        let line = self.find_line(limit, error, buffer);
        let before_error = line.filter(|line| *line < error);
        self.restarts = match before_error {
            Some(_) => self.restarts + 1,
            None => 0,
        };
        let (fault, fault_at) = match (trouble, before_error) {
            (Trouble::TooLarge { .. }, None) => (Fault::TooLarge(self.max_bytes), self.mark),
            (Trouble::TooDeep, None) => (Fault::TooDeep, self.mark),
            (Trouble::Syntax(expected), None) => {
                let (found, place) = self.place_of_error(scanned_to, buffer);
                (Fault::Syntax { expected, found }, place)
            }
            // The value was cut off before that line, and swallowed what stands there.
            (_, Some(line)) => {
                let before = &buffer[self.at..line];
                let mut scanner = Scanner::new();
                scanner.feed(before);
                let expected = scanner.end().err().unwrap_or(Expected::Value);
                (
                    Fault::Syntax { expected, found: None },
                    self.mark.behind(trim_blanks_end(before)),
                )
            }
        };
        let begins_object = buffer[self.at] == b'{';
        self.mode = Mode::Recover(self.passing(fault, fault_at));
        self.pass_into_recovery(line.unwrap_or(scanned_to) - self.at, buffer);
        match trouble {
            _ if line.is_some() => {
                self.forget_brackets(begins_object);
                self.resume(frames);
            }
            Trouble::Syntax(_) => self.forget_brackets(begins_object),
            Trouble::TooLarge { ended: true } => {
                self.resume(frames);
                self.after_value();
            }
            Trouble::TooLarge { ended: false } | Trouble::TooDeep => {
                if let Mode::Recover(passing) = std::mem::replace(&mut self.mode, Mode::End) {
                    self.mode = Mode::Skip(scanner, passing);
                }
            }
        }
        true
    }

    fn skip(
        &mut self,
        mut scanner: Scanner,
        mut passing: Passing,
        buffer: &[u8],
        end: bool,
        frames: &mut Vec<Frame>,
    ) -> bool {
        loop {
            let rest = &buffer[self.at..];
            let Some(&first) = rest.first() else {
                if end {
                    frames.extend(passing.into_frame());
                } else {
                    self.mode = Mode::Skip(scanner, passing);
                }
                return false;
            };
            let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
            if self.mark.first_in_line && begins_value(first) && self.mark.indent <= passing.begin.indent {
                frames.extend(passing.into_frame());
                self.forget_brackets(true);
                self.mode = Mode::Between(Next::Value);
                return true;
            }
            let piece = match memchr::memchr(b'\n', rest) {
                _ if self.mark.first_in_line && blanks > 0 => blanks,
                Some(newline) => newline + 1,
                None => rest.len(),
            };
            let step = scanner.feed(&rest[..piece]);
            let passed = match step {
                Step::More => piece,
                Step::Done(passed) | Step::Wrong(passed, _) | Step::TooDeep(passed) => passed,
            };
            passing.keep(&rest[..passed], self.max_bytes);
            self.pass(passed, buffer);
            match step {
                Step::More | Step::TooDeep(_) => {}
                Step::Done(_) => {
                    frames.extend(passing.into_frame());
                    self.after_value();
                    return true;
                }
                Step::Wrong(..) => {
                    self.forget_brackets(true);
                    self.mode = Mode::Recover(passing);
                    return true;
                }
            }
        }
    }

    fn tail(&mut self, mut scanner: Scanner, buffer: &[u8], end: bool, frames: &mut Vec<Frame>) -> bool {
        match scanner.feed(&buffer[self.at..]) {
            Step::TooDeep(passed) => {
                self.pass(passed, buffer);
                self.mode = Mode::Tail(scanner);
                true
            }
            Step::More => {
                self.pass(buffer.len() - self.at, buffer);
                if end {
                    let expected = scanner.end().err().unwrap_or(Expected::ObjectNext);
                    frames.extend(self.container_error(expected, None).into_frame());
                } else {
                    self.mode = Mode::Tail(scanner);
                }
                false
            }
            Step::Done(passed) => {
                let begin = self.mark;
                if scanner.says_failure() {
                    frames.extend(self.passing(Fault::Failure, begin).into_frame());
                }
                self.pass(passed, buffer);
                self.after_value();
                true
            }
            Step::Wrong(passed, expected) => {
                self.pass(passed, buffer);
                self.recover_here(expected, buffer, frames);
                true
            }
        }
    }

    fn recover(&mut self, mut passing: Passing, buffer: &[u8], end: bool, frames: &mut Vec<Frame>) -> bool {
        loop {
            let rest = &buffer[self.at..];
            let blanks = match self.mark.first_in_line {
                true => rest.iter().take_while(|byte| is_blank(**byte)).count(),
                false => 0,
            };
            let passed = match (rest.get(blanks), memchr::memchr(b'\n', rest)) {
                (Some(&byte), _) if self.mark.first_in_line && begins_value(byte) => {
                    passing.keep(&rest[..blanks], self.max_bytes);
                    self.pass(blanks, buffer);
                    self.mode = Mode::Recover(passing);
                    self.resume(frames);
                    return true;
                }
                (_, Some(newline)) => blanks.max(newline + 1),
                (_, None) => rest.len(),
            };
            passing.keep(&rest[..passed], self.max_bytes);
            self.pass(passed, buffer);
            if self.at == buffer.len() {
                if end {
                    frames.extend(passing.into_frame());
                } else {
                    self.mode = Mode::Recover(passing);
                }
                return false;
            }
        }
    }

    /// Whether the value at `at` stands on a closed line.
    fn closed_line(&self, buffer: &[u8], end: bool) -> ClosedLine {
        let rest = &buffer[self.at..];
        if !self.closed_lines || !self.arrays.is_empty() || self.mark.line != self.object_line {
            return ClosedLine::No;
        }
        let newline = memchr::memchr(b'\n', rest);
        let line = &rest[..newline.unwrap_or(rest.len())];
        if line.len() > self.max_bytes {
            return ClosedLine::No;
        }
        if newline.is_none() && !end {
            return ClosedLine::Unknown;
        }
        let line_end = trim_blanks_end(line).len();
        if line.get(line_end.wrapping_sub(1)) != Some(&b'}') {
            return ClosedLine::No;
        }
        let next = newline.map_or(rest.len(), |newline| newline + 1);
        let behind = &rest[next..];
        let behind = &behind[..behind.len().min(MAX_BLANKS)];
        match behind.iter().find(|byte| !is_blank(**byte)) {
            Some(&byte) if !begins_value(byte) => ClosedLine::No,
            None if !end && behind.len() < MAX_BLANKS => ClosedLine::Unknown,
            _ => ClosedLine::Yes {
                end: self.at + line_end,
                next: self.at + next,
            },
        }
    }

    fn take_line(&mut self, end: usize, next: usize, buffer: &[u8], frames: &mut Vec<Frame>) {
        self.restarts = 0;
        frames.push(Frame {
            mark: self.mark,
            content: Content::Line {
                start: self.at,
                end,
                forgot_brackets: self.forgot_brackets,
            },
        });
        if buffer[next - 1] == b'\n' {
            self.mark = Mark {
                line: self.mark.line + 1,
                ..Mark::START
            };
            self.at = next;
        } else {
            self.pass(next - self.at, buffer);
        }
        self.mode = Mode::Between(Next::Value);
    }

    /// The first line behind the first of the value at `at` that begins a value before `limit`: at or behind `error`, or
    /// indented no deeper than the value's line.
    fn find_line(&self, limit: usize, error: usize, buffer: &[u8]) -> Option<usize> {
        let before_error = self.restarts < MAX_RESTARTS;
        let mut line = self.at;
        while let Some(newline) = memchr::memchr(b'\n', &buffer[line..limit]) {
            line += newline + 1;
            let blanks = buffer[line..limit].iter();
            let indent = blanks.take_while(|byte| is_blank(**byte) && **byte != b'\n').count();
            let first = line + indent;
            if first < limit
                && begins_value(buffer[first])
                && (first >= error || (before_error && indent <= self.mark.indent))
            {
                return Some(first);
            }
        }
        None
    }

    /// What was found at `error`, and its place. Where a line was cut off, that is its end, and not the value on the next.
    fn place_of_error(&self, error: usize, buffer: &[u8]) -> (Option<u8>, Mark) {
        let before = &buffer[self.at..error];
        let text = trim_blanks_end(before);
        let next_line = before[text.len()..].contains(&b'\n');
        match buffer.get(error) {
            Some(&found) if found != b'\n' && !(next_line && begins_value(found)) => {
                (Some(found), self.mark.behind(before))
            }
            _ => (None, self.mark.behind(text)),
        }
    }

    fn passing(&self, fault: Fault, fault_at: Mark) -> Passing {
        Passing::new(self.mark, fault, fault_at)
    }

    /// An array, or the response around it, goes on in a wrong way: no value is broken by it.
    fn container_error(&mut self, expected: Expected, found: Option<u8>) -> Passing {
        self.forget_brackets(true);
        self.passing(Fault::Syntax { expected, found }, self.mark)
    }

    /// Recovers from what is wrong at `at`, between values.
    fn recover_here(&mut self, expected: Expected, buffer: &[u8], frames: &mut Vec<Frame>) {
        let found = buffer[self.at];
        let passing = self.container_error(expected, Some(found).filter(|byte| *byte != b'\n'));
        self.mode = Mode::Recover(passing);
        if self.mark.first_in_line && begins_value(found) {
            self.resume(frames);
        } else {
            self.pass_into_recovery(1, buffer);
        }
    }

    fn forget_brackets(&mut self, in_value: bool) {
        self.forgot_brackets |= in_value || !self.arrays.is_empty();
        self.arrays.clear();
    }

    /// Passes bytes and keeps them with what is recovered from.
    fn pass_into_recovery(&mut self, bytes: usize, buffer: &[u8]) {
        if let Mode::Recover(passing) = &mut self.mode {
            passing.keep(&buffer[self.at..self.at + bytes], self.max_bytes);
        }
        self.pass(bytes, buffer);
    }

    /// Ends the recovery: a value begins here.
    fn resume(&mut self, frames: &mut Vec<Frame>) {
        if let Mode::Recover(passing) = std::mem::replace(&mut self.mode, Mode::Between(Next::Value)) {
            frames.extend(passing.into_frame());
        }
    }

    fn after_value(&mut self) {
        self.mode = Mode::Between(match self.arrays.is_empty() {
            true => Next::Value,
            false => Next::Separator,
        });
    }

    fn pass(&mut self, bytes: usize, buffer: &[u8]) {
        self.mark.pass(&buffer[self.at..self.at + bytes]);
        self.at += bytes;
    }
}

fn begins_value(byte: u8) -> bool {
    matches!(byte, b'{' | b'[')
}
