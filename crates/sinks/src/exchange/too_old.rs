//! Events that a service does not take: too old, too new, too large. They are known before they are sent.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::event::Event;
use crate::sink::NotBefore;

/// What becomes of an event that is older than the service takes. Its time is never changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TooOld {
    /// It becomes a dead letter with that reason.
    #[default]
    DeadLetter,
    /// It is sent all the same, and the service does with it what it does.
    Send,
}

/// How old, and how far in the future, an event may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgeLimit {
    /// How old at most.
    pub(crate) past: Duration,
    /// How far in the future at most, if that is limited.
    pub(crate) future: Option<Duration>,
    /// What is said of it, with whose limit it is.
    pub(crate) whose: &'static str,
}

impl AgeLimit {
    /// How old an event may be at most, if older ones are not sent.
    pub(crate) fn oldest(&self, too_old: TooOld) -> Option<Duration> {
        (too_old == TooOld::DeadLetter).then_some(self.past)
    }

    /// Why an event is not to be sent, if it is not.
    pub(crate) fn refuses(&self, too_old: TooOld, event: &Event, now: i64) -> Option<String> {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let age = now.saturating_sub(event.created_millis);
        (age > millis(self.past) && too_old == TooOld::DeadLetter).then(|| {
            format!(
                "too old: created {}, and {} takes what is {} old at most",
                clock::utc_of_millis(event.created_millis),
                self.whose,
                days(self.past)
            )
        })
    }

    /// Before when an event is not sent, because it would be too far in the future.
    pub(crate) fn not_before(&self, event: &Event) -> Option<NotBefore> {
        let future = self.future?;
        let millis = i64::try_from(future.as_millis()).unwrap_or(i64::MAX);
        Some(NotBefore {
            millis: event.created_millis.saturating_sub(millis),
            limit: (future, self.whose),
        })
    }
}

/// Why an event is too large for a service, if it is.
pub(crate) fn too_large(whose: &str, size: usize, most: usize) -> Option<String> {
    (size > most).then(|| format!("too large: it takes {size} bytes, and {whose} takes {most} of one event"))
}

/// In the largest unit of which it is a whole number.
pub fn days(time: Duration) -> String {
    let secs = time.as_secs();
    let units = [("day", 86_400), ("hour", 3600), ("minute", 60)];
    let unit = units
        .into_iter()
        .find(|(_, length)| secs >= *length && secs.is_multiple_of(*length));
    let (name, length) = unit.unwrap_or(("second", 1));
    let plural = if secs == length { "" } else { "s" };
    format!("{} {name}{plural}", secs / length)
}
