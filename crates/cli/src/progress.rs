//! How far the reading is, for a person at a terminal.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use std::sync::Arc;
use std::thread;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use logferry_forwarder::state::Shared;

/// A bar on stderr, if that is a terminal and stdout is not one too: there, output would tear it.
#[derive(Debug, Clone)]
pub struct Progress(ProgressBar);

impl Progress {
    /// The progress over files; `-` is stdin, of unknown size. What a gzip file grows to is not known either.
    pub fn over(files: &[PathBuf]) -> Progress {
        if !io::stderr().is_terminal() || io::stdout().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let is_plain = |file: &PathBuf| file.as_os_str() != "-" && file.extension().is_none_or(|end| end != "gz");
        let size = |file: &PathBuf| fs::metadata(file).ok().map(|data| data.len());
        let sizes: Option<Vec<u64>> = files.iter().map(|file| size(file).filter(|_| is_plain(file))).collect();
        let (bar, template) = match sizes {
            Some(sizes) => (
                ProgressBar::new(sizes.iter().sum()),
                "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            ),
            None => (ProgressBar::no_length(), "{spinner} {bytes}, {bytes_per_sec}"),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Progress(bar)
    }

    /// So many bytes more were read.
    pub fn advance(&self, bytes: usize) {
        self.0.inc(bytes as u64);
    }

    /// Does something that writes to stderr, without the bar.
    pub fn aside(&self, write: impl FnOnce()) {
        self.0.suspend(write);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// How far a run is: a line on stderr, if that is a terminal and no sink writes to it too.
#[derive(Debug)]
pub struct Rows(ProgressBar);

impl Rows {
    /// Shows a run until it is dropped.
    pub fn show(shared: Arc<Shared>, writes_stdout: bool) -> Option<Rows> {
        if !io::stderr().is_terminal() || writes_stdout && io::stdout().is_terminal() {
            return None;
        }
        let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template("{spinner} {wide_msg}").ok()?);
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        let shown = bar.clone();
        thread::spawn(move || {
            while !shown.is_finished() {
                let records: u64 = shared.lock().tracks.iter().map(|track| track.counts.received).sum();
                shown.set_position(records);
                shown.set_message(format!(
                    "{records} records, {:.0} a second{}",
                    shown.per_sec(),
                    left(&shared)
                ));
                thread::sleep(LOOK);
            }
        });
        Some(Rows(bar))
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The quota, and how far behind now the newest record is: nobody knows how many there are.
fn left(shared: &Shared) -> String {
    let state = shared.lock();
    let quota = state.sources.iter().find_map(logferry_forwarder::state::Source::quota);
    let quota = quota.map(|(used, quota)| format!(", {used} of {quota} requests a minute used"));
    let behind = state.tracks.iter().filter(|track| !track.seen.caught_up);
    let oldest = behind
        .filter_map(|track| u64::try_from(track.seen.newest_created?).ok())
        .min();
    let behind = oldest.map(|oldest| {
        let seconds = shared.clock.now().saturating_sub(oldest) / 1000;
        match seconds {
            0..120 => format!(", {seconds} s behind"),
            120..7200 => format!(", {} min behind", seconds / 60),
            7200..172_800 => format!(", {} h behind", seconds / 3600),
            _ => format!(", {} days behind", seconds / 86400),
        }
    });
    quota.unwrap_or_default() + &behind.unwrap_or_default()
}
