//! What can be set about dead letters.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `[dead_letter]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file that keeps, a line each, what can be neither mapped nor delivered. Its folder must exist.
    pub path: PathBuf,
    /// Close the file before it grows beyond this, and begin another.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: u64,
    /// How many closed files to keep; older ones are removed, and what they hold is lost. Without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}

fn default_max_bytes() -> u64 {
    100 * 1024 * 1024
}

impl Config {
    /// A file with the defaults of everything else.
    pub fn new(path: PathBuf) -> Config {
        Config {
            path,
            max_bytes: default_max_bytes(),
            keep: None,
        }
    }
}
