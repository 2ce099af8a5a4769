//! Fivetran log events as types.
//!
//! An [`Event`] is the envelope (ten documented keys) and its payload (the event's name and its `data`). The
//! [`catalogue`] is one table: a row gives an event its name, its payload type, its group and its severity, and
//! parsing and writing follow from the row.
//!
//! Data passes through this crate in two directions, and nothing is lost in either:
//!
//! ```text
//! text ── Event::parse ──▶ Event ── Event::write ──▶ text
//!                            ▲
//!            the mapper ─────┘  builds payloads, writes them with a prepared TailText
//! ```
//!
//! What is not documented is kept: an event that the catalogue does not know keeps its `data` token for token; an
//! unknown field, or a documented field with a value of another type, is kept in the payload's [`Rest`]; a value
//! outside a documented set is kept as `Other`. Numbers keep their digits.
//!
//! This crate must never do I/O, never panic on input, and never know where events come from or go to.
//!
//! Source of the formats: Fivetran's Logs documentation, "Log events" and "Log event details".

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[macro_use]
pub mod payload;

pub mod catalogue;
pub mod envelope;
pub mod event;
pub mod identity;
pub mod json;
pub mod severity;
pub mod timestamp;

pub use catalogue::{Group, Kind, Payload};
pub use envelope::{EnvelopeTail, Event, ParseError, TailText};
pub use payload::{Data, Map, Number, Rest, Time, ToJson, Value};
pub use severity::Severity;
pub use timestamp::{Timestamp, TimestampError};
