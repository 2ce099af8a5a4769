//! The records of which not all events have come to their end.

use std::collections::VecDeque;

use super::Tag;
use crate::delivery::report::GivenUp;
use crate::event::Ticket;

/// Records, numbered in the order in which they came. What follows one that is not settled is kept until it is: whoever hands over records
/// bounds how many these are.
#[derive(Debug, Default)]
pub(super) struct Units {
    /// The number of the first of `open`.
    first: u64,
    open: VecDeque<Open>,
}

#[derive(Debug)]
struct Open {
    ticket: Ticket,
    /// Events that have not come to their end.
    left: usize,
    bytes: usize,
}

/// A record all of whose events have come to their end.
#[derive(Debug, Clone, Copy)]
pub(in crate::delivery) struct Complete {
    pub(in crate::delivery) ticket: Ticket,
    /// The memory it took.
    pub(in crate::delivery) bytes: usize,
}

impl Units {
    /// Its number.
    pub(super) fn push(&mut self, ticket: Ticket, events: usize, bytes: usize) -> u64 {
        self.open.push_back(Open {
            ticket,
            left: events,
            bytes,
        });
        self.first + self.open.len() as u64 - 1
    }

    /// Counts events as come to their end; gives the records of which they were the last.
    pub(super) fn settle(&mut self, tags: &[Tag]) -> Vec<Complete> {
        let mut complete = Vec::with_capacity(tags.len());
        for tag in tags {
            let Some(open) = self.index(tag.unit).and_then(|index| self.open.get_mut(index)) else {
                continue;
            };
            open.left -= tag.events;
            if open.left == 0 {
                complete.push(Complete {
                    ticket: open.ticket,
                    bytes: open.bytes,
                });
            }
        }
        while self.open.front().is_some_and(|open| open.left == 0) {
            self.open.pop_front();
            self.first += 1;
        }
        complete
    }

    pub(super) fn ticket(&self, unit: u64) -> Option<Ticket> {
        self.open.get(self.index(unit)?).map(|open| open.ticket)
    }

    /// Whether there are none.
    pub(super) fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Forgets all.
    pub(super) fn give_up(&mut self) -> GivenUp {
        self.first += self.open.len() as u64;
        let open = std::mem::take(&mut self.open);
        let left = || open.iter().filter(|open| open.left > 0);
        GivenUp {
            events: left().map(|open| open.left).sum(),
            records: left().count(),
        }
    }

    fn index(&self, unit: u64) -> Option<usize> {
        unit.checked_sub(self.first)
            .and_then(|index| usize::try_from(index).ok())
    }
}
