//! Decimal numbers, digit by digit, because a float would change them.

/// A number by JSON's grammar, as its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal<'a> {
    text: &'a str,
    negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Reads a number by JSON's grammar, with nothing around it.
    pub fn parse(text: &'a str) -> Option<Decimal<'a>> {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, bytes),
        };
        let (integer, bytes) = digits(bytes);
        if integer.is_empty() || (integer.len() > 1 && integer[0] == b'0') {
            return None;
        }
        let (fraction, bytes) = match bytes.split_first() {
            Some((b'.', rest)) => match digits(rest) {
                ([], _) => return None,
                found => found,
            },
            _ => (&bytes[..0], bytes),
        };
        let exponent = match bytes.split_first() {
            None => 0,
            Some((b'e' | b'E', rest)) => exponent(rest)?,
            Some(_) => return None,
        };
        Some(Decimal {
            text,
            negative,
            integer,
            fraction,
            exponent,
        })
    }

    /// The number with the digits it came with.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether the number is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative && self.digits().any(|digit| digit != b'0')
    }

    /// The number, if it is whole (`256`, `256.0`, `2.56e2`) and within 63 bits and a sign.
    pub fn to_i64(&self) -> Option<i64> {
        if let Ok(plain) = self.text.parse() {
            return Some(plain);
        }
        let (magnitude, exact) = self.magnitude(0)?;
        let magnitude = i128::try_from(magnitude).ok()?;
        let value = if self.negative { -magnitude } else { magnitude };
        exact.then_some(value).and_then(|value| i64::try_from(value).ok())
    }

    /// The number without its sign, times ten to the power `places`, cut to an integer, and whether nothing was cut.
    /// `None` when that is beyond 128 bits.
    pub fn magnitude(&self, places: u32) -> Option<(u128, bool)> {
        let wanted = (self.integer.len() as i64)
            .saturating_add(self.exponent)
            .saturating_add(i64::from(places));
        let wanted = usize::try_from(wanted).unwrap_or(0);
        let mut digits = self.digits();

        let mut small = 0_u64;
        for digit in digits.by_ref().take(wanted.min(19)) {
            small = small * 10 + u64::from(digit - b'0');
        }
        let mut value = u128::from(small);
        for digit in digits.by_ref().take(wanted.saturating_sub(19)) {
            value = value.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
        }
        if value > 0 {
            let zeros = wanted.saturating_sub(self.integer.len() + self.fraction.len());
            let power = u32::try_from(zeros).ok().and_then(|zeros| 10_u128.checked_pow(zeros))?;
            value = value.checked_mul(power)?;
        }
        Some((value, digits.all(|digit| digit == b'0')))
    }

    /// All digits, without the point.
    fn digits(&self) -> impl Iterator<Item = u8> {
        self.integer.iter().chain(self.fraction).copied()
    }
}

fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit());
    bytes.split_at(end.unwrap_or(bytes.len()))
}

/// An exponent beyond 64 bits is as good as the largest.
fn exponent(bytes: &[u8]) -> Option<i64> {
    let (sign, bytes) = match bytes.split_first() {
        Some((b'-', rest)) => (-1, rest),
        Some((b'+', rest)) => (1, rest),
        _ => (1, bytes),
    };
    let (digits, rest) = digits(bytes);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let value = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    Some(sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0e99999999999999999999", Some(0)),
            ("256", Some(256)),
            ("256.000", Some(256)),
            ("256e0", Some(256)),
            ("2.56e2", Some(256)),
            ("25600E-2", Some(256)),
            ("-7.0", Some(-7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1e19", None),
            ("1e99999999999999999999", None),
            ("1e-99999999999999999999", None),
            ("0.5", None),
            ("256.0000000000000000000000000000000000000001", None),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_i64(), value, "{text}");
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1 ", " 1", "1_000", "0x10", "NaN", "١", "1.5.5",
            "1e5.0",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn magnitudes_are_cut_and_say_so() {
        let magnitude = |text| Decimal::parse(text).unwrap().magnitude(4);
        assert_eq!(magnitude("0.486988"), Some((4869, false)));
        assert_eq!(magnitude("-12.5"), Some((125_000, true)));
        assert_eq!(magnitude("0.00001"), Some((0, false)));
        assert_eq!(magnitude("1e33"), Some((10_u128.pow(37), true)));
        assert_eq!(magnitude("1e35"), None);
    }
}
