//! Events of one destination table during a sync.
//!
//! Source: Fivetran's Logs documentation, "Connector log events" and "Log event details".

use std::borrow::Cow;

use super::open_set::{CopyType, OperationType};

object! {
    /// `write_to_table_start`: writing to a destination table began.
    pub struct WriteToTableStart<'a> {
        /// Table name.
        "table" => table: Cow<'a, str>,
    }
}

object! {
    /// `write_to_table_end`: writing to a destination table ended.
    pub struct WriteToTableEnd<'a> {
        /// Table name.
        "table" => table: Cow<'a, str>,
    }
}

object! {
    /// `records_modified`: rows changed in a destination table by one operation.
    pub struct RecordsModified<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table name.
        "table" => table: Cow<'a, str>,
        /// What was done to the rows.
        "operationType" | "operation_type" => operation_type: OperationType<'a>,
        /// Rows. Larger than 32 bits in practice.
        "count" => count: i64,
    }
}

object! {
    /// `insert_rows`: updated rows were inserted into the main table.
    pub struct InsertRows<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table name.
        "name" => name: Cow<'a, str>,
    }
}

object! {
    /// `update_rows`: existing rows of the main table got new values.
    pub struct UpdateRows<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table name.
        "name" => name: Cow<'a, str>,
    }
}

object! {
    /// `delete_rows`: stale rows were deleted from the main table.
    pub struct DeleteRows<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Table name.
        "name" => name: Cow<'a, str>,
        /// The SQL condition that chose them.
        "deleteCondition" => delete_condition: Cow<'a, str>,
    }
}

object! {
    /// `copy_rows`: rows were copied to a staging table.
    pub struct CopyRows<'a> {
        /// Schema name.
        "schema" => schema: Cow<'a, str>,
        /// Name of the staging table.
        "name" => name: Cow<'a, str>,
        /// Table in the destination; not always sent.
        "destinationName" => destination_name: Cow<'a, str>,
        /// Schema in the destination; not always sent.
        "destinationSchema" => destination_schema: Cow<'a, str>,
        /// How they were copied; not always sent.
        "copyType" => copy_type: CopyType<'a>,
    }
}
