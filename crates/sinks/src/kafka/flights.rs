//! Which messages are under way, and the reports about them.
//!
//! Each message has a number, which goes through librdkafka and comes back with its report: nothing is allocated for a message. The messages
//! of a batch have numbers in a row.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::{Notify, oneshot};

/// A message that was not delivered: its place in the batch, and why.
pub(super) type Failure = (usize, RDKafkaErrorCode);

/// All batches under way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    inner: Mutex<Inner>,
    /// There may be room for more messages.
    room: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    next: usize,
    open: Vec<Open>,
    /// Somebody waits for room.
    is_awaited: bool,
}

#[derive(Debug)]
struct Open {
    first: usize,
    count: usize,
    /// Messages without a report.
    left: usize,
    failures: Vec<Failure>,
    landed: oneshot::Sender<Vec<Failure>>,
}

/// A batch under way. Dropping it ends the interest in its reports.
pub(super) struct Flight<'f> {
    flights: &'f Flights,
    first: usize,
    landed: oneshot::Receiver<Vec<Failure>>,
}

impl Flights {
    /// Begins a batch of so many messages, at least one.
    pub(super) fn begin(&self, count: usize) -> Flight<'_> {
        let (sender, landed) = oneshot::channel();
        let mut inner = self.inner();
        let first = inner.next;
        // Numbers may come round: those before are long reported.
        inner.next = first.wrapping_add(count);
        inner.open.push(Open {
            first,
            count,
            left: count,
            failures: Vec::new(),
            landed: sender,
        });
        Flight {
            flights: self,
            first,
            landed,
        }
    }

    /// Takes the report about a message.
    pub(super) fn report(&self, number: usize, failure: Option<RDKafkaErrorCode>) {
        let mut inner = self.inner();
        let found = inner.open.iter_mut().enumerate().find_map(|(at, open)| {
            let index = number.wrapping_sub(open.first);
            (index < open.count).then_some((at, index, open))
        });
        if let Some((at, index, open)) = found {
            open.left = open.left.saturating_sub(1);
            open.failures.extend(failure.map(|failure| (index, failure)));
            if open.left == 0 {
                let Open { failures, landed, .. } = inner.open.swap_remove(at);
                // Nobody may wait for it any more.
                let _ = landed.send(failures);
            }
        }
        if std::mem::take(&mut inner.is_awaited) {
            drop(inner);
            self.room.notify_waiters();
        }
    }

    /// Tries until there is room for a message, or until it was in vain all along.
    pub(super) async fn when_there_is_room<T>(&self, mut attempt: impl FnMut() -> Option<T>) -> T {
        loop {
            let report = self.room.notified();
            tokio::pin!(report);
            // From here on no report is missed.
            report.as_mut().enable();
            self.inner().is_awaited = true;
            if let Some(done) = attempt() {
                return done;
            }
            report.await;
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight<'_> {
    /// The number of a message.
    pub(super) fn number(&self, index: usize) -> usize {
        self.first.wrapping_add(index)
    }

    /// How many messages have no report yet.
    pub(super) fn left(&self) -> usize {
        let inner = self.flights.inner();
        let open = inner.open.iter().find(|open| open.first == self.first);
        open.map_or(0, |open| open.left)
    }

    /// Waits for all reports; gives the failures in the order of the batch. It can be called again when it is dropped.
    pub(super) async fn landed(&mut self) -> Vec<Failure> {
        // The sender is kept until the last report.
        let mut failures = (&mut self.landed).await.unwrap_or_default();
        failures.sort_unstable_by_key(|(index, _)| *index);
        failures
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flights.inner().open.retain(|open| open.first != self.first);
    }
}
