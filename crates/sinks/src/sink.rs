//! What a sink is: it takes a batch and says of each event what became of it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::batch::Limits;
use crate::event::Event;

/// What becomes of a batch, later.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Whether it went well, later.
pub type Trying<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Where events go. Batching, retries, order and dead letters are the same for all sinks and are not a sink's business.
pub trait Sink: Send + Sync + 'static {
    /// What it takes at once.
    fn limits(&self) -> Limits {
        Limits::NONE
    }

    /// How many bytes of a batch an event takes.
    fn size(&self, event: &Event) -> usize {
        // With the line end.
        event.text.len() + 1
    }

    /// Why an event must not be sent at all, if so: it becomes a dead letter with this reason. `now` is in milliseconds since 1970.
    fn refuses(&self, _event: &Event, _now: i64) -> Option<String> {
        None
    }

    /// Before when an event must not be sent, if so, and why: it waits, and holds up its key. One that would wait for more than an hour becomes a
    /// dead letter.
    fn not_before(&self, _event: &Event) -> Option<NotBefore> {
        None
    }

    /// Sends a batch once. It must say [`Verdict::Delivered`] only of what the service has promised to keep: an answer read in full, a delivery report, an fsync.
    ///
    /// Dropping the future must leave nothing half done that a later call does not mend.
    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a>;

    /// Whether what it needs is there, for `logferry check --connect`. Sends no event.
    fn probe(&self) -> Trying<'_>;

    /// Called once, after the last batch.
    fn close(&self) -> Trying<'_> {
        Box::pin(async { Ok(()) })
    }
}

/// When an event may be sent, and why not sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBefore {
    /// In milliseconds since 1970.
    pub millis: i64,
    /// How far ahead of its clock the service takes events, and whose limit it is.
    pub limit: (Duration, &'static str),
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The sink keeps every event.
    Delivered,
    /// None of it is known to be kept; another attempt may succeed.
    Retry(Later),
    /// The batch cannot be taken as it is, because it is too large or because of something in it: it goes in parts, and a single event becomes
    /// a dead letter.
    Divide(Parts, String),
    /// Each event by itself, in the order of the batch.
    Each(Vec<Fate>),
    /// Nothing can be sent until a person mends something, such as a key that is refused. Everything is kept, and tried again from time to
    /// time.
    Stop(String),
    /// The reader of the output is gone, and the program is to end.
    Closed,
}

/// How a batch is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// Into halves, because of something in it.
    Halves,
    /// Into halves, because it is too large: the next ones are smaller from the beginning.
    Smaller,
    /// Each event alone.
    Singles,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The sink keeps it.
    Delivered,
    /// Another attempt may succeed.
    Retry(Later),
    /// The service did not look at it, because of another event of the batch: it goes again at once, and no attempt is counted.
    Untried,
    /// The service refuses it for good, in these words.
    Rejected(String),
}

/// Why and when to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// Why, for a person.
    pub reason: String,
    /// How long the service asked to wait.
    pub after: Option<Duration>,
}
