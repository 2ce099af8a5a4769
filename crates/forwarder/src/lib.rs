//! From sources to sinks without losing an event: configuration, run loop, checkpoints, telemetry.
//!
//! ```text
//! sources ─ records ─▶ mapper ─ events ─▶ sinks
//!    ▲                                      │
//!    └───── checkpoint ◀─ acknowledgements ─┘
//! ```
//!
//! [`config`] reads the configuration file, [`input`] reads records in every form that people's files have.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod backfill;
pub mod checkpoint;
mod checkpointer;
pub mod clock;
pub mod config;
pub mod connect;
pub mod descriptor;
pub mod feed;
pub mod input;
pub mod invariants;
pub mod lines;
pub mod mapping;
pub mod ordered;
mod outlets;
mod patience;
pub mod positions;
pub mod quota;
pub mod replay;
pub mod run;
pub mod seek;
pub mod service;
pub mod source;
pub mod state;
pub mod suggest;
pub mod summary;
pub mod telemetry;
