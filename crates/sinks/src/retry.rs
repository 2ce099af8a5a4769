//! How long to wait before another attempt: exponential, with full jitter and a cap.

use std::num::NonZeroUsize;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::seconds;

/// The longest wait that a service can ask for: asking once more costs a request, and a wrong `Retry-After` would silence a sink.
const MOST_ASKED: Duration = Duration::from_secs(3600);

/// The `request` table of a sink.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How often a failed event is tried again before it becomes a dead letter. Without it, until it is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_attempts: Option<u32>,
    /// Longest wait before the second attempt; it doubles with each further one.
    #[serde(deserialize_with = "seconds::deserialize")]
    #[schemars(range(min = 0))]
    pub retry_initial_backoff_secs: f64,
    /// Longest wait between two attempts, unless the service asks for a longer one.
    #[serde(deserialize_with = "seconds::deserialize")]
    #[schemars(range(min = 0))]
    pub retry_max_duration_secs: f64,
    /// Most requests under way at a time; there are fewer while the service is slow to take them. Events of one connection always go one
    /// request after the other. 1 for `stdout` and `file`, 8 for services by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<NonZeroUsize>,
    /// How long a request may take before it counts as failed: 60 by default. Only for sinks that make requests.
    #[serde(deserialize_with = "seconds::option", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub timeout_secs: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            retry_attempts: None,
            retry_initial_backoff_secs: 1.0,
            retry_max_duration_secs: 30.0,
            concurrency: None,
            timeout_secs: None,
        }
    }
}

impl Settings {
    /// How long to wait after so many failures in a row (from 1), given a random number from 0 to 1.
    ///
    /// The wait is anything from nothing to the backoff, which doubles up to its cap: so those that failed together do not come back
    /// together. A wait that the service asked for comes before it.
    pub fn wait(&self, failures: u32, asked: Option<Duration>, random: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(62);
        let backoff = self.retry_initial_backoff_secs * (1_u64 << doublings) as f64;
        let backoff = backoff.min(self.retry_max_duration_secs);
        let asked = asked.unwrap_or_default().min(MOST_ASKED);
        asked.saturating_add(seconds::duration(backoff * random.clamp(0.0, 1.0)))
    }

    /// How long a request may take.
    pub fn timeout(&self) -> Duration {
        seconds::duration(self.timeout_secs.unwrap_or(60.0))
    }

    /// Whether an event that failed so many times becomes a dead letter.
    pub fn is_exhausted(&self, failures: u32) -> bool {
        self.retry_attempts.is_some_and(|attempts| failures > attempts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_its_cap() {
        let settings = Settings::default();
        let longest = [1, 2, 3, 4, 5, 6, 7, 63, 64, u32::MAX].map(|n| settings.wait(n, None, 1.0).as_secs());
        assert_eq!(longest, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
    }

    #[test]
    fn attempts_end_only_when_they_are_counted() {
        let counted = Settings {
            retry_attempts: Some(2),
            ..Settings::default()
        };
        assert_eq!([1, 2, 3].map(|n| counted.is_exhausted(n)), [false, false, true]);
        assert!(!Settings::default().is_exhausted(u32::MAX));
    }

    proptest! {
        #[test]
        fn a_wait_is_jittered_capped_and_at_least_what_was_asked(
            failures: u32, asked in proptest::option::of(0_u64..100_000), random in 0.0..=1.0, initial in 0.0..100.0, cap in 0.0..100.0,
        ) {
            let settings = Settings { retry_initial_backoff_secs: initial, retry_max_duration_secs: cap, ..Settings::default() };
            let asked = asked.map(Duration::from_millis);
            let wait = settings.wait(failures, asked, random);
            prop_assert!(wait >= asked.unwrap_or_default());
            prop_assert!(wait <= asked.unwrap_or_default() + Duration::from_secs_f64(cap) + Duration::from_nanos(1));
            prop_assert_eq!(settings.wait(failures, asked, 0.0), asked.unwrap_or_default());
        }
    }
}
