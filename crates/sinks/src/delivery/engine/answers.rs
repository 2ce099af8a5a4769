//! What follows from a sink's answer.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{Engine, ReaderGone};
use crate::clock;
use crate::delivery::queue::{Item, keys};
use crate::delivery::report::Retrying;
use crate::sink::{Fate, Later, Parts, Verdict};

/// So long nothing is sent after a sink has stopped.
const STOPPED: Duration = Duration::from_secs(60);

/// What failed so often in a row is suspected to be to blame.
const SUSPECT: u32 = 3;

/// So long after a wait, what is suspected goes: the others go before it.
const AFTER_OTHERS: Duration = Duration::from_millis(1);

impl Engine {
    pub(super) fn answered(&mut self, mut items: Vec<Item>, round: u64, verdict: Verdict) -> Result<(), ReaderGone> {
        match verdict {
            Verdict::Delivered => {
                self.recovered(round);
                self.queue.release(keys(&items), Vec::new(), None);
                self.delivered(&items);
            }
            Verdict::Retry(later) => self.failed(items, round, &later),
            Verdict::Divide(_, reason) if items.len() <= 1 => {
                self.queue.release(keys(&items), Vec::new(), None);
                self.keep(items.into_iter().map(|item| (item, reason.clone())).collect());
            }
            Verdict::Divide(parts, reason) => {
                debug!(sink = %self.name, events = items.len(), reason, "the batch is not taken and goes in parts");
                let at_most = match parts {
                    Parts::Halves => items.len().div_ceil(2),
                    Parts::Singles => 1,
                };
                let keys = keys(&items);
                items.iter_mut().for_each(|item| item.at_most = at_most);
                self.queue.release(keys, items, None);
            }
            Verdict::Each(fates) if fates.len() != items.len() => {
                let reason = format!(
                    "a defect: the sink answered for {} of {} events",
                    fates.len(),
                    items.len()
                );
                self.failed(items, round, &Later { reason, after: None });
            }
            Verdict::Each(fates) => self.each(items, round, fates),
            Verdict::Stop(reason) => self.stopped(items, &reason),
            Verdict::Closed => return Err(ReaderGone),
        }
        Ok(())
    }

    /// Nothing can be sent until a person mends something. It all goes back to the heads of its lanes, and no attempt is counted.
    pub(super) fn stopped(&mut self, items: Vec<Item>, reason: &str) {
        self.queue.release(keys(&items), items, None);
        self.gate = self.gate.max(Instant::now().checked_add(STOPPED));
        self.report.stopped(reason);
    }

    /// None of the batch is delivered: it goes back to the heads of its lanes, and the sink rests.
    ///
    /// What fails again and again may be to blame itself: other lanes go before it then, and once these were delivered meanwhile, it goes in
    /// smaller parts and holds up its own lanes alone.
    fn failed(&mut self, mut items: Vec<Item>, round: u64, later: &Later) {
        let keys = keys(&items);
        let is_alone = items.len() == 1;
        let half = items.len().div_ceil(2);
        let (mut failures, mut others_pass) = (0, false);
        for item in &mut items {
            item.failures = item.failures.saturating_add(1);
            failures = failures.max(item.failures);
            others_pass |= *item.failed_at.get_or_insert(self.deliveries) < self.deliveries;
        }
        let is_to_blame = others_pass && failures >= SUSPECT;
        if is_to_blame {
            items.iter_mut().for_each(|item| item.at_most = item.at_most.min(half));
        }
        // Where others pass, one of the events may be to blame, and its neighbours must not end with it.
        let (exhausted, mut again): (Vec<Item>, Vec<Item>) = items
            .into_iter()
            .partition(|item| (is_alone || !others_pass) && self.retry.is_exhausted(item.failures));
        let is_exhausted = |item: &&mut Item| self.retry.is_exhausted(item.failures);
        again.iter_mut().filter(is_exhausted).for_each(|item| item.at_most = 1);
        let events = again.len();
        if is_to_blame {
            let wait = self.retry.wait(failures, later.after, fastrand::f64());
            self.queue.release(keys, again, Instant::now().checked_add(wait));
            self.retrying(&later.reason, events, wait);
        } else {
            self.rest(round, later, events);
            let due = self
                .gate
                .filter(|_| failures >= SUSPECT)
                .map(|gate| gate + AFTER_OTHERS);
            self.queue.release(keys, again, due);
        }
        self.keep(exhausted.into_iter().map(|item| (item, later.reason.clone())).collect());
    }

    /// Nothing is sent for a while. Batches that failed before the same wait are one failure.
    fn rest(&mut self, round: u64, later: &Later, events: usize) {
        if round == self.round {
            self.failures = self.failures.saturating_add(1);
            self.round += 1;
            self.concurrency.shrink();
            let wait = self.retry.wait(self.failures, later.after, fastrand::f64());
            self.gate = self.gate.max(Instant::now().checked_add(wait));
            self.retrying(&later.reason, events, wait);
        } else if let Some(after) = later.after {
            let asked = Instant::now() + self.retry.wait(0, Some(after), 0.0);
            self.gate = Some(self.gate.map_or(asked, |gate| gate.max(asked)));
        }
    }

    /// Some of the batch is delivered. What is to be tried again waits alone; it holds up its lanes, not the sink.
    fn each(&mut self, items: Vec<Item>, round: u64, fates: Vec<Fate>) {
        if let Some(Fate::Retry(first)) = fates.first()
            && fates.iter().all(|fate| matches!(fate, Fate::Retry(_)))
        {
            let reason = first.reason.clone();
            let after = fates.iter().filter_map(asked).max();
            return self.failed(items, round, &Later { reason, after });
        }
        self.recovered(round);
        let keys = keys(&items);
        let (mut delivered, mut refused, mut again) = (Vec::new(), Vec::new(), Vec::new());
        let (mut failures, mut after, mut why) = (0, None, None);
        for (mut item, fate) in items.into_iter().zip(fates) {
            match fate {
                Fate::Delivered => delivered.push(item),
                Fate::Rejected(reason) => refused.push((item, reason)),
                Fate::Untried => again.push(item),
                Fate::Retry(later) => {
                    item.failures = item.failures.saturating_add(1);
                    if self.retry.is_exhausted(item.failures) {
                        refused.push((item, later.reason));
                        continue;
                    }
                    failures = failures.max(item.failures);
                    after = after.max(later.after);
                    why.get_or_insert(later.reason);
                    again.push(item);
                }
            }
        }
        if let Some(reason) = why {
            let wait = self.retry.wait(failures, after, fastrand::f64());
            let events = again.len();
            self.queue.release(keys, again, Instant::now().checked_add(wait));
            self.retrying(&reason, events, wait);
        } else {
            self.queue.release(keys, again, None);
        }
        self.delivered(&delivered);
        self.keep(refused);
    }

    fn recovered(&mut self, round: u64) {
        self.deliveries += 1;
        self.concurrency.grow();
        if round == self.round && self.failures > 0 {
            info!(sink = %self.name, failures = self.failures, "delivers again");
            self.failures = 0;
        }
    }

    fn retrying(&self, reason: &str, events: usize, wait: Duration) {
        let until = SystemTime::now() + wait;
        warn!(sink = %self.name, events, wait_secs = wait.as_secs_f32(), until = clock::utc(until), "delivery failed and is tried again: {reason}");
        self.report.retrying(&Retrying {
            reason,
            events,
            wait,
            until,
        });
    }
}

fn asked(fate: &Fate) -> Option<Duration> {
    match fate {
        Fate::Retry(later) => later.after,
        _ => None,
    }
}
