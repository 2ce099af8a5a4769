//! Events of a sync as a whole.
//!
//! Source: Fivetran's Logs documentation, "Connector log events" and "Log event details".

use std::borrow::Cow;

use super::open_set::{ErrorType, ExtractStatus, ImportStatus, ResyncCause, SyncStatus, TaskType, WarningType};
use crate::Severity;
use crate::json::Json;
use crate::payload::{Map, Number};

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
        /// The kind of task a person has to do; with `FAILURE_WITH_TASK` and `RESCHEDULED`.
        "taskType" => task_type: TaskType<'a>,
        /// When the sync goes on; with `RESCHEDULED`. Any JSON, because its form is not documented.
        "rescheduledAt" => rescheduled_at: Json<'a>,
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
        "total_queries" | "totalQueries" => total_queries: i64,
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
        /// Any JSON; its form is the connector's own. An object in practice.
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

object! {
    /// `sync_stats`: how long the stages of a sync took, and how much they moved. Only after a successful sync, and only from
    /// some connectors.
    pub struct SyncStats<'a> {
        /// Seconds of reading from the source.
        "extract_time_s" => extract_time_s: Number<'a>,
        /// Megabytes read from the source.
        "extract_volume_mb" => extract_volume_mb: Number<'a>,
        /// Seconds of processing.
        "process_time_s" => process_time_s: Number<'a>,
        /// Megabytes processed.
        "process_volume_mb" => process_volume_mb: Number<'a>,
        /// Seconds of loading into the destination.
        "load_time_s" => load_time_s: Number<'a>,
        /// Megabytes loaded into the destination.
        "load_volume_mb" => load_volume_mb: Number<'a>,
        /// Seconds of the whole sync: more than its three stages together.
        "total_time_s" => total_time_s: Number<'a>,
    }
}

object! {
    /// `warning`: something in a sync that a person may want to know. It comes in two shapes: with `table` and `reason`, or with
    /// `message`.
    pub struct Warning<'a> {
        /// What kind of warning.
        "type" => kind: WarningType<'a>,
        /// Table name.
        "table" => table: Cow<'a, str>,
        /// Why, in words.
        "reason" => reason: Cow<'a, str>,
        /// The warning in words.
        "message" => message: Cow<'a, str>,
        ..
    }
}

object! {
    /// `error`: an error during a sync. Its data is not documented but for the type.
    pub struct Error<'a> {
        /// What kind of error. (Platform Connector documentation.)
        "type" => kind: ErrorType<'a>,
        ..
    }
}

object! {
    /// `sql_query`: a query that was run on a source database. Deprecated since February 2026 in favour of `extract_summary`.
    pub struct SqlQuery<'a> {
        /// The SQL text.
        "query" => query: Cow<'a, str>,
        /// The how manyth query of the sync it is.
        "number" => number: i64,
        /// Milliseconds that it took.
        "executionTime" => execution_time: i64,
    }
}

object! {
    /// `read_start`: reading from the source began.
    pub struct ReadStart<'a> {
        /// What is read, in the connector's own words: a file name, `incremental update`.
        "source" => source: Cow<'a, str>,
    }
}

object! {
    /// `read_end`: reading from the source ended.
    pub struct ReadEnd<'a> {
        /// What was read, in the connector's own words: a file name, `incremental update`.
        "source" => source: Cow<'a, str>,
    }
}

object! {
    /// `processed_records`: records that were read from the source system.
    pub struct ProcessedRecords<'a> {
        /// Table name. (The field table of the source calls it an actor, which its example contradicts.)
        "table" => table: Cow<'a, str>,
        /// Records.
        "recordsCount" => records_count: i64,
    }
}

object! {
    /// `import_progress`: roughly how far an import is.
    pub struct ImportProgress<'a> {
        /// The state of each table, by its name with the schema's: `dbo.orders`.
        "tableProgress" => table_progress: Map<'a, ImportStatus<'a>>,
    }
}

object! {
    /// `forced_resync_connector`: Fivetran had a connection read everything again.
    pub struct ForcedResyncConnector<'a> {
        /// Why, in words.
        "reason" => reason: Cow<'a, str>,
        /// What led to it.
        "cause" => cause: ResyncCause<'a>,
    }
}

object! {
    /// `forced_resync_table`: Fivetran had a connection read a table again.
    pub struct ForcedResyncTable<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table name.
        "table" => table: Cow<'a, str>,
        /// Why, in words.
        "reason" => reason: Cow<'a, str>,
        /// What led to it.
        "cause" => cause: ResyncCause<'a>,
    }
}

object! {
    /// `json_value_too_long`: a JSON value was longer than the destination takes, and was cut. No data is documented, though
    /// there may be some.
    pub struct JsonValueTooLong<'a> {
        ..
    }
}
