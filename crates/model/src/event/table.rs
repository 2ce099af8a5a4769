//! Events of one destination table during a sync.
//!
//! Source: Fivetran's Logs documentation, "Connector log events" and "Log event details".

use std::borrow::Cow;

use super::open_set::OperationType;

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
        "operationType" => operation_type: OperationType<'a>,
        /// Rows. Larger than 32 bits in practice.
        "count" => count: i64,
    }
}
