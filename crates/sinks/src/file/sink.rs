//! The sink.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::config::{Compression, Config};
use crate::event::Event;
use crate::journal::{FileMark, Journal, Names, Rotation, System, missing, tend};
use crate::sink::{Later, Sending, Sink, Trying, Verdict};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the file {} cannot be used: {error}", path.display())]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub error: io::Error,
}

/// Appends events to a file, a line each. What it acknowledges is on the disk.
pub struct FileSink {
    shared: Arc<Shared>,
    /// The compressing of closed files, beside the delivery.
    tending: TaskTracker,
}

struct Shared {
    names: Names,
    journal: Mutex<Journal<System>>,
    mark: Mutex<Option<FileMark>>,
    compress: bool,
    keep: Option<u32>,
    /// Files were closed that nobody has looked at yet.
    to_tend: AtomicBool,
    is_tending: Mutex<()>,
}

impl FileSink {
    /// Opens the file, or makes it; cuts off what a crash left of a line; and compresses closed files that an earlier run left.
    ///
    /// `mark` is what the checkpoint says of the file: if acknowledged lines are gone, that is said loudly.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when it cannot be opened, another process writes to it, or it holds something else.
    pub async fn open(config: Config, mark: Option<FileMark>) -> Result<FileSink, OpenError> {
        let path = config.path.clone();
        let opened = spawn_blocking(move || Shared::open(config, mark)).await;
        let shared = match opened.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(shared) => Arc::new(shared),
            Err(error) => return Err(OpenError { path, error }),
        };
        let tending = TaskTracker::new();
        shared.to_tend.store(true, Ordering::Release);
        tend_beside(&shared, &tending);
        Ok(FileSink { shared, tending })
    }

    /// The file that is written now, and how much of it is acknowledged. `None` for what is no regular file.
    pub fn acknowledged(&self) -> Option<FileMark> {
        *lock(&self.shared.mark)
    }
}

impl Shared {
    fn open(config: Config, mark: Option<FileMark>) -> io::Result<Shared> {
        let names = Names::new(config.path)?;
        let rotation = Rotation {
            max_bytes: config.rotate.max_bytes,
            interval: config.rotate.interval_secs.map(Duration::from_secs),
        };
        let journal = Journal::open(System, names.clone(), rotation, SystemTime::now())?;
        let now = journal.mark();
        if let (Some(mark), Some(_)) = (mark, now)
            && let Some(loss) = missing(&System, &names, mark)?
        {
            warn!(path = %names.path().display(), acknowledged = mark.len, "{loss}");
        }
        Ok(Shared {
            names,
            journal: Mutex::new(journal),
            mark: Mutex::new(now),
            compress: config.compression == Compression::Gzip,
            keep: config.rotate.keep,
            to_tend: AtomicBool::new(false),
            is_tending: Mutex::new(()),
        })
    }

    fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut journal = lock(&self.journal);
        let result = journal.append(lines, SystemTime::now());
        *lock(&self.mark) = journal.mark();
        if journal.take_has_closed() {
            self.to_tend.store(true, Ordering::Release);
        }
        result
    }

    fn tend(&self) {
        let _tending = lock(&self.is_tending);
        while self.to_tend.swap(false, Ordering::AcqRel) {
            if let Err(error) = tend(&System, &self.names, self.compress, self.keep) {
                warn!(path = %self.names.path().display(), %error, "closed files are left as they are until the next one is closed");
            }
        }
    }
}

fn tend_beside(shared: &Arc<Shared>, tending: &TaskTracker) {
    if shared.to_tend.load(Ordering::Acquire) && tending.is_empty() {
        let shared = Arc::clone(shared);
        tending.spawn_blocking(move || shared.tend());
    }
}

impl Sink for FileSink {
    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async move {
            let lines = lines(batch);
            let shared = Arc::clone(&self.shared);
            // If nobody waits for it any more, it is finished all the same, and the next one waits for it.
            let appended = spawn_blocking(move || shared.append(&lines)).await;
            tend_beside(&self.shared, &self.tending);
            match appended.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(()) => Verdict::Delivered,
                Err(error) => Verdict::Retry(Later {
                    reason: format!("{}: {error}", self.shared.names.path().display()),
                    after: None,
                }),
            }
        })
    }

    fn probe(&self) -> Trying<'_> {
        // It has been opened.
        Box::pin(async { Ok(()) })
    }

    fn close(&self) -> Trying<'_> {
        Box::pin(async {
            self.tending.close();
            self.tending.wait().await;
            // What was closed in the last moment.
            tend_beside(&self.shared, &self.tending);
            self.tending.wait().await;
            Ok(())
        })
    }
}

/// The events as lines.
pub(crate) fn lines(batch: &[Event]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(batch.iter().map(|event| event.text.len() + 1).sum());
    for event in batch {
        lines.extend_from_slice(&event.text);
        lines.push(b'\n');
    }
    lines
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
