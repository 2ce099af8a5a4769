//! Where to begin reading: the API knows ids only, so the first id of a time is searched for.
//!
//! The search asks for pages at ids of its choice. It jumps forward by growing distances until it is past the time, and then
//! narrows the stretch between by the times it has seen, or by halves where these mislead. A page that shows rows on both
//! sides ends it.
//!
//! - It never begins too late: where pages say too little, or the requests run out, it begins at the last row known to be
//!   older, and the rows between are delivered too ([`Found::exact`] is false then).
//! - It holds for servers that include the id asked for and for those that do not, because rows count by their own ids.
//! - Rows at the place found whose time cannot be read are delivered.
//! - It takes times to grow with ids. Runs that end within the same seconds may be stored in another order: reading begins
//!   before the first row of the time (or after it) among those seen on the last page. A row with a lower id that is not
//!   on that page is not looked for. Whoever needs it asks for an earlier time.

use crate::page::Next;

/// The most requests that a search makes.
pub const MAX_REQUESTS: u32 = 40;

/// How many pages in a row that say nothing of times are looked at before the search turns back.
const MAX_FOLLOWED: u32 = 4;

/// Ids have 63 bits.
const LAST_ID: u64 = i64::MAX as u64;

/// The rows of a page, by the documentation.
const PAGE: u64 = 50;

/// The first jump is at least so many ids long, each other one so many times as long as the one before: never far beyond the
/// end, because the server may not like ids that large.
const FIRST_JUMP: u64 = 1 << 12;
const JUMP_GROWTH: u64 = 8;

/// A row as the search sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Its id.
    pub id: u64,
    /// `createdAt` in milliseconds since 1970; `None` if it cannot be read.
    pub created_millis: Option<i64>,
}

/// A page as the search sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Its rows, in any order, without those whose id cannot be read.
    pub rows: Vec<Seen>,
    /// Where the next page begins.
    pub next: Next,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Rows with a higher id are wanted, and none with this id or a lower one. It is the id to ask the API with; a server
    /// that includes the id asked for gives that row too, and it is to be dropped.
    pub after: u64,
    /// Whether this is the very place. If not, it is early: older rows come first.
    pub exact: bool,
    /// How many pages were asked for.
    pub requests: u32,
}

/// Finds where the rows begin that were created at a time or later. `probe` asks for the page at an id; where the server
/// refuses an id for being too large, an empty last page may stand in for it.
///
/// # Errors
///
/// What `probe` fails with; whether to try again is decided there.
pub async fn first_id_at<E>(probe: impl AsyncFnMut(u64) -> Result<Probe, E>, time_millis: i64) -> Result<Found, E> {
    Search::new(probe, Some(time_millis)).run().await
}

/// Finds the end of the rows there are, so that only newer ones are read.
///
/// # Errors
///
/// What `probe` fails with; whether to try again is decided there.
pub async fn last_id<E>(probe: impl AsyncFnMut(u64) -> Result<Probe, E>) -> Result<Found, E> {
    Search::new(probe, None).run().await
}

struct Search<P> {
    probe: P,
    /// Rows from this time on are wanted; with `None` none of those there are.
    time: Option<i64>,
    requests: u32,
    /// No row up to this id is wanted. It only rises.
    low: u64,
    /// The first row ever seen, and the last one known to be older.
    first: Option<Sample>,
    older: Option<Sample>,
    /// How far a page goes, in ids, by the last one seen.
    reach: u64,
}

/// Id and time of a row.
#[derive(Clone, Copy)]
struct Sample {
    id: u64,
    millis: i64,
}

/// Where the stretch ends that is searched: what is wanted begins with the first row above this id, or before.
#[derive(Clone, Copy)]
struct High {
    id: u64,
    /// The first row above it, if there is one.
    newer: Option<Sample>,
    /// Whether it is known, or only all there is to go by.
    sure: bool,
}

/// What a page says.
struct Look {
    /// The last of the older rows that it begins with.
    older: Option<u64>,
    /// The first row that is wanted.
    newer: Option<Sample>,
    /// Whether nothing follows.
    end: bool,
}

impl<E, P: AsyncFnMut(u64) -> Result<Probe, E>> Search<P> {
    fn new(probe: P, time: Option<i64>) -> Self {
        Search {
            probe,
            time,
            requests: 0,
            low: 0,
            first: None,
            older: None,
            reach: 0,
        }
    }

    async fn run(mut self) -> Result<Found, E> {
        let mut high: Option<High> = None;
        let mut jump = FIRST_JUMP;
        let mut at = 0;
        let mut trust = Trust::default();
        while self.requests < MAX_REQUESTS {
            let width = high.map(|high| high.id - self.low);
            let look = self.look(at).await?;
            self.low = self.low.max(look.older.unwrap_or(0));
            let bound = |newer, sure| Some(High { id: at, newer, sure });
            match look {
                Look {
                    older: Some(_),
                    newer: Some(_),
                    ..
                }
                | Look {
                    older: Some(_),
                    end: true,
                    ..
                } => {
                    return Ok(self.found(true));
                }
                Look { newer: Some(newer), .. } => high = bound(Some(newer), true),
                Look { end: true, .. } => high = bound(None, true),
                Look { older, .. } if older.is_none_or(|id| id <= at) => high = bound(None, false),
                Look { .. } => {}
            }

            let Some(high) = high else {
                if self.low >= LAST_ID {
                    return Ok(self.found(true));
                }
                jump = jump.max(self.reach.saturating_mul(PAGE)).min(LAST_ID);
                at = self.low.saturating_add(jump).min(LAST_ID);
                jump = jump.saturating_mul(JUMP_GROWTH);
                continue;
            };
            if high.id <= self.low {
                return Ok(self.found(high.sure));
            }
            let halved = width.is_none_or(|width| high.id - self.low <= width / 2);
            let guess = if trust.allows(halved) { self.guess(high) } else { None };
            at = guess.unwrap_or(self.low + (high.id - self.low) / 2);
        }
        Ok(self.found(false))
    }

    fn found(&self, exact: bool) -> Found {
        Found {
            after: self.low,
            exact,
            requests: self.requests,
        }
    }

    /// Looks at the page at an id, and at those behind it while they say nothing.
    async fn look(&mut self, at: u64) -> Result<Look, E> {
        let mut rows: Vec<Seen> = Vec::new();
        let mut from = at;
        let mut end = false;
        for _ in 0..MAX_FOLLOWED.min(MAX_REQUESTS - self.requests) {
            self.requests += 1;
            let page = (self.probe)(from).await?;
            let furthest = page.rows.iter().map(|row| row.id).max().filter(|id| *id > from);
            rows.extend(page.rows.iter().filter(|row| row.id >= at));
            let follow = match (furthest, &page.next) {
                (_, Next::Null) => None,
                (Some(id), _) => Some(id),
                (None, Next::Id(next)) if *next > from => Some((next - 1).max(from + 1)),
                (None, _) => None,
            };
            end = follow.is_none();
            if end || rows.iter().any(|row| row.id > at && self.is_older(row).is_some()) {
                break;
            }
            from = follow.unwrap_or(from);
        }
        rows.sort_unstable();
        rows.dedup_by_key(|row| row.id);
        Ok(self.learn(&rows, end))
    }

    /// Whether a row is known to be older, or known not to be.
    fn is_older(&self, row: &Seen) -> Option<bool> {
        match self.time {
            Some(time) => row.created_millis.map(|millis| millis < time),
            None => Some(true),
        }
    }

    fn learn(&mut self, rows: &[Seen], end: bool) -> Look {
        let sample = |row: &Seen| row.created_millis.map(|millis| Sample { id: row.id, millis });
        let newer = rows.iter().position(|row| self.is_older(row) == Some(false));
        let before = &rows[..newer.unwrap_or(rows.len())];
        let older = before.iter().rfind(|row| self.is_older(row) == Some(true));

        let mut gaps: Vec<u64> = rows.windows(2).map(|pair| pair[1].id - pair[0].id).collect();
        gaps.sort_unstable();
        if let Some(usual) = gaps.get(gaps.len() / 2) {
            self.reach = usual.saturating_mul(PAGE);
        }
        self.first = self.first.or_else(|| before.iter().find_map(sample));
        if let Some(older) = older.filter(|row| row.id >= self.low).and_then(sample) {
            self.older = Some(older);
        }
        Look {
            older: older.map(|row| row.id),
            newer: newer.and_then(|index| sample(&rows[index])),
            end,
        }
    }

    /// Where the next page should be, at least `low` and below `high`, by the times seen so far.
    fn guess(&self, high: High) -> Option<u64> {
        let page = self.reach.max(PAGE);
        if high.id - self.low <= page {
            return Some(self.low);
        }
        let older = self.older?;
        // Behind the end there is no time: the speed so far must do.
        let (from, to) = match high.newer {
            Some(newer) => (older, newer),
            None => (self.first?, older),
        };
        let ids = i128::from(to.id.checked_sub(from.id)?);
        let span = i128::from(to.millis) - i128::from(from.millis);
        let ahead = i128::from(self.time?) - i128::from(older.millis);
        let place = i128::from(older.id) + ids.checked_mul(ahead)?.checked_div(span)?;
        let place = u64::try_from(place).ok()?;
        if place >= high.id && high.newer.is_none() {
            return None;
        }
        let place = place.clamp(self.low, high.id - 1);

        // Where one end is much nearer than the other, earlier guesses fell short or went too far: this one goes twice as
        // far beyond the place, to bring the other end near too.
        let (before, behind) = (place - self.low, high.id - place);
        let near = (high.id - self.low) / 8;
        let place = if before < page {
            self.low
        } else if before < near {
            place.saturating_add(before.saturating_mul(2))
        } else if behind < near {
            place.saturating_sub(behind.saturating_mul(2).saturating_add(page))
        } else {
            place.saturating_sub(page / 2)
        };
        Some(place.clamp(self.low, high.id - 1))
    }
}

/// How far guesses are trusted: two in a row that do not halve the stretch are followed by looks at its middle, twice as many
/// each time. So logs whose times tell nothing cost little more than halving alone.
#[derive(Default)]
struct Trust {
    poor_guesses: u32,
    failures: u32,
    halvings: u32,
}

impl Trust {
    /// Whether to guess once more; `halved` says whether the last look halved the stretch.
    fn allows(&mut self, halved: bool) -> bool {
        if self.halvings > 0 {
            self.halvings -= 1;
        } else if halved {
            self.poor_guesses = 0;
        } else {
            self.poor_guesses += 1;
            if self.poor_guesses == 2 {
                self.poor_guesses = 0;
                self.halvings = 1 << self.failures;
                self.failures += 1;
            }
        }
        self.halvings == 0
    }
}

#[cfg(test)]
mod tests;
