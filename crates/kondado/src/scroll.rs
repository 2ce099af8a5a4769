//! Where to read on after a page.
//!
//! The documentation leaves open whether `start_element_id` itself is returned, and what `next_start_element_id` is on a short, an empty
//! or the last page. These rules are right for every reading of it: they trust the ids of the rows first, and `next` only where a page
//! has no row that lies further on.

use crate::page::Next;

/// So many pages in a row may have no row and lead no further than the next id. More of them say nothing.
const MOST_CREEPS: u32 = 64;

/// One reading of a stream, from some id towards its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scroll {
    start: u64,
    creeps: u32,
}

/// What comes after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There may be more rows: read on from [`Scroll::start`].
    More,
    /// There are no more rows for now.
    End,
    /// The server leads on and on without a row, an id at a time. It is left alone.
    NoProgress,
}

impl Scroll {
    /// Begins to read behind an id. A server that returns the row of that id too does no harm.
    pub fn behind(id: u64) -> Scroll {
        Scroll { start: id, creeps: 0 }
    }

    /// The `start_element_id` to ask for. Every row up to it has been passed.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Goes on over a page: the ids of its rows, in any order, and the server's word for the next page.
    pub fn pass(&mut self, ids: impl IntoIterator<Item = u64>, next: &Next) -> Step {
        let last = ids.into_iter().max().unwrap_or(0);
        if last > self.start {
            self.start = last;
            self.creeps = 0;
            return if *next == Next::Null { Step::End } else { Step::More };
        }
        match *next {
            // The rows up to there are not for us. An inclusive server means the row `next` itself to come.
            Next::Id(next) if next > self.start => {
                self.creeps = if next - self.start > 1 { 0 } else { self.creeps + 1 };
                if self.creeps > MOST_CREEPS {
                    return Step::NoProgress;
                }
                self.start = (next - 1).max(self.start + 1);
                Step::More
            }
            _ => Step::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Policy {
        Last,
        NullOnShort,
        FirstOfNextPage,
        LastPlusOne,
    }

    const POLICIES: [Policy; 4] = [
        Policy::Last,
        Policy::NullOnShort,
        Policy::FirstOfNextPage,
        Policy::LastPlusOne,
    ];

    const PAGE: usize = 50;

    fn answer(ids: &[u64], inclusive: bool, policy: Policy, filter: u64, start: u64) -> (Vec<u64>, Next) {
        let from = ids.partition_point(|id| *id < start + u64::from(!inclusive));
        let page = &ids[from..ids.len().min(from + PAGE)];
        let next = match (policy, page.last()) {
            (_, None) => Next::Null,
            (Policy::Last, Some(last)) => Next::Id(*last),
            (Policy::NullOnShort, Some(last)) => match page.len() < PAGE {
                true => Next::Null,
                false => Next::Id(*last),
            },
            (Policy::FirstOfNextPage, Some(_)) => ids.get(from + PAGE).map_or(Next::Null, |id| Next::Id(*id)),
            (Policy::LastPlusOne, Some(last)) => Next::Id(last + 1),
        };
        // What belongs to others is taken away after the page was cut.
        (page.iter().copied().filter(|id| is_ours(*id, filter)).collect(), next)
    }

    fn is_ours(id: u64, filter: u64) -> bool {
        match filter {
            0 => true,
            1 => id.is_multiple_of(3),
            // Whole pages of others.
            _ => (id / 400).is_multiple_of(2),
        }
    }

    /// Both inclusivities, every `next`, and filters behind the limit, over logs of every length around whole pages and ids that
    /// lie close, far apart, or both: nothing is missed, and it ends.
    #[test]
    fn every_reading_of_the_documentation() {
        let mut drains = 0;
        for len in [0, 1, 2, 49, 50, 51, 100, 101, 150, 503] {
            for gap in [1, 2, 3, 7, 40, 1009] {
                let ids: Vec<u64> = (1..=len)
                    .map(|n| n * gap + n % gap.min(3))
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect();
                for inclusive in [false, true] {
                    for policy in POLICIES {
                        for filter in 0..3 {
                            let mut scroll = Scroll::behind(0);
                            let mut seen = BTreeSet::new();
                            let mut requests = 0;
                            loop {
                                let (page, next) = answer(&ids, inclusive, policy, filter, scroll.start());
                                seen.extend(page.iter().copied());
                                requests += 1;
                                if scroll.pass(page, &next) != Step::More {
                                    break;
                                }
                                assert!(requests < 1000, "no end: {inclusive} {policy:?} {filter} {len} {gap}");
                            }
                            let ours: BTreeSet<u64> = ids.iter().copied().filter(|id| is_ours(*id, filter)).collect();
                            assert_eq!(seen, ours, "{inclusive} {policy:?} {filter} {len} {gap}");
                            drains += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(drains, 1440);
    }

    /// An equal token can be a legal end, and a server that only counts up is left alone.
    #[test]
    fn what_leads_nowhere_ends() {
        let mut scroll = Scroll::behind(7);
        assert_eq!(scroll.pass([7], &Next::Id(7)), Step::End);
        let mut steps = 0;
        while scroll.pass([], &Next::Id(scroll.start() + 1)) == Step::More {
            steps += 1;
        }
        assert!(steps <= MOST_CREEPS);
        // Without a word for the next page, rows lead on and their absence ends.
        let mut scroll = Scroll::behind(0);
        assert_eq!(scroll.pass([3, 9, 4], &Next::Absent), Step::More);
        assert_eq!(scroll.start(), 9);
        assert_eq!(scroll.pass([9], &Next::Unusable("?".to_owned())), Step::End);
    }
}
