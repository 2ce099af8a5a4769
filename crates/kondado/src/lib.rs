//! Kondado's log records, read leniently.
//!
//! Kondado's API gives one record for every finished run of a pipeline (`GET /pipeline_logs`) or a model
//! (`GET /model_logs`). Their types shift: numbers come as numbers or as strings, fields were added over the years, and
//! rows exported to a database spell some names otherwise. A [`Record`] therefore keeps every value as it came, and
//! answers questions about it: [`Record::integer`], [`Record::decimal`], [`Record::text`].
//!
//! ```text
//! response text ── Response::of ──▶ rows ── Record::parse ──▶ Record ── accessors ──▶ the mapper
//! ```
//!
//! This crate must never guess: a field that cannot be used is reported ([`FieldError`]) or is absent, and a response that
//! is neither rows nor an error is [`Response::Neither`], never an empty page. It knows nothing of Fivetran.
//!
//! Source of the formats: Kondado's wiki, "Logs" (English, 2026; Portuguese, 2020) and the "Kondado" connector page.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(feature = "client")]
pub mod answer;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod cursor;
#[cfg(feature = "client")]
pub mod limiter;
pub mod number;
pub mod page;
pub mod record;
#[cfg(feature = "client")]
pub mod scroll;
#[cfg(feature = "client")]
pub mod secrets;
#[cfg(feature = "client")]
pub mod start;

pub use number::Decimal;
pub use page::Response;
pub use record::{Field, FieldError, Record, Stream};
