//! The engine of a delivery: it owns the queue, and is told by the sink what became of each batch.

mod answers;
mod concurrency;
mod size;
mod sorting;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{error, info, warn};

use super::queue::{Batch, Complete, Piece, Queue, Tag};
use super::report::{GivenUp, Report, Settled};
use super::{Drained, Inbox, Shared, State};
use crate::dead_letter::{DeadLetters, Letter};
use crate::sink::{Sink, Verdict};
use crate::{batch, retry};
use concurrency::Concurrency;
use size::Size;

pub(super) struct Engine {
    name: Arc<str>,
    sink: Arc<dyn Sink>,
    size: Size,
    retry: retry::Settings,
    concurrency: Concurrency,
    letters: DeadLetters,
    report: Arc<dyn Report>,
    shared: Arc<Shared>,
    queue: Queue,
    tasks: JoinSet<Done>,
    under_way: Vec<(Id, Job)>,
    /// Failures of whole batches, one after the other.
    failures: u32,
    /// Batches of which something was delivered.
    deliveries: u64,
    /// Counts the waits. Batches that failed before the same wait are one failure.
    round: u64,
    /// Nothing is sent before.
    gate: Option<Instant>,
}

/// What a task works on. A task is a request under way, or letters on their way to the disk: until they are there, they are in its place.
enum Job {
    Batch { batch: Batch, round: u64 },
    Letters { refused: Vec<(Piece, String)> },
}

enum Done {
    Answered(Verdict),
    Kept,
}

/// Nothing can be sent any more: the reader of the output is gone.
struct ReaderGone;

/// How long a defect of ours is left alone.
const A_WHILE: Duration = Duration::from_secs(1);

const PANICKED: &str = "a defect: the sink's task panicked";

impl Engine {
    pub(super) fn new(
        name: Arc<str>,
        sink: Arc<dyn Sink>,
        batch: batch::Settings,
        retry: retry::Settings,
        letters: DeadLetters,
        report: Arc<dyn Report>,
        shared: Arc<Shared>,
    ) -> Engine {
        let limits = sink.limits();
        let concurrency = retry.concurrency.unwrap_or(limits.usual.concurrency);
        Engine {
            name,
            sink,
            size: Size::within(batch.within(&limits)),
            retry,
            concurrency: Concurrency::up_to(concurrency),
            letters,
            report,
            shared,
            queue: Queue::new(concurrency.get() > 1),
            tasks: JoinSet::new(),
            under_way: Vec::new(),
            failures: 0,
            deliveries: 0,
            round: 0,
            gate: None,
        }
    }

    /// Works until the delivery is drained.
    pub(super) async fn run(mut self) -> Drained {
        let shared = Arc::clone(&self.shared);
        let deadline = loop {
            let now = Instant::now();
            let (drain, is_complete, state) = self.take_in(now);
            self.queue.wake(now);
            self.gate = self.gate.filter(|gate| *gate > now);
            if let Some(deadline) = drain
                && (now >= deadline || self.queue.is_settled() || state != State::Open)
            {
                break deadline;
            }
            self.start_batches(now, is_complete || drain.is_some());
            let due = self.next_due().into_iter().chain(drain).min();
            tokio::select! {
                Some(joined) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.joined(joined).await,
                () = shared.work.notified() => {}
                () = sleep_until(due.unwrap_or(now)), if due.is_some() => {}
            }
        };
        self.end(deadline).await
    }

    /// Takes over what was pushed.
    fn take_in(&mut self, now: Instant) -> (Option<Instant>, bool, State) {
        let (units, ending) = {
            let mut inbox = self.shared.inbox();
            let ending = (inbox.drain, inbox.is_complete, inbox.state);
            (std::mem::take(&mut inbox.units), ending)
        };
        let size = |event: &_| self.sink.size(event);
        let complete: Vec<Complete> = units
            .into_iter()
            .filter_map(|unit| self.queue.push(unit, now, &size))
            .collect();
        if !complete.is_empty() {
            self.settled(Settled::default(), &complete);
        }
        ending
    }

    fn has_slot(&self) -> bool {
        self.gate.is_none() && self.tasks.len() < self.concurrency.now()
    }

    fn start_batches(&mut self, now: Instant, is_complete: bool) {
        while self.has_slot()
            && let Some(batch) = self
                .queue
                .batch(&self.size.now(), now, is_complete, &|event| self.sink.size(event))
        {
            let Some(batch) = self.sort_out(batch) else { continue };
            let (sink, events) = (Arc::clone(&self.sink), Arc::clone(&batch.events));
            let task = self
                .tasks
                .spawn(async move { Done::Answered(sink.send(&events).await) });
            let round = self.round;
            self.under_way.push((task.id(), Job::Batch { batch, round }));
        }
    }

    /// When there will be something to do by itself. While all slots are taken, the end of a task comes first.
    fn next_due(&self) -> Option<Instant> {
        match self.gate {
            Some(gate) => Some(gate),
            None if self.has_slot() => self.queue.next_due(&self.size.now()),
            None => None,
        }
    }

    async fn joined(&mut self, joined: Result<(Id, Done), JoinError>) {
        let id = match &joined {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(at) = self.under_way.iter().position(|(task, _)| *task == id) else {
            return;
        };
        let answered = match (self.under_way.swap_remove(at).1, joined) {
            (Job::Batch { batch, round }, Ok((_, Done::Answered(verdict)))) => self.answered(batch, round, verdict),
            (Job::Letters { refused }, Ok((_, Done::Kept))) => {
                let tags: Vec<Tag> = refused.iter().map(|(piece, _)| piece.tag).collect();
                let complete = self.queue.settle(&tags);
                let kept = Settled {
                    dead_lettered: events_of(&tags),
                    ..Settled::default()
                };
                self.settled(kept, &complete);
                Ok(())
            }
            // A task ends without a word only by a panic.
            (Job::Batch { batch, .. }, _) => {
                self.stopped(batch, PANICKED);
                Ok(())
            }
            // Their lanes are free long since: the letters alone are tried again.
            (Job::Letters { refused }, _) => {
                self.keep_after(refused, A_WHILE);
                Ok(())
            }
        };
        if let Err(ReaderGone) = answered {
            let given_up = self.give_up(State::Closed).await;
            info!(sink = %self.name, events = given_up.events, "the reader of the output is gone");
            self.report.closed(given_up);
        }
    }

    /// Makes dead letters of the events. They have come to their end when the letters are on the disk.
    fn keep(&mut self, refused: Vec<(Piece, String)>) {
        self.keep_after(refused, Duration::ZERO);
    }

    fn keep_after(&mut self, refused: Vec<(Piece, String)>, wait: Duration) {
        let Some((_, reason)) = refused.first() else { return };
        let events: usize = refused.iter().map(|(piece, _)| piece.events.len()).sum();
        error!(sink = %self.name, events, "events become dead letters: {reason}");
        let mut letters = Vec::with_capacity(events);
        for (piece, reason) in &refused {
            let origin = self
                .queue
                .ticket(&piece.tag)
                .map(|ticket| self.report.origin(ticket))
                .unwrap_or_default();
            letters.extend(piece.events.iter().map(|event| Letter {
                source: origin.source.as_deref().map(str::to_owned),
                stream: origin.stream.as_deref().map(str::to_owned),
                ..Letter::of_event(reason, &self.name, event)
            }));
        }
        let store = self.letters.clone();
        let task = self.tasks.spawn(async move {
            sleep(wait).await;
            store.keep(&letters).await;
            Done::Kept
        });
        self.under_way.push((task.id(), Job::Letters { refused }));
    }

    /// Events of these pieces, `bytes` long, are delivered.
    fn delivered(&mut self, tags: &[Tag], bytes: usize) {
        if tags.is_empty() {
            return;
        }
        let complete = self.queue.settle(tags);
        let delivered = Settled {
            delivered: events_of(tags),
            bytes,
            ..Settled::default()
        };
        self.settled(delivered, &complete);
    }

    fn settled(&self, settled: Settled<'_>, complete: &[Complete]) {
        // Whoever is told of it asks for room next.
        let freed: usize = complete.iter().map(|complete| complete.bytes).sum();
        let mut inbox = self.shared.inbox();
        inbox.bytes = inbox.bytes.saturating_sub(freed);
        let has_room = inbox.bytes <= self.shared.buffer_bytes / 2;
        drop(inbox);
        let tickets: Vec<_> = complete.iter().map(|complete| complete.ticket).collect();
        self.report.settled(&Settled {
            tickets: &tickets,
            ..settled
        });
        if has_room {
            self.shared.room.notify_waiters();
        }
    }

    /// Forgets all that has not come to its end.
    async fn give_up(&mut self, state: State) -> GivenUp {
        self.tasks.shutdown().await;
        self.under_way.clear();
        (self.failures, self.gate) = (0, None);
        let mut given_up = self.queue.give_up();
        let mut inbox = self.shared.inbox();
        let drain = inbox.drain;
        let left = std::mem::replace(
            &mut *inbox,
            Inbox {
                state,
                drain,
                ..Inbox::default()
            },
        );
        drop(inbox);
        given_up.records += left.units.len();
        given_up.events += left.units.iter().map(|unit| unit.events.len()).sum::<usize>();
        given_up
    }

    async fn end(mut self, deadline: Instant) -> Drained {
        let given_up = self.give_up(State::Closed).await;
        if given_up != GivenUp::default() {
            warn!(sink = %self.name, events = given_up.events, "the time is up; what is left is not delivered now");
        }
        let closed = timeout_at(deadline, self.sink.close()).await;
        Drained {
            given_up,
            closed: closed.unwrap_or_else(|_| Err("the time was up before it was closed".to_owned())),
        }
    }
}

fn events_of(tags: &[Tag]) -> usize {
    tags.iter().map(|tag| tag.events).sum()
}
