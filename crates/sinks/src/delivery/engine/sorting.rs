//! Events that must not be sent, or not yet.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::Engine;
use crate::clock;
use crate::delivery::queue::Batch;
use crate::event::Event;
use crate::exchange::days;
use crate::sink::NotBefore;

/// When the clock is looked at again: someone may set it.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// A clock may be wrong by as much; beyond that it is the event's time that is wrong.
const LONGEST_WAIT: i64 = 60 * 60 * 1000;

impl Engine {
    /// Takes those out of a batch that must not be sent, and those that must wait, with what follows them in their lanes.
    pub(super) fn sort_out(&mut self, batch: Batch) -> Option<Batch> {
        let now = clock::now_millis();
        let is_early = |event: &Event| self.sink.not_before(event).filter(|not_before| not_before.millis > now);
        let refuses = |event: &Event| {
            let too_new = || is_early(event).filter(|not_before| not_before.millis - now > LONGEST_WAIT);
            let too_new =
                || too_new().map(|not_before| format!("too new: {}", ahead(event.created_millis, not_before)));
            self.sink.refuses(event, now).or_else(too_new)
        };
        let is_good = |event: &Event| refuses(event).is_none() && is_early(event).is_none();
        if batch.events.iter().all(is_good) {
            return Some(batch);
        }
        let lanes = batch.lanes();
        let (mut good, mut refused, mut early) = (Vec::new(), Vec::new(), Vec::new());
        let mut waiting = BTreeSet::new();
        let mut first: Option<(NotBefore, i64)> = None;
        for piece in batch.into_singles(&|event| self.sink.size(event)) {
            let Some(event) = piece.events.first() else { continue };
            if let Some(reason) = refuses(event) {
                refused.push((piece, reason));
                continue;
            }
            if let Some(not_before) = is_early(event) {
                waiting.insert(piece.tag.lane());
                if first.is_none_or(|(first, _)| not_before.millis < first.millis) {
                    first = Some((not_before, event.created_millis));
                }
            }
            match waiting.contains(&piece.tag.lane()) {
                true => early.push(piece),
                false => good.push(piece),
            }
        }
        let good = Batch::of(good);
        let wait = first.map(|(not_before, _)| {
            let millis = u64::try_from(not_before.millis - now).unwrap_or_default();
            Duration::from_millis(millis).min(LOOK_AGAIN)
        });
        let events = early.len();
        let due = wait.and_then(|wait| Instant::now().checked_add(wait));
        self.queue.release(&lanes.without(&good.lanes()), early, due);
        if let (Some((not_before, created)), Some(wait)) = (first, wait) {
            // It is no failure of the sink's.
            let wait_secs = wait.as_secs();
            let ahead = ahead(created, not_before);
            warn!(sink = %self.name, events, wait_secs, "events wait: {ahead}; is the clock of this machine right?");
        }
        self.keep(refused);
        (!good.tags.is_empty()).then_some(good)
    }
}

fn ahead(created: i64, not_before: NotBefore) -> String {
    let (limit, whose) = not_before.limit;
    format!(
        "created {}, and {whose} takes what is {} ahead at most",
        clock::utc_of_millis(created),
        days(limit)
    )
}
