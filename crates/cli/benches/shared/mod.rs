//! What the benchmarks of the whole program have in common.

pub mod lines;
pub mod process;
pub mod random;
pub mod records;

/// The program that is timed.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_logferry");
