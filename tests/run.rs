//! `logferry run` as users run it, against an emulated API.
//!
//! What must have been delivered is told by the emulator's ledger and `logferry normalize`, never by what the program says of itself. Every run
//! is searched for key and token: what it says, its metrics, and every file that it writes.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "run/api.rs"]
mod api;
#[path = "run/delivery.rs"]
mod delivery;
#[path = "run/once.rs"]
mod once;
#[path = "run/positions.rs"]
mod positions;
#[path = "run/program.rs"]
mod program;
#[path = "run/scrape.rs"]
mod scrape;
#[path = "run/signals.rs"]
mod signals;
#[path = "run/texts.rs"]
mod texts;
#[path = "run/world.rs"]
mod world;
