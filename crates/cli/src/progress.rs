//! How far the reading is, for a person at a terminal.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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
                "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
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
