//! Events of the Audit Trail: who changed what, with the values before and after.
//!
//! Source: Fivetran's Logs documentation, "Audit Trail log events" and "Log event details". Fivetran sends them to
//! accounts on its Enterprise and Business Critical plans. One event has several uses: the values struct of an event
//! holds the members of all of them, and each use sends its own.

use std::borrow::Cow;

use super::open_set::{
    AuditAction, AuditChange, InteractionMethod, RequiredAuthType, ResourceType, SchemaMigrationState, SchemaStatus,
    SetupStatus, SyncMethod, TokenType,
};
use crate::json::Json;
use crate::payload::{Map, Number, Time};

/// Declares an Audit Trail event; all carry the same members around values of their own.
macro_rules! audit_event {
    ($(#[doc = $doc:literal])* $Name:ident, $Values:ident) => {
        object! {
            $(#[doc = $doc])*
            pub struct $Name<'a> {
                /// Id of the user who did it.
                "userId" => user_id: Cow<'a, str>,
                /// Where it was done.
                "interactionMethod" => interaction_method: InteractionMethod<'a>,
                /// What kind of thing it was done to.
                "primaryResourceType" => primary_resource_type: ResourceType<'a>,
                /// Id of that thing.
                "primaryResourceId" => primary_resource_id: Cow<'a, str>,
                /// What kind of thing else takes part: a new user of an account, a user of a team, a team or a user
                /// whose role for the primary resource changes. Only sent for these.
                "secondaryResourceType" => secondary_resource_type: ResourceType<'a>,
                /// Id of the other thing; with `secondaryResourceType`.
                "secondaryResourceId" => secondary_resource_id: Cow<'a, str>,
                /// What was done.
                "action" => action: AuditAction<'a>,
                /// When it was done; six or nine digits of a second.
                "timestamp" => timestamp: Time<'a>,
                /// The values before. Declared for every event, though some uses send none.
                "oldValues" => old_values: $Values<'a>,
                /// The values after. Declared for every event, though some uses send none.
                "newValues" => new_values: $Values<'a>,
            }
        }
    };
}

audit_event! {
    /// `create_connection`: a connection was created.
    CreateConnection, CreateConnectionValues
}

object! {
    /// Values of `create_connection`. All are null in `oldValues`.
    pub struct CreateConnectionValues<'a> {
        /// The connection's settings; the keys are the connector type's own.
        "credentials" => credentials: Option<Map<'a, Json<'a>>>,
        /// Schema name.
        "schema" => schema: Option<Cow<'a, str>>,
        /// Connector type, such as `google_sheets`.
        "service" => service: Option<Cow<'a, str>>,
    }
}

audit_event! {
    /// `create_destination`: a destination was created.
    CreateDestination, CreateDestinationValues
}

object! {
    /// Values of `create_destination`. All are null in `oldValues`.
    pub struct CreateDestinationValues<'a> {
        /// Destination name.
        "name" => name: Option<Cow<'a, str>>,
        /// Region.
        "region" => region: Option<Cow<'a, str>>,
    }
}

audit_event! {
    /// `create_team`: a team was created.
    CreateTeam, CreateTeamValues
}

object! {
    /// Values of `create_team`. The documentation knows no `oldValues` here; null is allowed, because the old values
    /// of a new connection or destination are null.
    pub struct CreateTeamValues<'a> {
        /// The team's role in the account.
        "account_role" => account_role: Option<Cow<'a, str>>,
        /// Team name.
        "team_name" => team_name: Option<Cow<'a, str>>,
    }
}

audit_event! {
    /// `create_user`: a user was added to the account. The account is the primary resource, the user the secondary.
    CreateUser, CreateUserValues
}

object! {
    /// Values of `create_user`. The documentation knows no `oldValues` here; null is allowed, because the old values
    /// of a new connection or destination are null.
    pub struct CreateUserValues<'a> {
        /// First name, masked as `***`.
        "user_first_name" => user_first_name: Option<Cow<'a, str>>,
        /// Email address, masked as `***`.
        "user_email" => user_email: Option<Cow<'a, str>>,
        /// Last name, masked as `***`.
        "user_last_name" => user_last_name: Option<Cow<'a, str>>,
        /// The user's role in the account.
        "account_role" => account_role: Option<Cow<'a, str>>,
    }
}

audit_event! {
    /// `delete_connection`: a connection was deleted.
    DeleteConnection, DeleteConnectionValues
}

object! {
    /// Values of `delete_connection`. The documentation knows neither `oldValues` nor `newValues` here; if they are
    /// sent, they may hold anything.
    pub struct DeleteConnectionValues<'a> {
        ..
    }
}

audit_event! {
    /// `delete_team`: a team was deleted.
    DeleteTeam, DeleteTeamValues
}

object! {
    /// Values of `delete_team`. The documentation knows no `newValues` here.
    pub struct DeleteTeamValues<'a> {
        /// Id of the deleted team.
        "team_id" => team_id: Option<Cow<'a, str>>,
    }
}

audit_event! {
    /// `delete_user`: a user was deleted.
    DeleteUser, DeleteUserValues
}

object! {
    /// Values of `delete_user`. The documentation knows no `newValues` here.
    pub struct DeleteUserValues<'a> {
        /// Id of the deleted user.
        "user_id" => user_id: Option<Cow<'a, str>>,
    }
}

audit_event! {
    /// `edit_account`: how users sign in to the account was changed, a SCIM token was made, or SCIM was switched.
    EditAccount, EditAccountValues
}

object! {
    /// Values of `edit_account`.
    pub struct EditAccountValues<'a> {
        /// How users have to sign in.
        "required_auth_type" => required_auth_type: Option<RequiredAuthType<'a>>,
        /// Whether SAML creates users.
        "saml_user_provisioning" => saml_user_provisioning: Option<bool>,
        /// Seconds until a browser session ends. Printed with a fraction, `86400.0`; hence any number.
        "browser_session_timeout" => browser_session_timeout: Option<Number<'a>>,
        /// Whether users can sign in with SAML.
        "enable_saml" => enable_saml: Option<bool>,
        /// `GENERATE` when a SCIM token was made; null in `oldValues`.
        "change" => change: Option<AuditChange<'a>>,
        /// What kind of token was made; null in `oldValues`.
        "type" => kind: Option<TokenType<'a>>,
        /// Whether users are managed through SCIM.
        "enable_scim" => enable_scim: Option<bool>,
    }
}

audit_event! {
    /// `edit_connection`: settings, schema or state of a connection were changed.
    EditConnection, EditConnectionValues
}

object! {
    /// Values of `edit_connection`.
    pub struct EditConnectionValues<'a> {
        /// Whether Fivetran notifies when syncs are late.
        "delay_notification_enabled" => delay_notification_enabled: Option<bool>,
        /// Where the connection's schema stands.
        "schema_status" => schema_status: Option<SchemaStatus<'a>>,
        /// Where the connection's setup stands.
        "setup_status" => setup_status: Option<SetupStatus<'a>>,
        /// Tables whose selection changed, by `schema.table`.
        "tables" => tables: Option<Map<'a, SelectionValues<'a>>>,
        /// Schemas whose selection changed, by name. Sent along empty when only tables or columns changed.
        "schemas" => schemas: Option<Map<'a, SelectionValues<'a>>>,
        /// Columns whose selection or hashing changed, by `schema.table.column`.
        "columns" => columns: Option<Map<'a, SelectionValues<'a>>>,
        /// Time from one sync to the next; most likely minutes, as in the REST API. The documentation gives no unit.
        "sync_frequency" => sync_frequency: Option<i64>,
        /// How late a sync may be before Fivetran notifies: `HIGH`, `NORMAL`, or a text such as `custom (20m)`.
        "delay_sensitivity" => delay_sensitivity: Option<Cow<'a, str>>,
        /// Whether the connection is paused.
        "is_paused" => is_paused: Option<bool>,
        /// The migration of the connection's schema that was decided on; null in `oldValues`.
        "schema_changes" => schema_changes: Option<SchemaMigrationValues<'a>>,
    }
}

object! {
    /// What is set for one schema, table or column, in `schemas`, `tables` and `columns` of `edit_connection`.
    pub struct SelectionValues<'a> {
        /// Whether it is left out of syncs.
        "blocked" => blocked: bool,
        /// Whether the column's values are hashed; only for columns.
        "hashed" => hashed: bool,
    }
}

object! {
    /// The migration of a connection's schema, in `schema_changes` of `edit_connection`.
    pub struct SchemaMigrationValues<'a> {
        /// Phase of the migration: 1 or 2.
        "phase" => phase: i64,
        /// What was decided.
        "state" => state: SchemaMigrationState<'a>,
    }
}

audit_event! {
    /// `edit_destination`: region, name or external logging service of a destination were changed, or the destination
    /// was deleted. There is no event of its own for that: `action` is then `DELETE`, without old and new values.
    EditDestination, EditDestinationValues
}

object! {
    /// Values of `edit_destination`.
    pub struct EditDestinationValues<'a> {
        /// Region.
        "region" => region: Option<Cow<'a, str>>,
        /// The region to fall back to; null if there was none.
        "failover_region" => failover_region: Option<Cow<'a, str>>,
        /// Destination name.
        "name" => name: Option<Cow<'a, str>>,
        /// Settings of the external logging service, with the service's own keys and masked secrets; null if there was
        /// none.
        "credentials" => credentials: Option<Map<'a, Json<'a>>>,
        /// `REMOVE` when the external logging service was taken away; null in `oldValues`.
        "change" => change: Option<AuditChange<'a>>,
    }
}

audit_event! {
    /// `edit_team`: a team got another role, or a user joined or left it, or became or ceased to be its manager. When
    /// the role for a connection or a destination changes, that is the primary resource and the team the secondary.
    EditTeam, EditTeamValues
}

object! {
    /// Values of `edit_team`. The documentation knows no `oldValues` for a user who joins and for managers, and no
    /// `newValues` for a user who leaves.
    pub struct EditTeamValues<'a> {
        /// The team's role in the account.
        "account_role" => account_role: Option<Cow<'a, str>>,
        /// The team's role for the connection or destination that is the primary resource.
        "permission" => permission: Option<Cow<'a, str>>,
        /// Id of the user who became or ceased to be a manager.
        "user_id" => user_id: Option<Cow<'a, str>>,
        /// What happened to the user.
        "change" => change: Option<AuditChange<'a>>,
        /// Id of the user who joined.
        "new_user_id" => new_user_id: Option<Cow<'a, str>>,
        /// Id of the user who left.
        "resource_id" => resource_id: Option<Cow<'a, str>>,
        /// What kind of thing joined, left, or became a manager: `USER`.
        "type" => kind: Option<ResourceType<'a>>,
        /// Team name; with `change`.
        "team_name" => team_name: Option<Cow<'a, str>>,
    }
}

audit_event! {
    /// `edit_user`: a user got another role. When it is the role for a connection or a destination, that is the primary
    /// resource and the user the secondary.
    EditUser, EditUserValues
}

object! {
    /// Values of `edit_user`.
    pub struct EditUserValues<'a> {
        /// The user's role in the account.
        "account_role" => account_role: Option<Cow<'a, str>>,
        /// The user's role for the connection or destination that is the primary resource.
        "permission" => permission: Option<Cow<'a, str>>,
    }
}

audit_event! {
    /// `generate_api_secret`: an API key was made.
    GenerateApiSecret, GenerateApiSecretValues
}

object! {
    /// Values of `generate_api_secret`. The documentation knows no `oldValues` here; null is allowed, because the old
    /// values of other new things are null.
    pub struct GenerateApiSecretValues<'a> {
        /// The new API key, masked as `***`.
        "new_api_key" => new_api_key: Option<Cow<'a, str>>,
    }
}

audit_event! {
    /// `sync_connection`: a sync or a re-sync of a connection was started by hand.
    SyncConnection, SyncConnectionValues
}

object! {
    /// Values of `sync_connection`. All are null in `oldValues`.
    pub struct SyncConnectionValues<'a> {
        /// How it was started.
        "sync_method" => sync_method: Option<SyncMethod<'a>>,
        /// True for a re-sync of all data, false for an ordinary sync.
        "trigger_resync" => trigger_resync: Option<bool>,
        /// What is synced: `CONNECTION`.
        "type" => kind: Option<ResourceType<'a>>,
    }
}
