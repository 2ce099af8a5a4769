//! Finds where one JSON value ends, byte by byte, without holding it.
//!
//! `serde_json` reads every record; but it needs the whole text of a value, and this finds that text in a stream: also
//! of a value on many lines, or one too large to hold.

use logferry_kondado::page::RECORD_KEYS;

/// Levels of arrays and objects that a record may have, its own included.
pub const MAX_LEVELS: u8 = 128;

/// What came of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The value goes on behind them.
    More,
    /// The value ends after so many of them.
    Done(usize),
    /// So many of them are well formed; then something else was expected.
    Wrong(usize, Expected),
    /// The last of so many of them opens a level too many. The scan can go on: brackets are then only counted.
    TooDeep(usize),
}

/// What would have been well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A value.
    Value,
    /// A value, or the end of the array.
    ValueOrClose,
    /// A key, or the end of the object.
    KeyOrClose,
    /// A key.
    Key,
    /// The colon after a key.
    Colon,
    /// The next member of the object, or its end.
    ObjectNext,
    /// The next element of the array, or its end.
    ArrayNext,
    /// The rest of a string.
    StringEnd,
    /// One of JSON's escapes.
    Escape,
    /// A digit of a number.
    Digit,
    /// Nothing more on the line.
    LineEnd,
}

impl Expected {
    /// In words, to follow "expected".
    pub fn words(self) -> &'static str {
        match self {
            Expected::Value => "a value",
            Expected::ValueOrClose => "a value or `]`",
            Expected::KeyOrClose => "a key or `}`",
            Expected::Key => "a key",
            Expected::Colon => "`:`",
            Expected::ObjectNext => "`,` or `}`",
            Expected::ArrayNext => "`,` or `]`",
            Expected::StringEnd => "the string to end",
            Expected::Escape => "an escape such as \\n or \\u00e9",
            Expected::Digit => "a digit",
            Expected::LineEnd => "the end of the line",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    ValueOrClose,
    KeyOrClose,
    Key,
    Colon,
    Next,
    String {
        key: bool,
    },
    Escape {
        key: bool,
    },
    Hex {
        key: bool,
        left: u8,
    },
    Literal(&'static [u8]),
    Number(Number),
    /// Deeper than [`MAX_LEVELS`]: brackets are only counted.
    Deep,
    DeepString,
    DeepEscape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    fn next(self, byte: u8) -> Option<Number> {
        use Number::*;
        Some(match (self, byte) {
            (Minus, b'0') => Zero,
            (Minus, b'1'..=b'9') | (Integer, b'0'..=b'9') => Integer,
            (Zero | Integer, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Integer | Fraction, b'e' | b'E') => Exponent,
            (Exponent, b'+' | b'-') => ExponentSign,
            (Exponent | ExponentSign | ExponentDigits, b'0'..=b'9') => ExponentDigits,
            _ => return None,
        })
    }

    fn may_end(self) -> bool {
        matches!(
            self,
            Number::Zero | Number::Integer | Number::Fraction | Number::ExponentDigits
        )
    }
}

/// The scan of one value.
#[derive(Debug, Clone)]
pub struct Scanner {
    state: State,
    /// One bit a level, 1 for an object; the innermost is the lowest.
    objects: u128,
    levels: u8,
    /// Levels beyond [`MAX_LEVELS`].
    beyond: u64,
    scanned: usize,
    page: PageWatch,
}

/// Watches for the shape of an API response: an object with an array at `data`, or at `data` of `data`, and so on.
#[derive(Debug, Clone, Default)]
struct PageWatch {
    /// How many of the open levels are such objects, from the outermost.
    levels: u8,
    /// The current key of the innermost of them; cut, for none that matters is longer.
    key: [u8; 16],
    key_len: usize,
    is_record: bool,
    failed: bool,
    array: Option<Rows>,
}

/// Where the rows of a response are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// The first byte after the array's `[`, from the start of the value.
    pub start: usize,
    /// How many objects are around the array.
    pub levels: u8,
}

impl Default for Scanner {
    fn default() -> Scanner {
        Scanner::new()
    }
}

impl Scanner {
    /// Starts before a value.
    pub fn new() -> Scanner {
        Scanner {
            state: State::Value,
            objects: 0,
            levels: 0,
            beyond: 0,
            scanned: 0,
            page: PageWatch::default(),
        }
    }

    /// Starts after a member of the innermost of so many objects.
    pub fn inside_objects(levels: u8) -> Scanner {
        Scanner {
            state: State::Next,
            objects: u128::MAX,
            levels,
            page: PageWatch {
                levels,
                ..PageWatch::default()
            },
            ..Scanner::new()
        }
    }

    /// The rows, if the value so far looks like a response and not like a record.
    pub fn rows(&self) -> Option<Rows> {
        self.page.array.filter(|_| !self.page.is_record && !self.page.failed)
    }

    /// Whether the value so far says `"success": false`, where a response says it.
    pub fn says_failure(&self) -> bool {
        self.page.failed
    }

    /// Bytes of the value that were scanned.
    pub fn scanned(&self) -> usize {
        self.scanned
    }

    /// Whether a value has more levels than a record may have.
    pub fn is_too_deep(value: &str) -> bool {
        // Few values have so many brackets at all, those in strings counted.
        let mut brackets = memchr::memchr2_iter(b'{', b'[', value.as_bytes());
        brackets.nth(usize::from(MAX_LEVELS)).is_some()
            && matches!(Scanner::new().feed(value.as_bytes()), Step::TooDeep(_))
    }

    /// Goes on with the bytes that follow.
    pub fn feed(&mut self, bytes: &[u8]) -> Step {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.byte(byte, bytes, &mut at) {
                Step::More => {}
                step => {
                    self.scanned += at;
                    return step;
                }
            }
        }
        self.scanned += bytes.len();
        Step::More
    }

    /// The text ends here: done, if the value was a number, else what is missing.
    pub fn end(&self) -> Result<(), Expected> {
        match self.state {
            State::Number(number) if self.levels == 0 && number.may_end() => Ok(()),
            State::Number(number) if number.may_end() => Err(self.expected_next()),
            state => Err(self.expected(state)),
        }
    }

    /// Takes the byte at `at`, perhaps more with it.
    fn byte(&mut self, byte: u8, bytes: &[u8], at: &mut usize) -> Step {
        let wrong = |scanner: &Scanner, at: usize| Step::Wrong(at, scanner.expected(scanner.state));
        match self.state {
            State::String { key } => {
                let rest = &bytes[*at..];
                let plain = rest
                    .iter()
                    .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
                if key {
                    self.page.extend_key(&rest[..plain.unwrap_or(rest.len())], self.levels);
                }
                let Some(plain) = plain else {
                    *at = bytes.len();
                    return Step::More;
                };
                *at += plain;
                match bytes[*at] {
                    b'"' => {
                        *at += 1;
                        if !key {
                            return self.after_value(*at);
                        }
                        self.page.end_key(self.levels);
                        self.state = State::Colon;
                    }
                    b'\\' => {
                        *at += 1;
                        self.state = State::Escape { key };
                    }
                    _ => return wrong(self, *at),
                }
            }
            State::Escape { key } => {
                self.state = match byte {
                    b'u' => State::Hex { key, left: 4 },
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => State::String { key },
                    _ => return wrong(self, *at),
                };
                if key {
                    self.page.escaped_key(self.levels);
                }
                *at += 1;
            }
            State::Hex { key, left } => {
                if !byte.is_ascii_hexdigit() {
                    return wrong(self, *at);
                }
                self.state = match left {
                    1 => State::String { key },
                    _ => State::Hex { key, left: left - 1 },
                };
                *at += 1;
            }
            State::Number(number) => match number.next(byte) {
                Some(next) => {
                    self.state = State::Number(next);
                    *at += 1;
                }
                None if number.may_end() => return self.after_value(*at),
                None => return wrong(self, *at),
            },
            State::Literal(rest) => {
                let Some((_, rest)) = rest.split_first().filter(|(next, _)| **next == byte) else {
                    return wrong(self, *at);
                };
                *at += 1;
                if rest.is_empty() {
                    return self.after_value(*at);
                }
                self.state = State::Literal(rest);
            }
            State::Deep => {
                *at += 1;
                match byte {
                    b'"' => self.state = State::DeepString,
                    b'{' | b'[' => self.beyond += 1,
                    b'}' | b']' => {
                        self.beyond -= 1;
                        if self.beyond == 0 {
                            return self.after_value(*at);
                        }
                    }
                    _ => {}
                }
            }
            State::DeepString => match byte {
                b'"' => {
                    self.state = State::Deep;
                    *at += 1;
                }
                b'\\' => {
                    self.state = State::DeepEscape;
                    *at += 1;
                }
                0..0x20 => return wrong(self, *at),
                _ => *at += 1,
            },
            State::DeepEscape => {
                self.state = State::DeepString;
                *at += 1;
            }
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => *at += 1,
            State::Value | State::ValueOrClose => {
                if byte == b']' && self.state == State::ValueOrClose {
                    *at += 1;
                    return self.close(*at);
                }
                self.page.value_begins(byte, self.levels, self.scanned + *at + 1);
                *at += 1;
                match byte {
                    b'{' | b'[' => return self.open(byte == b'{', *at),
                    b'"' => self.state = State::String { key: false },
                    b'-' => self.state = State::Number(Number::Minus),
                    b'0' => self.state = State::Number(Number::Zero),
                    b'1'..=b'9' => self.state = State::Number(Number::Integer),
                    b't' => self.state = State::Literal(b"rue"),
                    b'f' => self.state = State::Literal(b"alse"),
                    b'n' => self.state = State::Literal(b"ull"),
                    _ => {
                        *at -= 1;
                        return wrong(self, *at);
                    }
                }
            }
            State::KeyOrClose | State::Key => match byte {
                b'"' => {
                    self.page.key_begins(self.levels);
                    self.state = State::String { key: true };
                    *at += 1;
                }
                b'}' if self.state == State::KeyOrClose => {
                    *at += 1;
                    return self.close(*at);
                }
                _ => return wrong(self, *at),
            },
            State::Colon => {
                if byte != b':' {
                    return wrong(self, *at);
                }
                self.state = State::Value;
                *at += 1;
            }
            State::Next => match (byte, self.in_object()) {
                (b',', true) => {
                    self.state = State::Key;
                    *at += 1;
                }
                (b',', false) => {
                    self.state = State::Value;
                    *at += 1;
                }
                (b'}', true) | (b']', false) => {
                    *at += 1;
                    return self.close(*at);
                }
                _ => return wrong(self, *at),
            },
        }
        Step::More
    }

    fn open(&mut self, object: bool, at: usize) -> Step {
        if self.levels == MAX_LEVELS {
            self.beyond = 1;
            self.state = State::Deep;
            return Step::TooDeep(at);
        }
        self.levels += 1;
        self.objects = self.objects << 1 | u128::from(object);
        self.state = if object { State::KeyOrClose } else { State::ValueOrClose };
        Step::More
    }

    fn close(&mut self, at: usize) -> Step {
        self.levels -= 1;
        self.objects >>= 1;
        self.page.levels = self.page.levels.min(self.levels);
        self.after_value(at)
    }

    fn after_value(&mut self, at: usize) -> Step {
        self.state = State::Next;
        if self.levels == 0 { Step::Done(at) } else { Step::More }
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn expected_next(&self) -> Expected {
        if self.in_object() {
            Expected::ObjectNext
        } else {
            Expected::ArrayNext
        }
    }

    fn expected(&self, state: State) -> Expected {
        match state {
            State::Value | State::Literal(_) | State::Deep => Expected::Value,
            State::ValueOrClose => Expected::ValueOrClose,
            State::KeyOrClose => Expected::KeyOrClose,
            State::Key => Expected::Key,
            State::Colon => Expected::Colon,
            State::Next => self.expected_next(),
            State::String { .. } | State::DeepString | State::DeepEscape => Expected::StringEnd,
            State::Escape { .. } | State::Hex { .. } => Expected::Escape,
            State::Number(_) => Expected::Digit,
        }
    }
}

impl PageWatch {
    fn key(&self) -> &[u8] {
        self.key.get(..self.key_len).unwrap_or_default()
    }

    fn key_begins(&mut self, levels: u8) {
        if levels == self.levels {
            self.key_len = 0;
        }
    }

    fn extend_key(&mut self, bytes: &[u8], levels: u8) {
        if levels == self.levels {
            if let Some(room) = self.key.get_mut(self.key_len..self.key_len + bytes.len()) {
                room.copy_from_slice(bytes);
            }
            self.key_len += bytes.len();
        }
    }

    /// An escaped key could be any; if it could make the object a record, it does.
    fn escaped_key(&mut self, levels: u8) {
        self.is_record |= levels == self.levels;
    }

    fn end_key(&mut self, levels: u8) {
        self.is_record |= levels == self.levels && RECORD_KEYS.iter().any(|key| key.as_bytes() == self.key());
    }

    fn value_begins(&mut self, byte: u8, levels: u8, after: usize) {
        if levels != self.levels {
            return;
        }
        match byte {
            b'{' if levels == 0 || self.key() == b"data" => self.levels = levels.saturating_add(1),
            b'[' if levels > 0 && self.key() == b"data" && self.array.is_none() => {
                self.array = Some(Rows { start: after, levels });
            }
            b'f' if levels > 0 && self.key() == b"success" => self.failed = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(text: &str) -> Step {
        Scanner::new().feed(text.as_bytes())
    }

    #[test]
    fn values_end_where_they_end() {
        for (text, end) in [
            (r#"{"a":[1,{"b":"}\"]"}],"c":-0.5e+3} {"#, 34),
            ("[ ] ]", 3),
            ("{}", 2),
            ("12,", 2),
            ("true]", 4),
            (r#""\u00e9\\"x"#, 10),
        ] {
            assert_eq!(scan(text), Step::Done(end), "{text}");
        }
    }

    #[test]
    fn errors_name_what_was_expected() {
        for (text, at, expected) in [
            (r#"{"a":1,}"#, 7, Expected::Key),
            (r#"{"a" 1}"#, 5, Expected::Colon),
            (r#"{"a":1 "b"}"#, 7, Expected::ObjectNext),
            ("{,}", 1, Expected::KeyOrClose),
            ("[1 2]", 3, Expected::ArrayNext),
            ("[1}", 2, Expected::ArrayNext),
            ("[,]", 1, Expected::ValueOrClose),
            ("\"a\nb\"", 2, Expected::StringEnd),
            (r#""\x""#, 2, Expected::Escape),
            ("[01]", 2, Expected::ArrayNext),
            ("[1.]", 3, Expected::Digit),
            ("nul ", 3, Expected::Value),
            ("NaN", 0, Expected::Value),
        ] {
            assert_eq!(scan(text), Step::Wrong(at, expected), "{text}");
        }
    }

    #[test]
    fn levels_beyond_the_limit_are_counted() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for (levels, too_deep) in [(127, false), (128, false), (129, true), (100_000, true)] {
            let text = nested(levels);
            let mut scanner = Scanner::new();
            let mut step = scanner.feed(text.as_bytes());
            if too_deep {
                assert_eq!(step, Step::TooDeep(129));
                step = match scanner.feed(&text.as_bytes()[129..]) {
                    Step::Done(end) => Step::Done(129 + end),
                    step => step,
                };
            }
            assert_eq!(step, Step::Done(2 * levels), "{levels}");
        }
    }

    #[test]
    fn responses_are_told_from_records() {
        for (text, rows) in [
            (r#"{"success":true,"data":{"success":true,"data":["#, Some((47, 2))),
            (r#"{"data":["#, Some((9, 1))),
            (r#"{"data":{"x":["#, None),
            (r#"{"x":{"data":["#, None),
            (r#"{"event":"x","data":["#, None),
            (r#"{"pipeline\u005fid":7,"data":["#, None),
            (r#"{"success":false,"data":["#, None),
        ] {
            let mut scanner = Scanner::new();
            scanner.feed(text.as_bytes());
            let rows = rows.map(|(start, levels)| Rows { start, levels });
            assert_eq!(scanner.rows(), rows, "{text}");
        }
    }

    proptest! {
        /// The scanner takes what serde_json takes, in whatever pieces the text comes.
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{},:"\\truefalsn0-9.eE+\- u]{0,24}"#, cut in 0_usize..24) {
            let whole = format!("{text}\n");
            let cut = cut.min(whole.len());
            let mut scanner = Scanner::new();
            let step = match scanner.feed(&whole.as_bytes()[..cut]) {
                Step::More => scanner.feed(&whole.as_bytes()[cut..]),
                step => step,
            };
            let ours = matches!(step, Step::Done(_)) && whole[scanner.scanned()..].trim().is_empty();
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(text.trim()).is_ok();
            prop_assert_eq!(ours, theirs);
        }
    }
}
