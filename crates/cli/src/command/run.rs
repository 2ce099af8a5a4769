//! `logferry run`: from sources to sinks, until stopped.

use std::path::PathBuf;
use std::sync::Arc;

use logferry_forwarder::service::{self, Watch};
use logferry_forwarder::source;
use logferry_forwarder::state::Shared;
use logferry_forwarder::{checkpoint, run};

use crate::exit::Exit;
use crate::progress::Rows;
use crate::{logging, say};

/// Read the sources and deliver to the sinks, until stopped
#[derive(Debug, clap::Args)]
#[command(after_help = "\
SIGTERM and SIGINT end it: what was read is delivered within shutdown_grace_secs, positions are stored, and the exit code is 0. A second \
one ends it at once. SIGHUP reads the configuration again, and keeps the old one if the new one is wrong.

Examples:
  logferry run --config logferry.toml
  logferry run --config logferry.toml --once")]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// End when everything that is there has been read and delivered
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    logging: logging::Args,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    if let Err(error) = logging::start(&args.logging) {
        say(&error);
        return Exit::Usage;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&error);
            return Exit::Failure;
        }
    };
    let mut watch = Shown {
        is_wanted: args.once,
        rows: None,
    };
    let served = runtime.block_on(service::serve(&args.config, args.once, &mut watch));
    // Threads that wait for stdin cannot be asked to end.
    runtime.shutdown_background();
    match served {
        Ok(summary) => {
            if args.once || summary.undelivered > 0 {
                say(&summary);
            }
            match args.once && summary.dead_letters() > 0 {
                true => Exit::Invalid,
                false => Exit::Good,
            }
        }
        Err(error) => {
            say(&error);
            exit_of(&error)
        }
    }
}

/// How the program ends when a run did not.
pub fn exit_of(error: &service::Error) -> Exit {
    match error {
        service::Error::Config(_) => Exit::Config,
        service::Error::Telemetry { .. } => Exit::Io,
        service::Error::Signals(_) | service::Error::Killed => Exit::Failure,
        service::Error::Run(error) => match error {
            run::Error::Config(_) | run::Error::Service { .. } | run::Error::Source(source::Error::Config { .. }) => {
                Exit::Config
            }
            run::Error::Checkpoint(checkpoint::Error::Io { .. })
            | run::Error::SinkFile(_)
            | run::Error::DeadLetters(_)
            | run::Error::Stdout(_)
            | run::Error::Closed(_) => Exit::Io,
            run::Error::Checkpoint(_)
            | run::Error::Source(_)
            | run::Error::SinkStopped { .. }
            | run::Error::Stdin(_)
            | run::Error::Undelivered(_)
            | run::Error::Defect(_)
            | run::Error::Stopped => Exit::Failure,
        },
    }
}

struct Shown {
    is_wanted: bool,
    rows: Option<Rows>,
}

impl Watch for Shown {
    fn begun(&mut self, shared: &Arc<Shared>) {
        if self.is_wanted {
            self.rows = Rows::show(shared.clone());
        }
    }

    fn ended(&mut self) {
        self.rows = None;
    }
}
