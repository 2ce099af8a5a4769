//! What an answer of the API means: a page, or what kept it from being one.
//!
//! Success says little here: throttling and errors come with status 200 and `"success": false` at some level, and a text
//! that holds no rows must never pass for an empty page, because that would end the reading in silence.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::page::{ApiError, Next, Response};
use crate::record::Record;
use crate::secrets::Secrets;

/// How long to wait when a throttled answer does not say.
pub const UNNAMED_WAIT: Duration = Duration::from_secs(60);

/// The longest wait that is believed.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A page has 50 rows by the documentation. What has more than this is none.
const MAX_ROWS: usize = 10_000;

/// How much of an answer that cannot be understood is shown, in bytes.
const EXCERPT: usize = 200;

/// Words that tell that key or token is refused.
const REFUSALS: [&str; 5] = ["TOKEN", "AUTH", "KEY", "PERMISSION", "FORBIDDEN"];

/// Words of parsers and databases that have nothing to do with them.
const NO_REFUSALS: [&str; 5] = [
    "UNEXPECTED TOKEN",
    "PRIMARY KEY",
    "FOREIGN KEY",
    "DUPLICATE KEY",
    "AUTHOR ",
];

const RATE_LIMIT: &str = "RATE_LIMIT_EXCEEDED";

/// What an answer's status line and headers say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head<'a> {
    /// The status.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// The header `Date`, from which a `Retry-After` that is a date is reckoned.
    pub date: Option<&'a str>,
}

/// A page of rows.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// The elements of the array, which need not be objects.
    pub rows: Vec<&'a RawValue>,
    /// Where the next page begins.
    pub next: Next,
}

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Too many requests. This is no failed attempt.
    #[error("the API asks to wait {} s{}: {RATE_LIMIT}", .wait.as_secs(), if *.named { "" } else { " (it names no time)" })]
    Throttled {
        /// How long to wait; [`jittered`](crate::limiter::jittered) adds to it.
        wait: Duration,
        /// Whether the API said so; otherwise it is [`UNNAMED_WAIT`].
        named: bool,
    },
    /// It may go better the next time.
    #[error("{reason}")]
    Transient {
        /// What happened.
        reason: String,
        /// How long to wait at least, where the server says so.
        after: Option<Duration>,
    },
    /// The API reports an error of its own. A few attempts are worth it, not more.
    #[error("{reason}")]
    Refused {
        /// What it says.
        reason: String,
    },
    /// Key, token or endpoint is wrong: the configuration has to change.
    #[error("{reason}")]
    Fatal {
        /// What the server says.
        reason: String,
    },
    /// This request will never be understood.
    #[error("{reason}")]
    BadRequest {
        /// What the server says.
        reason: String,
    },
    /// The answer is neither a page nor an error.
    #[error("{reason}")]
    Protocol {
        /// What it is instead.
        reason: String,
    },
}

/// A page, or why there is none.
pub type Answer<'a> = Result<Page<'a>, Failure>;

/// Says what an answer means. `secrets` is what the words of the server are shown without.
///
/// # Errors
///
/// [`Failure`] for everything that is no page.
pub fn classify<'a>(head: &Head<'_>, body: &'a str, secrets: &Secrets) -> Answer<'a> {
    let status = head.status;
    let after = || head.retry_after.and_then(|value| wait_named(value, head.date));
    let words = || in_words(body, secrets);
    match status {
        200..=299 => page(body, secrets),
        300..=399 => Err(Failure::Transient {
            reason: format!(
                "HTTP {status}: a redirect, which is not followed, because key and token are part of the address; see whether \
                 the endpoint is right"
            ),
            after: after(),
        }),
        401 | 403 | 407 => {
            let swapped = if secrets.look_swapped() { SWAPPED } else { "" };
            Err(Failure::Fatal {
                reason: format!("HTTP {status}: key and token are not accepted{swapped}{}", words()),
            })
        }
        408 | 425 | 429 | 500..=599 => Err(Failure::Transient {
            after: after().or_else(|| seconds_of_throttling(body)),
            reason: format!("HTTP {status}: the server cannot answer now{}", words()),
        }),
        400..=499 => Err(Failure::BadRequest {
            reason: format!(
                "HTTP {status}: the request is not understood; it had the documented parameters key, token, start_element_id \
                 and, if configured, client_id{}",
                words()
            ),
        }),
        _ => Err(Failure::Transient {
            reason: format!("HTTP {status}: no status that could be understood{}", words()),
            after: after(),
        }),
    }
}

const SWAPPED: &str = " (they look swapped: the key has hyphens, the token has none)";

fn page<'a>(body: &'a str, secrets: &Secrets) -> Answer<'a> {
    let body = body.trim_start_matches('\u{feff}').trim_ascii();
    let no_json = |error: serde_json::Error| Failure::Transient {
        reason: format!("the answer is no JSON ({error}): {}", secrets.redact(body, EXCERPT)),
        after: None,
    };
    let protocol = |what: &str| Failure::Protocol {
        reason: format!(
            "the answer is neither a page nor an error: {what}: {}",
            secrets.redact(body, EXCERPT)
        ),
    };

    let value: &RawValue = serde_json::from_str(body).map_err(no_json)?;
    let (rows, next) = match value.get().as_bytes().first() {
        Some(b'[') => (value, Next::Absent),
        Some(b'{') => {
            let object = Record::parse(value.get()).map_err(no_json)?;
            match Response::with_next(&object) {
                Some((Response::Rows(rows), next)) => (rows, next),
                Some((Response::Failure(error), _)) => return Err(failure(&error, secrets)),
                Some((Response::Row(_), _)) => return Err(protocol("`data` is one object and no array")),
                Some((Response::Neither, _)) if says_error(&object) => {
                    return Err(failure(&ApiError::of(&object), secrets));
                }
                Some((Response::Neither, _)) => return Err(protocol("there is no array of rows")),
                None if !is_row(&object) && says_error(&object) => {
                    return Err(failure(&ApiError::of(&object), secrets));
                }
                None => return Err(protocol("an object that wraps no rows")),
            }
        }
        _ => return Err(protocol("neither an object nor an array")),
    };
    let Rows(rows) = serde_json::from_str(rows.get()).map_err(|_| protocol("it has far too many rows"))?;
    Ok(Page { rows, next })
}

fn says_error(object: &Record<'_>) -> bool {
    object
        .other("error")
        .is_some_and(|error| !matches!(error.get(), "null" | "false" | "\"\""))
}

fn is_row(object: &Record<'_>) -> bool {
    crate::page::RECORD_KEYS.iter().any(|key| object.get(key).is_some())
}

/// What the API's own error means.
fn failure(error: &ApiError<'_>, secrets: &Secrets) -> Failure {
    let upper = format!("{}\n{}", error.error, error.message).to_ascii_uppercase();
    if upper.contains(RATE_LIMIT) {
        let named = seconds(&error.message);
        return Failure::Throttled {
            wait: named.unwrap_or(UNNAMED_WAIT),
            named: named.is_some(),
        };
    }
    let reason = secrets.redact(&error.to_string(), 2 * EXCERPT);
    let telling = NO_REFUSALS.iter().fold(upper, |text, words| text.replace(words, ""));
    if REFUSALS.iter().any(|word| telling.contains(word)) {
        let swapped = if secrets.look_swapped() { SWAPPED } else { "" };
        Failure::Fatal {
            reason: format!("{reason}{swapped}"),
        }
    } else {
        Failure::Refused { reason }
    }
}

/// The API's words in the body of a failed request, or the beginning of the body.
fn in_words(body: &str, secrets: &Secrets) -> String {
    let object = Record::parse(body).ok().filter(says_error);
    let text = object.map_or(Cow::Borrowed(body), |object| {
        Cow::Owned(ApiError::of(&object).to_string())
    });
    match secrets.redact(&text, EXCERPT) {
        shown if shown.is_empty() => shown,
        shown => format!(": {shown}"),
    }
}

/// The wait that a throttled answer names, whatever its status.
fn seconds_of_throttling(body: &str) -> Option<Duration> {
    let object = Record::parse(body).ok()?;
    let error = ApiError::of(&object);
    let throttled = error.error.to_ascii_uppercase().contains(RATE_LIMIT);
    throttled.then(|| seconds(&error.message)).flatten()
}

/// The number before `second`, as in "Please try again in 60 seconds."
fn seconds(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    let mut parts = lower.split("second").peekable();
    while let Some(before) = parts.next() {
        parts.peek()?;
        let before = before.trim_end();
        let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            return Some(at_most_longest(&before[before.len() - digits..]));
        }
    }
    None
}

fn at_most_longest(digits: &str) -> Duration {
    digits
        .parse()
        .map_or(LONGEST_WAIT, Duration::from_secs)
        .min(LONGEST_WAIT)
}

/// What `Retry-After` says: seconds, or a date, which counts from the answer's own.
fn wait_named(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(at_most_longest(value));
    }
    let wait = http_date(value)?.saturating_sub(http_date(date?)?);
    Some(Duration::from_secs(wait).min(LONGEST_WAIT))
}

/// The seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let parts: Vec<&str> = text.split_ascii_whitespace().collect();
    let &[_, day, month, year, time, "GMT"] = parts.as_slice() else {
        return None;
    };
    let day: u64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let year: u64 = year.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = time
        .split(':')
        .map(|part| part.parse::<u64>().ok().filter(|part| *part <= 60));
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);

    // Years that begin in March have the odd day at their end.
    let (year, month) = if month < 2 {
        (year - 1, month + 10)
    } else {
        (year, month - 2)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
}

/// The elements of an array, up to a number at which it cannot be a page.
struct Rows<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Rows<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsVisitor;

        impl<'de> Visitor<'de> for RowsVisitor {
            type Value = Rows<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = seq.next_element()? {
                    if rows.len() == MAX_ROWS {
                        return Err(A::Error::custom("too many"));
                    }
                    rows.push(row);
                }
                Ok(Rows(rows))
            }
        }

        deserializer.deserialize_seq(RowsVisitor)
    }
}

#[cfg(test)]
mod tests;
