//! The time of day, as texts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logferry_model::Timestamp;

/// The time in milliseconds since 1970.
pub(crate) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time as `2026-11-20T17:00:00.000Z`.
pub(crate) fn utc(time: SystemTime) -> String {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    utc_of_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A time in milliseconds since 1970 as `2026-11-20T17:00:00.000Z`.
pub(crate) fn utc_of_millis(millis: i64) -> String {
    // The text is a time, so the error cannot be.
    Timestamp::parse("1970-01-01T00:00:00Z")
        .map_or_else(|_| String::new(), |epoch| epoch.plus_millis(millis).to_string())
}

/// The time as it stands in file names: `20261120T170000Z`.
pub(crate) fn stamp(time: SystemTime) -> String {
    let mut text = utc(time);
    text.truncate("2026-11-20T17:00:00".len());
    text.retain(|character| character != '-' && character != ':');
    text.push('Z');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_texts() {
        let time = UNIX_EPOCH + Duration::from_millis(1_795_194_000_123);
        assert_eq!(utc(time), "2026-11-20T17:00:00.123Z");
        assert_eq!(stamp(time), "20261120T170000Z");
    }
}
