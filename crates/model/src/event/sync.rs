//! Events of a sync as a whole.
//!
//! Source: Fivetran's Logs documentation, "Connector log events" and "Log event details".

use std::borrow::Cow;

use super::open_set::{ExtractStatus, SyncStatus};
use crate::Severity;
use crate::json::Json;

object! {
    /// `sync_start`: a connection started to sync. No data is documented.
    pub struct SyncStart<'a> {}
}

object! {
    /// `sync_end`: a sync came to its end.
    pub struct SyncEnd<'a> {
        /// How it ended.
        "status" => status: SyncStatus<'a>,
        /// Why, in words; with every status but `SUCCESSFUL`.
        "reason" => reason: Cow<'a, str>,
        /// The kind of task a person has to do, such as `reconnect`; with `FAILURE_WITH_TASK` and `RESCHEDULED`.
        "taskType" => task_type: Cow<'a, str>,
        /// When the sync goes on; with `RESCHEDULED`. A text, because its form is not documented.
        "rescheduledAt" => rescheduled_at: Cow<'a, str>,
    }
}

impl SyncEnd<'_> {
    /// SEVERE for a failure, WARNING for a rescheduled sync, else INFO.
    pub fn severity(&self) -> Severity {
        match self.status {
            Some(SyncStatus::Failure | SyncStatus::FailureWithTask) => Severity::Severe,
            Some(SyncStatus::Rescheduled) => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

object! {
    /// `extract_summary`: what was read from the source.
    pub struct ExtractSummary<'a> {
        /// How the extraction ended.
        "status" => status: ExtractStatus<'a>,
        /// API calls made.
        "total_queries" => total_queries: i64,
        /// Rows extracted.
        "total_rows" => total_rows: i64,
        /// Bytes extracted.
        "total_size" => total_size: i64,
        /// `total_size` for people, rounded down to its largest unit: `7 MB`.
        "rounded_total_size" => rounded_total_size: Cow<'a, str>,
        /// API calls by endpoint; not from every connector.
        "objects" => objects: Vec<ExtractedObject<'a>>,
    }
}

object! {
    /// The calls to one endpoint, in `objects` of `extract_summary`.
    pub struct ExtractedObject<'a> {
        /// The URL or identifier of the endpoint.
        "name" => name: Cow<'a, str>,
        /// Calls made to it.
        "queries" => queries: i64,
    }
}

object! {
    /// `update_state`: the connector's cursor after the sync.
    pub struct UpdateState<'a> {
        /// Any JSON; its form is the connector's own.
        "state" => state: Json<'a>,
    }
}

object! {
    /// `info`: information during a sync.
    pub struct Info<'a> {
        /// What kind of information, such as `extraction_start`.
        "type" => kind: Cow<'a, str>,
        /// The information.
        "message" => message: Cow<'a, str>,
    }
}
