//! The few operations on files that a journal needs, behind a trait, so that tests can fail each of them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::SystemTime;

use tracing::warn;

/// What is known of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stat {
    pub(crate) inode: u64,
    pub(crate) len: u64,
    pub(crate) born: Option<SystemTime>,
    pub(crate) is_regular: bool,
}

/// A file system.
pub(crate) trait Files: Clone + Send + Sync + 'static {
    /// An open file.
    type File: Send;

    /// Opens a file for reading and appending; makes it if there is none.
    fn open(&self, path: &Path) -> io::Result<Self::File>;
    /// Opens a file that exists for reading.
    fn open_to_read(&self, path: &Path) -> io::Result<Self::File>;
    /// Makes a file that must not exist.
    fn create(&self, path: &Path) -> io::Result<Self::File>;
    fn stat(&self, file: &Self::File) -> io::Result<Stat>;
    /// `None` when there is no such file.
    fn stat_path(&self, path: &Path) -> io::Result<Option<Stat>>;
    /// Keeps other processes from writing. False if one does.
    fn lock(&self, file: &Self::File) -> io::Result<bool>;
    fn read_at(&self, file: &Self::File, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Appends some of the bytes, and says how many.
    fn write(&self, file: &Self::File, bytes: &[u8]) -> io::Result<usize>;
    /// Writes in place.
    fn rewrite(&self, path: &Path, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn cut(&self, file: &Self::File, len: u64) -> io::Result<()>;
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// After this, the names in the folder are on the disk.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
}

/// The file system of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct System;

impl Files for System {
    type File = File;

    fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).append(true).create(true).open(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).create_new(true).open(path)
    }

    fn stat(&self, file: &File) -> io::Result<Stat> {
        file.metadata().map(|metadata| stat(&metadata))
    }

    fn stat_path(&self, path: &Path) -> io::Result<Option<Stat>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(stat(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn lock(&self, file: &File) -> io::Result<bool> {
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                warn!("the file system has no locks; see to it that no other process writes the file");
                Ok(true)
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn read_at(&self, file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(file, into, offset)
    }

    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut file, bytes)
    }

    fn rewrite(&self, path: &Path, bytes: &[u8], offset: u64) -> io::Result<()> {
        // A file that is open for appending takes nothing elsewhere.
        OpenOptions::new().write(true).open(path)?.write_all_at(bytes, offset)
    }

    fn cut(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            // A name that is no text is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }
}

fn stat(metadata: &fs::Metadata) -> Stat {
    Stat {
        inode: metadata.ino(),
        len: metadata.len(),
        born: metadata.created().or_else(|_| metadata.modified()).ok(),
        is_regular: metadata.is_file(),
    }
}

/// Reads a file from its beginning.
pub(super) struct Reading<'a, F: Files> {
    files: &'a F,
    file: &'a F::File,
    offset: u64,
}

impl<'a, F: Files> Reading<'a, F> {
    pub(super) fn new(files: &'a F, file: &'a F::File) -> Self {
        Reading { files, file, offset: 0 }
    }
}

impl<F: Files> Read for Reading<'_, F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.files.read_at(self.file, into, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
