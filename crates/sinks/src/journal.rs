//! A file of lines that is only appended to, and whose lines are on the disk once they are acknowledged.
//!
//! Whatever fails, and whenever the process or the machine stops: every acknowledged line is in the file or in one of the closed
//! files, whole and in order, and no torn line stands between others. What was not acknowledged may stand there too, as whole lines.

mod closed;
#[cfg(test)]
mod disk;
mod files;
mod mark;
mod names;
mod open;
#[cfg(test)]
mod tests;

use std::io;
use std::time::{Duration, SystemTime};

use tracing::warn;

pub(crate) use closed::tend;
pub(crate) use files::{Files, System};
pub use mark::FileMark;
pub(crate) use mark::missing;
pub(crate) use names::Names;
use open::Open;

/// How a journal rotates.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rotation {
    /// Close the file before it grows beyond this.
    pub(crate) max_bytes: Option<u64>,
    /// Close the file when it is this old.
    pub(crate) interval: Option<Duration>,
}

/// The journal. Only one call at a time works on it.
pub(crate) struct Journal<F: Files> {
    files: F,
    names: Names,
    rotation: Rotation,
    open: Option<Open<F::File>>,
    has_closed: bool,
}

impl<F: Files> Journal<F> {
    /// Opens the file, or makes it; cuts off what a crash left of a line.
    pub(crate) fn open(files: F, names: Names, rotation: Rotation, now: SystemTime) -> io::Result<Journal<F>> {
        let open = Open::new(&files, &names, now)?;
        Ok(Journal {
            files,
            names,
            rotation,
            open: Some(open),
            has_closed: false,
        })
    }

    /// The file that is written now, and how much of it is acknowledged. `None` for what is no regular file.
    pub(crate) fn mark(&self) -> Option<FileMark> {
        let open = self.open.as_ref().filter(|open| open.is_regular)?;
        Some(FileMark {
            inode: open.inode,
            len: open.acknowledged,
            head: open.head.sum(),
        })
    }

    /// Whether a file has been closed since this was asked last.
    pub(crate) fn take_has_closed(&mut self) -> bool {
        std::mem::take(&mut self.has_closed)
    }

    /// Appends whole lines. When it returns, they are on the disk. After an error the same lines can be appended again.
    pub(crate) fn append(&mut self, lines: &[u8], now: SystemTime) -> io::Result<()> {
        self.leave_foreign()?;
        if self.is_due(lines.len() as u64, now) {
            self.rotate(now)?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Open::new(&self.files, &self.names, now)?),
        };
        open.append(&self.files, lines)
    }

    /// Lets go of a file that somebody moved, replaced or changed, so that it is opened anew.
    fn leave_foreign(&mut self) -> io::Result<()> {
        let Some(open) = self.open.as_mut().filter(|open| open.is_regular) else {
            return Ok(());
        };
        open.mend(&self.files)?;
        let path = self.names.path();
        let found = match self.files.stat_path(path)? {
            None => "was removed or renamed",
            Some(stat) if stat.inode != open.inode => "was replaced",
            Some(stat) if stat.len < open.acknowledged => "was cut",
            Some(stat) if stat.len > open.acknowledged => "was written to by somebody else",
            Some(_) => return Ok(()),
        };
        warn!(path = %path.display(), "the file {found} while it was open; it is opened anew");
        self.open = None;
        Ok(())
    }

    fn is_due(&self, more: u64, now: SystemTime) -> bool {
        let Some(open) = self
            .open
            .as_ref()
            .filter(|open| open.is_regular && open.acknowledged > 0)
        else {
            return false;
        };
        let is_full = |most| open.acknowledged.saturating_add(more) > most;
        let age = now.duration_since(open.born).unwrap_or_default();
        self.rotation.max_bytes.is_some_and(is_full) || self.rotation.interval.is_some_and(|interval| age >= interval)
    }

    /// Closes the file under another name. All that it holds is on the disk already.
    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        let closed = self.names.free(&self.files, now)?;
        self.files
            .rename(self.names.path(), &closed)
            .map_err(|error| at("cannot rename the file to", &closed, error))?;
        // The lock goes with the file; the new one has its own.
        self.open = None;
        self.has_closed = true;
        self.files.sync_folder(self.names.folder())
    }
}

/// The error, with what was done to which file.
pub(crate) fn at(what: &str, path: &std::path::Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {}: {error}", path.display()))
}
