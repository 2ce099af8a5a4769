//! The events that wait, in lanes, and the batches that are made of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::report::GivenUp;
use crate::batch::Bounds;
use crate::event::{Event, Ticket, Unit};

/// An event on its way.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) event: Event,
    /// Counts up in the order of reading.
    order: u64,
    unit: u64,
    /// How often it failed.
    pub(super) failures: u32,
    /// How many batches had been delivered when it failed first.
    pub(super) failed_at: Option<u64>,
    /// It goes in no larger batch than this: halves of a batch that was too large are not joined again.
    pub(super) at_most: usize,
    since: Instant,
    /// The bytes of a batch that it takes.
    pub(super) size: usize,
}

/// Events that wait. A key whose events are under way, or wait for another attempt, gives none to other batches.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lanes: BTreeMap<Arc<str>, Lane>,
    /// The lanes that may go, by the order of their heads.
    ready: BTreeMap<u64, Arc<str>>,
    /// The lanes that wait for another attempt, by when it is due.
    waiting: BTreeSet<(Instant, Arc<str>)>,
    units: BTreeMap<u64, Open>,
    next_order: u64,
    next_unit: u64,
    /// Whether a batch takes all it can of a lane before it goes to the next, so that other batches find lanes that are free.
    by_lane: bool,
    /// What stands in lanes.
    events: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Lane {
    items: VecDeque<Item>,
    /// It is in a batch or waits for another attempt.
    is_held: bool,
}

/// A record of which not all events have come to their end.
#[derive(Debug)]
struct Open {
    ticket: Ticket,
    /// Events that have not come to their end.
    left: usize,
    bytes: usize,
}

/// A record all of whose events have come to their end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Complete {
    pub(super) ticket: Ticket,
    /// The memory it took.
    pub(super) bytes: usize,
}

impl Queue {
    /// An empty one. Without `by_lane`, events go in the order of reading, whatever their keys.
    pub(super) fn new(by_lane: bool) -> Queue {
        Queue {
            by_lane,
            ..Queue::default()
        }
    }

    /// Takes a unit in; one without events is complete at once.
    pub(super) fn push(&mut self, unit: Unit, now: Instant, size: impl Fn(&Event) -> usize) -> Option<Complete> {
        let (ticket, left, bytes) = (unit.ticket, unit.events.len(), unit.bytes());
        if left == 0 {
            return Some(Complete { ticket, bytes });
        }
        let number = self.next_unit;
        self.next_unit += 1;
        self.units.insert(number, Open { ticket, left, bytes });
        let mut events = unit.events.into_iter().peekable();
        while let Some(key) = events.peek().map(|event| Arc::clone(&event.key)) {
            // Those of a record have one key, as a rule, which is looked up once.
            let lane = self.lanes.entry(Arc::clone(&key)).or_default();
            if lane.items.is_empty() && !lane.is_held {
                self.ready.insert(self.next_order, Arc::clone(&key));
            }
            while let Some(event) = events.next_if(|event| Arc::ptr_eq(&event.key, &key) || event.key == key) {
                let item = Item {
                    size: size(&event),
                    event,
                    order: self.next_order,
                    unit: number,
                    failures: 0,
                    failed_at: None,
                    at_most: usize::MAX,
                    since: now,
                };
                self.next_order += 1;
                self.events += 1;
                self.bytes += item.size;
                lane.items.push_back(item);
            }
        }
        None
    }

    /// The next batch, if one is due: it is full, its time is up, or it is another attempt.
    pub(super) fn batch(&mut self, bounds: &Bounds, now: Instant, is_draining: bool) -> Option<Vec<Item>> {
        let is_full = self.bytes >= bounds.max_bytes || self.events >= bounds.max_events;
        if !is_draining && !is_full && self.head_due(bounds)? > now {
            return None;
        }
        let (mut batch, mut keys) = (Gathered::new(bounds), BTreeSet::new());
        while let Some((&order, key)) = self.ready.first_key_value() {
            let key = Arc::clone(key);
            let Some(lane) = self.lanes.get_mut(&key) else { break };
            let before = batch.items.len();
            while lane.items.front().is_some_and(|item| batch.fits(item))
                && let Some(item) = lane.items.pop_front()
            {
                batch.take(item);
                if !self.by_lane && !bounds.one_key {
                    break;
                }
            }
            if batch.items.len() == before {
                break;
            }
            self.ready.remove(&order);
            if let Some(next) = lane.items.front() {
                self.ready.insert(next.order, Arc::clone(&key));
            }
            keys.insert(key);
            if bounds.one_key {
                break;
            }
        }
        let Gathered {
            items: batch, bytes, ..
        } = batch;
        self.events -= batch.len();
        self.bytes -= bytes;
        for key in keys {
            if let Some(lane) = self.lanes.get_mut(&key) {
                lane.is_held = true;
                if let Some(next) = lane.items.front() {
                    self.ready.remove(&next.order);
                }
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// When the next batch is due.
    fn head_due(&self, bounds: &Bounds) -> Option<Instant> {
        let key = self.ready.first_key_value()?.1;
        let head = self.lanes.get(key)?.items.front()?;
        Some(if head.failures > 0 || head.at_most < usize::MAX {
            head.since
        } else {
            head.since + bounds.timeout
        })
    }

    /// When there will be something to do by itself.
    pub(super) fn next_due(&self, bounds: &Bounds) -> Option<Instant> {
        let waiting = self.waiting.first().map(|(due, _)| *due);
        self.head_due(bounds).into_iter().chain(waiting).min()
    }

    /// Frees the lanes of a batch, and puts what is to be tried again at their heads; until `due`, those do not go.
    pub(super) fn release(&mut self, keys: BTreeSet<Arc<str>>, again: Vec<Item>, due: Option<Instant>) {
        let mut held = BTreeSet::new();
        for item in again.into_iter().rev() {
            self.events += 1;
            self.bytes += item.size;
            let key = Arc::clone(&item.event.key);
            self.lanes.entry(Arc::clone(&key)).or_default().items.push_front(item);
            held.insert(key);
        }
        for key in keys {
            match due {
                Some(due) if held.contains(&key) => {
                    self.waiting.insert((due, key));
                }
                _ => self.free(key),
            }
        }
    }

    /// Lets the lanes go whose time has come.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.waiting.first().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, key)) = self.waiting.pop_first() {
                self.free(key);
            }
        }
    }

    fn free(&mut self, key: Arc<str>) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        lane.is_held = false;
        match lane.items.front() {
            Some(head) => {
                self.ready.insert(head.order, key);
            }
            None => {
                self.lanes.remove(&key);
            }
        }
    }

    /// Counts events as come to their end; gives the records of which they were the last.
    pub(super) fn settle<'i>(&mut self, items: impl IntoIterator<Item = &'i Item>) -> Vec<Complete> {
        let mut complete = Vec::new();
        let mut items = items.into_iter().peekable();
        while let Some(unit) = items.next().map(|item| item.unit) {
            // Those of a record stand together, as a rule, and are counted at once.
            let mut count = 1;
            while items.next_if(|item| item.unit == unit).is_some() {
                count += 1;
            }
            let Some(open) = self.units.get_mut(&unit) else {
                continue;
            };
            open.left -= count;
            if open.left == 0
                && let Some(Open { ticket, bytes, .. }) = self.units.remove(&unit)
            {
                complete.push(Complete { ticket, bytes });
            }
        }
        complete
    }

    /// The record that an event belongs to.
    pub(super) fn ticket(&self, item: &Item) -> Option<Ticket> {
        self.units.get(&item.unit).map(|open| open.ticket)
    }

    /// Whether all that was taken in has come to its end.
    pub(super) fn is_settled(&self) -> bool {
        self.units.is_empty()
    }

    /// Forgets everything, what is under way too.
    pub(super) fn give_up(&mut self) -> GivenUp {
        let given_up = GivenUp {
            events: self.units.values().map(|open| open.left).sum(),
            records: self.units.len(),
        };
        *self = Queue {
            next_order: self.next_order,
            next_unit: self.next_unit,
            by_lane: self.by_lane,
            ..Queue::default()
        };
        given_up
    }
}

/// The lanes of a batch.
pub(super) fn keys<'i>(batch: impl IntoIterator<Item = &'i Item>) -> BTreeSet<Arc<str>> {
    let mut keys = BTreeSet::new();
    let mut last: Option<&Arc<str>> = None;
    for Item { event, .. } in batch {
        // Most follow one of the same key.
        if last.is_none_or(|last| !Arc::ptr_eq(last, &event.key)) {
            keys.insert(Arc::clone(&event.key));
            last = Some(&event.key);
        }
    }
    keys
}

/// A batch that is being gathered.
struct Gathered<'b> {
    items: Vec<Item>,
    bytes: usize,
    room: usize,
    /// When its oldest and its newest event were created.
    created: Option<(i64, i64)>,
    bounds: &'b Bounds,
}

impl<'b> Gathered<'b> {
    fn new(bounds: &'b Bounds) -> Gathered<'b> {
        Gathered {
            items: Vec::new(),
            bytes: 0,
            room: bounds.max_events,
            created: None,
            bounds,
        }
    }

    /// Whether an event may be in it. The first one always may.
    fn fits(&self, item: &Item) -> bool {
        let is_in_span = |span: u64| {
            let (oldest, newest) = self.created_with(item);
            newest.abs_diff(oldest) <= span
        };
        self.items.is_empty()
            || (self.items.len() < self.room.min(item.at_most)
                && item.size <= self.bounds.max_bytes.saturating_sub(self.bytes)
                && self.bounds.span_millis.is_none_or(is_in_span))
    }

    fn created_with(&self, item: &Item) -> (i64, i64) {
        let created = item.event.created_millis;
        self.created.map_or((created, created), |(oldest, newest)| {
            (oldest.min(created), newest.max(created))
        })
    }

    fn take(&mut self, item: Item) {
        self.created = Some(self.created_with(&item));
        self.bytes += item.size;
        self.room = self.room.min(item.at_most);
        self.items.push(item);
    }
}
