//! The records of which not all events have come to their end.

use std::collections::BTreeMap;

use super::Tag;
use crate::delivery::report::GivenUp;
use crate::event::Ticket;

/// Records, numbered in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Units {
    next: u64,
    open: BTreeMap<u64, Open>,
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
        let number = self.next;
        self.next += 1;
        let left = events;
        self.open.insert(number, Open { ticket, left, bytes });
        number
    }

    /// Counts events as come to their end; gives the records of which they were the last.
    pub(super) fn settle(&mut self, tags: &[Tag]) -> Vec<Complete> {
        let mut complete = Vec::with_capacity(tags.len());
        for tag in tags {
            let Some(open) = self.open.get_mut(&tag.unit) else {
                continue;
            };
            open.left -= tag.events;
            if open.left == 0
                && let Some(Open { ticket, bytes, .. }) = self.open.remove(&tag.unit)
            {
                complete.push(Complete { ticket, bytes });
            }
        }
        complete
    }

    pub(super) fn ticket(&self, unit: u64) -> Option<Ticket> {
        self.open.get(&unit).map(|open| open.ticket)
    }

    /// Whether there are none.
    pub(super) fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Forgets all.
    pub(super) fn give_up(&mut self) -> GivenUp {
        let open = std::mem::take(&mut self.open);
        GivenUp {
            events: open.values().map(|open| open.left).sum(),
            records: open.len(),
        }
    }
}
