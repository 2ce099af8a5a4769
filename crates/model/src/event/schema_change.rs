//! Changes of schemas and tables in the destination.
//!
//! Source: Fivetran's Logs documentation, "Connector log events" and "Log event details".

use std::borrow::Cow;

use super::open_set::{AlterTableType, MigrationStatus};
use crate::payload::Map;

object! {
    /// `create_schema`: a schema was created in the destination. Its data is not documented; the one field is what is seen.
    pub struct CreateSchema<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        ..
    }
}

object! {
    /// `create_table`: a table was created in the destination.
    pub struct CreateTable<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table name.
        "name" => name: Cow<'a, str>,
        /// The columns' names and data types, such as `STRING`, `TIMESTAMP` or `INTEGER`. Not always sent.
        "columns" => columns: Map<'a, Cow<'a, str>>,
        /// The column or columns of the primary key, as SQL. Not always sent.
        "primary_key_clause" => primary_key_clause: Cow<'a, str>,
    }
}

object! {
    /// `drop_table`: a table was dropped from the destination.
    pub struct DropTable<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table name.
        "name" => name: Cow<'a, str>,
        /// Why, in words; not always sent.
        "reason" => reason: Cow<'a, str>,
    }
}

object! {
    /// `alter_table`: columns of a destination table were added, changed or dropped.
    pub struct AlterTable<'a> {
        /// What was done.
        "type" => kind: AlterTableType<'a>,
        /// Table name.
        "table" => table: Cow<'a, str>,
        /// The column. Not always sent.
        "properties" => properties: ColumnProperties<'a>,
    }
}

object! {
    /// A column, in `properties` of `alter_table`.
    pub struct ColumnProperties<'a> {
        /// Column name.
        "columnName" => column_name: Option<Cow<'a, str>>,
        /// Data type, such as `INTEGER`.
        "dataType" => data_type: Option<Cow<'a, str>>,
        /// Bytes that a value has at most; null where the type has no such limit.
        "byteLength" => byte_length: Option<i64>,
        /// Digits of a number; null where the type has none.
        "precision" => precision: Option<i64>,
        /// Digits of a number behind the point; null where the type has none.
        "scale" => scale: Option<i64>,
        /// Whether the column refuses null; null where that is not known.
        "notNull" => not_null: Option<bool>,
    }
}

object! {
    /// `change_schema_config_via_sync`: a sync found new or missing tables, and the connection's configuration follows.
    pub struct ChangeSchemaConfigViaSync<'a> {
        /// Connection id.
        "connectionId" => connection_id: Cow<'a, str>,
        /// Connection id. Deprecated in favour of `connectionId`.
        "connectorId" => connector_id: Cow<'a, str>,
        /// What changed. Older events lack it.
        "properties" => properties: SyncedSchemaChanges<'a>,
    }
}

object! {
    /// What a sync changed of the configuration, in `properties` of `change_schema_config_via_sync`.
    pub struct SyncedSchemaChanges<'a> {
        /// Tables that are synced from now on.
        "ADDITION" => addition: Vec<SchemaTables<'a>>,
        /// Tables that are no longer synced.
        "REMOVAL" => removal: Vec<SchemaTables<'a>>,
    }
}

object! {
    /// Tables of one schema.
    pub struct SchemaTables<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table names.
        "tables" => tables: Vec<Cow<'a, str>>,
    }
}

object! {
    /// `schema_migration_start`: a migration of the schema began. No data is documented.
    pub struct SchemaMigrationStart<'a> {}
}

object! {
    /// `schema_migration_end`: a migration of the schema ended.
    pub struct SchemaMigrationEnd<'a> {
        /// How it ended.
        "migrationStatus" => migration_status: MigrationStatus<'a>,
    }
}
