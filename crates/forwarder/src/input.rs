//! The input, in every form that people's files have.
//!
//! ```text
//! files, stdin ── gunzip ── blocks ──▶ Framer ──▶ Batch of frames ──▶ judge: record, response, or neither
//! ```
//!
//! [`framer`] cuts the text into values as it comes, in bounded memory; [`reader`] feeds it; [`judge`] tells what a value is.

pub mod frame;
pub mod framer;
pub mod judge;
pub mod mark;
pub mod reader;
pub mod scanner;

#[cfg(test)]
mod tests;
