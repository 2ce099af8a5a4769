//! How large a batch is, and how long it may gather.

use std::num::NonZeroUsize;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::seconds;

/// The `batch` table of a sink. What is not set is as the sink's own page says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Largest batch, in bytes of the events as the sink writes them, before compression. A single larger event goes alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<NonZeroUsize>,
    /// Most events in a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_events: Option<NonZeroUsize>,
    /// How long a batch that is not full waits for more events. With 0 it goes as soon as the sink is free, with all that has gathered meanwhile.
    #[serde(deserialize_with = "seconds::option", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub timeout_secs: Option<f64>,
}

/// What a sink takes at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Most bytes of a batch, without what stands around its events; events are counted by [`Sink::size`](crate::Sink::size).
    pub max_bytes: usize,
    /// What stands around the events of a batch, in bytes.
    pub frame: usize,
    /// Most events of a batch.
    pub max_events: usize,
    /// The longest time between the oldest and the newest event of a batch.
    pub span: Option<Duration>,
    /// Whether a batch has the events of one key only.
    pub one_key: bool,
    /// What a batch is where nothing is set.
    pub usual: Usual,
}

/// What is used where nothing is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// Largest batch.
    pub max_bytes: usize,
    /// Most events in a batch.
    pub max_events: usize,
    /// How long a batch that is not full waits.
    pub timeout_secs: f64,
    /// Most requests under way at a time.
    pub concurrency: NonZeroUsize,
}

impl Limits {
    /// Of a sink that takes whatever it is given, one batch after the other, and at once.
    pub const NONE: Limits = Limits {
        max_bytes: usize::MAX,
        frame: 0,
        max_events: usize::MAX,
        span: None,
        one_key: false,
        usual: Usual {
            max_bytes: 1024 * 1024,
            max_events: 1000,
            timeout_secs: 0.0,
            concurrency: NonZeroUsize::MIN,
        },
    };
}

/// How large a batch may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) max_bytes: usize,
    pub(crate) max_events: usize,
    pub(crate) span_millis: Option<u64>,
    pub(crate) one_key: bool,
    pub(crate) timeout: Duration,
}

impl Settings {
    /// What is set, within what the sink takes.
    pub(crate) fn within(&self, limits: &Limits) -> Bounds {
        let set = |set: Option<NonZeroUsize>, usual: usize| set.map_or(usual, NonZeroUsize::get);
        Bounds {
            max_bytes: set(self.max_bytes, limits.usual.max_bytes)
                .saturating_sub(limits.frame)
                .min(limits.max_bytes),
            max_events: set(self.max_events, limits.usual.max_events).clamp(1, limits.max_events.max(1)),
            span_millis: limits
                .span
                .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
            one_key: limits.one_key,
            timeout: seconds::duration(self.timeout_secs.unwrap_or(limits.usual.timeout_secs)),
        }
    }
}
