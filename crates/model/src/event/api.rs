//! Events of calls to Fivetran's REST API.
//!
//! Source: Fivetran's Logs documentation, "REST API call log events" and "Log event details".

use std::borrow::Cow;

use super::dashboard::TableSelection;
use crate::json::Json;

object! {
    /// `api_call`: a REST API was called. Platform connections created after November 2024 get `extract_summary`
    /// instead.
    pub struct ApiCall<'a> {
        /// HTTP method, such as `GET`.
        "method" => method: Cow<'a, str>,
        /// The URI that was called.
        "uri" => uri: Cow<'a, str>,
        /// The body of the request, if it had one. Any JSON, because its form is not documented.
        "body" => body: Json<'a>,
    }
}

object! {
    /// `change_schema_config_via_api`: somebody changed through the REST API what a connection syncs.
    pub struct ChangeSchemaConfigViaApi<'a> {
        /// Login email of the user who did it.
        "actor" => actor: Cow<'a, str>,
        /// Connection id.
        "connectionId" => connection_id: Cow<'a, str>,
        /// Connection id. Deprecated in favour of `connectionId`.
        "connectorId" => connector_id: Cow<'a, str>,
        /// What changed, by kind of change.
        "properties" => properties: ApiSchemaConfigChanges<'a>,
    }
}

object! {
    /// `properties` of `change_schema_config_via_api`. Only the kinds of change that were made are present. The
    /// documentation describes `columns` too, but not under which key; members beyond these are expected.
    pub struct ApiSchemaConfigChanges<'a> {
        /// Tables that are no longer synced.
        "DISABLED_TABLES" => disabled_tables: Vec<TableSelection<'a>>,
        /// Tables that are synced from now on.
        "ENABLED_TABLES" => enabled_tables: Vec<TableSelection<'a>>,
        /// Whether schemas, tables and columns that appear later are synced without asking.
        "includeNewByDefault" => include_new_by_default: bool,
        /// Names of the schemas that are synced from now on.
        "ENABLED" => enabled: Vec<Cow<'a, str>>,
        /// Names of the schemas that are no longer synced.
        "DISABLED" => disabled: Vec<Cow<'a, str>>,
        /// Whether columns that appear later are synced without asking, but no schemas and tables.
        "includeNewColumnsByDefault" => include_new_columns_by_default: bool,
        ..
    }
}
