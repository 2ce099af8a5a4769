//! The program: `logferry`.
//!
//! One file per command, in `command`. A command reads its input through `logferry_forwarder::input`, lets the libraries do the work, and
//! answers with an [`Exit`]. stdout carries data only; everything said to a person goes to stderr.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod command;
mod dead_letter;
mod exit;
mod logging;
mod progress;
mod say;
mod work;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::Exit;
use crate::say::say;

/// Kondado's execution logs and Fivetran's log events as one canonical stream of Fivetran log events.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Example:
  logferry normalize pipeline_logs.json

Exit codes:
  0   all good
  1   failed while running
  2   some input was invalid
  64  the command line was wrong
  74  a file could not be read or written
  78  the configuration was wrong";

#[derive(Debug, Subcommand)]
enum Command {
    Normalize(command::normalize::Args),
    Run(command::run::Args),
    Validate(command::validate::Args),
    Schema(command::schema::Args),
    Check(command::check::Args),
    Emulate(command::emulate::Args),
    Demo(command::demo::Args),
    Checkpoint(command::checkpoint::Args),
    Replay(command::replay::Args),
}

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => match cli.command {
            Command::Normalize(args) => command::normalize::run(args),
            Command::Run(args) => command::run::run(args),
            Command::Validate(args) => command::validate::run(args),
            Command::Schema(args) => command::schema::run(args),
            Command::Check(args) => command::check::run(args),
            Command::Emulate(args) => command::emulate::run(args),
            Command::Demo(args) => command::demo::run(args),
            Command::Checkpoint(args) => command::checkpoint::run(args),
            Command::Replay(args) => command::replay::run(args),
        },
        Err(error) => {
            // Help and version are asked for and go to stdout, everything else to stderr.
            let _ = error.print();
            if error.use_stderr() { Exit::Usage } else { Exit::Good }
        }
    };
    exit.into()
}
