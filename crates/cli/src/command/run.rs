//! `logferry run`: from sources to sinks, until stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use logferry_forwarder::config::{Config, SinkKind};
use logferry_forwarder::service::{self, Watch};
use logferry_forwarder::source;
use logferry_forwarder::state::Shared;
use logferry_forwarder::{checkpoint, run};

use crate::exit::Exit;
use crate::logging;
use crate::progress::Rows;
use crate::say::{fail, refuse, sum_up};

/// A longer time is as good as for ever, and a clock can still count it.
const LONGEST_PATIENCE: u64 = 365 * 24 * 60 * 60;

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

    /// With --once: end, with an error, when the API or a sink has only failed for so long
    #[arg(long, value_name = "SECONDS", requires = "once", default_value_t = 300)]
    give_up_secs: u64,

    #[command(flatten)]
    logging: logging::Args,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    if let Err(error) = logging::start(&args.logging) {
        fail(&error);
        return Exit::Usage;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            fail(&error);
            return Exit::Failure;
        }
    };
    let mut watch = Shown {
        is_wanted: args.once,
        rows: None,
    };
    let patience = args
        .once
        .then(|| Duration::from_secs(args.give_up_secs.min(LONGEST_PATIENCE)));
    let served = runtime.block_on(service::serve(&args.config, patience, &mut watch));
    // Threads that wait for stdin cannot be asked to end.
    runtime.shutdown_background();
    match served {
        Ok(summary) => {
            let is_whole = args.once || summary.is_complete;
            if is_whole {
                sum_up(&summary);
            }
            match is_whole && summary.dead_letters() > 0 {
                true => Exit::Invalid,
                false => Exit::Good,
            }
        }
        Err(error) => {
            match &error {
                service::Error::Config(errors) => refuse(errors),
                error => fail(error),
            }
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
            | run::Error::OutOfPatience { .. }
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
    fn begun(&mut self, config: &Config, shared: &Arc<Shared>) {
        if self.is_wanted {
            let writes_stdout = config
                .sinks
                .values()
                .any(|sink| matches!(sink.kind, SinkKind::Stdout(_)));
            self.rows = Rows::show(shared.clone(), writes_stdout);
        }
    }

    fn ended(&mut self) {
        self.rows = None;
    }
}
