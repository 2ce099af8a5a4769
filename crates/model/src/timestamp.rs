//! Points in time as the logs write them.

use std::fmt;
use std::ops::Range;

use jiff::SignedDuration;
use jiff::civil::{Date, date};

const EPOCH: Date = date(1970, 1, 1);
const SECONDS_A_DAY: i64 = 86_400;
const MILLIS_A_DAY: i64 = SECONDS_A_DAY * 1000;
/// The instants whose year has four digits: from 0000-01-01 up to, but not, 10000-01-01.
const FOUR_DIGIT_YEARS: Range<i64> = -719_528 * MILLIS_A_DAY..2_932_897 * MILLIS_A_DAY;

/// The texts that [`Timestamp::parse`] reads, as a regular expression of ECMA-262 that other dialects read in the same way.
/// It knows how long months and years are; only a time whose year falls out of 0000 to 9999 by its offset passes it wrongly.
pub const PATTERN: &str = concat!(
    "^(",
    "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))",
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29",
    ")[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?",
    "([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?$"
);

/// A point in time in UTC that remembers how many fraction digits it came with.
///
/// It is written with that many digits, but at least three, and `Z`: `2020-09-17T00:03:48.108Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    millis: i64,
    /// Nanoseconds beyond `millis`, 0 to 999,999.
    nanos: u32,
    /// Fraction digits to write, 3 to 9.
    digits: u8,
}

/// Why a text is not a [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The text has another form.
    #[error("expected a time such as 2020-09-17T00:03:48.108Z")]
    Form,
    /// The form is right, but there is no such day or hour.
    #[error("expected a day and an hour that exist")]
    NoSuchTime,
    /// In UTC, the year has not four digits.
    #[error("expected a time in the years 0000 to 9999")]
    Year,
}

impl Timestamp {
    /// Reads a date, `T`, `t` or a blank, a time with seconds, any fraction (cut at nine digits), and `Z`, `z`, `±hh`,
    /// `±hhmm`, `±hh:mm` or nothing, which means UTC.
    ///
    /// # Errors
    ///
    /// [`TimestampError`] when the text has another form, names no real time, or lies outside the years 0000 to 9999 (in
    /// UTC).
    pub fn parse(text: &str) -> Result<Timestamp, TimestampError> {
        use TimestampError::{Form, NoSuchTime, Year};

        let mut cursor = Cursor(text.as_bytes());
        let year = cursor.number(4)?;
        cursor.expect(b"-")?;
        let month = cursor.number(2)?;
        cursor.expect(b"-")?;
        let day = cursor.number(2)?;
        cursor.expect(b"Tt ")?;
        let hour = cursor.number(2)?;
        cursor.expect(b":")?;
        let minute = cursor.number(2)?;
        cursor.expect(b":")?;
        let second = cursor.number(2)?;
        let (fraction, digits) = cursor.fraction()?;
        let offset_minutes = cursor.offset()?;
        if !cursor.0.is_empty() {
            return Err(Form);
        }

        if hour > 23 || minute > 59 || second > 59 {
            return Err(NoSuchTime);
        }
        // Each has two or four digits, so the casts cannot cut.
        let date = Date::new(year as i16, month as i8, day as i8).map_err(|_| NoSuchTime)?;
        let days = date.duration_since(EPOCH).as_hours() / 24;
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset_minutes * 60;
        let timestamp = Timestamp {
            millis: seconds * 1000 + i64::from(fraction / 1_000_000),
            nanos: fraction % 1_000_000,
            digits: digits.max(3),
        };
        if FOUR_DIGIT_YEARS.contains(&timestamp.millis) {
            Ok(timestamp)
        } else {
            Err(Year)
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    pub fn as_millis(self) -> i64 {
        self.millis
    }

    /// The time so many milliseconds later (earlier if negative), with as many digits.
    pub fn plus_millis(self, millis: i64) -> Timestamp {
        Timestamp {
            millis: self.millis.saturating_add(millis),
            ..self
        }
    }

    /// Appends the text, `2020-09-17T00:03:48.108Z`.
    pub fn write(self, out: &mut Vec<u8>) {
        self.write_with(&mut SecondText::default(), out);
    }

    /// Appends the text. What it shares with the one before is taken from `last`, and kept there for the next.
    pub(crate) fn write_with(self, last: &mut SecondText, out: &mut Vec<u8>) {
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        text[..19].copy_from_slice(last.of(self.millis.div_euclid(1000)));
        let millis = self.millis.rem_euclid(1000);
        two_digits(&mut text[20..22], millis / 10);
        text[22] = b'0' + (millis % 10) as u8;
        if self.digits == 3 {
            text[23] = b'Z';
            // A length that the compiler knows is copied without a call.
            return out.extend_from_slice(&text[..24]);
        }
        let mut nanos = self.nanos;
        for digit in text[23..29].iter_mut().rev() {
            *digit = b'0' + (nanos % 10) as u8;
            nanos /= 10;
        }
        let end = 20 + usize::from(self.digits);
        text[end] = b'Z';
        out.extend_from_slice(&text[..=end]);
    }
}

fn two_digits(out: &mut [u8], value: i64) {
    out[0] = b'0' + (value / 10) as u8;
    out[1] = b'0' + (value % 10) as u8;
}

/// The text of the last second that was written: many events of a record share it, and nearly all its day.
#[derive(Debug)]
pub(crate) struct SecondText {
    second: i64,
    day: i64,
    text: [u8; 19],
}

impl Default for SecondText {
    fn default() -> Self {
        SecondText {
            second: 0,
            day: 0,
            text: *b"1970-01-01T00:00:00",
        }
    }
}

impl SecondText {
    /// The text of the second so many after 1970-01-01T00:00:00.
    fn of(&mut self, second: i64) -> &[u8; 19] {
        if self.second != second {
            self.second = second;
            self.set_day(second.div_euclid(SECONDS_A_DAY));
            let of_day = second.rem_euclid(SECONDS_A_DAY);
            two_digits(&mut self.text[11..13], of_day / 3600);
            two_digits(&mut self.text[14..16], of_day / 60 % 60);
            two_digits(&mut self.text[17..19], of_day % 60);
        }
        &self.text
    }

    fn set_day(&mut self, day: i64) {
        if self.day == day {
            return;
        }
        self.day = day;
        let beyond = if day < 0 { Date::MIN } else { Date::MAX };
        let date = SignedDuration::try_from_hours(day.saturating_mul(24))
            .and_then(|days| EPOCH.checked_add(days).ok())
            .unwrap_or(beyond);
        let year = i64::from(date.year()).clamp(0, 9999);
        two_digits(&mut self.text[0..2], year / 100);
        two_digits(&mut self.text[2..4], year % 100);
        two_digits(&mut self.text[5..7], i64::from(date.month()));
        two_digits(&mut self.text[8..10], i64::from(date.day()));
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(30);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// What is left to read of a time.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn next_if(&mut self, wanted: impl Fn(u8) -> bool) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        wanted(first).then(|| {
            self.0 = rest;
            first
        })
    }

    fn expect(&mut self, any_of: &[u8]) -> Result<u8, TimestampError> {
        self.next_if(|byte| any_of.contains(&byte)).ok_or(TimestampError::Form)
    }

    fn number(&mut self, digits: usize) -> Result<i64, TimestampError> {
        let (number, rest) = self.0.split_at_checked(digits).ok_or(TimestampError::Form)?;
        self.0 = rest;
        number.iter().try_fold(0, |value, byte| match byte {
            b'0'..=b'9' => Ok(value * 10 + i64::from(byte - b'0')),
            _ => Err(TimestampError::Form),
        })
    }

    /// The fraction in nanoseconds, and how many digits it has, both cut at nine.
    fn fraction(&mut self) -> Result<(u32, u8), TimestampError> {
        if self.next_if(|byte| byte == b'.').is_none() {
            return Ok((0, 0));
        }
        let (mut nanos, mut digits) = (0, 0);
        while let Some(digit) = self.next_if(|byte| byte.is_ascii_digit()) {
            if digits < 9 {
                nanos = nanos * 10 + u32::from(digit - b'0');
                digits += 1;
            }
        }
        match digits {
            0 => Err(TimestampError::Form),
            _ => Ok((nanos * 10_u32.pow(9 - u32::from(digits)), digits)),
        }
    }

    /// The offset from UTC in minutes.
    fn offset(&mut self) -> Result<i64, TimestampError> {
        if self.0.is_empty() || self.next_if(|byte| matches!(byte, b'Z' | b'z')).is_some() {
            return Ok(0);
        }
        let sign = if self.expect(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2)?;
        let minutes = if self.0.is_empty() {
            0
        } else {
            self.next_if(|byte| byte == b':');
            self.number(2)?
        };
        if hours > 23 || minutes > 59 {
            return Err(TimestampError::NoSuchTime);
        }
        Ok(sign * (hours * 60 + minutes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_digits() {
        for (text, written) in [
            ("2020-09-17T00:03:48.108Z", "2020-09-17T00:03:48.108Z"),
            ("2020-09-17t00:03:48z", "2020-09-17T00:03:48.000Z"),
            ("2020-09-17 00:03:48.1", "2020-09-17T00:03:48.100Z"),
            ("2020-09-17T00:03:48.690Z", "2020-09-17T00:03:48.690Z"),
            ("2020-09-17T00:03:48.123456-03", "2020-09-17T03:03:48.123456Z"),
            ("2020-09-17T00:03:48.1234567899+0530", "2020-09-16T18:33:48.123456789Z"),
            ("2020-02-29T23:59:59+23:59", "2020-02-29T00:00:59.000Z"),
            ("1890-01-01T00:00:00Z", "1890-01-01T00:00:00.000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.9999Z"),
        ] {
            assert_eq!(
                Timestamp::parse(text).map(|t| t.to_string()).as_deref(),
                Ok(written),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_time() {
        use TimestampError::{Form, NoSuchTime, Year};
        for (text, error) in [
            ("", Form),
            ("yesterday", Form),
            ("2020-09-17", Form),
            ("2020-09-17T00:03", Form),
            ("2020-09-17T00:03:48.Z", Form),
            ("2020-09-17T00:03:48,1Z", Form),
            ("2020-09-17T00:03:48+1", Form),
            ("2020-09-17T00:03:48+01:", Form),
            ("2020-09-17T00:03:48ZZ", Form),
            (" 2020-09-17T00:03:48Z", Form),
            ("２020-09-17T00:03:48Z", Form),
            ("2020-02-30T00:00:00Z", NoSuchTime),
            ("2020-13-01T00:00:00Z", NoSuchTime),
            ("2020-01-01T24:00:00Z", NoSuchTime),
            ("2020-01-01T00:00:60Z", NoSuchTime),
            ("2020-01-01T00:00:00+24:00", NoSuchTime),
            ("9999-12-31T23:59:59-00:01", Year),
            ("0000-01-01T00:00:00+00:01", Year),
        ] {
            assert_eq!(Timestamp::parse(text), Err(error), "{text}");
        }
    }
}
