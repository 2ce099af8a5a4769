//! The delivery to one sink: batches, order, retries, dead letters and acknowledgements.
//!
//! Units come in without waiting, into a buffer bounded by bytes. An engine of its own forms batches, gives them to the sink and follows
//! each event to its end: delivered, kept as a dead letter, or given up when the delivery stops.
//!
//! Order: the events of a key form a lane. A lane has one request under way, and what is to be tried again stands at its head.

mod engine;
mod queue;
mod report;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use report::{GivenUp, Origin, Report, Retrying, Settled};

use crate::dead_letter::DeadLetters;
use crate::event::Unit;
use crate::sink::Sink;
use crate::{batch, retry};
use engine::Engine;

/// How many bytes wait for a sink at most, if nothing else is set. The units of one page more may be taken.
pub const BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// The delivery to one sink. Dropping it is the same as [`Delivery::abort`].
pub struct Delivery {
    shared: Arc<Shared>,
    engine: Mutex<Option<JoinHandle<Drained>>>,
}

/// A unit that was not taken: the delivery is being drained, or its reader is gone.
#[derive(Debug)]
pub struct Refused(pub Unit);

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drained {
    /// What was not acknowledged.
    pub given_up: GivenUp,
    /// What the sink said when it was closed.
    pub closed: Result<(), String>,
}

/// What the handle and the engine share.
struct Shared {
    inbox: Mutex<Inbox>,
    buffer_bytes: usize,
    /// There is something for the engine.
    work: Notify,
    /// There is room again, or the state changed.
    room: Notify,
}

#[derive(Default)]
struct Inbox {
    units: VecDeque<Unit>,
    /// Of the units here and of those that the engine has.
    bytes: usize,
    state: State,
    /// Nothing more comes, so that no batch waits for more.
    is_complete: bool,
    /// The delivery is to end, with all that can be delivered until then.
    drain: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Closed,
}

impl Inbox {
    fn accepts(&self) -> bool {
        self.state == State::Open && self.drain.is_none()
    }
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delivery {
    /// Starts to deliver to a sink. `buffer_bytes` bounds what waits; [`BUFFER_BYTES`] is a good bound.
    ///
    /// It must be called within a tokio runtime.
    pub fn start(
        name: &str,
        sink: Arc<dyn Sink>,
        batch: batch::Settings,
        retry: retry::Settings,
        letters: DeadLetters,
        buffer_bytes: usize,
        report: Arc<dyn Report>,
    ) -> Delivery {
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            buffer_bytes: buffer_bytes.max(1),
            work: Notify::new(),
            room: Notify::new(),
        });
        let engine = Engine::new(name.into(), sink, batch, retry, letters, report, Arc::clone(&shared));
        Delivery {
            shared,
            engine: Mutex::new(Some(tokio::spawn(engine.run()))),
        }
    }

    /// Takes a unit, without waiting. It is the caller who asks [`Delivery::has_room`] before: what comes at once, such as the units of a
    /// page, is taken whole, so that what waits exceeds its bound by that much at most.
    ///
    /// The reports of it come later and from elsewhere. Whoever counts under a lock may call this under the same lock.
    ///
    /// # Errors
    ///
    /// [`Refused`] gives it back.
    pub fn push(&self, unit: Unit) -> Result<(), Refused> {
        let mut inbox = self.shared.inbox();
        if !inbox.accepts() {
            return Err(Refused(unit));
        }
        inbox.bytes += unit.bytes();
        inbox.units.push_back(unit);
        drop(inbox);
        self.shared.work.notify_one();
        Ok(())
    }

    /// Whether what waits is below its bound.
    pub fn has_room(&self) -> bool {
        let inbox = self.shared.inbox();
        inbox.accepts() && inbox.bytes < self.shared.buffer_bytes
    }

    /// Waits until what waits is below half of the bound. It waits for ever once the delivery is being drained.
    pub async fn room(&self) {
        loop {
            let changed = self.shared.room.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let inbox = self.shared.inbox();
                if inbox.accepts() && inbox.bytes <= self.shared.buffer_bytes / 2 {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Says that nothing more comes: no batch waits for more events.
    pub fn complete(&self) {
        self.shared.inbox().is_complete = true;
        self.shared.work.notify_one();
    }

    /// Takes nothing more, delivers what waits, and closes the sink; at the deadline it gives up what is left, which is not acknowledged.
    pub async fn drain(&self, deadline: Instant) -> Drained {
        self.shared.inbox().drain = Some(deadline);
        self.shared.work.notify_one();
        let engine = self.take_engine();
        let ended = match engine {
            Some(engine) => engine.await.map_err(|error| error.to_string()),
            None => Err("the delivery had ended before".to_owned()),
        };
        ended.unwrap_or_else(|error| Drained {
            given_up: GivenUp::default(),
            closed: Err(error),
        })
    }

    /// Ends at once, without closing the sink. Nothing is reported after this returns, save what is being reported in this moment.
    pub fn abort(&self) {
        self.shared.inbox().state = State::Closed;
        if let Some(engine) = self.take_engine() {
            engine.abort();
        }
    }

    fn take_engine(&self) -> Option<JoinHandle<Drained>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.abort();
    }
}
