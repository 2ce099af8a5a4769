//! The position of one sink in one stream: what it has, and up to where nothing more is expected.
//!
//! New rows go out at once, the durable position follows behind. Ids are given when a row is inserted and show when it is
//! committed, so a row can become visible below others that were read before. Therefore a position is two things:
//!
//! ```text
//!            low-water                     head
//!  ──────────────┼──────── window ───────────┼─────────▶ ids
//!   done for good│ kept, or on their way     │ not offered yet
//! ```
//!
//! A row *settles* when a complete re-read, begun at least `settle` after the row was first seen, has passed it: by then every row that was
//! at most so late is known. Low-water passes a row only when it and all known rows below it are kept by the sink and settled. Age alone
//! settles nothing.
//!
//! This module must never let low-water pass a row that is not kept. It does no I/O and has no clock: times are given, in
//! seconds of a clock that does not go backwards.

use std::collections::BTreeMap;

/// The most ids that a window holds.
pub const MOST_IDS: usize = 60_000;

/// Reading for news pauses when no more than this is free, so that a re-read always finds room for late rows.
const ROOM_FOR_LATE_ROWS: usize = 1_000;

/// Tells contents of a row apart. 0 stands for a content that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub u32);

impl Fingerprint {
    /// Of a content that is not known: equal to any.
    pub const UNKNOWN: Fingerprint = Fingerprint(0);
}

/// What a row is to a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Not known: it is to be delivered. `late` when rows above it were offered before.
    New {
        /// Whether it lies below the head.
        late: bool,
    },
    /// Kept, but with another content.
    Changed,
    /// Kept, or on its way.
    Held,
    /// The window is full: the row is not taken.
    Full,
}

/// A position as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Every id up to it is done.
    pub low_water: u64,
    /// `createdAt` of that row in milliseconds since 1970, where it is known.
    pub low_water_created: Option<i64>,
    /// Reading resumes behind it.
    pub head: u64,
    /// The rows above low-water that the sink keeps, by id.
    pub window: Vec<Kept>,
}

/// A row that the sink keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub id: u64,
    /// When it was first seen, in seconds, rounded up.
    pub first_seen: u32,
    /// Its content.
    pub fingerprint: Fingerprint,
}

/// The position of one sink in one stream.
#[derive(Debug, Clone)]
pub struct Position {
    settle: u32,
    low_water: u64,
    low_water_created: Option<i64>,
    head: u64,
    window: BTreeMap<u64, Entry>,
    in_flight: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    first_seen: u32,
    created: Option<i64>,
    /// The content that the sink keeps.
    kept: Option<Fingerprint>,
    /// The content that is on its way.
    on_its_way: Option<Fingerprint>,
    confirmed: bool,
    /// Another content was seen while this one was on its way: the row is to be met once more.
    outdated: bool,
}

impl Position {
    /// Begins behind an id, or goes on from what was stored. `settle` in seconds.
    pub fn new(snapshot: &Snapshot, settle: u32) -> Position {
        let entry = |kept: &Kept| Entry {
            first_seen: kept.first_seen,
            created: None,
            kept: Some(kept.fingerprint),
            on_its_way: None,
            confirmed: false,
            outdated: false,
        };
        let above = snapshot.window.iter().filter(|kept| kept.id > snapshot.low_water);
        Position {
            settle,
            low_water: snapshot.low_water,
            low_water_created: snapshot.low_water_created,
            head: snapshot.head.max(snapshot.low_water),
            window: above.map(|kept| (kept.id, entry(kept))).collect(),
            in_flight: 0,
        }
    }

    /// What to store. Nothing in it goes beyond what the sink keeps.
    pub fn snapshot(&self) -> Snapshot {
        let kept = |(id, entry): (&u64, &Entry)| {
            entry.kept.map(|fingerprint| Kept {
                id: *id,
                first_seen: entry.first_seen,
                fingerprint,
            })
        };
        Snapshot {
            low_water: self.low_water,
            low_water_created: self.low_water_created,
            head: self.resume(),
            window: self.window.iter().filter_map(kept).collect(),
        }
    }

    /// Every id up to it is done.
    pub fn low_water(&self) -> u64 {
        self.low_water
    }

    /// `createdAt` of the row at low-water in milliseconds since 1970, where it is known.
    pub fn low_water_created(&self) -> Option<i64> {
        self.low_water_created
    }

    /// Every row up to it has been offered.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// How many ids the window holds.
    pub fn window_len(&self) -> usize {
        self.window.len()
    }

    /// How many rows are on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether there is room for a page of news.
    pub fn has_room(&self) -> bool {
        self.window.len() + ROOM_FOR_LATE_ROWS <= MOST_IDS
    }

    /// Takes up a row of a page that begins at or below the head, read at `now`.
    pub fn offer(&mut self, id: u64, fingerprint: Fingerprint, created: Option<i64>, now: u32) -> Offer {
        if id <= self.low_water {
            return Offer::Held;
        }
        let late = id <= self.head;
        let full = self.window.len() >= MOST_IDS;
        match self.window.get_mut(&id) {
            None if full => Offer::Full,
            None => {
                let entry = Entry {
                    first_seen: now,
                    created,
                    kept: None,
                    on_its_way: Some(fingerprint),
                    confirmed: false,
                    outdated: false,
                };
                self.window.insert(id, entry);
                self.in_flight += 1;
                Offer::New { late }
            }
            Some(entry) => {
                entry.created = created.or(entry.created);
                match (entry.on_its_way, &mut entry.kept) {
                    (Some(on_its_way), _) => {
                        entry.outdated |= on_its_way != fingerprint;
                        Offer::Held
                    }
                    (None, None) => Offer::Held,
                    (None, Some(kept)) if *kept == Fingerprint::UNKNOWN => {
                        *kept = fingerprint;
                        Offer::Held
                    }
                    (None, Some(kept)) if *kept == fingerprint => Offer::Held,
                    (None, Some(_)) => Offer::Changed,
                }
            }
        }
    }

    /// What becomes of a row that was found [`Offer::Changed`]: it is delivered again, or its new content is only noted.
    pub fn changed(&mut self, id: u64, fingerprint: Fingerprint, deliver: bool) {
        if let Some(entry) = self.window.get_mut(&id) {
            if deliver {
                entry.on_its_way = Some(fingerprint);
                self.in_flight += 1;
            } else {
                entry.kept = Some(fingerprint);
            }
        }
    }

    /// Every row up to `id` has been offered.
    pub fn advance_head(&mut self, id: u64) {
        self.head = self.head.max(id);
        self.advance_low_water();
    }

    /// The sink keeps a row.
    pub fn acknowledge(&mut self, id: u64) {
        if let Some(entry) = self.window.get_mut(&id)
            && let Some(fingerprint) = entry.on_its_way.take()
        {
            entry.kept = Some(fingerprint);
            self.in_flight -= 1;
            self.advance_low_water();
        }
    }

    /// What is on its way will not arrive: it is to be offered again.
    pub fn abandon(&mut self) {
        self.head = self.resume();
        self.window.retain(|_, entry| {
            // A change that did not arrive is found again by a re-read.
            entry.confirmed &= entry.on_its_way.take().is_none();
            entry.kept.is_some()
        });
        self.in_flight = 0;
    }

    /// A complete reading that began at `begun` has passed every row from low-water up to `id`.
    pub fn confirm(&mut self, begun: u32, id: u64) {
        for (_, entry) in self.window.range_mut(..=id) {
            if std::mem::take(&mut entry.outdated) {
                continue;
            }
            entry.confirmed |= is_ripe(entry, self.settle, begun);
        }
        self.advance_low_water();
    }

    /// The greatest id that a re-read begun now could settle, and how many could be.
    pub fn ripe(&self, now: u32) -> Option<(u64, usize)> {
        let mut ripe = self
            .window
            .range(..=self.head)
            .filter(|(_, entry)| !entry.confirmed && is_ripe(entry, self.settle, now));
        let (last, _) = ripe.next_back()?;
        Some((*last, ripe.count() + 1))
    }

    /// When the row that waits longest can be settled.
    pub fn first_ripe_at(&self) -> Option<u32> {
        let waiting = self.window.range(..=self.head).filter(|(_, entry)| !entry.confirmed);
        waiting
            .map(|(_, entry)| entry.first_seen.saturating_add(self.settle))
            .min()
    }

    /// The ids of a range that the window holds.
    pub fn ids_between(&self, above: u64, up_to: u64) -> impl Iterator<Item = u64> {
        let range = (above < up_to).then(|| self.window.range(above + 1..=up_to));
        range.into_iter().flatten().map(|(id, _)| *id)
    }

    /// The greatest id up to which every row that was offered is kept.
    fn resume(&self) -> u64 {
        let lacking = self.window.iter().find(|(_, entry)| entry.kept.is_none());
        lacking.map_or(self.head, |(id, _)| self.head.min(id - 1))
    }

    /// Low-water never passes the head: below it there may be rows that were abandoned.
    fn advance_low_water(&mut self) {
        while let Some(first) = self.window.first_entry() {
            let entry = first.get();
            let is_settled = entry.confirmed || self.settle == 0;
            if *first.key() > self.head || entry.on_its_way.is_some() || entry.kept.is_none() || !is_settled {
                break;
            }
            self.low_water = *first.key();
            self.low_water_created = entry.created;
            first.remove();
        }
    }
}

fn is_ripe(entry: &Entry, settle: u32, begun: u32) -> bool {
    entry.first_seen.saturating_add(settle) <= begun
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: Fingerprint = Fingerprint(1);

    fn position(ids: &[u64]) -> Position {
        let mut position = Position::new(&Snapshot::default(), 300);
        for id in ids {
            assert_eq!(position.offer(*id, CONTENT, None, 1000), Offer::New { late: false });
            position.advance_head(*id);
            position.acknowledge(*id);
        }
        position
    }

    #[test]
    fn rule_2_a_row_settles_only_by_a_re_read_begun_late_enough_that_passed_it() {
        let mut position = position(&[10, 20, 30]);
        // Age alone settles nothing, and neither does a re-read that began a second too early.
        assert_eq!(position.ripe(5000), Some((30, 3)));
        position.confirm(1299, 30);
        assert_eq!(position.low_water(), 0);
        // One that was cut off settles what it passed.
        position.confirm(1300, 20);
        assert_eq!(position.low_water(), 20);
        // A row that came late holds low-water up for as long as any other.
        assert_eq!(position.offer(25, CONTENT, None, 1400), Offer::New { late: true });
        position.confirm(1500, 30);
        assert_eq!(position.low_water(), 20);
        position.acknowledge(25);
        assert_eq!(position.low_water(), 20);
        position.confirm(1700, 25);
        assert_eq!(position.low_water(), 30);
        assert_eq!(position.window_len(), 0);
    }

    #[test]
    fn rule_4_a_full_window_takes_no_more() {
        let mut position = Position::new(&Snapshot::default(), 300);
        let mut id = 0;
        while position.has_room() {
            id += 1;
            position.offer(id, CONTENT, None, 1000);
        }
        // There is still room for a thousand rows that come late.
        assert_eq!(id, 59_001);
        for id in id + 1..=60_000 {
            assert_eq!(position.offer(id, CONTENT, None, 1000), Offer::New { late: false });
        }
        assert_eq!(position.offer(60_001, CONTENT, None, 1000), Offer::Full);
    }

    /// A change that is seen while the row is on its way is met once more, and not settled before.
    #[test]
    fn a_change_on_the_way_is_not_missed() {
        let mut position = Position::new(&Snapshot::default(), 300);
        position.offer(7, CONTENT, None, 1000);
        position.advance_head(7);
        assert_eq!(position.offer(7, Fingerprint(2), None, 2000), Offer::Held);
        position.confirm(2000, 7);
        position.acknowledge(7);
        assert_eq!(position.low_water(), 0);
        assert_eq!(position.offer(7, Fingerprint(2), None, 3000), Offer::Changed);
        position.changed(7, Fingerprint(2), true);
        position.acknowledge(7);
        position.confirm(3000, 7);
        assert_eq!(position.low_water(), 7);
    }
}
