//! A run as a process has it: with signals, a configuration that can be read again, and telemetry.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{self, Config, Source};
use crate::quota::Limiters;
use crate::run::{self, Options, Run};
use crate::state::Shared;
use crate::summary::Summary;
use crate::telemetry::{self, Watched};

/// How often a configuration is tried that had begun before.
const MOST_ATTEMPTS: u32 = 10;

/// Why the process ends early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] config::Errors),
    /// The run failed.
    #[error(transparent)]
    Run(#[from] run::Error),
    /// Telemetry cannot be served.
    #[error("telemetry.listen {address}: {error}")]
    Telemetry {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// Signals cannot be listened to.
    #[error("signals: {0}")]
    Signals(std::io::Error),
    /// It was told a second time to end, and did at once.
    #[error("stopped at once; what was on its way is sent again the next time")]
    Killed,
}

/// What is told of a run while it goes on.
pub trait Watch: Send {
    /// A run has begun.
    fn begun(&mut self, config: &Config, shared: &std::sync::Arc<Shared>);
    /// It has ended.
    fn ended(&mut self);
}

/// Runs what a configuration file says, until SIGTERM or SIGINT, or, once, to the end of what is there: `once` is how long failures are
/// waited out then. SIGHUP reads the file again.
///
/// # Errors
///
/// [`Error`] when it cannot begin, or ended early.
pub async fn serve(path: &Path, once: Option<Duration>, watch: &mut dyn Watch) -> Result<Summary, Error> {
    let mut config = config::load(path)?;
    let listen = |kind: SignalKind| signal(kind).map_err(Error::Signals);
    let mut signals = Signals {
        terminate: listen(SignalKind::terminate())?,
        interrupt: listen(SignalKind::interrupt())?,
        reload: listen(SignalKind::hangup())?,
        path: path.to_owned(),
    };
    let watched = Watched::default();
    if let Some(address) = config.telemetry.listen {
        let served = telemetry::serve(address, watched.clone()).await;
        let address = served.map_err(|error| Error::Telemetry { address, error })?;
        tracing::info!(%address, "telemetry is served: /metrics, /health, /ready");
    }
    let limiters = Limiters::default();
    // What to go back to when a new configuration cannot begin.
    let mut former: Option<Config> = None;
    let mut is_new = false;
    let mut attempts = 0;
    loop {
        let options = Options {
            once: once.is_some(),
            patience: once,
            limiters: limiters.clone(),
            ..Options::default()
        };
        let mut next = None;
        let mut is_ending = false;
        let ended = {
            let running = generation(&config, options.clone(), is_new, &watched, watch);
            tokio::pin!(running);
            loop {
                tokio::select! {
                    ended = &mut running => break ended,
                    asked = signals.next() => match asked {
                        Asked::End if is_ending => {
                            options.kill.cancel();
                            // Positions that are known are still stored.
                            let _ = (&mut running).await;
                            return Err(Error::Killed);
                        }
                        Asked::End => {
                            tracing::info!(grace_secs = config.shutdown_grace_secs, "ending: delivering what was read; a second signal ends at once");
                            is_ending = true;
                            next = None;
                            options.stop.cancel();
                        }
                        Asked::Reload if options.stop.is_cancelled() => {
                            tracing::warn!("SIGHUP while it ends or takes another configuration: it is not looked at");
                        }
                        Asked::Reload => if let Some(new) = reloaded(path, &config, &watched) {
                            next = Some(new);
                            options.stop.cancel();
                        },
                    },
                }
            }
        };
        watched.clear();
        watch.ended();
        is_new = false;
        match ended {
            Ok(summary) => match next {
                Some(new) => {
                    is_new = true;
                    former = Some(std::mem::replace(&mut config, new));
                    attempts = 0;
                }
                None => {
                    if !(options.once || summary.is_complete) {
                        summary.log();
                    }
                    return Ok(summary);
                }
            },
            Err(Failed::Beginning(error)) if former.is_some() && attempts < MOST_ATTEMPTS && !is_ending => {
                attempts += 1;
                tracing::error!("the new configuration cannot begin, and the old one is taken again: {error}");
                if let Some(old) = &former {
                    config = old.clone();
                }
                // A file that the former run held may be let go of in a moment.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(Failed::Beginning(error) | Failed::Running(error)) => return Err(error.into()),
        }
    }
}

/// When a run failed.
enum Failed {
    Beginning(run::Error),
    Running(run::Error),
}

async fn generation(
    config: &Config,
    options: Options,
    is_new: bool,
    watched: &Watched,
    watch: &mut dyn Watch,
) -> Result<Summary, Failed> {
    let run = match Run::begin(config, options).await {
        Err(run::Error::Stopped) => return Ok(Summary::default()),
        begun => begun.map_err(Failed::Beginning)?,
    };
    if is_new {
        tracing::info!("goes on with the new configuration");
    }
    let names = |names: Vec<&str>| names.join(", ");
    tracing::info!(
        sources = names(config.sources.keys().map(String::as_str).collect()),
        sinks = names(config.sinks.keys().map(String::as_str).collect()),
        state = config.state.as_ref().map(|state| state.dir.display().to_string()),
        dead_letters = %config.dead_letter.path.display(),
        "running"
    );
    watched.set(run.shared().clone(), run.letters().clone());
    watch.begun(config, run.shared());
    run.run().await.map_err(Failed::Running)
}

/// The configuration as it is now, if the run can go on with it.
fn reloaded(path: &Path, old: &Config, watched: &Watched) -> Option<Config> {
    let new = match config::load(path) {
        Ok(new) => new,
        Err(errors) => {
            tracing::error!("the new configuration is wrong, and the old one is kept:\n{errors}");
            return None;
        }
    };
    match refused(old, &new, watched) {
        None => Some(new),
        Some(reason) => {
            tracing::error!("the new configuration is not taken, and the old one is kept: {reason}");
            None
        }
    }
}

/// What of a new configuration needs a restart.
fn refused(old: &Config, new: &Config, watched: &Watched) -> Option<String> {
    if old.sources != new.sources {
        return Some("[sources] changed; restart to change sources".to_owned());
    }
    if old.state != new.state {
        return Some("[state] changed; restart to change where positions are".to_owned());
    }
    if old.telemetry != new.telemetry {
        return Some("[telemetry] changed; restart to change where it is served".to_owned());
    }
    if old.sources.values().any(|source| matches!(source, Source::Stdin(_))) {
        return Some("a source is stdin, of which a new run would miss what was read already; restart".to_owned());
    }
    let loses = |name: &str| match (old.sinks.get(name), new.sinks.get(name)) {
        (Some(_), None) => true,
        (Some(before), Some(after)) => old
            .sources
            .keys()
            .any(|source| before.takes(source) && !after.takes(source)),
        (None, _) => false,
    };
    let Some(shared) = watched.shared() else {
        let mut losing = old.sinks.keys().filter(|name| loses(name));
        return losing
            .next()
            .map(|name| format!("sink {name} loses a source, and it is not known yet whether it has everything"));
    };
    let state = shared.lock();
    let losing = state.sinks.iter().filter(|sink| loses(&sink.name));
    let mut behind =
        losing.filter(|sink| sink.counts.in_flight > 0 || sink.stopped.is_some() || !state.is_caught_up(sink));
    behind.next().map(|sink| {
        format!(
            "sink {} is to go or loses a source, but has not got everything yet",
            sink.name
        )
    })
}

enum Asked {
    End,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
    path: PathBuf,
}

impl Signals {
    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.reload.recv() => {
                tracing::info!("SIGHUP: reading {} again", self.path.display());
                Asked::Reload
            }
        }
    }
}
