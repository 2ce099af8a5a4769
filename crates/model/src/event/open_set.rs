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
        /// The extraction failed. (Seen by readers, not documented.)
        Failure = "FAILURE",
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

open_set! {
    /// What a person has to do: `taskType` of `sync_end`.
    pub enum TaskType {
        /// Authorise the connection anew.
        Reconnect = "reconnect",
        /// Renew the service account.
        UpdateServiceAccount = "update_service_account",
        /// Authorise the destination anew. (Seen, not documented.)
        ReconnectWarehouse = "reconnect_warehouse",
    }
}

open_set! {
    /// What a warning is about: `type` of `warning`.
    pub enum WarningType {
        /// A table was left out of the sync.
        SkipTable = "skip_table",
        /// A call to the source's API is made again.
        RetryApiCall = "retry_api_call",
        /// Fivetran excluded a table. (Seen, not documented.)
        TableExcludedBySystem = "table_excluded_by_system",
    }
}

open_set! {
    /// What an error is about: `type` of `error`. Many are known only at run time. (Platform Connector documentation.)
    pub enum ErrorType {
        /// A file could not be opened.
        OpenFile = "open_file",
        /// A primary key was null.
        NullPrimaryKey = "null_primary_key",
        /// The source or destination refused the credentials.
        AuthenticationError = "authentication_error",
        /// The credentials do not allow what was tried.
        PermissionDenied = "permission_denied",
    }
}

open_set! {
    /// How far the import of a table is: values of `tableProgress` of `import_progress`.
    pub enum ImportStatus {
        /// The table is imported.
        Complete = "COMPLETE",
        /// The import has not begun.
        NotStarted = "NOT_STARTED",
    }
}

open_set! {
    /// What led to a forced re-sync: `cause` of `forced_resync_connector` and `forced_resync_table`. The examples show two; more
    /// may exist.
    pub enum ResyncCause {
        /// A migration on Fivetran's side.
        Migration = "MIGRATION",
        /// The connector's way to sync asks for it.
        Strategy = "STRATEGY",
    }
}

open_set! {
    /// How rows are copied: `copyType` of `copy_rows`. The example shows one; more may exist.
    pub enum CopyType {
        /// The target is emptied first.
        WriteTruncate = "WRITE_TRUNCATE",
    }
}

open_set! {
    /// What was done to a table: `type` of `alter_table`.
    pub enum AlterTableType {
        /// A column was added.
        AddColumn = "ADD_COLUMN",
        /// A column was dropped.
        DropColumn = "DROP_COLUMN",
        /// A column was changed.
        AlterColumn = "ALTER_COLUMN",
        /// A primary key was added.
        AddPrimaryKey = "ADD_PRIMARY_KEY",
        /// A primary key was dropped.
        DropPrimaryKey = "DROP_PRIMARY_KEY",
    }
}

open_set! {
    /// How a migration ended: `migrationStatus` of `schema_migration_end`. The list of the documentation is lost.
    pub enum MigrationStatus {
        /// It succeeded.
        Success = "SUCCESS",
        /// It failed. (Inferred from the event `schema_migration_failure`, which this one replaced.)
        Failure = "FAILURE",
    }
}

open_set! {
    /// How a table's rows are kept up to date: `syncMode` in `SYNC_MODE_CHANGE_FOR_TABLES` of `change_schema_config`.
    pub enum SyncMode {
        /// Rows are changed in place.
        Legacy = "Legacy",
        /// Every version of a row is kept.
        History = "History",
    }
}

open_set! {
    /// What kind of setting was changed: `editType` of `edit_connector`.
    pub enum EditType {
        /// The credentials.
        Credentials = "CREDENTIALS",
        /// How syncs are scheduled.
        UpdateScheduleType = "UPDATE_SCHEDULE_TYPE",
        /// The status of the schema.
        UpdateSchemaStatus = "UPDATE_SCHEMA_STATUS",
        /// The period of the delay notification.
        DelayNotificationPeriod = "DELAY_NOTIFICATION_PERIOD",
        /// The delay notification.
        DelayNotification = "DELAY_NOTIFICATION",
        /// The data sensitivity.
        UpdateDataSensitivity = "UPDATE_DATA_SENSITIVITY",
        /// The status of the connection or of its setup.
        UpdateSetupState = "UPDATE_SETUP_STATE",
    }
}

open_set! {
    /// Where something was done: `interactionMethod` of the Audit Trail events.
    pub enum InteractionMethod {
        /// Through the REST API.
        Api = "API",
        /// In the dashboard.
        WebUi = "WEB_UI",
        /// By Fivetran itself. In one example and in the Platform Connector documentation, but in no list of values.
        System = "SYSTEM",
    }
}

open_set! {
    /// A kind of thing: `primaryResourceType` and `secondaryResourceType` of the Audit Trail events, and `type` in the
    /// values of `edit_team` and `sync_connection`.
    pub enum ResourceType {
        /// The account.
        Account = "ACCOUNT",
        /// A connection.
        Connection = "CONNECTION",
        /// A connection, by its older name. (Platform Connector documentation.)
        Connector = "CONNECTOR",
        /// A destination.
        Destination = "DESTINATION",
        /// A team.
        Team = "TEAM",
        /// A transformation. (Platform Connector documentation.)
        Transformation = "TRANSFORMATION",
        /// A user.
        User = "USER",
    }
}

open_set! {
    /// What was done: `action` of the Audit Trail events.
    pub enum AuditAction {
        /// Something was created.
        Create = "CREATE",
        /// Something was changed.
        Edit = "EDIT",
        /// Something was deleted.
        Delete = "DELETE",
        /// A sync was started.
        Sync = "SYNC",
        /// Schema or status of a connection was changed. Field tables name it where their examples have `EDIT`.
        ModifySchema = "MODIFY_SCHEMA",
    }
}

open_set! {
    /// The change in a word: `change` in the values of `edit_account`, `edit_destination` and `edit_team`.
    pub enum AuditChange {
        /// A SCIM token was made (`edit_account`).
        Generate = "GENERATE",
        /// A user joined the team (`edit_team`).
        Add = "ADD",
        /// A user left the team (`edit_team`), or the external logging service was taken away (`edit_destination`).
        Remove = "REMOVE",
        /// A user became a manager of the team (`edit_team`).
        AssignTeamManager = "ASSIGN_TEAM_MANAGER",
        /// A user ceased to be a manager of the team (`edit_team`).
        UnassignTeamManager = "UNASSIGN_TEAM_MANAGER",
    }
}

open_set! {
    /// How users have to sign in: `required_auth_type` in the values of `edit_account`.
    pub enum RequiredAuthType {
        /// As they like.
        Any = "ANY",
        /// With email address and password.
        Email = "EMAIL",
        /// With Google.
        Google = "GOOGLE",
        /// With Microsoft.
        Microsoft = "MICROSOFT",
        /// With SAML.
        Saml = "SAML",
    }
}

open_set! {
    /// Where a connection's schema stands: `schema_status` in the values of `edit_connection`.
    pub enum SchemaStatus {
        /// Ready to sync.
        Ready = "ready",
        /// Waits until Fivetran has captured the source's schema.
        BlockedOnCapture = "blocked_on_capture",
        /// Waits for the customer.
        BlockedOnCustomer = "blocked_on_customer",
    }
}

open_set! {
    /// Where a connection's setup stands: `setup_status` in the values of `edit_connection`.
    pub enum SetupStatus {
        /// Not set up to its end.
        Incomplete = "incomplete",
        /// Set up, and it works.
        Connected = "connected",
        /// Set up, but it does not work.
        Broken = "broken",
    }
}

open_set! {
    /// What was decided on a schema migration: `state` in `schema_changes` of `edit_connection`.
    pub enum SchemaMigrationState {
        /// It may go on.
        Approved = "approved",
        /// It may not.
        Rejected = "rejected",
    }
}

open_set! {
    /// How a sync was started: `sync_method` in the values of `sync_connection`.
    pub enum SyncMethod {
        /// By hand.
        Forced = "FORCED",
    }
}

open_set! {
    /// What kind of token was made: `type` in the values of `edit_account`.
    pub enum TokenType {
        /// A token for SCIM.
        Scim = "scim",
    }
}
