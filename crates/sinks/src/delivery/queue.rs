//! The events that wait, in lanes, and the batches that are made of them.

mod piece;
mod units;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::report::GivenUp;
use crate::batch::Bounds;
use crate::event::{Event, Ticket, Unit};
pub(super) use piece::{Batch, Lanes, Piece, Size, Tag};
pub(super) use units::Complete;

/// As long as there are no more lanes than this, those that are empty are kept: a key comes again, as a rule.
const MOST_EMPTY: usize = 10_000;

/// Events that wait. A key whose events are under way, or wait for another attempt, gives none to other batches.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lanes: Vec<Lane>,
    /// The lanes of keys.
    by_key: BTreeMap<Key, usize>,
    /// Places of lanes that have no key now.
    unused: Vec<usize>,
    /// The lanes that may go, by the order of their heads.
    ready: BTreeMap<u64, usize>,
    /// The lanes that wait for another attempt, by when it is due.
    waiting: BTreeSet<(Instant, usize)>,
    units: units::Units,
    next_order: u64,
    /// Whether a batch takes all it can of a lane before it goes to the next, so that other batches find lanes that are free.
    by_lane: bool,
    /// What stands in lanes that may go.
    free: Amount,
}

#[derive(Debug)]
struct Lane {
    key: Key,
    pieces: VecDeque<Piece>,
    /// What stands in it.
    amount: Amount,
    /// It is in a batch or waits for another attempt.
    is_held: bool,
}

/// A key with what tells most from others without a look at the text: keys end in numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    end: u64,
    text: Arc<str>,
}

impl Key {
    fn of(text: &Arc<str>) -> Key {
        let end = text.as_bytes().last_chunk().copied().unwrap_or_default();
        Key {
            end: u64::from_be_bytes(end),
            text: Arc::clone(text),
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Amount {
    events: usize,
    bytes: usize,
}

impl Amount {
    fn add(&mut self, other: Amount) {
        self.events += other.events;
        self.bytes += other.bytes;
    }

    fn take(&mut self, other: Amount) {
        self.events -= other.events;
        self.bytes -= other.bytes;
    }
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
    pub(super) fn push(&mut self, unit: Unit, now: Instant, size: Size<'_>) -> Option<Complete> {
        let (ticket, bytes) = (unit.ticket, unit.bytes());
        let mut events = unit.events;
        if events.is_empty() {
            return Some(Complete { ticket, bytes });
        }
        let number = self.units.push(ticket, events.len(), bytes);
        // Those of a record have one key, as a rule.
        while let Some(key) = events.first().map(|event| Arc::clone(&event.key)) {
            let is_other = |event: &Event| !Arc::ptr_eq(&event.key, &key) && event.key != key;
            let others = match events.iter().position(is_other) {
                Some(end) => events.split_off(end),
                None => Vec::new(),
            };
            self.push_piece(&key, number, std::mem::replace(&mut events, others), now, size);
        }
        None
    }

    fn push_piece(&mut self, key: &Arc<str>, unit: u64, events: Vec<Event>, now: Instant, size: Size<'_>) {
        let id = self.lane_of(key);
        let lane = &mut self.lanes[id];
        if lane.pieces.is_empty() && !lane.is_held {
            self.ready.insert(self.next_order, id);
        }
        let amount = Amount {
            events: events.len(),
            bytes: events.iter().map(size).sum(),
        };
        let tag = Tag {
            lane: id,
            unit,
            order: self.next_order,
            events: amount.events,
            size: amount.bytes,
            failures: 0,
            failed_at: None,
            at_most: usize::MAX,
            since: now,
        };
        self.next_order += amount.events as u64;
        lane.amount.add(amount);
        if !lane.is_held {
            self.free.add(amount);
        }
        lane.pieces.push_back(Piece { tag, events });
    }

    fn lane_of(&mut self, key: &Arc<str>) -> usize {
        let key = Key::of(key);
        if let Some(id) = self.by_key.get(&key) {
            return *id;
        }
        let lane = Lane {
            key: key.clone(),
            pieces: VecDeque::new(),
            amount: Amount::default(),
            is_held: false,
        };
        let id = match self.unused.pop() {
            Some(id) => {
                self.lanes[id] = lane;
                id
            }
            None => {
                self.lanes.push(lane);
                self.lanes.len() - 1
            }
        };
        self.by_key.insert(key, id);
        id
    }

    /// The next batch, if one is due: it is full, its time is up, it is another attempt, or nothing more comes.
    pub(super) fn batch(&mut self, bounds: &Bounds, now: Instant, is_complete: bool, size: Size<'_>) -> Option<Batch> {
        let is_full = self.free.bytes >= bounds.max_bytes || self.free.events >= bounds.max_events;
        if !is_complete && !is_full && self.head_due(bounds)? > now {
            return None;
        }
        let (mut batch, mut lanes) = (piece::Gathered::new(bounds), Lanes::default());
        while let Some((&order, &id)) = self.ready.first_key_value() {
            let lane = &mut self.lanes[id];
            let mut taken = Amount::default();
            while let Some(piece) = lane.pieces.front_mut() {
                let (events, bytes) = batch.take_of(piece, size);
                taken.add(Amount { events, bytes });
                if !piece.events.is_empty() {
                    break;
                }
                lane.pieces.pop_front();
                if !self.by_lane && !bounds.one_key {
                    break;
                }
            }
            if taken.events == 0 {
                break;
            }
            lane.amount.take(taken);
            self.free.take(taken);
            self.ready.remove(&order);
            if let Some(next) = lane.pieces.front() {
                self.ready.insert(next.tag.order, id);
            }
            lanes.add(id);
            if bounds.one_key {
                break;
            }
        }
        for id in lanes.sorted().iter() {
            let lane = &mut self.lanes[id];
            lane.is_held = true;
            self.free.take(lane.amount);
            if let Some(next) = lane.pieces.front() {
                self.ready.remove(&next.tag.order);
            }
        }
        batch.finish()
    }

    /// When the next batch is due.
    fn head_due(&self, bounds: &Bounds) -> Option<Instant> {
        let lane = *self.ready.first_key_value()?.1;
        let head = self.lanes[lane].pieces.front()?.tag;
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
    pub(super) fn release(&mut self, lanes: &Lanes, again: Vec<Piece>, due: Option<Instant>) {
        let held = Lanes::of(again.iter().map(|piece| &piece.tag));
        for piece in again.into_iter().rev() {
            let lane = &mut self.lanes[piece.tag.lane];
            lane.amount.add(Amount {
                events: piece.tag.events,
                bytes: piece.tag.size,
            });
            lane.pieces.push_front(piece);
        }
        for lane in lanes.iter() {
            match due {
                Some(due) if held.has(lane) => {
                    self.waiting.insert((due, lane));
                }
                _ => self.set_free(lane),
            }
        }
    }

    /// Lets the lanes go whose time has come.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.waiting.first().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, lane)) = self.waiting.pop_first() {
                self.set_free(lane);
            }
        }
    }

    fn set_free(&mut self, id: usize) {
        let lane = &mut self.lanes[id];
        lane.is_held = false;
        match lane.pieces.front() {
            Some(head) => {
                self.ready.insert(head.tag.order, id);
                self.free.add(lane.amount);
            }
            None => {
                // What a long lane took is given back.
                lane.pieces = VecDeque::new();
                if self.by_key.len() > MOST_EMPTY {
                    self.by_key.remove(&lane.key);
                    self.unused.push(id);
                }
            }
        }
    }

    /// Counts events as come to their end; gives the records of which they were the last.
    pub(super) fn settle(&mut self, tags: &[Tag]) -> Vec<Complete> {
        self.units.settle(tags)
    }

    /// The record that a piece belongs to.
    pub(super) fn ticket(&self, tag: &Tag) -> Option<Ticket> {
        self.units.ticket(tag.unit)
    }

    /// Whether all that was taken in has come to its end.
    pub(super) fn is_settled(&self) -> bool {
        self.units.is_settled()
    }

    /// Forgets everything, what is under way too.
    pub(super) fn give_up(&mut self) -> GivenUp {
        let given_up = self.units.give_up();
        *self = Queue {
            next_order: self.next_order,
            units: std::mem::take(&mut self.units),
            by_lane: self.by_lane,
            ..Queue::default()
        };
        given_up
    }
}
