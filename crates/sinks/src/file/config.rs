//! What can be set about a file.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A sink of type `file`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file to append to, an event a line. Its folder must exist.
    pub path: PathBuf,
    /// When to close the file and begin another. Without it, never.
    #[serde(default)]
    pub rotate: Rotate,
    /// What becomes of closed files.
    #[serde(default)]
    pub compression: Compression,
}

/// The `rotate` table: when to close the file and begin another. A closed file is named after the time of closing:
/// `events.20261120T170000Z.ndjson`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotate {
    /// Close the file before it grows beyond this. A batch is never divided, so a single larger batch stands alone in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// Close the file when it is this old; looked at when a batch comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_secs: Option<u64>,
    /// How many closed files to keep; older ones are removed. Without it, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}

/// What becomes of closed files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// They stay as they are.
    #[default]
    None,
    /// They are compressed, and get `.gz` at the end of their names.
    Gzip,
}
