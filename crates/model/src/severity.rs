//! How serious an event is.

use std::fmt;

/// The severity that Fivetran gives a log event beside the envelope: the `event` column of the Platform Connector's
/// LOG table, the level in log services. The envelope itself has no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Normal progress.
    Info,
    /// Something to look at: a warning, or a sync that was rescheduled.
    Warning,
    /// A failure.
    Severe,
}

impl Severity {
    /// The name as Fivetran writes it: `INFO`, `WARNING` or `SEVERE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "INFO",
            Severity::Warning => "WARNING",
            Severity::Severe => "SEVERE",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
