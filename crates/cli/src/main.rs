//! The program: `logferry`.
//!
//! One file per command, in `command`. A command reads its input through [`input`], lets the libraries do the work, and
//! answers with an [`Exit`]. stdout carries data only; everything said to a person goes to stderr.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod command;
mod config;
mod dead_letter;
mod descriptor;
mod exit;
mod input;
mod ordered;
mod progress;
mod suggest;
mod work;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::Exit;

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
    Schema(command::schema::Args),
    Validate(command::validate::Args),
}

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => match cli.command {
            Command::Normalize(args) => command::normalize::run(args),
            Command::Schema(args) => command::schema::run(args),
            Command::Validate(args) => command::validate::run(args),
        },
        Err(error) => {
            // Help and version are asked for and go to stdout, everything else to stderr.
            let _ = error.print();
            if error.use_stderr() { Exit::Usage } else { Exit::Good }
        }
    };
    exit.into()
}

/// Says something to a person.
fn say(message: &dyn std::fmt::Display) {
    // When stderr is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{message}");
}
