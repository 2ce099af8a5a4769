//! What is behind a file descriptor: a pipe to enlarge, or a file that another one is too.

use std::fs::Metadata;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{FileType, fstat};

const PIPE_BYTES: usize = 1 << 20;

/// Enlarges a pipe beyond the system's default of 64 KiB, so that its two ends seldom wait for each other; does nothing to what is none, or where the system refuses.
#[cfg(target_os = "linux")]
pub fn enlarge(fd: &impl AsFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(fd, PIPE_BYTES);
}

/// Only Linux can enlarge a pipe.
#[cfg(not(target_os = "linux"))]
pub fn enlarge(_: &impl AsFd) {
    let _ = PIPE_BYTES;
}

/// Whether what is open is this regular file.
pub fn is_file(fd: &impl AsFd, file: &Metadata) -> bool {
    fstat(fd).is_ok_and(|open| {
        FileType::from_raw_mode(open.st_mode) == FileType::RegularFile
            && (open.st_dev, open.st_ino) == (file.dev(), file.ino())
    })
}
