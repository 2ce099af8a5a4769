//! Events of what people do in Fivetran's dashboard.
//!
//! Source: Fivetran's Logs documentation, "Dashboard activity log events" and "Log event details". Warehouse is the
//! older word for destination, connector the older word for connection; the names of these events keep them.

use std::borrow::Cow;

use super::open_set::{EditType, SyncMode};
use crate::json::Json;
use crate::payload::Map;

object! {
    /// `change_schema_config`: somebody changed in the dashboard what a connection syncs.
    pub struct ChangeSchemaConfig<'a> {
        /// Login email of the user who did it.
        "actor" => actor: Cow<'a, str>,
        /// Connection id.
        "connectionId" => connection_id: Cow<'a, str>,
        /// Connection id. Deprecated in favour of `connectionId`.
        "connectorId" => connector_id: Cow<'a, str>,
        /// What changed, by kind of change.
        "properties" => properties: SchemaConfigChanges<'a>,
    }
}

object! {
    /// `properties` of `change_schema_config`. Only the kinds of change that were made are present.
    pub struct SchemaConfigChanges<'a> {
        /// Names of the schemas that are no longer synced.
        "DISABLED" => disabled: Vec<Cow<'a, str>>,
        /// Names of the schemas that are synced from now on.
        "ENABLED" => enabled: Vec<Cow<'a, str>>,
        /// Tables that are no longer synced.
        "DISABLED_TABLES" => disabled_tables: Vec<TableSelection<'a>>,
        /// Tables that are synced from now on.
        "ENABLED_TABLES" => enabled_tables: Vec<TableSelection<'a>>,
        /// Columns that are no longer synced.
        "DISABLED_COLUMNS" => disabled_columns: Vec<ColumnSelection<'a>>,
        /// Columns that are synced from now on.
        "ENABLED_COLUMNS" => enabled_columns: Vec<ColumnSelection<'a>>,
        /// Columns whose values are hashed from now on.
        "HASHED_COLUMNS" => hashed_columns: Vec<ColumnSelection<'a>>,
        /// Columns whose values are no longer hashed.
        "UNHASHED_COLUMNS" => unhashed_columns: Vec<ColumnSelection<'a>>,
        /// Tables that got another sync mode, by schema.
        "SYNC_MODE_CHANGE_FOR_TABLES" => sync_mode_change_for_tables: Vec<SyncModeSelection<'a>>,
    }
}

object! {
    /// Some tables of one schema, in `DISABLED_TABLES` and `ENABLED_TABLES` of `change_schema_config` and
    /// `change_schema_config_via_api`.
    pub struct TableSelection<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table names.
        "tables" => tables: Vec<Cow<'a, str>>,
    }
}

object! {
    /// Some columns of one table, in `DISABLED_COLUMNS`, `ENABLED_COLUMNS`, `HASHED_COLUMNS` and `UNHASHED_COLUMNS` of
    /// `change_schema_config`.
    pub struct ColumnSelection<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table name.
        "table" => table: Cow<'a, str>,
        /// Column names.
        "columns" => columns: Vec<Cow<'a, str>>,
    }
}

object! {
    /// The tables of one schema that got another sync mode, in `SYNC_MODE_CHANGE_FOR_TABLES` of `change_schema_config`.
    pub struct SyncModeSelection<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// One for each table. The documentation prints this key with a space in it; both spellings are read.
        "tablesSyncModes" | "tables SyncModes" => tables_sync_modes: Vec<TableSyncMode<'a>>,
    }
}

object! {
    /// A table and its new sync mode, in `SYNC_MODE_CHANGE_FOR_TABLES` of `change_schema_config`.
    pub struct TableSyncMode<'a> {
        /// Table name.
        "table" => table: Cow<'a, str>,
        /// The mode from now on.
        "syncMode" => sync_mode: SyncMode<'a>,
    }
}

object! {
    /// `create_connector`: somebody created a connection.
    pub struct CreateConnector<'a> {
        /// Login email of the user who did it.
        "actor" => actor: Cow<'a, str>,
        /// Connection id.
        "id" => id: Cow<'a, str>,
        /// The connection's settings; the keys are the connector type's own. Secrets are masked, but the
        /// documentation's example has a key where one is not.
        "properties" => properties: Map<'a, Json<'a>>,
    }
}

object! {
    /// `create_warehouse`: somebody created a destination.
    pub struct CreateWarehouse<'a> {
        /// Login email of the user who did it.
        "actor" => actor: Cow<'a, str>,
        /// Destination id.
        "id" => id: Cow<'a, str>,
        /// The destination's settings; the keys are the destination type's own. Secrets are masked.
        "properties" => properties: Map<'a, Json<'a>>,
    }
}

/// Declares the event of an action on a connection that says no more than who did it, and to which.
macro_rules! connection_action {
    ($(#[doc = $doc:literal])* $Name:ident) => {
        object! {
            $(#[doc = $doc])*
            pub struct $Name<'a> {
                /// Login email of the user who did it.
                "actor" => actor: Cow<'a, str>,
                /// Connection id.
                "id" => id: Cow<'a, str>,
            }
        }
    };
}

connection_action! {
    /// `delete_connector`: somebody deleted a connection.
    DeleteConnector
}

object! {
    /// `delete_warehouse`: somebody deleted a destination.
    pub struct DeleteWarehouse<'a> {
        /// Login email of the user who did it.
        "actor" => actor: Cow<'a, str>,
        /// Destination id.
        "id" => id: Cow<'a, str>,
    }
}

object! {
    /// `diagnostic_access_approved`: Fivetran's support was allowed to look at data for a diagnosis. It has no `id`.
    pub struct DiagnosticAccessApproved<'a> {
        /// What was allowed, in words: `Data access granted for 21 days.`
        "message" => message: Cow<'a, str>,
        /// Number of the Zendesk support ticket; digits, as a text.
        "ticketId" => ticket_id: Cow<'a, str>,
        /// Destination name.
        "destinationName" => destination_name: Cow<'a, str>,
        /// Connection name.
        "connectionName" => connection_name: Cow<'a, str>,
        /// Connection name. Deprecated in favour of `connectionName`.
        "connectorName" => connector_name: Cow<'a, str>,
        /// Who asked for it: the name in Zendesk, not a login email.
        "actor" => actor: Cow<'a, str>,
    }
}

object! {
    /// `edit_connector`: somebody changed settings of a connection.
    pub struct EditConnector<'a> {
        /// Login email of the user who did it.
        "actor" => actor: Cow<'a, str>,
        /// What kind of setting.
        "editType" => edit_type: EditType<'a>,
        /// Connection id.
        "id" => id: Cow<'a, str>,
        /// The settings after the change; the keys are the connector type's own. Secrets are masked, but the
        /// documentation's example has a key where one is not.
        "properties" => properties: Map<'a, Json<'a>>,
        /// The settings before the change, in the same form.
        "oldProperties" => old_properties: Map<'a, Json<'a>>,
    }
}

connection_action! {
    /// `force_update_connector`: somebody started a sync of a connection by hand.
    ForceUpdateConnector
}

object! {
    /// `pause_connector`: a connection was paused, by somebody or by Fivetran.
    pub struct PauseConnector<'a> {
        /// Login email of the user who did it, or `Fivetran` when the connection was paused automatically.
        "actor" => actor: Cow<'a, str>,
        /// Connection id.
        "id" => id: Cow<'a, str>,
        /// Why, in words; only when the connection was paused automatically.
        "reason" => reason: Cow<'a, str>,
    }
}

connection_action! {
    /// `resume_connector`: somebody let a paused connection sync again.
    ResumeConnector
}

connection_action! {
    /// `resync_connector`: somebody had all data of a connection synced anew.
    ResyncConnector
}

object! {
    /// `resync_table`: somebody had all data of one table synced anew.
    pub struct ResyncTable<'a> {
        /// Login email of the user who did it.
        "actor" => actor: Cow<'a, str>,
        /// Connection id.
        "id" => id: Cow<'a, str>,
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table name.
        "table" => table: Cow<'a, str>,
    }
}

object! {
    /// `test_connector_connection`: the setup tests of a connection were run.
    pub struct TestConnectorConnection<'a> {
        /// Login email of the user who did it.
        "actor" => actor: Cow<'a, str>,
        /// Connection id.
        "id" => id: Cow<'a, str>,
        /// How many tests.
        "testCount" => test_count: i64,
    }
}

object! {
    /// `update_warehouse`: somebody changed settings of a destination.
    pub struct UpdateWarehouse<'a> {
        /// Login email of the user who did it.
        "actor" => actor: Cow<'a, str>,
        /// Destination id.
        "id" => id: Cow<'a, str>,
        /// The settings after the change; the keys are the destination type's own.
        "properties" => properties: Map<'a, Json<'a>>,
        /// The settings before the change, in the same form.
        "oldProperties" => old_properties: Map<'a, Json<'a>>,
    }
}
