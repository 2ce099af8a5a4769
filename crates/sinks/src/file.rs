//! A file: an event a line, acknowledged when it is on the disk.
//!
//! The lines go through the crate's journal, which repairs, rotates and syncs. Closed files are compressed beside the delivery.

mod config;
mod sink;
#[cfg(test)]
mod tests;

pub use config::{Compression, Config, Rotate};
pub(crate) use sink::lines;
pub use sink::{FileSink, OpenError};

pub use crate::journal::FileMark;
