//! How the program ends. The codes are part of its interface and are never renumbered.

use std::process::ExitCode;

/// The exit codes; the greater ones are those of BSD's sysexits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// All good.
    Good = 0,
    /// Failed while running.
    Failure = 1,
    /// Some input was invalid.
    Invalid = 2,
    /// The command line was wrong.
    Usage = 64,
    /// Reading or writing failed.
    Io = 74,
    /// The configuration was wrong.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
