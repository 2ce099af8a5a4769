//! Dead letters: what can be neither mapped nor delivered, kept with its reason.
//!
//! One handle, shared by all who have letters, writes one file. A letter is kept when it is on the disk. Letters that come while others
//! are written share the next write.

mod config;
mod letter;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

pub use config::Config;
pub use letter::{Body, Letter, ReadError, read};

use crate::journal::{Files, Journal, Names, Rotation, System, tend};
use crate::retry;

/// How often it is said that letters still cannot be written.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// Why a dead-letter file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the dead-letter file {} cannot be used: {error}", path.display())]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub error: io::Error,
}

/// The file of dead letters. Clones share it.
#[derive(Clone)]
pub struct DeadLetters(Arc<Shared>);

struct Shared {
    path: PathBuf,
    store: Mutex<Box<dyn Store>>,
    pending: Mutex<Pending>,
    size: AtomicU64,
    /// While letters cannot be written.
    failing: Mutex<Option<Failing>>,
}

/// Letters cannot be written.
#[derive(Debug, Clone)]
pub struct Failing {
    /// Since when.
    pub since: Instant,
    /// What the system said last.
    pub reason: String,
    /// When that was logged last.
    said: Option<Instant>,
}

#[derive(Default)]
struct Pending {
    lines: Vec<u8>,
    waiting: Vec<oneshot::Sender<Result<(), Arc<io::Error>>>>,
}

/// Where the lines go.
trait Store: Send {
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;
    fn size(&self) -> u64;
}

struct Rotating<F: Files> {
    journal: Journal<F>,
    files: F,
    names: Names,
    keep: Option<u32>,
}

impl<F: Files> Store for Rotating<F> {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.journal.append(lines, SystemTime::now())?;
        if self.journal.take_has_closed()
            && let Err(error) = tend(&self.files, &self.names, false, self.keep)
        {
            warn!(path = %self.names.path().display(), %error, "old dead-letter files cannot be removed");
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.journal.mark().map_or(0, |mark| mark.len)
    }
}

impl DeadLetters {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when it cannot be opened, another process writes to it, or it holds something else.
    pub fn open(config: &Config) -> Result<DeadLetters, OpenError> {
        let open = || {
            let names = Names::new(config.path.clone())?;
            let rotation = Rotation {
                max_bytes: Some(config.max_bytes),
                interval: None,
            };
            Ok(Rotating {
                journal: Journal::open(System, names.clone(), rotation, SystemTime::now())?,
                files: System,
                names,
                keep: config.keep,
            })
        };
        match open() {
            Ok(store) => Ok(DeadLetters::new(config.path.clone(), Box::new(store))),
            Err(error) => Err(OpenError {
                path: config.path.clone(),
                error,
            }),
        }
    }

    fn new(path: PathBuf, store: Box<dyn Store>) -> DeadLetters {
        DeadLetters(Arc::new(Shared {
            path,
            size: AtomicU64::new(store.size()),
            store: Mutex::new(store),
            pending: Mutex::default(),
            failing: Mutex::default(),
        }))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// How large the file is now; closed files are not counted.
    pub fn size_bytes(&self) -> u64 {
        self.0.size.load(Ordering::Relaxed)
    }

    /// Keeps the letters; when it returns, they are on the disk. While they cannot be written it waits and tries again, without end,
    /// and says so in the log.
    pub async fn keep(&self, letters: &[Letter]) {
        let pace = retry::Settings::default();
        let mut failures = 0;
        while let Err(error) = self.try_keep(letters).await {
            failures += 1;
            self.0.failed(&error);
            sleep(pace.wait(failures, None, fastrand::f64())).await;
        }
        self.0.succeeded();
    }

    /// Whether letters wait that cannot be written, since when, and why.
    pub fn failing(&self) -> Option<Failing> {
        lock(&self.0.failing).clone()
    }

    /// Keeps the letters, or says why it cannot. They can be kept again after that.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub async fn try_keep(&self, letters: &[Letter]) -> Result<(), Arc<io::Error>> {
        let (done, kept) = oneshot::channel();
        {
            let mut pending = lock(&self.0.pending);
            letters.iter().for_each(|letter| letter.write(&mut pending.lines));
            pending.waiting.push(done);
        }
        let shared = Arc::clone(&self.0);
        // Whoever comes to the store first writes for all; the others find nothing left to do.
        tokio::task::spawn_blocking(move || shared.flush());
        kept.await
            .unwrap_or_else(|_| Err(Arc::new(io::Error::other("the writer of dead letters ended"))))
    }
}

impl Shared {
    fn flush(&self) {
        let mut store = lock(&self.store);
        let Pending { lines, waiting } = std::mem::take(&mut *lock(&self.pending));
        if waiting.is_empty() {
            return;
        }
        let result = store.append(&lines).map_err(Arc::new);
        self.size.store(store.size(), Ordering::Relaxed);
        for waiting in waiting {
            // Whoever does not wait any more is told nothing.
            let _ = waiting.send(result.clone());
        }
    }

    fn failed(&self, error: &io::Error) {
        let mut failing = lock(&self.failing);
        let failing = failing.get_or_insert_with(|| Failing {
            since: Instant::now(),
            reason: String::new(),
            said: None,
        });
        failing.reason = error.to_string();
        if failing.said.is_none_or(|said| said.elapsed() >= SAID_EVERY) {
            failing.said = Some(Instant::now());
            error!(path = %self.path.display(), %error, "dead letters cannot be written; what waits for them waits until they can");
        }
    }

    fn succeeded(&self) {
        if lock(&self.failing).take().is_some() {
            info!(path = %self.path.display(), "dead letters are written again");
        }
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeadLetters").field(&self.0.path).finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bytes::Bytes;

    use super::*;

    /// A disk that is full for so many attempts.
    pub(crate) struct Full {
        pub(crate) attempts: u32,
        pub(crate) kept: Arc<Mutex<Vec<u8>>>,
    }

    impl Store for Full {
        fn append(&mut self, lines: &[u8]) -> io::Result<()> {
            match self.attempts.checked_sub(1) {
                Some(attempts) => {
                    self.attempts = attempts;
                    Err(io::ErrorKind::StorageFull.into())
                }
                None => {
                    lock(&self.kept).extend_from_slice(lines);
                    Ok(())
                }
            }
        }

        fn size(&self) -> u64 {
            lock(&self.kept).len() as u64
        }
    }

    pub(crate) fn full_for(attempts: u32) -> (DeadLetters, Arc<Mutex<Vec<u8>>>) {
        let kept = Arc::default();
        let store = Full {
            attempts,
            kept: Arc::clone(&kept),
        };
        (DeadLetters::new(PathBuf::from("test"), Box::new(store)), kept)
    }

    fn letter(text: &'static str) -> Letter {
        Letter::of_record("no id", Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test(start_paused = true)]
    async fn rule_9_a_full_disk_blocks_and_drops_nothing() {
        let (letters, kept) = full_for(5);
        letters.keep(&[letter("1"), letter("2")]).await;
        let kept = String::from_utf8(lock(&kept).clone()).unwrap();
        assert_eq!(
            kept,
            "{\"reason\":\"no id\",\"record\":1}\n{\"reason\":\"no id\",\"record\":2}\n"
        );
    }

    #[tokio::test]
    async fn rule_9_a_device_without_room_is_a_full_disk() {
        let letters = DeadLetters::open(&Config::new(PathBuf::from("/dev/full"))).unwrap();
        let error = letters.try_keep(&[letter("1")]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn rule_9_letters_of_many_are_all_kept_over_rotations() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead-letter.ndjson");
        std::fs::write(&path, "{\"reason\":\"old\",\"record\":0}\n{\"rea").unwrap();
        let config = Config {
            max_bytes: 400,
            ..Config::new(path)
        };
        let letters = DeadLetters::open(&config).unwrap();
        assert_eq!(letters.size_bytes(), 28);
        let all = (0..50).map(|_| {
            let letters = letters.clone();
            tokio::spawn(async move { letters.keep(&[letter("1"), letter("2")]).await })
        });
        for kept in all.collect::<Vec<_>>() {
            kept.await.unwrap();
        }
        let files = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        let files: Vec<String> = files.collect();
        let lines: Vec<Letter> = files
            .iter()
            .flat_map(|text| text.lines())
            .map(|line| read(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 101);
        assert!(
            DeadLetters::open(&config)
                .unwrap_err()
                .to_string()
                .contains("another process has it open")
        );
    }
}
