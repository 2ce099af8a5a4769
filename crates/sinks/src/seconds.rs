//! Lengths of time in the configuration: seconds, with or without a fraction.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Unexpected};

/// The longest time that can be set: about 31 years.
const MOST: f64 = 1e9;

/// The length of time; what is no length of time counts as none.
pub(crate) fn duration(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs.clamp(0.0, MOST)).unwrap_or_default()
}

/// Reads a number of seconds.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let secs = f64::deserialize(deserializer)?;
    if (0.0..=MOST).contains(&secs) {
        Ok(secs)
    } else {
        Err(D::Error::invalid_value(
            Unexpected::Float(secs),
            &"a number of seconds, 0 to 1000000000",
        ))
    }
}

/// Reads a number of seconds that may be absent.
pub(crate) fn option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    deserialize(deserializer).map(Some)
}
