//! `logferry demo`: the whole chain, for ten seconds, with nothing to set up.

use std::time::Duration;

use logferry_emulator::{Emulator, Options};
use logferry_forwarder::config;
use logferry_forwarder::run;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::say;

/// Show the whole chain at work: a local Kondado API, its logs mapped, their events on stdout
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It takes about ten seconds, connects to nothing outside this machine, and leaves nothing behind.

Example:
  logferry demo | head -3")]
pub struct Args {
    /// How long it goes on
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&error);
            return Exit::Failure;
        }
    };
    let exit = runtime.block_on(show(args.seconds));
    runtime.shutdown_background();
    exit
}

async fn show(seconds: u64) -> Exit {
    let emulator = Emulator::start(Options {
        records: 120,
        rate: 60.0,
        seed: 7,
        limits: None,
        ..Options::default()
    });
    let emulator = match emulator.await {
        Ok(emulator) => emulator,
        Err(error) => {
            say(&error);
            return Exit::Io;
        }
    };
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            say(&error);
            return Exit::Io;
        }
    };
    let path = folder.path().join("logferry.toml");
    let text = format!(
        "[sources.demo]\ntype = \"kondado\"\nendpoint = \"{}\"\nkey = '{}'\ntoken = '{}'\nrate_limit.requests_per_minute = 600\n\
         rate_limit.min_interval_ms = 100\npoll_interval_secs = 2\nsettle_secs = 5\n[sinks.stdout]\ntype = \"stdout\"\n[state]\ndir = '{}'\n",
        emulator.url(),
        emulator.key,
        emulator.token,
        folder.path().join("state").display(),
    );
    let config = std::fs::write(&path, text).map_err(|error| error.to_string());
    let config = config.and_then(|()| config::load(&path).map_err(|errors| errors.to_string()));
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            say(&error);
            return Exit::Failure;
        }
    };
    say(&format_args!(
        "demo: a local Kondado API with 120 pipeline logs and 120 model logs, and one more of each a second, for {seconds} seconds"
    ));

    let stop = CancellationToken::new();
    let options = run::Options {
        stop: stop.clone(),
        ..run::Options::default()
    };
    let timer = stop.clone();
    tokio::spawn(async move {
        let terminated = async {
            match signal(SignalKind::terminate()) {
                Ok(mut terminate) => drop(terminate.recv().await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            _ = tokio::signal::ctrl_c() => {}
            () = terminated => {}
        }
        timer.cancel();
    });
    let ran = async { run::Run::begin(&config, options).await?.run().await };
    let ran = ran.await;
    let stats = emulator.stats();
    emulator.stop().await;
    match ran {
        Ok(summary) => {
            say(&format_args!(
                "demo: the API served {} requests\n{summary}",
                stats.requests.values().sum::<u64>()
            ));
            Exit::Good
        }
        // The reader of stdout has seen enough.
        Err(run::Error::Closed(_)) => Exit::Good,
        Err(error) => {
            say(&error);
            Exit::Failure
        }
    }
}
