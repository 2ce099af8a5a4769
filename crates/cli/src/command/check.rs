//! `logferry check`: whether a configuration can be used.

use std::path::PathBuf;

use logferry_forwarder::{backfill, config, connect};

use crate::exit::Exit;
use crate::logging;
use crate::say::{fail, refuse, say};

/// Check a configuration, without reading or sending anything
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Everything that is wrong is said at once, with file, line and column, and the exit code is 78. The variables and files of secrets that \
the configuration refers to must be there; they are never shown. With --connect the exit code is 1 when something cannot be reached or used.

Examples:
  logferry check --config logferry.toml
  logferry check --config logferry.toml --connect")]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Ask the sources and the sinks, too, whether they would work
    #[arg(long)]
    connect: bool,

    #[command(flatten)]
    logging: logging::Args,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    if let Err(error) = logging::start(&args.logging) {
        fail(&error);
        return Exit::Usage;
    }
    let config = match config::load(&args.config) {
        Ok(config) => config,
        Err(errors) => {
            refuse(&errors);
            return Exit::Config;
        }
    };
    say(&format_args!(
        "{}: good\n{}",
        args.config.display(),
        config.summary().trim_end()
    ));
    for older in backfill::offline(&config, backfill::now()) {
        say(&format_args!("warning: {older}"));
    }
    if args.connect {
        return connect(&config);
    }
    Exit::Good
}

/// Asks sources and sinks.
fn connect(config: &config::Config) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            fail(&error);
            return Exit::Failure;
        }
    };
    let probed = runtime.block_on(connect::probe(config));
    for probed in &probed {
        say(probed);
    }
    match probed.iter().all(|probed| probed.found.is_ok()) {
        true => Exit::Good,
        false => Exit::Failure,
    }
}
