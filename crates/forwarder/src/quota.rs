//! The quotas of keys, and what the state folder keeps of them: the API remembers the requests of a process that has ended.
//!
//! `requests/<source>` has the times of the answers that count, in milliseconds since 1970, a line each. It is written before each request, and
//! that one is taken to have been answered when the file is read. A lost or damaged file costs no more than being throttled.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logferry_kondado::limiter::Limiter;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::{Config, Kondado, Source};
use crate::feed::Millis;

/// No quota counts more requests.
const MOST_BYTES: u64 = 1 << 20;

/// The quotas of all keys. They outlive a run, because the API remembers requests too.
#[derive(Debug, Clone, Default)]
pub struct Limiters(Arc<Mutex<BTreeMap<(String, String), Limiter>>>);

/// What is known of requests before the start, and whether those to come are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    clock: Clock,
    is_held: bool,
}

impl Kept {
    /// By whoever holds the state folder.
    pub(crate) fn here(clock: &Clock) -> Kept {
        Kept {
            clock: *clock,
            is_held: true,
        }
    }

    /// By another process, if one is there: its requests are only looked at.
    pub(crate) fn by_another() -> Kept {
        Kept {
            clock: Clock::start(),
            is_held: false,
        }
    }
}

impl Limiters {
    /// The quota of a source's key; sources with the same key share it, the strictest of theirs.
    pub(crate) fn of(&self, config: &Config, kondado: &Kondado, kept: Kept) -> Limiter {
        let identity = |kondado: &Kondado| {
            let endpoint = kondado.endpoint.trim_end_matches('/').to_ascii_lowercase();
            (endpoint, kondado.key.expose().to_owned())
        };
        let sources = config.sources.iter().filter_map(|(name, source)| match source {
            Source::Kondado(other) if identity(other) == identity(kondado) => Some((name, &other.rate_limit)),
            _ => None,
        });
        let limits = sources.clone().map(|(_, limit)| limit);
        let requests = limits.clone().map(|limit| limit.requests_per_minute).min();
        let interval = limits.map(|limit| limit.min_interval_ms).max();
        let new = || {
            let limit = &kondado.rate_limit;
            let interval = Duration::from_millis(interval.unwrap_or(limit.min_interval_ms));
            let limiter = Limiter::new(requests.unwrap_or(limit.requests_per_minute), interval);
            if let (Some(state), Some((name, _))) = (&config.state, sources.clone().next()) {
                remember(&limiter, &state.dir.join("requests"), name, kept);
            }
            limiter
        };
        let mut limiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        limiters.entry(identity(kondado)).or_insert_with(new).clone()
    }
}

/// Counts the requests that were kept, and keeps those to come.
fn remember(limiter: &Limiter, folder: &Path, source: &str, Kept { clock, is_held }: Kept) {
    let path = folder.join(source);
    limiter.recall(ages(&path, clock.now()));
    if is_held {
        // A folder that cannot be made is said with the positions, and a write to it fails as this does.
        let _ = fs::create_dir_all(folder);
        limiter.keep(move |answered| {
            if let Err(error) = write(&path, answered, &clock) {
                tracing::debug!(path = %path.display(), %error, "the times of requests are not kept");
            }
        });
    }
}

/// How long ago the requests were answered; the last one not before now, because it was under way.
fn ages(path: &Path, now: Millis) -> Vec<Duration> {
    let small = |length: u64| length <= MOST_BYTES;
    let text = match fs::metadata(path) {
        Ok(metadata) if small(metadata.len()) => fs::read_to_string(path).unwrap_or_default(),
        _ => return Vec::new(),
    };
    let times = text.lines().filter_map(|line| line.parse::<Millis>().ok());
    let ages = times.map(|time| Duration::from_millis(now.saturating_sub(time)));
    ages.chain([Duration::ZERO]).collect()
}

/// What is not synced outlives the process, if not the machine.
fn write(path: &PathBuf, answered: &VecDeque<Instant>, clock: &Clock) -> io::Result<()> {
    let text = answered.iter().fold(String::new(), |mut text, stamp| {
        let _ = writeln!(text, "{}", clock.at(*stamp));
        text
    });
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}
