//! An API without a network, a clock without waiting, and a process that can be killed.

#![allow(dead_code, reason = "the tests and the measurement of freshness each use a part")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logferry_emulator::{self as emulator, Options, Stats};
use logferry_forwarder::checkpoint::{Atomically, Replace};
use logferry_forwarder::config::{self, Config};
use logferry_forwarder::invariants;
use logferry_forwarder::run::{self, Run};
use logferry_forwarder::source::kondado::{Api, Page};
use logferry_kondado::answer::{Failure, Head, classify};
use logferry_kondado::secrets::Secrets;
use logferry_kondado::{Record, Stream};
use logferry_mapper::Mapper;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

/// The sinks of every world. The second one is slow to take much.
pub const SINKS: [&str; 2] = ["lake", "pond"];

/// How long a request and its answer take.
const LATENCY: Duration = Duration::from_millis(150);

/// 2026-11-01, at the start of every world.
const BEGIN_MILLIS: u64 = 1_793_491_200_000;

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killed {
    /// So many turns of its tasks after the first answer of the API that comes then.
    InTheMiddle { steps: u32 },
    /// After it was asked to.
    Gently,
}

/// How the file compares with the rows that became visible.
#[derive(Debug, Default)]
pub struct Compared {
    pub missing: Vec<String>,
    pub differing: Vec<String>,
    pub late: usize,
}

/// Writes positions, or fails before or after it did: as a failing fsync or rename leaves them.
#[derive(Debug, Default)]
struct Unreliable {
    calls: AtomicU32,
}

impl Replace for Unreliable {
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        match self.calls.fetch_add(1, Ordering::Relaxed) % 7 {
            // The positions of the beginning must be stored.
            5 => Err(io::Error::other("the fsync failed")),
            6 => Atomically
                .replace(path, content)
                .and(Err(io::Error::other("the folder's fsync failed"))),
            _ => Atomically.replace(path, content),
        }
    }
}

pub struct World {
    api: Arc<Mutex<emulator::Api>>,
    key: String,
    token: String,
    folder: tempfile::TempDir,
    config: Config,
    /// How long the world has been there.
    age: Duration,
    /// Whether the last life began from a position older than what the API keeps.
    pub was_beyond_retention: bool,
}

/// The API as one life sees it.
struct Simulated {
    api: Arc<Mutex<emulator::Api>>,
    key: String,
    token: String,
    /// How old the world was at a moment.
    age: Duration,
    at: Instant,
    answered: Arc<Notify>,
}

impl Simulated {
    fn age(&self) -> Duration {
        self.age + self.at.elapsed()
    }
}

impl Api for Simulated {
    fn page<'a>(
        &'a self,
        stream: Stream,
        start: u64,
        client_id: Option<u64>,
    ) -> Pin<Box<dyn Future<Output = Result<Page, Failure>> + Send + 'a>> {
        Box::pin(async move {
            sleep(LATENCY / 2).await;
            let (start, client) = (start.to_string(), client_id.map(|id| id.to_string()));
            let answer = self.api.lock().unwrap().answer(
                self.age(),
                emulator::Request {
                    stream,
                    key: Some(&self.key),
                    token: Some(&self.token),
                    start_element_id: Some(&start),
                    client_id: client.as_deref(),
                },
            );
            let transient = |reason: &str| Failure::Transient {
                reason: reason.to_owned(),
                after: None,
            };
            // As long as the client would wait.
            if answer.delay > Duration::from_secs(30) {
                sleep(Duration::from_secs(30)).await;
                return Err(transient("no answer"));
            }
            sleep(answer.delay + LATENCY / 2).await;
            self.answered.notify_waiters();
            if answer.breaks.is_some() {
                return Err(transient("the answer broke off"));
            }
            let retry_after = answer.retry_after.map(|after| after.to_string());
            let head = Head {
                status: answer.status,
                retry_after: retry_after.as_deref(),
                date: None,
            };
            let page = classify(&head, &answer.body, &Secrets::new(&self.key, &self.token))?;
            Ok(Page {
                rows: page.rows.iter().map(|row| row.get().to_owned()).collect(),
                next: page.next,
            })
        })
    }
}

impl World {
    /// A world with an API of these options, and a run into a file whose rows settle after so many seconds.
    pub fn new(options: Options, settle_secs: u64) -> World {
        let options = Options {
            start: emulator::Timestamp::from_millisecond(BEGIN_MILLIS as i64).ok(),
            ..options
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logferry.toml");
        let text = format!(
            "[sources.acme]\ntype = 'kondado'\nkey = '{}'\ntoken = '{}'\nsettle_secs = {settle_secs}\n\
             [sinks.lake]\ntype = 'file'\npath = '{dir}/lake.ndjson'\n\
             [sinks.pond]\ntype = 'file'\npath = '{dir}/pond.ndjson'\nbuffer.max_bytes = 20000\nbatch.max_events = 7\n\
             [state]\ndir = '{dir}/state'\n",
            options.key,
            options.token,
            dir = folder.path().display(),
        );
        fs::write(&path, text).unwrap();
        World {
            key: options.key.clone(),
            token: options.token.clone(),
            api: Arc::new(Mutex::new(emulator::Api::new(&options))),
            config: config::load(&path).unwrap(),
            folder,
            age: Duration::ZERO,
            was_beyond_retention: false,
        }
    }

    /// The process lives so long.
    pub fn live(&mut self, long: Duration, killed: Killed) -> Result<(), String> {
        self.live_watched(long, killed, Duration::from_secs(1), &mut |_| {})
    }

    /// The same, looked at every so often; `look` is told how old the world is.
    pub fn live_watched(
        &mut self,
        long: Duration,
        killed: Killed,
        every: Duration,
        look: &mut dyn FnMut(Duration),
    ) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let lived = runtime.block_on(async {
            let begun = Instant::now();
            let options = run::Options {
                time: Some(BEGIN_MILLIS + u64::try_from(self.age.as_millis()).unwrap()),
                replace: Some(Arc::new(Unreliable::default())),
                ..run::Options::default()
            };
            let stop = options.stop.clone();
            let answered = Arc::new(Notify::new());
            let connect = |_: &str, _: &config::Kondado| {
                Ok(Simulated {
                    api: self.api.clone(),
                    key: self.key.clone(),
                    token: self.token.clone(),
                    age: self.age,
                    at: begun,
                    answered: answered.clone(),
                })
            };
            let run = Run::begin_with(&self.config, options, connect).await;
            let run = run.map_err(|error| error.to_string())?;
            let shared = run.shared().clone();
            self.was_beyond_retention = shared.lock().tracks.iter().any(|track| track.seen.beyond_retention);
            let living = run.run();
            tokio::pin!(living);
            let end = begun + long;
            loop {
                tokio::select! {
                    ended = &mut living => {
                        let ended = ended.map_err(|error| error.to_string())?;
                        return match killed {
                            Killed::Gently => Ok((begun.elapsed(), Some(ended))),
                            Killed::InTheMiddle { .. } => Err("it ended by itself".to_owned()),
                        };
                    }
                    () = sleep(every) => {
                        look(self.age + begun.elapsed());
                        if let Some(violated) = invariants::violated(&shared.lock()) {
                            return Err(violated);
                        }
                        if Instant::now() >= end {
                            match killed {
                                Killed::Gently => stop.cancel(),
                                Killed::InTheMiddle { steps } => {
                                    let death = async {
                                        answered.notified().await;
                                        for _ in 0..steps {
                                            yield_now().await;
                                        }
                                    };
                                    tokio::select! {
                                        _ = &mut living => return Err("it ended by itself".to_owned()),
                                        () = death => return Ok((begun.elapsed(), None)),
                                    }
                                }
                            }
                        }
                    }
                }
            }
        });
        // Whatever is in the middle of something stays there.
        runtime.shutdown_timeout(Duration::from_secs(5));
        let (elapsed, summary) = lived?;
        self.age += elapsed;
        match summary.map(|summary| summary.undelivered) {
            None | Some(0) => Ok(()),
            Some(undelivered) => Err(format!("{undelivered} events were not delivered at the end")),
        }
    }

    /// Time passes without a process.
    pub fn pass(&mut self, long: Duration) {
        self.age += long;
    }

    /// No more rows are inserted.
    pub fn pause_rows(&mut self) {
        self.api.lock().unwrap().set_paused(self.age, true);
    }

    /// So many rows more on each stream.
    pub fn add_rows(&mut self, count: u64) {
        let mut api = self.api.lock().unwrap();
        for stream in emulator::STREAMS {
            api.add_rows(self.age, stream, count);
        }
    }

    /// How long the world has been there.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// When each row became visible, in milliseconds since the world began, by stream and id.
    pub fn visible(&self) -> BTreeMap<(Stream, u64), i64> {
        let ledger = self.api.lock().unwrap().ledger(self.age);
        let visible = ledger.into_iter().map(|entry| {
            let millis = entry.visible_at.as_millisecond() - BEGIN_MILLIS as i64;
            ((entry.stream, entry.id), millis)
        });
        visible.collect()
    }

    pub fn stats(&self) -> Stats {
        self.api.lock().unwrap().stats(self.age)
    }

    /// How long the files are.
    pub fn file_lens(&self) -> [u64; 2] {
        SINKS.map(|sink| fs::metadata(self.file(sink)).unwrap().len())
    }

    /// Where the events of a sink go.
    pub fn file(&self, sink: &str) -> PathBuf {
        self.folder.path().join(format!("{sink}.ndjson"))
    }

    /// Every row of the ledger must be with both sinks with all its events, and nothing else.
    pub fn compare_with_ledger(&self) -> Compared {
        let [mut lake, pond] = SINKS.map(|sink| self.compare(sink));
        lake.missing.extend(pond.missing);
        lake.differing.extend(pond.differing);
        lake
    }

    fn compare(&self, sink: &str) -> Compared {
        let text = fs::read_to_string(self.file(sink)).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        let found: BTreeSet<&str> = text.lines().collect();
        let mut compared = Compared::default();
        let mapper = Mapper::default();
        let mut worker = mapper.worker();
        let mut expected: BTreeMap<String, String> = BTreeMap::new();
        for entry in self.api.lock().unwrap().ledger(self.age) {
            compared.late += usize::from(entry.late_by.is_some());
            let mut lines = Vec::new();
            let record = Record::parse(&entry.row).unwrap();
            worker.map(entry.stream, &record, &mut lines, |_, _| {}).unwrap();
            let lines = String::from_utf8(lines).unwrap();
            for line in lines.lines() {
                expected.insert(line.to_owned(), format!("{} {}", entry.stream.name(), entry.id));
            }
        }
        let missing = expected.iter().filter(|(line, _)| !found.contains(line.as_str()));
        compared.missing = missing.map(|(_, row)| row.clone()).collect();
        compared.missing.dedup();
        let strange = found.iter().filter(|line| !expected.contains_key(**line));
        compared.differing = strange.map(|line| (*line).to_owned()).collect();
        compared
    }
}
