//! Pipes that hold more than the system's default of 64 KiB, so that their two ends seldom wait for each other.

use std::os::fd::AsFd;

const PIPE_BYTES: usize = 1 << 20;

/// Enlarges a pipe; does nothing to what is none, or where the system refuses.
#[cfg(target_os = "linux")]
pub fn enlarge(fd: &impl AsFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(fd, PIPE_BYTES);
}

/// Only Linux can enlarge a pipe.
#[cfg(not(target_os = "linux"))]
pub fn enlarge(_: &impl AsFd) {
    let _ = PIPE_BYTES;
}
