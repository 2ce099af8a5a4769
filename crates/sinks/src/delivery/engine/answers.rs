//! What follows from a sink's answer.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{Engine, ReaderGone};
use crate::clock;
use crate::delivery::queue::{Batch, Lanes, Piece};
use crate::delivery::report::Retrying;
use crate::event::Event;
use crate::sink::{Fate, Later, Parts, Verdict};

/// So long nothing is sent after a sink has stopped.
const STOPPED: Duration = Duration::from_secs(60);

/// What failed so often in a row is suspected to be to blame.
const SUSPECT: u32 = 3;

/// So long after a wait, what is suspected goes: the others go before it.
const AFTER_OTHERS: Duration = Duration::from_millis(1);

impl Engine {
    pub(super) fn answered(&mut self, batch: Batch, round: u64, verdict: Verdict) -> Result<(), ReaderGone> {
        match verdict {
            Verdict::Delivered => {
                self.recovered(round);
                self.queue.release(&batch.lanes(), Vec::new(), None);
                self.delivered(&batch.tags, bytes_of(&batch.events));
            }
            Verdict::Retry(later) => self.failed(batch.lanes(), batch.into_pieces(), Vec::new(), round, &later),
            Verdict::Divide(_, reason) if batch.events.len() <= 1 => {
                self.queue.release(&batch.lanes(), Vec::new(), None);
                let pieces = batch.into_pieces().into_iter();
                self.keep(pieces.map(|piece| (piece, reason.clone())).collect());
            }
            Verdict::Divide(parts, reason) => {
                let events = batch.events.len();
                debug!(sink = %self.name, events, reason, "the batch is not taken and goes in parts");
                if parts == Parts::Smaller {
                    self.size.shrink(batch.size());
                }
                let at_most = match parts {
                    Parts::Halves | Parts::Smaller => events.div_ceil(2),
                    Parts::Singles => 1,
                };
                let lanes = batch.lanes();
                let mut pieces = batch.into_pieces();
                pieces.iter_mut().for_each(|piece| piece.tag.at_most = at_most);
                self.queue.release(&lanes, pieces, None);
            }
            Verdict::Each(fates) if fates.len() != batch.events.len() => {
                let reason = format!(
                    "a defect: the sink answered for {} of {} events",
                    fates.len(),
                    batch.events.len()
                );
                let later = Later { reason, after: None };
                self.failed(batch.lanes(), batch.into_pieces(), Vec::new(), round, &later);
            }
            Verdict::Each(fates) => self.each(batch, round, fates),
            Verdict::Stop(reason) => self.stopped(batch, &reason),
            Verdict::Closed => return Err(ReaderGone),
        }
        Ok(())
    }

    /// Nothing can be sent until a person mends something. It all goes back to the heads of its lanes, and no attempt is counted.
    pub(super) fn stopped(&mut self, batch: Batch, reason: &str) {
        self.queue.release(&batch.lanes(), batch.into_pieces(), None);
        self.gate = self.gate.max(Instant::now().checked_add(STOPPED));
        self.report.stopped(reason);
    }

    /// None of the batch is delivered: it goes back to the heads of its lanes, with what the service did not look at, and the sink rests.
    ///
    /// What fails again and again may be to blame itself: other lanes go before it then, and once these were delivered meanwhile, it goes in
    /// smaller parts and holds up its own lanes alone.
    fn failed(&mut self, lanes: Lanes, mut pieces: Vec<Piece>, untried: Vec<Piece>, round: u64, later: &Later) {
        let (lanes, behind) = self.release_untried(lanes, &pieces, untried);
        let all = events_of(&pieces);
        let (is_alone, half) = (all == 1, all.div_ceil(2));
        let (mut failures, mut others_pass) = (0, false);
        for Piece { tag, .. } in &mut pieces {
            tag.failures = tag.failures.saturating_add(1);
            failures = failures.max(tag.failures);
            others_pass |= *tag.failed_at.get_or_insert(self.deliveries) < self.deliveries;
        }
        let is_to_blame = others_pass && failures >= SUSPECT;
        if is_to_blame {
            let halve = |piece: &mut Piece| piece.tag.at_most = piece.tag.at_most.min(half);
            pieces.iter_mut().for_each(halve);
        }
        // Where others pass, one of the events may be to blame, and its neighbours must not end with it.
        let (exhausted, mut again): (Vec<Piece>, Vec<Piece>) = pieces
            .into_iter()
            .partition(|piece| (is_alone || !others_pass) && self.retry.is_exhausted(piece.tag.failures));
        let is_exhausted = |piece: &&mut Piece| self.retry.is_exhausted(piece.tag.failures);
        again
            .iter_mut()
            .filter(is_exhausted)
            .for_each(|piece| piece.tag.at_most = 1);
        let events = events_of(&again);
        again.extend(behind);
        again.sort_by_key(|piece| piece.tag.order());
        if is_to_blame {
            let wait = self.retry.wait(failures, later.after, fastrand::f64());
            self.queue.release(&lanes, again, Instant::now().checked_add(wait));
            self.retrying(&later.reason, events, wait);
        } else {
            self.rest(round, later, events);
            let due = self
                .gate
                .filter(|_| failures >= SUSPECT)
                .map(|gate| gate + AFTER_OTHERS);
            self.queue.release(&lanes, again, due);
        }
        self.keep(
            exhausted
                .into_iter()
                .map(|piece| (piece, later.reason.clone()))
                .collect(),
        );
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
    fn each(&mut self, batch: Batch, round: u64, fates: Vec<Fate>) {
        let lanes = batch.lanes();
        if let Some(later) = nothing_but_failures(&fates) {
            let size = |event: &Event| self.sink.size(event);
            let singles = batch.into_singles(&size).zip(fates);
            let (failed, untried): (Vec<_>, Vec<_>) = singles.partition(|(_, fate)| matches!(fate, Fate::Retry(_)));
            let pieces = |singles: Vec<(Piece, Fate)>| singles.into_iter().map(|(piece, _)| piece).collect();
            return self.failed(lanes, pieces(failed), pieces(untried), round, &later);
        }
        self.recovered(round);
        let (mut delivered, mut bytes) = (Vec::new(), 0);
        let (mut refused, mut again, mut untried) = (Vec::new(), Vec::new(), Vec::new());
        let (mut failures, mut after, mut why) = (0, None, None);
        for (mut piece, fate) in batch.into_singles(&|event| self.sink.size(event)).zip(fates) {
            match fate {
                Fate::Delivered => {
                    delivered.push(piece.tag);
                    bytes += bytes_of(&piece.events);
                }
                Fate::Rejected(reason) => refused.push((piece, reason)),
                Fate::Untried => untried.push(piece),
                Fate::Retry(later) => {
                    piece.tag.failures = piece.tag.failures.saturating_add(1);
                    if self.retry.is_exhausted(piece.tag.failures) {
                        refused.push((piece, later.reason));
                        continue;
                    }
                    failures = failures.max(piece.tag.failures);
                    after = after.max(later.after);
                    why.get_or_insert(later.reason);
                    again.push(piece);
                }
            }
        }
        let events = events_of(&again);
        let (lanes, behind) = self.release_untried(lanes, &again, untried);
        again.extend(behind);
        again.sort_by_key(|piece| piece.tag.order());
        if let Some(reason) = why {
            let wait = self.retry.wait(failures, after, fastrand::f64());
            self.queue.release(&lanes, again, Instant::now().checked_add(wait));
            self.retrying(&reason, events, wait);
        } else {
            self.queue.release(&lanes, again, None);
        }
        self.delivered(&delivered, bytes);
        self.keep(refused);
    }

    /// Lets what the service did not look at go again at once, but for what stands in the lanes of what failed. Gives the lanes that are left,
    /// and what stands behind in them.
    fn release_untried(&mut self, lanes: Lanes, failed: &[Piece], untried: Vec<Piece>) -> (Lanes, Vec<Piece>) {
        let of_failed = Lanes::of(failed.iter().map(|piece| &piece.tag));
        let (behind, free): (Vec<_>, Vec<_>) = untried.into_iter().partition(|piece| of_failed.has(piece.tag.lane()));
        let of_free = Lanes::of(free.iter().map(|piece| &piece.tag));
        self.queue.release(&of_free, free, None);
        (lanes.without(&of_free), behind)
    }

    fn recovered(&mut self, round: u64) {
        self.deliveries += 1;
        self.concurrency.grow();
        self.size.grow();
        if round == self.round && self.failures > 0 {
            info!(sink = %self.name, failures = self.failures, "delivers again");
            self.failures = 0;
        }
    }

    pub(super) fn retrying(&self, reason: &str, events: usize, wait: Duration) {
        if events == 0 {
            return;
        }
        let until = SystemTime::now() + wait;
        // To a tenth: a person reads it.
        let wait_secs = (wait.as_secs_f64() * 10.0).round() / 10.0;
        warn!(sink = %self.name, events, wait_secs, until = clock::utc(until), "delivery failed and is tried again: {reason}");
        self.report.retrying(&Retrying {
            reason,
            events,
            wait,
            until,
        });
    }
}

/// Why, if the service took none of the events that it looked at, and refused none for good.
fn nothing_but_failures(fates: &[Fate]) -> Option<Later> {
    let mut failures = Vec::new();
    for fate in fates {
        match fate {
            Fate::Retry(later) => failures.push(later),
            Fate::Untried => {}
            Fate::Delivered | Fate::Rejected(_) => return None,
        }
    }
    Some(Later {
        reason: failures.first()?.reason.clone(),
        after: failures.iter().filter_map(|later| later.after).max(),
    })
}

/// The bytes of events' texts.
fn bytes_of(events: &[Event]) -> usize {
    events.iter().map(|event| event.text.len()).sum()
}

fn events_of(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| piece.events.len()).sum()
}
