//! How large a batch is, and how long it may gather.

use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error, Unexpected};
use serde::{Deserialize, Serialize};

use crate::seconds;

/// The `batch` table of a sink.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Largest batch, in bytes of the events' text. A single larger event goes alone.
    #[serde(deserialize_with = "at_least_one")]
    #[schemars(range(min = 1))]
    pub max_bytes: usize,
    /// Most events in a batch.
    #[serde(deserialize_with = "at_least_one")]
    #[schemars(range(min = 1))]
    pub max_events: usize,
    /// How long a batch that is not full waits for more events. With 0 it goes as soon as the sink is free, with all that has gathered meanwhile.
    #[serde(deserialize_with = "seconds::deserialize")]
    #[schemars(range(min = 0))]
    pub timeout_secs: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_bytes: 1024 * 1024,
            max_events: 1000,
            timeout_secs: 0.0,
        }
    }
}

impl Settings {
    /// How long a batch that is not full waits.
    pub fn timeout(&self) -> Duration {
        seconds::duration(self.timeout_secs)
    }
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        0 => Err(D::Error::invalid_value(
            Unexpected::Unsigned(0),
            &"a whole number, at least 1",
        )),
        number => Ok(number),
    }
}
