//! A run: sources, sinks, and the positions between them, from the start to the last acknowledgement.
//!
//! ```text
//!  Kondado ─ pages ─▶ Feed ─ rows a sink lacks ─▶ mapper ─ events ─▶ Delivery ─ batches ─▶ Sink
//!     ▲                │  ▲                                            │
//!     └── what is next ┘  └────────────── acknowledgements ◀───────────┘
//!                         │
//!                         └─▶ checkpoints, once a second
//! ```

use std::sync::Arc;
use std::time::Duration;

use logferry_kondado::client::Client;
use logferry_mapper::Mapper;
use logferry_sinks::delivery::Drained;
use logferry_sinks::exchange::OpenError;
use logferry_sinks::file::FileSink;
use logferry_sinks::{DeadLetters, dead_letter, file};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{self, Atomically, FilePlace, Replace, Store};
use crate::checkpointer::Checkpointer;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::feed::Millis;
use crate::outlets::{self, Outlets};
use crate::patience::{self, PATIENCE};
use crate::positions::{self, Begun};
use crate::quota::Limiters;
use crate::source::kondado::{Api, Kondado};
use crate::source::text::Text;
use crate::source::{self, Surroundings};
use crate::state::{self, Shared, State};
use crate::summary::Summary;

/// A longer time is as good as for ever, and a clock can still count it.
const LONGEST_GRACE: u64 = 365 * 24 * 60 * 60;

/// Why a run cannot begin, or how it ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something in the configuration cannot work.
    #[error("{0}")]
    Config(String),
    /// The stored positions cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    /// A sink's file cannot be used.
    #[error(transparent)]
    SinkFile(#[from] file::OpenError),
    /// A sink cannot be made.
    #[error("sink {name}: {error}")]
    Service {
        /// Its name.
        name: String,
        /// Why.
        error: OpenError,
    },
    /// The dead letters cannot be kept.
    #[error(transparent)]
    DeadLetters(#[from] dead_letter::OpenError),
    /// stdout cannot be used.
    #[error("stdout: {0}")]
    Stdout(std::io::Error),
    /// A source cannot be read.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The reader of the output is gone.
    #[error("sink {0}: the reader of the output is gone")]
    Closed(String),
    /// A sink takes nothing until a person mends something.
    #[error("sink {sink}: {reason}")]
    SinkStopped {
        /// Its name.
        sink: String,
        /// Why.
        reason: String,
    },
    /// stdin cannot be read again, and not everything of it was acknowledged.
    #[error("{0}")]
    Stdin(String),
    /// It was to end, and something failed for longer than is waited then.
    #[error("{what}: {reason}")]
    OutOfPatience {
        /// Which sink, or the dead letters.
        what: String,
        /// For how long, and why.
        reason: String,
    },
    /// It was to end when everything is delivered, and something is not.
    #[error("{0} events were not delivered; the next run reads their records again")]
    Undelivered(u64),
    /// Something that cannot be.
    #[error("a defect: {0}")]
    Defect(String),
    /// It was asked to end before it had begun.
    #[error("stopped before it began")]
    Stopped,
}

/// How to run, and what asks it to end.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether to end at the end of what is there.
    pub once: bool,
    /// How long failures are waited out then; five minutes without it.
    pub patience: Option<Duration>,
    /// Ends it: what is on its way is still delivered.
    pub stop: CancellationToken,
    /// Ends it at once.
    pub kill: CancellationToken,
    /// What time it is when it begins; that of the system without it.
    pub time: Option<Millis>,
    /// The quotas of keys that were used before.
    pub limiters: Limiters,
    /// How positions are written; atomically without it.
    pub replace: Option<Arc<dyn Replace>>,
}

/// A run that has begun.
pub struct Run<A = Client> {
    around: Surroundings,
    kondado: Vec<Kondado<A>>,
    texts: Vec<Text>,
    files: Vec<Option<Arc<FileSink>>>,
    store: Option<Store>,
    grace: Duration,
    options: Options,
}

impl Run {
    /// Opens the state and the sinks, and finds where each sink goes on.
    ///
    /// # Errors
    ///
    /// [`Error`] when something cannot be opened, or a position cannot be found.
    pub async fn begin(config: &Config, options: Options) -> Result<Run, Error> {
        Run::begin_with(config, options, positions::client).await
    }
}

impl<A: Api> Run<A> {
    /// The same, with another way to the API of a source.
    ///
    /// # Errors
    ///
    /// As [`Run::begin`].
    pub async fn begin_with(
        config: &Config,
        options: Options,
        connect: impl Fn(&str, &config::Kondado) -> Result<A, Error>,
    ) -> Result<Run<A>, Error> {
        let clock = options.time.map_or_else(Clock::start, Clock::start_at);
        let replace = options.replace.clone().unwrap_or_else(|| Arc::new(Atomically));
        let store = config.state.as_ref().map(|state| Store::open_with(&state.dir, replace));
        let mut store = store.transpose()?;
        let Begun {
            tracks,
            kondado,
            texts,
            written,
        } = tokio::select! {
            begun = positions::begin(config, store.as_mut(), options.once, &clock, &options.limiters, connect) => begun?,
            () = options.stop.cancelled() => return Err(Error::Stopped),
        };
        let letters = DeadLetters::open(&config.dead_letter)?;
        let state = State {
            tracks,
            sinks: config.sinks.keys().map(|name| state::Sink::named(name)).collect(),
            sources: sources(config, &kondado),
            draining: false,
            checkpoint_error: None,
        };
        let shared = Arc::new(Shared::new(state, clock));

        let Outlets { outlets, files } = outlets::open(config, &shared, &letters, &written).await?;
        let around = Surroundings {
            shared,
            outlets: Arc::new(outlets),
            mapper: Arc::new(Mapper::new(config.mapper.clone())),
            letters,
            once: options.once,
            patience: options.patience.unwrap_or(PATIENCE),
            stop: options.stop.child_token(),
        };
        Ok(Run {
            around,
            kondado,
            texts,
            files,
            store,
            grace: Duration::from_secs(config.shutdown_grace_secs.min(LONGEST_GRACE)),
            options,
        })
    }

    /// What the run knows of itself.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.around.shared
    }

    /// How large the dead letters are.
    pub fn letters(&self) -> &DeadLetters {
        &self.around.letters
    }

    /// Runs until it is asked to end, or, once, to the end of what is there; then delivers what is on its way and stores the positions.
    ///
    /// # Errors
    ///
    /// [`Error`] when a source cannot be read for good, or the reader of a sink is gone. Positions are stored all the same.
    pub async fn run(self) -> Result<Summary, Error> {
        let Run {
            around,
            kondado,
            texts,
            files,
            store,
            grace,
            options,
        } = self;
        let began = Instant::now();
        let shared = around.shared.clone();
        let written = move |sink: usize| {
            let mark = files[sink].as_ref()?.acknowledged()?;
            Some(FilePlace {
                inode: mark.inode,
                length: mark.len,
                records: 0,
                head: mark.head,
            })
        };
        let checkpointer = store.map(|store| Checkpointer::start(shared.clone(), store, written));

        let mut reading = JoinSet::new();
        for source in kondado {
            reading.spawn(source.run(around.clone()));
        }
        for source in texts {
            reading.spawn(source.run(around.clone()));
        }
        let out_of_patience = patience::exhausted(&shared, &around.letters, around.patience);
        tokio::pin!(out_of_patience);
        let mut ended = Ok(());
        let mut deadline = None;
        loop {
            tokio::select! {
                done = reading.join_next() => match done {
                    None => break,
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(error))) => {
                        ended = Err(Error::from(error));
                        around.stop.cancel();
                    }
                    Some(Err(error)) => {
                        ended = Err(Error::Defect(format!("a source failed: {error}")));
                        around.stop.cancel();
                    }
                },
                () = shared.closed.notified() => around.stop.cancel(),
                error = &mut out_of_patience, if options.once && ended.is_ok() => {
                    ended = Err(error);
                    around.stop.cancel();
                }
                () = around.stop.cancelled(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + grace);
                    shared.lock().draining = true;
                }
                // A source may wait for dead letters that cannot be written.
                () = sleep_until(deadline.unwrap_or(began)), if deadline.is_some() => break,
                () = options.kill.cancelled() => break,
            }
        }
        reading.abort_all();
        shared.lock().draining = true;

        // When everything was read there is no hurry: it is to be delivered, however long the sinks take, unless someone asks to end.
        if ended.is_ok() && !around.stop.is_cancelled() {
            around.outlets.iter().for_each(|outlet| outlet.delivery.complete());
            let all_delivered = async {
                while !(shared.lock().is_all_delivered() || options.once && shared.lock().stopped().is_some()) {
                    shared.settled.notified().await;
                }
            };
            tokio::select! {
                () = all_delivered => {}
                error = &mut out_of_patience, if options.once => ended = Err(error),
                () = options.stop.cancelled() => {}
                () = options.kill.cancelled() => {}
                () = shared.closed.notified() => {}
            }
        }
        if options.once
            && ended.is_ok()
            && let Some((sink, reason)) = shared.lock().stopped()
        {
            ended = Err(Error::SinkStopped { sink, reason });
        }
        let deadline = deadline.unwrap_or_else(|| Instant::now() + grace);
        let mut draining = JoinSet::new();
        for index in 0..around.outlets.len() {
            // A sink that waits for a person, or for which nobody has patience any more, is not waited for.
            let is_given_up = matches!(ended, Err(Error::OutOfPatience { .. }));
            let deadline = match &shared.lock().sinks[index] {
                sink if sink.stopped.is_some() || is_given_up && sink.failing.is_some() => Instant::now(),
                _ => deadline,
            };
            let outlets = around.outlets.clone();
            draining.spawn(async move { (index, outlets[index].delivery.drain(deadline).await) });
        }
        loop {
            tokio::select! {
                drained = draining.join_next() => match drained {
                    None => break,
                    Some(Ok((index, drained))) => report(&shared.lock().sinks[index].name, &drained),
                    Some(Err(error)) => tracing::error!("a sink failed: {error}"),
                },
                () = options.kill.cancelled() => {
                    for outlet in around.outlets.iter() {
                        outlet.delivery.abort();
                    }
                    break;
                }
            }
        }
        if let Some(checkpointer) = checkpointer {
            checkpointer.finish().await;
        }
        let state = shared.lock();
        if ended.is_ok()
            && let Some(sink) = state.sinks.iter().find(|sink| sink.closed)
        {
            ended = Err(Error::Closed(sink.name.to_string()));
        }
        let summary = Summary::of(&state, !around.stop.is_cancelled(), began.elapsed());
        if let Some(left) = &summary.stdin_left {
            match &ended {
                Ok(()) => ended = Err(Error::Stdin(left.to_string())),
                Err(_) => tracing::error!("{left}"),
            }
        }
        if options.once && summary.undelivered > 0 {
            ended = ended.and(Err(Error::Undelivered(summary.undelivered)));
        }
        ended.map(|()| summary)
    }
}

/// The sources of a configuration, with the quotas of those that have one.
fn sources<A>(config: &Config, kondado: &[Kondado<A>]) -> Vec<state::Source> {
    let mut sources: Vec<_> = config.sources.keys().map(|name| state::Source::named(name)).collect();
    for reading in kondado {
        sources[reading.index].limiter = Some(reading.limiter.clone());
    }
    sources
}

fn report(sink: &str, drained: &Drained) {
    if let Err(reason) = &drained.closed {
        tracing::error!(sink, "could not be closed: {reason}");
    }
    let events = drained.given_up.events as u64;
    if events > 0 {
        tracing::warn!(
            sink,
            events,
            "not delivered before the end; the position stands before them"
        );
    }
}
