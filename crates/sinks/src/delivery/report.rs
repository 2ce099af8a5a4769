//! What a delivery says of its course.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::event::Ticket;

/// Told what becomes of events. The calls must be cheap; none is made under a lock of the delivery's.
///
/// Every event that was taken ends in exactly one of [`Report::settled`], [`Report::closed`] and what
/// [`Delivery::drain`](super::Delivery::drain) returns; until then it is in flight. All that changes in one moment comes in one call.
pub trait Report: Send + Sync + 'static {
    /// Events are delivered, or kept as dead letters.
    fn settled(&self, settled: &Settled<'_>);

    /// Something failed and is tried again later.
    fn retrying(&self, retrying: &Retrying<'_>);

    /// Nothing can be sent until a person mends something. What is in flight stays so, and is tried again from time to time; this is called
    /// each time.
    fn stopped(&self, reason: &str);

    /// The reader of the output is gone for good. What was in flight is given up.
    fn closed(&self, given_up: GivenUp);

    /// Where a record came from, for a dead letter.
    fn origin(&self, _ticket: Ticket) -> Origin {
        Origin::default()
    }
}

/// Events that have come to their end, all in one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled<'a> {
    /// How many events the sink keeps.
    pub delivered: usize,
    /// The bytes of their texts.
    pub bytes: usize,
    /// How many events are kept as dead letters.
    pub dead_lettered: usize,
    /// The records of which this was the last event: they are acknowledged.
    pub tickets: &'a [Ticket],
}

/// Events that were in flight and are not any more, without having been acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// How many events.
    pub events: usize,
    /// How many records with at least one of them, or with none at all.
    pub records: usize,
}

/// Something failed and is tried again later.
#[derive(Debug, Clone, Copy)]
pub struct Retrying<'a> {
    /// What failed.
    pub reason: &'a str,
    /// How many events wait for it.
    pub events: usize,
    /// How long.
    pub wait: Duration,
    /// Until when, by the clock on the wall.
    pub until: SystemTime,
}

/// Where a record came from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The source's name.
    pub source: Option<Arc<str>>,
    /// The stream's name.
    pub stream: Option<Arc<str>>,
}
