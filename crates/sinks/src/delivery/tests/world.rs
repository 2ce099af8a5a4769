//! A sink that answers what it is told to, and somebody who counts.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use logferry_model::Severity;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::batch::Limits;
use crate::dead_letter::tests::full_for;
use crate::dead_letter::{Body, read};
use crate::delivery::*;
use crate::event::{Event, EventId, Ticket, Unit};
use crate::sink::{Fate, Later, NotBefore, Sending, Sink, Trying, Verdict};
use crate::{batch, retry};

pub(super) fn event(number: u128, key: &str, size: usize) -> Event {
    Event {
        text: Bytes::from(format!("\"{}\"", "x".repeat(size))),
        name: Cow::Borrowed("info"),
        key: key.into(),
        severity: Severity::Info,
        created_millis: 0,
        id: EventId::Known(Uuid::from_u128(number)),
    }
}

pub(super) fn ticket(record: u64) -> Ticket {
    Ticket {
        position: 0,
        epoch: 0,
        record,
    }
}

pub(super) fn unit(record: u64, events: Vec<Event>) -> Unit {
    Unit {
        events,
        ticket: ticket(record),
    }
}

/// Units of one event each, with the keys of the text's letters.
pub(super) fn units(keys: &str) -> Vec<Unit> {
    let keys = keys.split("").filter(|key| !key.is_empty());
    keys.zip(1..)
        .map(|(key, n)| unit(n, vec![event(n.into(), key, 10)]))
        .collect()
}

pub(super) fn later(secs: Option<u64>) -> Later {
    Later {
        reason: "busy".to_owned(),
        after: secs.map(Duration::from_secs),
    }
}

/// What is answered to the request of this number and these events, and how long that takes.
type Answer = dyn Fn(usize, &[u128]) -> (Duration, Verdict) + Send + Sync;

/// Answers what a function says, and looks at what it is sent.
pub(super) struct Scripted {
    answer: Box<Answer>,
    limits: Limits,
    refuses: fn(&Event, usize) -> Option<String>,
    /// It takes no event sooner than it was created.
    is_strict: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
pub(super) struct Seen {
    /// When a request began, and its events.
    pub(super) requests: Vec<(Instant, Vec<u128>)>,
    under_way: BTreeSet<Arc<str>>,
    pub(super) most_under_way: usize,
    requests_under_way: usize,
    pub(super) delivered: Vec<u128>,
    pub(super) left_over: BTreeSet<u128>,
    pub(super) closed: bool,
}

impl Scripted {
    pub(super) fn new(answer: impl Fn(usize, &[u128]) -> (Duration, Verdict) + Send + Sync + 'static) -> Arc<Scripted> {
        Arc::new(Scripted {
            answer: Box::new(answer),
            limits: Limits::NONE,
            refuses: |_, _| None,
            is_strict: false,
            seen: Mutex::default(),
        })
    }

    /// One that has limits, and delivers whatever it does not refuse.
    pub(super) fn within(limits: Limits, refuses: fn(&Event, usize) -> Option<String>) -> Arc<Scripted> {
        Arc::new(Scripted {
            answer: Box::new(|_, _| (Duration::ZERO, Verdict::Delivered)),
            limits,
            refuses,
            is_strict: false,
            seen: Mutex::default(),
        })
    }

    /// One that delivers everything, and nothing sooner than it was created.
    pub(super) fn strict() -> Arc<Scripted> {
        Arc::new(Scripted {
            answer: Box::new(|_, _| (Duration::ZERO, Verdict::Delivered)),
            limits: Limits::NONE,
            refuses: |_, _| None,
            is_strict: true,
            seen: Mutex::default(),
        })
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    pub(super) fn requests(&self) -> Vec<Vec<u128>> {
        self.seen().requests.iter().map(|(_, events)| events.clone()).collect()
    }
}

/// A request that is under way until it is answered or dropped.
pub(super) struct UnderWay<'a>(&'a Scripted, BTreeSet<Arc<str>>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut seen = self.0.seen();
        seen.under_way.retain(|key| !self.1.contains(key));
        seen.requests_under_way -= 1;
    }
}

impl Sink for Scripted {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn refuses(&self, event: &Event, _now: i64) -> Option<String> {
        (self.refuses)(event, self.size(event))
    }

    fn not_before(&self, event: &Event) -> Option<NotBefore> {
        self.is_strict.then_some(NotBefore {
            millis: event.created_millis,
            limit: (Duration::ZERO, "the sink"),
        })
    }

    fn send<'a>(&'a self, batch: &'a [Event]) -> Sending<'a> {
        Box::pin(async move {
            let ids: Vec<u128> = batch.iter().map(|event| event.id().as_u128()).collect();
            let keys: BTreeSet<Arc<str>> = batch.iter().map(|event| Arc::clone(&event.key)).collect();
            let number = {
                let mut seen = self.seen();
                assert!(keys.is_disjoint(&seen.under_way), "two requests of a key");
                seen.under_way.extend(keys.iter().cloned());
                seen.requests_under_way += 1;
                seen.most_under_way = seen.most_under_way.max(seen.requests_under_way);
                seen.requests.push((Instant::now(), ids.clone()));
                seen.requests.len() - 1
            };
            let under_way = UnderWay(self, keys);
            let (takes, verdict) = (self.answer)(number, &ids);
            sleep(takes).await;
            drop(under_way);
            let mut seen = self.seen();
            match &verdict {
                Verdict::Delivered => seen.delivered.extend(ids),
                Verdict::Each(fates) => {
                    for (id, fate) in ids.into_iter().zip(fates) {
                        match fate {
                            Fate::Delivered => seen.delivered.push(id),
                            _ => drop(seen.left_over.insert(id)),
                        }
                    }
                }
                _ => {}
            }
            verdict
        })
    }

    fn probe(&self) -> Trying<'_> {
        Box::pin(async { Ok(()) })
    }

    fn close(&self) -> Trying<'_> {
        Box::pin(async {
            self.seen().closed = true;
            Ok(())
        })
    }
}

#[derive(Default)]
pub(super) struct Counts(Mutex<Counted>);

#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Counted {
    pub(super) queued: usize,
    pub(super) delivered: usize,
    pub(super) dead_lettered: usize,
    pub(super) in_flight: usize,
    pub(super) tickets: Vec<Ticket>,
    pub(super) waits: Vec<Duration>,
    pub(super) stopped: Vec<String>,
    pub(super) closed: usize,
}

impl Counts {
    pub(super) fn get(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap()
    }

    pub(super) fn now(&self) -> Counted {
        self.get().clone()
    }

    /// Counts and pushes under one lock, as whoever calls has to.
    pub(super) fn push(&self, delivery: &Delivery, unit: Unit) -> Result<(), Refused> {
        let mut counted = self.get();
        let events = unit.events.len();
        delivery.push(unit)?;
        counted.queued += events;
        counted.in_flight += events;
        Ok(())
    }
}

impl Report for Counts {
    fn settled(&self, settled: &Settled<'_>) {
        let mut counted = self.get();
        counted.delivered += settled.delivered;
        counted.dead_lettered += settled.dead_lettered;
        counted.in_flight -= settled.delivered + settled.dead_lettered;
        counted.tickets.extend(settled.tickets);
        assert_eq!(
            counted.queued,
            counted.delivered + counted.dead_lettered + counted.in_flight
        );
    }

    fn retrying(&self, retrying: &Retrying<'_>) {
        self.get().waits.push(retrying.wait);
    }

    fn stopped(&self, reason: &str) {
        self.get().stopped.push(reason.to_owned());
    }

    fn closed(&self, given_up: GivenUp) {
        let mut counted = self.get();
        counted.in_flight -= given_up.events;
        counted.closed += 1;
    }

    fn origin(&self, _: Ticket) -> Origin {
        Origin {
            source: Some("acme".into()),
            stream: Some("pipeline_logs".into()),
        }
    }
}

pub(super) struct World {
    pub(super) sink: Arc<Scripted>,
    pub(super) counts: Arc<Counts>,
    pub(super) delivery: Delivery,
    pub(super) letters: Arc<Mutex<Vec<u8>>>,
}

impl World {
    pub(super) fn new(sink: Arc<Scripted>, batch: batch::Settings, retry: retry::Settings) -> World {
        World::with(sink, batch, retry, BUFFER_BYTES, 0)
    }

    pub(super) fn with(
        sink: Arc<Scripted>,
        batch: batch::Settings,
        retry: retry::Settings,
        buffer: usize,
        full_for_attempts: u32,
    ) -> World {
        let counts = Arc::new(Counts::default());
        let (store, letters) = full_for(full_for_attempts);
        let report = Arc::clone(&counts) as Arc<dyn Report>;
        let delivery = Delivery::start(
            "lake",
            Arc::clone(&sink) as Arc<dyn Sink>,
            batch,
            retry,
            store,
            buffer,
            report,
        );
        World {
            sink,
            counts,
            delivery,
            letters,
        }
    }

    pub(super) async fn push(&self, units: Vec<Unit>) {
        for unit in units {
            while !self.delivery.has_room() {
                let room = timeout(Duration::from_secs(1_000_000), self.delivery.room()).await;
                room.expect("the delivery goes on");
            }
            self.counts.push(&self.delivery, unit).unwrap();
        }
    }

    pub(super) async fn drain(&self, secs: u64) -> Drained {
        self.delivery.drain(Instant::now() + Duration::from_secs(secs)).await
    }

    pub(super) fn letters(&self) -> Vec<u128> {
        let text = String::from_utf8(self.letters.lock().unwrap().clone()).unwrap();
        let id = |line: &str| match read(line).unwrap().body {
            Body::Event { id, .. } => id.as_u128(),
            Body::Record { .. } => panic!("a record"),
        };
        text.lines().map(id).collect()
    }
}

pub(super) fn at_most(max_events: usize) -> batch::Settings {
    batch::Settings {
        max_events: NonZeroUsize::new(max_events),
        ..batch::Settings::default()
    }
}

pub(super) fn concurrently(concurrency: usize) -> retry::Settings {
    retry::Settings {
        concurrency: NonZeroUsize::new(concurrency),
        ..retry::Settings::default()
    }
}
