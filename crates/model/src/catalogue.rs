//! The one table of documented events.
//!
//! To add an event: a row here, an object in [`crate::event`], and a fixture of its name in `fixtures/fivetran/events/`. Its name,
//! parsing, writing, severity, schema and page follow.

use std::borrow::Cow;

use schemars::{Schema, SchemaGenerator};
use serde_json::value::RawValue;

use crate::event::{api, audit, connection, dashboard, former, schema_change, sync, table, transformation};
use crate::json::Json;
use crate::payload::{DATA_KEY, Data, ObjectWriter, ToJson, description};
use crate::severity::Severity;

/// The part of Fivetran's documentation that an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// "Connector log events".
    Connector,
    /// "Dashboard activity log events".
    Dashboard,
    /// "REST API call log events".
    Api,
    /// "Audit Trail log events".
    Audit,
    /// "Transformation".
    Transformation,
    /// Events that Fivetran no longer sends, or sends under other names.
    Former,
}

impl Group {
    /// Every group.
    pub const ALL: &'static [Group] = &[
        Group::Connector,
        Group::Dashboard,
        Group::Api,
        Group::Audit,
        Group::Transformation,
        Group::Former,
    ];

    /// What its events are called together.
    pub fn title(self) -> &'static str {
        match self {
            Group::Connector => "Connector events",
            Group::Dashboard => "Dashboard activity events",
            Group::Api => "REST API call events",
            Group::Audit => "Audit Trail events",
            Group::Transformation => "Transformation events",
            Group::Former => "Former events",
        }
    }
}

macro_rules! events {
    ($(
        $(#[doc = $doc:literal])*
        $name:literal => $Kind:ident($($Payload:ident)::+), $group:ident, $severity:ident $(by $($severity_of:ident)::+)?, $section:literal;
    )*) => {
        /// The documented events, in the order of the documentation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $( $(#[doc = $doc])* $Kind, )*
        }

        impl Kind {
            /// Every documented event.
            pub const ALL: &'static [Kind] = &[$( Kind::$Kind ),*];

            /// The name in the envelope's `event`.
            pub fn name(self) -> &'static str {
                match self { $( Kind::$Kind => $name, )* }
            }

            /// How the text of such an event begins.
            pub(crate) fn head(self) -> &'static str {
                match self { $( Kind::$Kind => concat!("{\"event\":\"", $name, "\""), )* }
            }

            /// The documented event of this name, in whatever case.
            pub fn from_name(name: &str) -> Option<Kind> {
                fn exactly(name: &str) -> Option<Kind> {
                    match name {
                        $( $name => Some(Kind::$Kind), )*
                        _ => None,
                    }
                }
                exactly(name).or_else(|| exactly(&name.to_ascii_lowercase()))
            }

            /// What it says, in a sentence.
            pub fn description(self) -> String {
                match self { $( Kind::$Kind => description(&[$( $doc ),*]), )* }
            }

            /// The section of Fivetran's Logs documentation that it comes from, or where else it was seen.
            pub fn section(self) -> &'static str {
                match self { $( Kind::$Kind => $section, )* }
            }

            /// An example: the event's fixture.
            pub fn example(self) -> &'static str {
                match self {
                    $( Kind::$Kind => include_str!(concat!("../../../fixtures/fivetran/events/", $name, ".json")), )*
                }
            }

            /// The schema of its data.
            pub fn data_schema(self, generator: &mut SchemaGenerator) -> Schema {
                match self { $( Kind::$Kind => generator.subschema_for::<$($Payload)::+<'static>>(), )* }
            }

            /// The documented keys of its data, each with its spellings, the usual one first.
            pub fn keys(self) -> &'static [&'static [&'static str]] {
                match self { $( Kind::$Kind => $($Payload)::+::KEYS, )* }
            }

            /// The part of the documentation it belongs to.
            pub fn group(self) -> Group {
                match self { $( Kind::$Kind => Group::$group, )* }
            }

            /// Whether its severity follows from its data.
            pub fn severity_varies(self) -> bool {
                match self {
                    $( Kind::$Kind => false $( || { let _ = $($severity_of)::+; true } )?, )*
                }
            }

            /// The severity it usually has; [`Payload::severity`] knows more.
            pub fn usual_severity(self) -> Severity {
                match self { $( Kind::$Kind => Severity::$severity, )* }
            }
        }

        /// An event's name and data.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Payload<'a> {
            $( $(#[doc = $doc])* $Kind(Data<'a, $($Payload)::+<'a>>), )*
            /// An event that the catalogue does not know, kept whole.
            Unknown {
                /// The event's name.
                name: Cow<'a, str>,
                /// Its data, if it has any, token for token.
                data: Option<Json<'a>>,
            },
        }

        impl<'a> Payload<'a> {
            /// Which documented event it is.
            pub fn kind(&self) -> Option<Kind> {
                match self {
                    $( Payload::$Kind(_) => Some(Kind::$Kind), )*
                    Payload::Unknown { .. } => None,
                }
            }

            /// How serious it is.
            pub fn severity(&self) -> Severity {
                match self {
                    $(
                        $( Payload::$Kind(Data::Typed(payload)) => $($severity_of)::+(payload), )?
                        Payload::$Kind(_) => Severity::$severity,
                    )*
                    Payload::Unknown { .. } => Severity::Info,
                }
            }

            pub(crate) fn read(name: Cow<'a, str>, data: Option<&'a RawValue>) -> Self {
                match Kind::from_name(&name) {
                    $( Some(Kind::$Kind) => Payload::$Kind(Data::read(data)), )*
                    None => Payload::Unknown { name, data: data.map(Json::from) },
                }
            }

            pub(crate) fn write_data(&self, envelope: &mut ObjectWriter<'_>) {
                match self {
                    $( Payload::$Kind(data) => data.write_member(envelope), )*
                    Payload::Unknown { data: Some(data), .. } => data.write(envelope.literal_key(DATA_KEY)),
                    Payload::Unknown { data: None, .. } => {}
                }
            }
        }
    };
}

events! {
    /// Columns of a destination table were added, changed or dropped.
    "alter_table" => AlterTable(schema_change::AlterTable), Connector, Info, "Log event details";
    /// A sync found new or missing tables, and the configuration follows.
    "change_schema_config_via_sync" => ChangeSchemaConfigViaSync(schema_change::ChangeSchemaConfigViaSync), Connector, Info, "Log event details";
    /// No connection to the source could be made.
    "connection_failure" => ConnectionFailure(connection::ConnectionFailure), Connector, Info, "Log event details";
    /// A connection to the source was made.
    "connection_successful" => ConnectionSuccessful(connection::ConnectionSuccessful), Connector, Info, "Log event details";
    /// Rows were copied to a staging table.
    "copy_rows" => CopyRows(table::CopyRows), Connector, Info, "Log event details";
    /// A schema was created in the destination.
    "create_schema" => CreateSchema(schema_change::CreateSchema), Connector, Info, "Connector log events";
    /// A table was created in the destination.
    "create_table" => CreateTable(schema_change::CreateTable), Connector, Info, "Log event details";
    /// Stale rows were deleted from the main table.
    "delete_rows" => DeleteRows(table::DeleteRows), Connector, Info, "Log event details";
    /// The access of Fivetran's support ended with its ticket.
    "diagnostic_access_ended" => DiagnosticAccessEnded(connection::DiagnosticAccessEnded), Connector, Info, "Connector log events";
    /// The time of the access of Fivetran's support ran out.
    "diagnostic_access_expired" => DiagnosticAccessExpired(connection::DiagnosticAccessExpired), Connector, Info, "Connector log events";
    /// Fivetran's support looked at data to find a fault.
    "diagnostic_access_granted" => DiagnosticAccessGranted(connection::DiagnosticAccessGranted), Connector, Info, "Log event details";
    /// A table was dropped from the destination.
    "drop_table" => DropTable(schema_change::DropTable), Connector, Info, "Log event details";
    /// An error during a sync.
    "error" => Error(sync::Error), Connector, Severe, "Connector log events";
    /// What was read from the source.
    "extract_summary" => ExtractSummary(sync::ExtractSummary), Connector, Info, "Log event details";
    /// Fivetran had a connection read everything again.
    "forced_resync_connector" => ForcedResyncConnector(sync::ForcedResyncConnector), Connector, Info, "Log event details";
    /// Fivetran had a connection read a table again.
    "forced_resync_table" => ForcedResyncTable(sync::ForcedResyncTable), Connector, Info, "Log event details";
    /// Roughly how far an import is.
    "import_progress" => ImportProgress(sync::ImportProgress), Connector, Info, "Log event details";
    /// Information during a sync.
    "info" => Info(sync::Info), Connector, Info, "Log event details";
    /// Updated rows were inserted into the main table.
    "insert_rows" => InsertRows(table::InsertRows), Connector, Info, "Log event details";
    /// A JSON value was longer than the destination takes, and was cut.
    "json_value_too_long" => JsonValueTooLong(sync::JsonValueTooLong), Connector, Info, "Connector log events";
    /// Records that were read from the source system.
    "processed_records" => ProcessedRecords(sync::ProcessedRecords), Connector, Info, "Log event details";
    /// Reading from the source ended.
    "read_end" => ReadEnd(sync::ReadEnd), Connector, Info, "Log event details";
    /// Reading from the source began.
    "read_start" => ReadStart(sync::ReadStart), Connector, Info, "Log event details";
    /// Rows changed in a destination table by one operation.
    "records_modified" => RecordsModified(table::RecordsModified), Connector, Info, "Log event details";
    /// A migration of the schema ended.
    "schema_migration_end" => SchemaMigrationEnd(schema_change::SchemaMigrationEnd), Connector, Info, "Log event details";
    /// A migration of the schema began.
    "schema_migration_start" => SchemaMigrationStart(schema_change::SchemaMigrationStart), Connector, Info, "Connector log events";
    /// A query that was run on a source database.
    "sql_query" => SqlQuery(sync::SqlQuery), Connector, Info, "Log event details";
    /// A sync came to its end.
    "sync_end" => SyncEnd(sync::SyncEnd), Connector, Info by sync::SyncEnd::severity, "Log event details";
    /// A connection started to sync.
    "sync_start" => SyncStart(sync::SyncStart), Connector, Info, "Connector log events";
    /// How long the stages of a sync took, and how much they moved.
    "sync_stats" => SyncStats(sync::SyncStats), Connector, Info, "Log event details";
    /// Existing rows of the main table got new values.
    "update_rows" => UpdateRows(table::UpdateRows), Connector, Info, "Log event details";
    /// The connector's cursor after the sync.
    "update_state" => UpdateState(sync::UpdateState), Connector, Info, "Log event details";
    /// Something in a sync that a person may want to know.
    "warning" => Warning(sync::Warning), Connector, Warning, "Log event details";
    /// Writing to a destination table ended.
    "write_to_table_end" => WriteToTableEnd(table::WriteToTableEnd), Connector, Info, "Log event details";
    /// Writing to a destination table began.
    "write_to_table_start" => WriteToTableStart(table::WriteToTableStart), Connector, Info, "Log event details";
    /// What a connection syncs was changed in the dashboard.
    "change_schema_config" => ChangeSchemaConfig(dashboard::ChangeSchemaConfig), Dashboard, Info, "Log event details";
    /// A connection was created.
    "create_connector" => CreateConnector(dashboard::CreateConnector), Dashboard, Info, "Log event details";
    /// A destination was created.
    "create_warehouse" => CreateWarehouse(dashboard::CreateWarehouse), Dashboard, Info, "Log event details";
    /// A connection was deleted.
    "delete_connector" => DeleteConnector(dashboard::DeleteConnector), Dashboard, Info, "Log event details";
    /// A destination was deleted.
    "delete_warehouse" => DeleteWarehouse(dashboard::DeleteWarehouse), Dashboard, Info, "Log event details";
    /// Fivetran's support was allowed to look at data.
    "diagnostic_access_approved" => DiagnosticAccessApproved(dashboard::DiagnosticAccessApproved), Dashboard, Info, "Log event details";
    /// Settings of a connection were changed.
    "edit_connector" => EditConnector(dashboard::EditConnector), Dashboard, Info, "Log event details";
    /// A sync was started by hand.
    "force_update_connector" => ForceUpdateConnector(dashboard::ForceUpdateConnector), Dashboard, Info, "Log event details";
    /// A connection was paused.
    "pause_connector" => PauseConnector(dashboard::PauseConnector), Dashboard, Info, "Log event details";
    /// A paused connection was resumed.
    "resume_connector" => ResumeConnector(dashboard::ResumeConnector), Dashboard, Info, "Log event details";
    /// A re-sync of a connection was started.
    "resync_connector" => ResyncConnector(dashboard::ResyncConnector), Dashboard, Info, "Log event details";
    /// A re-sync of one table was started.
    "resync_table" => ResyncTable(dashboard::ResyncTable), Dashboard, Info, "Log event details";
    /// The setup tests of a connection were run.
    "test_connector_connection" => TestConnectorConnection(dashboard::TestConnectorConnection), Dashboard, Info, "Log event details";
    /// Settings of a destination were changed.
    "update_warehouse" => UpdateWarehouse(dashboard::UpdateWarehouse), Dashboard, Info, "Log event details";
    /// An API was called.
    "api_call" => ApiCall(api::ApiCall), Api, Info, "REST API call log events";
    /// What a connection syncs was changed through the REST API.
    "change_schema_config_via_api" => ChangeSchemaConfigViaApi(api::ChangeSchemaConfigViaApi), Api, Info, "Log event details";
    /// A connection was created.
    "create_connection" => CreateConnection(audit::CreateConnection), Audit, Info, "Log event details";
    /// A destination was created.
    "create_destination" => CreateDestination(audit::CreateDestination), Audit, Info, "Log event details";
    /// A team was created.
    "create_team" => CreateTeam(audit::CreateTeam), Audit, Info, "Log event details";
    /// A user was created.
    "create_user" => CreateUser(audit::CreateUser), Audit, Info, "Log event details";
    /// A connection was deleted.
    "delete_connection" => DeleteConnection(audit::DeleteConnection), Audit, Info, "Log event details";
    /// A team was deleted.
    "delete_team" => DeleteTeam(audit::DeleteTeam), Audit, Info, "Log event details";
    /// A user was deleted.
    "delete_user" => DeleteUser(audit::DeleteUser), Audit, Info, "Log event details";
    /// Settings of the account were changed.
    "edit_account" => EditAccount(audit::EditAccount), Audit, Info, "Log event details";
    /// Settings of a connection were changed.
    "edit_connection" => EditConnection(audit::EditConnection), Audit, Info, "Log event details";
    /// Settings of a destination were changed, or it was deleted.
    "edit_destination" => EditDestination(audit::EditDestination), Audit, Info, "Log event details";
    /// Roles or members of a team were changed.
    "edit_team" => EditTeam(audit::EditTeam), Audit, Info, "Log event details";
    /// A role of a user was changed.
    "edit_user" => EditUser(audit::EditUser), Audit, Info, "Log event details";
    /// An API key was made.
    "generate_api_secret" => GenerateApiSecret(audit::GenerateApiSecret), Audit, Info, "Log event details";
    /// A sync of a connection was started.
    "sync_connection" => SyncConnection(audit::SyncConnection), Audit, Info, "Log event details";
    /// A job run failed.
    "transformation_failed" => TransformationFailed(transformation::TransformationFailed), Transformation, Severe, "Log event details";
    /// A job run began.
    "transformation_start" => TransformationStart(transformation::TransformationStart), Transformation, Info, "Log event details";
    /// A job run ended well.
    "transformation_succeeded" => TransformationSucceeded(transformation::TransformationSucceeded), Transformation, Info, "Log event details";
    /// A tier's limits were applied.
    "apply_tier_limitation" => ApplyTierLimitation(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// A BI tool was connected.
    "connect_bi_tool" => ConnectBiTool(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// A table for uploaded files was created.
    "create_file_upload_table" => CreateFileUploadTable(former::Undocumented), Former, Info, "Logs changelog, December 2023";
    /// A staging table was created.
    "create_staging_table" => CreateStagingTable(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// A run of dbt failed. Now `transformation_failed`.
    "dbt_run_failed" => DbtRunFailed(former::DbtRun), Former, Severe, "Webhooks of 2022 and 2023";
    /// A run of dbt began. Now `transformation_start`.
    "dbt_run_start" => DbtRunStart(former::DbtRun), Former, Info, "Webhooks of 2022 and 2023";
    /// A run of dbt ended well. Now `transformation_succeeded`.
    "dbt_run_succeeded" => DbtRunSucceeded(former::DbtRun), Former, Info, "Webhooks of 2022 and 2023";
    /// A BI tool was disconnected.
    "disconnect_bi_tool" => DisconnectBiTool(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// A warning was dismissed.
    "dismiss_warning" => DismissWarning(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// Fivetran paused a connection. Now `pause_connector`.
    "forced_pause_connector" => ForcedPauseConnector(former::ForcedPauseConnector), Former, Info, "Logs changelog, January 2024";
    /// Rows were merged into a table.
    "merge_rows" => MergeRows(former::Undocumented), Former, Info, "Logs changelog, December 2023";
    /// A schema's configuration was migrated.
    "migrate_schema_config" => MigrateSchemaConfig(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// A table for uploaded files was removed.
    "remove_file_upload_table" => RemoveFileUploadTable(former::Undocumented), Former, Info, "Logs changelog, December 2023";
    /// A migration of the schema failed. Now `schema_migration_end`.
    "schema_migration_failure" => SchemaMigrationFailure(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// A migration of the schema succeeded. Now `schema_migration_end`.
    "schema_migration_success" => SchemaMigrationSuccess(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// A user signed in to a destination.
    "signin_warehouse" => SigninWarehouse(former::Undocumented), Former, Info, "Logs changelog, December 2023";
    /// A user signed out of a destination.
    "signout_warehouse" => SignoutWarehouse(former::Undocumented), Former, Info, "Logs changelog, December 2023";
    /// The state of a sync, before `sync_end` told it.
    "status" => Status(former::Status), Former, Info by former::Status::severity, "Logs changelog, April 2024";
    /// A transformation failed. Now `transformation_failed`.
    "transformation_run_failed" => TransformationRunFailed(former::Undocumented), Former, Severe, "Logs changelog, April 2024";
    /// A transformation began. Now `transformation_start`.
    "transformation_run_start" => TransformationRunStart(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// A transformation ended well. Now `transformation_succeeded`.
    "transformation_run_succeeded" => TransformationRunSucceeded(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// A BI tool was changed.
    "update_bi_tool" => UpdateBiTool(former::Undocumented), Former, Info, "Logs changelog, April 2024";
    /// A file was uploaded.
    "upload_file" => UploadFile(former::Undocumented), Former, Info, "Logs changelog, December 2023";
}

impl Payload<'_> {
    /// The event's name.
    pub fn name(&self) -> &str {
        match (self, self.kind()) {
            (Payload::Unknown { name, .. }, _) => name,
            (_, kind) => kind.map_or("", Kind::name),
        }
    }
}
