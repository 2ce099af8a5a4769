//! Positions in a text that is read once, from its beginning to its end: a file, or stdin.
//!
//! Records are numbered as they are read. A sink may keep them in any order; its position is the end of the last record up to which it
//! keeps all of them.

use std::collections::VecDeque;

/// So many records wait at most behind one that a sink does not keep yet, so that positions take bounded memory.
const MOST_WAITING: usize = 100_000;

/// Where a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Bytes of the text up to the end of the record, where that is known.
    pub offset: u64,
    /// Records up to here.
    pub records: u64,
    /// The line on which it begins.
    pub line: u64,
}

/// The positions of the sinks.
#[derive(Debug)]
pub struct Lines {
    readers: Vec<Reader>,
}

#[derive(Debug, Default)]
struct Reader {
    done: Mark,
    /// The number of the first record in `waiting`.
    first: u64,
    waiting: VecDeque<(Mark, bool)>,
    in_flight: usize,
}

impl Lines {
    /// Goes on from these places, one for each sink.
    pub fn new(places: impl IntoIterator<Item = Mark>) -> Lines {
        let reader = |done: Mark| Reader {
            done,
            first: done.records,
            ..Reader::default()
        };
        Lines {
            readers: places.into_iter().map(reader).collect(),
        }
    }

    /// Takes up the next record for a sink, and gives its number; `None` when the sink has it already. Records are offered in
    /// order and without gaps.
    pub fn offer(&mut self, reader: usize, mark: Mark) -> Option<u64> {
        let reader = &mut self.readers[reader];
        if mark.records <= reader.done.records {
            return None;
        }
        reader.waiting.push_back((mark, false));
        reader.in_flight += 1;
        Some(reader.first + reader.waiting.len() as u64 - 1)
    }

    /// A sink keeps a record.
    pub fn acknowledge(&mut self, reader: usize, number: u64) {
        let reader = &mut self.readers[reader];
        let index = number
            .checked_sub(reader.first)
            .and_then(|index| usize::try_from(index).ok());
        if let Some((_, kept)) = index.and_then(|index| reader.waiting.get_mut(index))
            && !*kept
        {
            *kept = true;
            reader.in_flight -= 1;
        }
        while let Some((mark, true)) = reader.waiting.front() {
            reader.done = *mark;
            reader.first += 1;
            reader.waiting.pop_front();
        }
    }

    /// Up to where a sink keeps everything.
    pub fn done(&self, reader: usize) -> Mark {
        self.readers[reader].done
    }

    /// The earliest place of all sinks: reading begins there.
    pub fn earliest(&self) -> Mark {
        let done = self.readers.iter().map(|reader| reader.done);
        done.min_by_key(|mark| mark.records).unwrap_or_default()
    }

    /// Whether every sink keeps everything that was offered.
    pub fn is_all_kept(&self) -> bool {
        self.readers.iter().all(|reader| reader.waiting.is_empty())
    }

    /// Whether more records may be offered: no sink has kept too many beyond one that it does not keep.
    pub fn has_room(&self) -> bool {
        self.readers.iter().all(|reader| reader.waiting.len() < MOST_WAITING)
    }

    /// How many records are on their way to a sink.
    pub fn in_flight(&self, reader: usize) -> usize {
        self.readers[reader].in_flight
    }
}

/// Records that follow each other: those behind one, up to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stretch {
    behind: u64,
    to: u64,
}

impl Stretch {
    /// Whether the record with this number is one of them.
    pub fn has(&self, record: u64) -> bool {
        self.behind < record && record <= self.to
    }

    /// Takes more of them in. Those that do not touch what is there already are left out.
    pub fn join(&mut self, behind: u64, to: u64) {
        if self.behind == self.to {
            *self = Stretch { behind, to };
        } else if behind <= self.to && self.behind <= to {
            self.behind = self.behind.min(behind);
            self.to = self.to.max(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The position is never beyond a record that is not kept, and ends at the end.
        #[test]
        fn rule_1_a_position_passes_only_what_is_kept(order in Just((0..40_u64).collect::<Vec<_>>()).prop_shuffle()) {
            let mut lines = Lines::new([Mark::default()]);
            for record in 1..=40 {
                let number = lines.offer(0, Mark { offset: record * 10, records: record, line: record });
                prop_assert_eq!(number, Some(record - 1));
            }
            let mut kept = [false; 40];
            for number in order {
                lines.acknowledge(0, number);
                kept[number as usize] = true;
                let all = kept.iter().take_while(|kept| **kept).count() as u64;
                prop_assert_eq!(lines.done(0), Mark { offset: all * 10, records: all, line: all });
            }
            prop_assert_eq!(lines.in_flight(0), 0);
        }
    }

    #[test]
    fn a_stretch_has_no_gaps() {
        let mut stretch = Stretch::default();
        assert!(!stretch.has(0) && !stretch.has(1));
        stretch.join(5, 9);
        stretch.join(0, 3);
        let has: Vec<u64> = (0..15).filter(|record| stretch.has(*record)).collect();
        assert_eq!(has, [6, 7, 8, 9]);
        stretch.join(0, 5);
        stretch.join(9, 11);
        assert!((1..=11).all(|record| stretch.has(record)) && !stretch.has(12));
    }

    #[test]
    fn what_waits_behind_a_record_is_bounded() {
        let mut lines = Lines::new([Mark::default()]);
        let marks = (1..).map(|records| Mark {
            records,
            ..Mark::default()
        });
        for mark in marks.take(MOST_WAITING) {
            assert!(lines.has_room());
            let number = lines.offer(0, mark).unwrap();
            if number > 0 {
                lines.acknowledge(0, number);
            }
        }
        assert!(!lines.has_room());
        lines.acknowledge(0, 0);
        assert!(lines.has_room());
    }
}
