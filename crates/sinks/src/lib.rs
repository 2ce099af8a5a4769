//! Where events go: sinks, and what all of them share.
//!
//! A [`Sink`] takes a batch and says of each event what became of it. All else is the same for every sink and is done by a [`Delivery`]:
//!
//! ```text
//!              push                   send
//! caller ──── Unit ────▶ Delivery ── batch ──▶ Sink (stdout, file, …)
//!    ▲                    │  ▲  │                │
//!    └──── Report ────────┘  └──┼── Verdict ─────┘
//!    settled, retrying,         │ refused for good
//!    stopped, closed            ▼
//!                          DeadLetters
//! ```
//!
//! - [`event`]: an event on its way, and the [`Unit`] of a record's events, which is acknowledged as one.
//! - [`select`]: which events a sink is to get. The caller asks before it makes a unit.
//! - [`batch`], [`retry`]: how large a batch is, and how long to wait after a failure.
//! - [`delivery`]: buffer, order, attempts and acknowledgements. The events of a key have one request under way at a time; what is tried
//!   again, and the halves of a batch that was too large, stay at the head of their key.
//! - [`dead_letter`]: the file of what can be neither mapped nor delivered, and its form.
//! - [`stdout`], [`file`](mod@file), [`http`], the log services and [`kafka`]: the sinks. A further one is a folder of its own that implements [`Sink`].
//! - [`exchange`]: what the sinks that speak HTTP share.
//! - `journal`: a file of lines that is durable, repairs itself, and rotates; below the file sink and the dead letters.
//!
//! This crate must never drop an event without a word: it ends as delivered, as a dead letter on the disk, or as given up in a report. It must
//! never say that an event is delivered before the sink has promised to keep it, never hold more than its bounds, and never know where events
//! come from or how positions are kept.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod aws_cloudwatch_logs;
pub mod azure_monitor_logs;
pub mod batch;
mod clock;
pub mod datadog_logs;
pub mod dead_letter;
pub mod delivery;
pub mod dynatrace;
pub mod event;
pub mod exchange;
pub mod file;
pub mod google_cloud_logging;
pub mod grafana_loki;
pub mod http;
mod journal;
pub mod kafka;
pub mod new_relic_logs;
pub mod retry;
mod seconds;
pub mod secret;
pub mod select;
pub mod sink;
pub mod splunk_hec;
pub mod stdout;

pub use dead_letter::{DeadLetters, Letter};
pub use delivery::{Delivery, Drained, GivenUp, Origin, Refused, Report, Retrying, Settled};
pub use event::{Event, EventId, Ticket, Unit};
pub use exchange::Service;
pub use file::{FileMark, FileSink};
pub use secret::Secret;
pub use select::Selection;
pub use sink::{Fate, Later, Parts, Sending, Sink, Trying, Verdict};
pub use stdout::StdoutSink;
