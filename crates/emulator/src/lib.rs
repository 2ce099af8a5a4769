//! A local Kondado API: both log endpoints with seeded rows, the real limits, and quirks that can be switched on.
//!
//! It stands in for Kondado wherever nobody has, or should use, an account: in the demo, in tests of the whole program, and on the desk
//! of somebody who tries logferry out. What the documentation leaves open (whether `start_element_id` is inclusive, what
//! `next_start_element_id` says, which row becomes visible when) is a switch here, so that a reader can be held against every answer.
//!
//! ```text
//! Options ──▶ Emulator::start ──▶ Running (address, ledger, stats, set_rate, push_row …)
//!
//! HTTP ─▶ server ─▶ Api::answer(now) ─┬─ key and token, limits, faults
//!  ▲                                  └─ page of rows ─▶ text of each row ─▶ ledger
//!  └─ connection (whole, cut, stalled or reset) ◀── Answer
//! ```
//!
//! [`Api`] does everything but input and output: it is told what time it is, so a test can run days through it in no time. Rows are kept
//! as ids and times; their text is made anew from the seed whenever it is asked for, and is always the same. Rows that arrive live are
//! not made by a task: whoever asks at a later time finds them there.
//!
//! The [ledger](Entry) holds every row that became visible, when, how late, and with which text. A test of delivery compares with the
//! ledger, never with what the reader says of itself.
//!
//! This crate must never become the mock of one test: a behaviour belongs here if the real API has it or may have it, and everything is
//! reached by [`Options`]. It never imports the mapper or whatever reads it, so that a mistake of theirs cannot hide in here. It never
//! shows a query, because key and token are in it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
mod api;
mod catalogue;
mod connection;
mod content;
mod ledger;
mod limiter;
mod options;
mod quirks;
mod random;
mod rows;
mod server;

pub use answer::{Answer, Break, How};
pub use api::{Api, PushError, Request};
pub use jiff::Timestamp;
pub use ledger::{Entry, EntryError, Stats};
pub use logferry_kondado::Stream;
pub use options::{Limits, Options};
pub use quirks::{Delay, Fault, Next, Numbers, QuirkError, Quirks};
pub use server::{Emulator, Running, StartError};

/// Both streams.
pub const STREAMS: [Stream; 2] = [Stream::PipelineLogs, Stream::ModelLogs];
