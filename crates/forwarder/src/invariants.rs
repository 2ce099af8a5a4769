//! The guarantees as predicates: tests hold them against every state they reach, and so does every scrape of a debug build.

use crate::state::{EventCounts, RecordCounts, State};

/// Every record that was received has become something.
pub fn records_are_accounted_for(counts: &RecordCounts) -> bool {
    counts.received == counts.mapped + counts.dead_lettered + counts.deduplicated
}

/// Every event that was queued has become something, or is on its way.
pub fn events_are_accounted_for(counts: &EventCounts) -> bool {
    counts.queued == counts.delivered + counts.dead_lettered + counts.deselected + counts.in_flight
}

/// What does not hold of a state, if anything.
pub fn violated(state: &State) -> Option<String> {
    let records = state
        .tracks
        .iter()
        .find(|track| !records_are_accounted_for(&track.counts));
    let events = state.sinks.iter().find(|sink| !events_are_accounted_for(&sink.counts));
    match (records, events) {
        (Some(track), _) => Some(format!("records of {}: {:?}", track.stream, track.counts)),
        (_, Some(sink)) => Some(format!("events of {}: {:?}", sink.name, sink.counts)),
        (None, None) => None,
    }
}
