//! Positions on disk.
//!
//! One file a position, under the state folder: `positions/<sink>/<source>.<stream>[.client_<id>].checkpoint`. `positions.json` lists the
//! positions that were ever written, so that one which is gone is noticed. `lock` keeps a second process out.
//!
//! A checkpoint is a line that names the format, a line of JSON, sixteen bytes for each id of the window, and a CRC-32 of all that. A file is
//! replaced as a whole: written beside, synced, renamed, and the folder synced. A damaged one is never taken for an empty one.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atomic_write_file::AtomicWriteFile;
use logferry_kondado::cursor::{Fingerprint, Kept, MOST_IDS, Snapshot};
use serde::{Deserialize, Serialize};

use crate::feed::Millis;

const MAGIC: &str = "logferry checkpoint 1\n";
const ID_BYTES: usize = 16;

/// Which position: of one source, stream, scope and sink.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The sink's name.
    pub sink: String,
    /// The source's name.
    pub source: String,
    /// `pipeline_logs` or `model_logs`; `file` for a file.
    pub stream: String,
    /// The account, where a source reads single ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<u64>,
}

impl Key {
    fn file_name(&self) -> String {
        match self.client_id {
            None => format!("{}.{}.checkpoint", self.source, self.stream),
            Some(client) => format!("{}.{}.client_{client}.checkpoint", self.source, self.stream),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key {
            sink,
            source,
            stream,
            client_id,
        } = self;
        write!(f, "source {source}, {stream}")?;
        if let Some(client) = client_id {
            write!(f, " of client {client}")?;
        }
        write!(f, ", sink {sink}")
    }
}

/// A stored position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which.
    pub key: Key,
    /// Up to where.
    pub place: Place,
    /// How far the sink's file goes, where the sink is one.
    pub written: Option<FilePlace>,
    /// When it was stored, in milliseconds since 1970.
    pub at: Millis,
}

/// Up to where a source has been delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a stream of Kondado's.
    Rows(Snapshot),
    /// In a file.
    File(FilePlace),
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePlace {
    /// Which file it is.
    pub inode: u64,
    /// How long it was: of a source's file when it was opened, of a sink's what was acknowledged.
    pub length: u64,
    /// How many of its records are done; 0 for a sink's file.
    #[serde(default)]
    pub records: u64,
    /// CRC-32 of how it begins; 0 for a sink's file where an earlier release stored it.
    #[serde(default)]
    pub head: u32,
}

/// Why the stored state cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses.
    #[error("{}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process uses it.
    #[error(
        "{}: another logferry{} uses this state folder. Two that share one would overwrite each other's positions: stop it, or give this one a [state] dir of its own",
        path.display(), holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The other's process id, if it is known.
        holder: Option<u32>,
    },
    /// The file does not hold what was written.
    #[error(
        "{}: the checkpoint is damaged ({what}). It is not replaced by itself: put back a copy of it, or choose where to go on with `logferry checkpoint set`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The list of positions does not hold what was written.
    #[error(
        "{}: the list of positions is damaged ({what}). Remove it: it is made anew from the checkpoints beside it",
        path.display()
    )]
    DamagedList {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It was written by another release.
    #[error("{}: the checkpoint has a format that this release does not know ({found:?}); use the release that wrote it, or a later one", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its first line.
        found: String,
    },
    /// It belongs to another position.
    #[error("{}: the checkpoint is that of another position ({found}): was the file copied or renamed?", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// It was there, and is not any more.
    #[error(
        "{}: the checkpoint of {key} was here and is gone. Put it back, or choose where to go on with `logferry checkpoint set`, or `reset` to begin anew",
        path.display()
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// Of what.
        key: Box<Key>,
    },
}

/// How a file is replaced. Tests put faults here.
pub trait Replace: fmt::Debug + Send + Sync {
    /// Replaces a file as a whole and for good.
    ///
    /// # Errors
    ///
    /// What the system says; the file then is the old or the new one.
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()>;
}

/// Writes beside, syncs, renames, and syncs the folder.
#[derive(Debug, Clone, Copy)]
pub struct Atomically;

impl Replace for Atomically {
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = AtomicWriteFile::open(path)?;
        file.write_all(content)?;
        file.commit()
    }
}

/// The state folder, held by this process.
pub struct Store {
    dir: PathBuf,
    known: BTreeSet<Key>,
    replace: Arc<dyn Replace>,
    _lock: File,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    version: u32,
    positions: BTreeSet<Key>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    key: Key,
    mapper: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows: Option<RowsHeader>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<FilePlace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written: Option<FilePlace>,
    at: Millis,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowsHeader {
    low_water: u64,
    low_water_created: Option<i64>,
    head: u64,
    ids: usize,
}

impl Store {
    /// Takes the folder, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// [`Error`] when another process has it, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Store, Error> {
        Store::open_with(dir, Arc::new(Atomically))
    }

    /// The same, with another way to replace files.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_with(dir: &Path, replace: Arc<dyn Replace>) -> Result<Store, Error> {
        let positions = dir.join("positions");
        fs::create_dir_all(&positions).map_err(at(&positions))?;
        let lock = take_lock(dir)?;
        sweep(dir);
        let known = Store::keys_in(dir)?;
        Ok(Store {
            dir: dir.to_owned(),
            known,
            replace,
            _lock: lock,
        })
    }

    /// Whether no position is stored here.
    pub fn is_new(&self) -> bool {
        self.known.is_empty()
    }

    /// The positions that were stored.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.known.iter()
    }

    /// The file of a position.
    pub fn path(&self, key: &Key) -> PathBuf {
        Store::path_in(&self.dir, key)
    }

    /// The file of a position in a state folder.
    pub fn path_in(dir: &Path, key: &Key) -> PathBuf {
        dir.join("positions").join(&key.sink).join(key.file_name())
    }

    /// The positions that were stored in a folder, which another process may have.
    ///
    /// # Errors
    ///
    /// [`Error`] when the list of them cannot be read.
    pub fn keys_in(dir: &Path) -> Result<BTreeSet<Key>, Error> {
        match read_known(&dir.join("positions.json"))? {
            Some(known) => Ok(known),
            None => found_in(&dir.join("positions")),
        }
    }

    /// Reads a position; `None` when there never was one.
    ///
    /// # Errors
    ///
    /// [`Error`] when it was there and is gone, damaged, of another format, or another's.
    pub fn load(&self, key: &Key) -> Result<Option<Checkpoint>, Error> {
        let path = self.path(key);
        match read(&path) {
            Ok(checkpoint) if checkpoint.key == *key => Ok(Some(checkpoint)),
            Ok(checkpoint) => Err(Error::Foreign {
                path,
                found: checkpoint.key.to_string(),
            }),
            Err(Error::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => match self.known.contains(key) {
                true => Err(Error::Gone {
                    path,
                    key: Box::new(key.clone()),
                }),
                false => Ok(None),
            },
            Err(error) => Err(error),
        }
    }

    /// Writes a position. When this returns it is on the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the stored position is then the former or this one.
    pub fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        self.save_all(std::slice::from_ref(checkpoint))
    }

    /// Writes positions. New ones become known together: after a crash all of them are there, or none was.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; each stored position is then the former or this one.
    pub fn save_all(&mut self, checkpoints: &[Checkpoint]) -> Result<(), Error> {
        for checkpoint in checkpoints {
            let path = self.path(&checkpoint.key);
            if let Some(dir) = path.parent()
                && !dir.is_dir()
            {
                fs::create_dir_all(dir).map_err(at(dir))?;
                let above = self.dir.join("positions");
                File::open(&above).and_then(|dir| dir.sync_all()).map_err(at(&above))?;
            }
            self.replace.replace(&path, &encode(checkpoint)).map_err(at(&path))?;
        }
        let is_known = |checkpoint: &Checkpoint| self.known.contains(&checkpoint.key);
        if checkpoints.iter().all(is_known) {
            return Ok(());
        }
        let mut known = self.known.clone();
        known.extend(checkpoints.iter().map(|checkpoint| checkpoint.key.clone()));
        self.save_known(known)
    }

    /// Forgets a position, as if it never was.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn forget(&mut self, key: &Key) -> Result<(), Error> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
            _ => {}
        }
        let mut known = self.known.clone();
        known.remove(key);
        self.save_known(known)
    }

    fn save_known(&mut self, known: BTreeSet<Key>) -> Result<(), Error> {
        let path = self.dir.join("positions.json");
        let text = serde_json::to_string_pretty(&Known {
            version: 1,
            positions: known.clone(),
        });
        let text = text.map_err(|error| at(&path)(error.into()))?;
        self.replace.replace(&path, text.as_bytes()).map_err(at(&path))?;
        self.known = known;
        Ok(())
    }
}

/// The positions of the checkpoints that are there.
fn found_in(positions: &Path) -> Result<BTreeSet<Key>, Error> {
    let entries = |dir: &Path| match fs::read_dir(dir) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(at(dir)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(at(dir)(error)),
    };
    let mut keys = BTreeSet::new();
    for sink in entries(positions)? {
        for file in entries(&sink.path())? {
            if file.path().extension().is_some_and(|end| end == "checkpoint") {
                keys.insert(read(&file.path())?.key);
            }
        }
    }
    Ok(keys)
}

/// Removes what a crash left of files that were being replaced.
fn sweep(dir: &Path) {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    let sinks = entries(&dir.join("positions")).map(|entry| entry.path());
    for folder in sinks.chain([dir.to_owned()]) {
        for entry in entries(&folder) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') && (name.contains(".checkpoint.") || name.contains("positions.json.")) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn read_known(path: &Path) -> Result<Option<BTreeSet<Key>>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(path)(error)),
    };
    let known: Known = serde_json::from_str(&text).map_err(|error| Error::DamagedList {
        path: path.to_owned(),
        what: error.to_string(),
    })?;
    match known.version {
        1 => Ok(Some(known.positions)),
        version => Err(Error::Format {
            path: path.to_owned(),
            found: version.to_string(),
        }),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::Io {
        path: path.clone(),
        error,
    }
}

fn take_lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let mut file = file.map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(Error::Locked {
                path: dir.to_owned(),
                holder: holder.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(at(&path))?;
    Ok(file)
}

fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut header = Header {
        key: checkpoint.key.clone(),
        mapper: logferry_mapper::VERSION,
        rows: None,
        file: None,
        written: checkpoint.written,
        at: checkpoint.at,
    };
    let mut window: &[Kept] = &[];
    match &checkpoint.place {
        Place::Rows(snapshot) => {
            window = &snapshot.window;
            header.rows = Some(RowsHeader {
                low_water: snapshot.low_water,
                low_water_created: snapshot.low_water_created,
                head: snapshot.head,
                ids: window.len(),
            });
        }
        Place::File(place) => header.file = Some(*place),
    }
    let mut out = Vec::with_capacity(512 + window.len() * ID_BYTES);
    out.extend_from_slice(MAGIC.as_bytes());
    // A struct of strings and numbers always can be written.
    out.extend_from_slice(serde_json::to_string(&header).unwrap_or_default().as_bytes());
    out.push(b'\n');
    for kept in window {
        out.extend_from_slice(&kept.id.to_le_bytes());
        out.extend_from_slice(&kept.first_seen.to_le_bytes());
        out.extend_from_slice(&kept.fingerprint.0.to_le_bytes());
    }
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// Reads a checkpoint file.
///
/// # Errors
///
/// [`Error`] when it cannot be read, is damaged or of another format.
pub fn read(path: &Path) -> Result<Checkpoint, Error> {
    let mut bytes = Vec::new();
    // The largest window and its header fit in this by far.
    let most = (MOST_IDS * ID_BYTES + (1 << 20)) as u64;
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(at(path))?;
    let damaged = |what: &str| Error::Damaged {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    if !bytes.starts_with(MAGIC.as_bytes()) {
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let first = String::from_utf8_lossy(&first[..first.len().min(40)]).into_owned();
        return Err(match first.starts_with("logferry checkpoint ") {
            true => Error::Format {
                path: path.to_owned(),
                found: first,
            },
            false => damaged("it does not begin as a checkpoint does"),
        });
    }
    let (content, crc) = bytes.split_last_chunk::<4>().ok_or_else(|| damaged("it is cut off"))?;
    if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
        return Err(damaged("its checksum does not fit"));
    }
    let rest = &content[MAGIC.len()..];
    let end = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(|| damaged("it is cut off"))?;
    let header = std::str::from_utf8(&rest[..end]).map_err(|_| damaged("its header is no text"))?;
    let header: Header = serde_json::from_str(header).map_err(|error| damaged(&error.to_string()))?;
    let ids = &rest[end + 1..];
    let place = match (header.rows, header.file) {
        (Some(rows), None) => {
            if ids.len() != rows.ids * ID_BYTES || rows.ids > MOST_IDS {
                return Err(damaged("its window has another size than it says"));
            }
            let kept = |bytes: &[u8; ID_BYTES]| {
                let [id @ .., _, _, _, _, _, _, _, _] = *bytes;
                let [_, _, _, _, _, _, _, _, first_seen @ .., _, _, _, _] = *bytes;
                let [_, _, _, _, _, _, _, _, _, _, _, _, fingerprint @ ..] = *bytes;
                let fingerprint = match header.mapper == logferry_mapper::VERSION {
                    true => Fingerprint(u32::from_le_bytes(fingerprint)),
                    // Another version writes canonical records otherwise.
                    false => Fingerprint::UNKNOWN,
                };
                Kept {
                    id: u64::from_le_bytes(id),
                    first_seen: u32::from_le_bytes(first_seen),
                    fingerprint,
                }
            };
            Place::Rows(Snapshot {
                low_water: rows.low_water,
                low_water_created: rows.low_water_created,
                head: rows.head,
                window: ids.as_chunks::<ID_BYTES>().0.iter().map(kept).collect(),
            })
        }
        (None, Some(file)) => Place::File(file),
        _ => return Err(damaged("it has no place")),
    };
    Ok(Checkpoint {
        key: header.key,
        place,
        written: header.written,
        at: header.at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sink: &str) -> Key {
        Key {
            sink: sink.to_owned(),
            source: "acme".to_owned(),
            stream: "pipeline_logs".to_owned(),
            client_id: None,
        }
    }

    fn checkpoint(ids: u64) -> Checkpoint {
        let kept = |id| Kept {
            id: 1000 + id,
            first_seen: 1_700_000_000,
            fingerprint: Fingerprint(7),
        };
        Checkpoint {
            key: key("lake"),
            place: Place::Rows(Snapshot {
                low_water: 1000,
                low_water_created: Some(-5),
                head: 1000 + ids,
                window: (1..=ids).map(kept).collect(),
            }),
            written: None,
            at: 1,
        }
    }

    #[test]
    fn rule_4_the_largest_window_is_stored_at_sixteen_bytes_an_id() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        let checkpoint = checkpoint(MOST_IDS as u64);
        store.save(&checkpoint).unwrap();
        assert_eq!(store.load(&checkpoint.key).unwrap(), Some(checkpoint.clone()));
        let size = fs::metadata(store.path(&checkpoint.key)).unwrap().len() as usize;
        assert!(size < MOST_IDS * ID_BYTES + 1000, "{size}");
    }

    #[test]
    fn a_second_process_is_kept_out() {
        let dir = tempfile::tempdir().unwrap();
        let _store = Store::open(dir.path()).unwrap();
        let Err(error) = Store::open(dir.path()) else {
            panic!("two have it")
        };
        assert!(error.to_string().contains("another logferry (process "), "{error}");
    }

    /// Every byte counts, and so does every byte that is missing.
    #[test]
    fn what_is_damaged_is_never_read_as_something_else() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        let checkpoint = checkpoint(3);
        store.save(&checkpoint).unwrap();
        let path = store.path(&checkpoint.key);
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fs::write(&path, &flipped).unwrap();
            store.load(&checkpoint.key).unwrap_err();
            fs::write(&path, &bytes[..at]).unwrap();
            store.load(&checkpoint.key).unwrap_err();
        }
    }

    #[test]
    fn rule_6_what_was_there_and_is_gone_or_foreign_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        assert!(store.is_new());
        store.save(&checkpoint(3)).unwrap();
        drop(store);
        let mut store = Store::open(dir.path()).unwrap();
        assert!(!store.is_new());
        assert_eq!(store.load(&key("other")).unwrap(), None);

        fs::create_dir_all(store.path(&key("other")).parent().unwrap()).unwrap();
        fs::copy(store.path(&key("lake")), store.path(&key("other"))).unwrap();
        assert!(matches!(store.load(&key("other")), Err(Error::Foreign { .. })));

        fs::remove_file(store.path(&key("lake"))).unwrap();
        assert!(matches!(store.load(&key("lake")), Err(Error::Gone { .. })));
        store.forget(&key("lake")).unwrap();
        assert_eq!(store.load(&key("lake")).unwrap(), None);
    }
}
