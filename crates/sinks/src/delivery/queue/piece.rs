//! Events that go together: the pieces of lanes, and the batches that are made of them.

use std::ops::Range;
use std::sync::Arc;

use tokio::time::Instant;

use crate::batch::Bounds;
use crate::event::Event;

/// How many bytes of a batch an event takes.
pub(in crate::delivery) type Size<'s> = &'s dyn Fn(&Event) -> usize;

/// Events of one record and one key that stand together, in order.
#[derive(Debug)]
pub(in crate::delivery) struct Piece {
    pub(in crate::delivery) tag: Tag,
    pub(in crate::delivery) events: Vec<Event>,
}

/// What is known of a piece beside its events.
#[derive(Debug, Clone, Copy)]
pub(in crate::delivery) struct Tag {
    /// Which lane it belongs to.
    pub(super) lane: usize,
    /// Which record.
    pub(super) unit: u64,
    /// The place of its first event in the order of reading.
    pub(super) order: u64,
    /// How many events it has.
    pub(in crate::delivery) events: usize,
    /// The bytes of a batch that they take.
    pub(super) size: usize,
    /// How often they failed.
    pub(in crate::delivery) failures: u32,
    /// How many batches had been delivered when they failed first.
    pub(in crate::delivery) failed_at: Option<u64>,
    /// They go in no larger batch than this: halves of a batch that was too large are not joined again.
    pub(in crate::delivery) at_most: usize,
    pub(super) since: Instant,
}

impl Tag {
    /// Which lane it belongs to.
    pub(in crate::delivery) fn lane(&self) -> usize {
        self.lane
    }

    /// The place of its first event in the order of reading.
    pub(in crate::delivery) fn order(&self) -> u64 {
        self.order
    }
}

impl Piece {
    /// Takes the first events out of it.
    fn split_front(&mut self, events: usize, size: Size<'_>) -> Piece {
        let front: Vec<Event> = self.events.drain(..events).collect();
        let front_size = front.iter().map(size).sum();
        let tag = self.tag;
        self.tag.events -= events;
        self.tag.order += events as u64;
        self.tag.size -= front_size;
        Piece {
            tag: Tag {
                events,
                size: front_size,
                ..tag
            },
            events: front,
        }
    }

    fn into_singles(self, size: Size<'_>) -> impl Iterator<Item = Piece> {
        let tag = self.tag;
        let single = move |(order, event): (u64, Event)| Piece {
            tag: Tag {
                order,
                events: 1,
                size: size(&event),
                ..tag
            },
            events: vec![event],
        };
        (tag.order..).zip(self.events).map(single)
    }
}

/// What goes in one request.
#[derive(Debug)]
pub(in crate::delivery) struct Batch {
    /// In order, as the sink gets them.
    pub(in crate::delivery) events: Arc<Vec<Event>>,
    /// The pieces that they make up.
    pub(in crate::delivery) tags: Vec<Tag>,
}

impl Batch {
    /// Puts pieces together.
    pub(in crate::delivery) fn of(pieces: Vec<Piece>) -> Batch {
        Batch {
            tags: pieces.iter().map(|piece| piece.tag).collect(),
            events: Arc::new(pieces.into_iter().flat_map(|piece| piece.events).collect()),
        }
    }

    /// The bytes of a batch that it takes.
    pub(in crate::delivery) fn size(&self) -> usize {
        self.tags.iter().map(|tag| tag.size).sum()
    }

    /// Its lanes.
    pub(in crate::delivery) fn lanes(&self) -> Lanes {
        Lanes::of(&self.tags)
    }

    pub(in crate::delivery) fn into_pieces(self) -> Vec<Piece> {
        // The sink is done with it, and holds it no more.
        let events = Arc::try_unwrap(self.events).unwrap_or_else(|shared| shared.to_vec());
        let mut events = events.into_iter();
        let piece = |tag: Tag| Piece {
            tag,
            events: events.by_ref().take(tag.events).collect(),
        };
        self.tags.into_iter().map(piece).collect()
    }

    /// Each event as a piece of its own.
    pub(in crate::delivery) fn into_singles(self, size: Size<'_>) -> impl Iterator<Item = Piece> {
        let pieces = self.into_pieces().into_iter();
        pieces.flat_map(move |piece| piece.into_singles(size))
    }
}

/// Some lanes, each once.
#[derive(Debug, Default)]
pub(in crate::delivery) struct Lanes(Vec<usize>);

impl Lanes {
    /// Those of pieces.
    pub(in crate::delivery) fn of<'t>(tags: impl IntoIterator<Item = &'t Tag>) -> Lanes {
        let mut lanes = Lanes::default();
        tags.into_iter().for_each(|tag| lanes.add(tag.lane));
        lanes.sorted()
    }

    /// Those that are not among others.
    pub(in crate::delivery) fn without(mut self, others: &Lanes) -> Lanes {
        self.0.retain(|lane| !others.has(*lane));
        self
    }

    pub(super) fn add(&mut self, lane: usize) {
        // Most follow one of the same.
        if self.0.last() != Some(&lane) {
            self.0.push(lane);
        }
    }

    pub(super) fn sorted(mut self) -> Lanes {
        self.0.sort_unstable();
        self.0.dedup();
        self
    }

    pub(in crate::delivery) fn has(&self, lane: usize) -> bool {
        self.0.binary_search(&lane).is_ok()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }
}

/// A batch that is being gathered.
pub(super) struct Gathered<'b> {
    events: Vec<Event>,
    tags: Vec<Tag>,
    bytes: usize,
    /// Most events.
    most: usize,
    /// When its oldest and its newest event were created, where that matters.
    created: Option<Range<i64>>,
    bounds: &'b Bounds,
}

impl<'b> Gathered<'b> {
    pub(super) fn new(bounds: &'b Bounds) -> Gathered<'b> {
        Gathered {
            events: Vec::new(),
            tags: Vec::new(),
            bytes: 0,
            most: bounds.max_events,
            created: None,
            bounds,
        }
    }

    /// Takes as much of the first piece as there is room for; the first event of all always has room. Gives how much that was, in events and
    /// in bytes.
    pub(super) fn take_of(&mut self, piece: &mut Piece, size: Size<'_>) -> (usize, usize) {
        let fitting = self.room_for(piece, size);
        let Tag { events, .. } = piece.tag;
        let mut taken = match fitting {
            0 => return (0, 0),
            all if all == events => Piece {
                tag: piece.tag,
                events: std::mem::take(&mut piece.events),
            },
            some => piece.split_front(some, size),
        };
        if self.bounds.span_millis.is_some() {
            self.created = taken
                .events
                .iter()
                .fold(self.created.take(), |span, event| Some(with(span, event)));
        }
        self.most = self.most.min(taken.tag.at_most);
        self.bytes += taken.tag.size;
        self.events.append(&mut taken.events);
        self.tags.push(taken.tag);
        (taken.tag.events, taken.tag.size)
    }

    /// How many events of a piece may be in it.
    fn room_for(&self, piece: &Piece, size: Size<'_>) -> usize {
        let most = self.most.min(piece.tag.at_most);
        let room = most.saturating_sub(self.events.len());
        let bytes = self.bounds.max_bytes.saturating_sub(self.bytes);
        let span = self.bounds.span_millis;
        if piece.tag.events <= room && piece.tag.size <= bytes && span.is_none() {
            return piece.tag.events;
        }
        let (mut left, mut created) = (bytes, self.created.clone());
        let fits = |(index, event): &(usize, &Event)| {
            let size = size(event);
            let with = with(created.take(), event);
            let is_in_span = span.is_none_or(|span| with.end.abs_diff(with.start) <= span);
            let is_first = self.events.is_empty() && *index == 0;
            let fits = is_first || (*index < room && size <= left && is_in_span);
            left = left.saturating_sub(size);
            created = Some(with);
            fits
        };
        piece.events.iter().enumerate().take_while(fits).count()
    }

    pub(super) fn finish(self) -> Option<Batch> {
        (!self.tags.is_empty()).then(|| Batch {
            events: Arc::new(self.events),
            tags: self.tags,
        })
    }
}

fn with(span: Option<Range<i64>>, event: &Event) -> Range<i64> {
    let created = event.created_millis;
    span.map_or(created..created, |span| span.start.min(created)..span.end.max(created))
}
