//! The file that is being written.

use std::io::{self, Read as _};
use std::path::Path;
use std::time::SystemTime;

use tracing::warn;

use super::at;
use super::files::{Files, Reading};
use super::mark::Head;
use super::names::Names;

/// So much at the end of a file is searched for NUL bytes, and an unended line of this length is none of ours.
const TAIL: u64 = 64 * 1024 * 1024;
const REWRITTEN: u64 = 16 * 1024 * 1024;
const BLOCK: usize = 256 * 1024;

/// An open file, locked, that ends with a whole line up to `acknowledged`.
pub(super) struct Open<T> {
    file: T,
    pub(super) inode: u64,
    /// What is known to be on the disk; every byte of it belongs to a whole line.
    pub(super) acknowledged: u64,
    /// How that begins.
    pub(super) head: Head,
    pub(super) born: SystemTime,
    /// Devices and pipes are written to and nothing else.
    pub(super) is_regular: bool,
    /// Something may stand behind `acknowledged`.
    is_torn: bool,
}

impl<T> Open<T> {
    pub(super) fn new<F: Files<File = T>>(files: &F, names: &Names, now: SystemTime) -> io::Result<Open<T>> {
        let path = names.path();
        let file = files.open(path).map_err(|error| at("cannot open", path, error))?;
        let stat = files.stat(&file)?;
        let mut open = Open {
            file,
            inode: stat.inode,
            acknowledged: 0,
            head: Head::of(io::empty())?,
            born: now,
            is_regular: stat.is_regular,
            is_torn: false,
        };
        if !open.is_regular {
            return Ok(open);
        }
        if !files.lock(&open.file)? {
            let error = io::Error::new(io::ErrorKind::ResourceBusy, "another process has it open for writing");
            return Err(at("cannot write to", path, error));
        }
        // Whoever had the lock before may have renamed the file, or have written to it.
        if files.stat_path(path)?.map(|stat| stat.inode) != Some(open.inode) {
            let error = io::Error::other("it was replaced in the same moment");
            return Err(at("cannot open", path, error));
        }
        let stat = files.stat(&open.file)?;
        open.acknowledged = sound_len(files, &open.file, stat.len).map_err(|error| at("cannot repair", path, error))?;
        if open.acknowledged < stat.len {
            let torn = stat.len - open.acknowledged;
            warn!(path = %path.display(), bytes = torn, "the file ended with a torn line, which was never acknowledged; it is cut off");
            files.cut(&open.file, open.acknowledged)?;
        }
        if open.acknowledged > 0 {
            open.head = Head::of(Reading::new(files, &open.file).take(open.acknowledged))?;
            open.born = stat.born.unwrap_or(now);
        }
        // What stands in the file is not necessarily on the disk, nor the file's name in the folder. After a sync that failed, only what
        // is written anew gets there.
        rewrite_end(files, &open.file, path, open.acknowledged)?;
        files.sync(&open.file)?;
        files.sync_folder(names.folder())?;
        Ok(open)
    }

    pub(super) fn append<F: Files<File = T>>(&mut self, files: &F, lines: &[u8]) -> io::Result<()> {
        self.mend(files)?;
        self.is_torn = self.is_regular;
        let written = write_all(files, &self.file, lines).and_then(|()| match files.sync(&self.file) {
            // A device or a pipe has nothing to sync.
            Err(_) if !self.is_regular => Ok(()),
            result => result,
        });
        match written {
            Ok(()) => {
                self.is_torn = false;
                self.acknowledged += lines.len() as u64;
                self.head.grow(lines);
                Ok(())
            }
            Err(error) => {
                // If this fails too, it is done before the next lines.
                let _ = self.mend(files);
                Err(error)
            }
        }
    }

    /// Cuts off what was written without being acknowledged.
    ///
    /// After a failed fsync this matters as well: the system takes the pages for written, and only pages that are written anew get to
    /// the disk with the next fsync. The cut itself must be on the disk too, or a closed file could get its torn line back.
    pub(super) fn mend<F: Files<File = T>>(&mut self, files: &F) -> io::Result<()> {
        if self.is_torn {
            files.cut(&self.file, self.acknowledged)?;
            files.sync(&self.file)?;
            self.is_torn = false;
        }
        Ok(())
    }
}

fn write_all<F: Files>(files: &F, file: &F::File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match files.write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes the end of the file in place with what it is: more than a batch that was not acknowledged.
fn rewrite_end<F: Files>(files: &F, file: &F::File, path: &Path, len: u64) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut at = len.saturating_sub(REWRITTEN);
    while at < len {
        let read = read_some(files, file, &mut block, at, len)?;
        files.rewrite(path, read, at)?;
        at += read.len() as u64;
    }
    Ok(())
}

/// How long the file is up to the end of its last whole line. A NUL byte, which is in no line of ours, is what a power failure leaves
/// of a block that did not get to the disk.
fn sound_len<F: Files>(files: &F, file: &F::File, len: u64) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    let (mut end, mut at) = (len, len.saturating_sub(TAIL));
    while at < end {
        let read = read_some(files, file, &mut block, at, end)?;
        if let Some(nul) = read.iter().position(|&byte| byte == 0) {
            end = at + nul as u64;
        }
        at += read.len() as u64;
    }
    let mut upper = end;
    while upper > 0 {
        let lower = upper.saturating_sub(BLOCK as u64);
        let read = read_some(files, file, &mut block, lower, upper)?;
        if let Some(newline) = read.iter().rposition(|&byte| byte == b'\n') {
            return Ok(lower + newline as u64 + 1);
        }
        if lower == 0 && !matches!(read.first(), Some(0 | b'{')) || end - lower > TAIL {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it holds no lines of JSON objects; name another file",
            ));
        }
        upper = lower;
    }
    Ok(0)
}

/// Fills the block with the bytes from `from` up to `to`, or as many as it takes.
fn read_some<'a, F: Files>(files: &F, file: &F::File, block: &'a mut [u8], from: u64, to: u64) -> io::Result<&'a [u8]> {
    let wanted = usize::try_from(to - from).map_or(block.len(), |wanted| wanted.min(block.len()));
    let mut filled = 0;
    while filled < wanted {
        match files.read_at(file, &mut block[filled..wanted], from + filled as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(&block[..wanted])
}
