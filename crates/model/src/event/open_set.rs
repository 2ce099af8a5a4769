//! Strings with documented values. Each set is open: tomorrow's value is kept as `Other`.

open_set! {
    /// How a sync ended: `status` of `sync_end`.
    pub enum SyncStatus {
        /// Everything was loaded.
        Successful = "SUCCESSFUL",
        /// The sync stopped early and goes on by itself later.
        Rescheduled = "RESCHEDULED",
        /// The sync failed for an unknown reason.
        Failure = "FAILURE",
        /// The sync failed for a known reason that a person has to mend.
        FailureWithTask = "FAILURE_WITH_TASK",
        /// A user cancelled the sync. (Fivetran's Logs changelog, December 2022.)
        Canceled = "CANCELED",
    }
}

open_set! {
    /// How the extraction ended: `status` of `extract_summary`.
    pub enum ExtractStatus {
        /// All was read.
        Success = "SUCCESS",
        /// The extraction failed.
        Fail = "FAIL",
    }
}

open_set! {
    /// What was done to the rows: `operationType` of `records_modified`.
    pub enum OperationType {
        /// Rows were inserted, or replaced by their key.
        ReplacedOrInserted = "REPLACED_OR_INSERTED",
        /// Columns of existing rows were changed.
        Updated = "UPDATED",
        /// Rows were deleted.
        Deleted = "DELETED",
    }
}

open_set! {
    /// What runs a transformation: `transformationType` of the transformation events.
    pub enum TransformationType {
        /// dbt Core, run by Fivetran.
        DbtCore = "DBT_CORE",
        /// A Quickstart data model.
        Quickstart = "QUICKSTART",
        /// dbt Cloud, orchestrated by Fivetran.
        DbtCloud = "DBT_CLOUD",
        /// Coalesce, orchestrated by Fivetran.
        Coalesce = "COALESCE",
        /// A Kondado model. Not Fivetran's: logferry's own value.
        KondadoModel = "KONDADO_MODEL",
    }
}
