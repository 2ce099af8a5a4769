//! `logferry replay`: dead letters, sent again.

use std::path::PathBuf;

use logferry_forwarder::replay;
use logferry_forwarder::{config, service};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::run::exit_of;
use crate::exit::Exit;
use crate::logging;
use crate::say::{fail, refuse, say, sum_up};

/// Send dead letters again
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Events go to the sink that refused them, records are mapped again and go to the sinks of their source. FILE.progress says how far it got, so \
that a second call goes on; what is refused again goes to FILE.refused-TIME.ndjson, and makes the exit code 2.

Examples:
  logferry replay dead-letter.ndjson --config logferry.toml
  logferry replay dead-letter.ndjson --config logferry.toml --sink lake")]
pub struct Args {
    /// The dead letters
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The configuration, with the sinks
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Send all of them to this sink
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,

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
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            fail(&error);
            return Exit::Failure;
        }
    };
    let stop = CancellationToken::new();
    let asked = stop.clone();
    let replayed = runtime.block_on(async {
        if let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::spawn(async move {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                asked.cancel();
            });
        }
        replay::replay(&config, &args.file, args.sink.as_deref(), stop).await
    });
    match replayed {
        Ok(replayed) => {
            sum_up(&replayed.summary);
            let (path, bytes) = replayed.refused;
            match bytes {
                0 if replayed.summary.undelivered > 0 => Exit::Failure,
                0 => Exit::Good,
                _ => {
                    say(&format_args!("refused again: {}", path.display()));
                    Exit::Invalid
                }
            }
        }
        Err(error) => {
            fail(&error);
            match error {
                replay::Error::Io { .. } => Exit::Io,
                replay::Error::NoSink { .. } => Exit::Usage,
                replay::Error::Changed { .. } => Exit::Failure,
                replay::Error::Run(error) => exit_of(&service::Error::Run(error)),
            }
        }
    }
}
