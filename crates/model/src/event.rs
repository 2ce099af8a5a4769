//! The payloads: what each documented event carries in `data`.
//!
//! One module a theme. Every member is optional, because events of older connectors and test fixtures lack some;
//! the doc of a member says when Fivetran sends it.

pub mod api;
pub mod audit;
pub mod connection;
pub mod dashboard;
pub mod former;
pub mod open_set;
pub mod schema_change;
pub mod sync;
pub mod table;
pub mod transformation;
