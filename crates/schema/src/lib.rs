//! JSON Schemas of Fivetran log events, and the pages that describe them, made from the types that read the events.
//!
//! ```text
//! logferry_model::Kind ──▶ generate ──▶ one schema an event, one of all events ──▶ files, an index of them
//!                                │
//!                                └────▶ pages ──▶ docs/events.md
//! ```
//!
//! A schema is open: unknown events, fields and values pass it. What it makes is committed, and a test holds it against the
//! types, so this crate must never depend on a clock, the environment, or the order of a hash.

#![allow(
    clippy::disallowed_types,
    reason = "A schema is a JSON value. Events are never kept as one."
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod check;
pub mod generate;
pub mod locate;
pub mod pages;
mod plan;
pub mod registry;
pub mod report;

pub use check::{Finding, Level, Problem, nearest_within};
pub use generate::{File, Named, files};
pub use locate::{Locator, Part};
pub use registry::{Registry, Subject};
