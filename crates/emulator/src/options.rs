//! What an emulator is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;

use crate::quirks::Quirks;

/// What an emulator is started with.
#[derive(Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Rows of each stream that exist at the start.
    pub records: u64,
    /// So long before the start the first of them was made; they are spread evenly. Pipeline rows older than 90 days are not served.
    pub history: Duration,
    /// Rows, their times and all faults follow from it.
    pub seed: u64,
    /// Live rows a minute, on each stream.
    pub rate: f64,
    /// The most rows on a page.
    pub page_size: usize,
    /// How much a client may ask; `None` lets it ask as it likes.
    pub limits: Option<Limits>,
    /// The key that clients must send.
    pub key: String,
    /// The token that clients must send.
    pub token: String,
    /// Deviations from the plain API.
    pub quirks: Quirks,
    /// So many times faster the limits' windows pass and live rows arrive. Delays that [`Quirks`] name stay as they are.
    pub time_scale: f64,
    /// What the clock shows at the start, for rows that are the same on every day; `None` takes the machine's clock.
    pub start: Option<Timestamp>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            records: 1_000,
            history: Duration::from_secs(30 * 24 * 60 * 60),
            seed: 0,
            rate: 0.0,
            page_size: 50,
            limits: Some(Limits::default()),
            key: "d538b946-9d55-405a-9bd2-72d74b1cb8f5".to_owned(),
            token: "4f1c9a7be02d48c6b3955de871fa60c2d7e4138b09a65f2c".to_owned(),
            quirks: Quirks::default(),
            time_scale: 1.0,
            start: None,
        }
    }
}

/// How much a client may ask, on both endpoints together. Refused requests do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// So many requests in any [`window`](Limits::window).
    pub requests: usize,
    /// How long a request counts.
    pub window: Duration,
    /// The least time between two requests.
    pub min_interval: Duration,
}

impl Default for Limits {
    /// Those that Kondado documents.
    fn default() -> Limits {
        Limits {
            requests: 20,
            window: Duration::from_secs(60),
            min_interval: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// The same limits where time passes so many times faster.
    pub(crate) fn scaled(self, scale: f64) -> Limits {
        let scaled = |time: Duration| Duration::try_from_secs_f64(time.as_secs_f64() / scale).unwrap_or(time);
        Limits {
            requests: self.requests,
            window: scaled(self.window),
            min_interval: scaled(self.min_interval),
        }
    }
}
