//! What a run did, in a few lines for a person.

use std::fmt;
use std::time::Duration;

use crate::state::{EventCounts, Positions, RecordCounts, State};

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// By stream.
    pub tracks: Vec<(String, RecordCounts)>,
    /// By sink.
    pub sinks: Vec<(String, EventCounts)>,
    /// Requests to APIs.
    pub requests: u64,
    /// How often they asked to wait.
    pub throttled: u64,
    /// Rows that came late.
    pub late: u64,
    /// Events that were not delivered before the end.
    pub undelivered: u64,
    /// How far standard input is acknowledged, where not all that was read of it is.
    pub stdin_left: Option<StdinLeft>,
    /// Whether it ended because everything that was there was read and delivered.
    pub is_complete: bool,
    /// How long it took.
    pub took: Duration,
}

/// How far standard input is acknowledged. The rest cannot be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StdinLeft {
    /// The line on which the last record begins that every sink keeps; 0 for none.
    pub line: u64,
}

impl fmt::Display for StdinLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "standard input: nothing of what was read is acknowledged"),
            line => write!(
                f,
                "standard input: acknowledged up to the record on line {line}, but more was read"
            ),
        }
    }
}

impl Summary {
    /// Of what a state has counted.
    pub fn of(state: &State, is_complete: bool, took: Duration) -> Summary {
        let track = |track: &crate::state::Track| {
            let client = track.client_id.map(|id| format!(" of client {id}")).unwrap_or_default();
            let mut of_source = state.tracks.iter().filter(|other| other.source == track.source);
            // Each sink reads a file by itself.
            let sink = match (&track.positions, &track.sinks[..], of_source.nth(1)) {
                (Positions::Lines(_), [sink], Some(_)) => format!(" for sink {}", state.sinks[*sink].name),
                _ => String::new(),
            };
            (
                format!("{} {}{client}{sink}", track.source_name, track.stream),
                track.counts,
            )
        };
        Summary {
            tracks: state.tracks.iter().map(track).collect(),
            sinks: state
                .sinks
                .iter()
                .map(|sink| (sink.name.to_string(), sink.counts))
                .collect(),
            requests: state.sources.iter().map(|source| source.requests).sum(),
            throttled: state.sources.iter().map(|source| source.throttled).sum(),
            late: state.tracks.iter().map(|track| track.seen.late).sum(),
            undelivered: state.sinks.iter().map(|sink| sink.counts.in_flight).sum(),
            stdin_left: stdin_left(state),
            is_complete,
            took,
        }
    }

    /// Records that were received.
    pub fn records(&self) -> u64 {
        self.tracks.iter().map(|(_, counts)| counts.received).sum()
    }

    /// Events that the sinks keep.
    pub fn delivered(&self) -> u64 {
        self.sinks.iter().map(|(_, counts)| counts.delivered).sum()
    }

    /// Says in one line that the run has ended.
    pub(crate) fn log(&self) {
        tracing::info!(
            records = self.records(),
            delivered = self.delivered(),
            dead_letters = self.dead_letters(),
            undelivered = self.undelivered,
            requests = self.requests,
            "ended"
        );
    }

    /// Records and events that became dead letters.
    pub fn dead_letters(&self) -> u64 {
        let records = self.tracks.iter().map(|(_, counts)| counts.dead_lettered);
        let events = self.sinks.iter().map(|(_, counts)| counts.dead_lettered);
        records.chain(events).sum()
    }
}

fn stdin_left(state: &State) -> Option<StdinLeft> {
    let tracks = state.tracks.iter().filter(|track| &*track.stream == "stdin");
    tracks.into_iter().find_map(|track| match &track.positions {
        Positions::Lines(lines) if !lines.is_all_kept() || state.sources[track.source].in_hand => Some(StdinLeft {
            line: lines.earliest().line,
        }),
        _ => None,
    })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, counts) in &self.tracks {
            let RecordCounts {
                received,
                mapped,
                dead_lettered,
                deduplicated,
                ..
            } = counts;
            write!(f, "{name}: {received} records received, {mapped} mapped")?;
            parts(
                f,
                &[(*deduplicated, "seen before"), (*dead_lettered, "to the dead letters")],
            )?;
        }
        for (name, counts) in &self.sinks {
            write!(f, "sink {name}: {} events delivered", counts.delivered)?;
            let parts_of = [
                (counts.deselected, "not selected"),
                (counts.dead_lettered, "to the dead letters"),
                (counts.in_flight, "not delivered"),
            ];
            parts(f, &parts_of)?;
        }
        write!(f, "{} requests in {:.1} s", self.requests, self.took.as_secs_f64())?;
        for (count, what) in [(self.throttled, "throttled"), (self.late, "rows came late")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

fn parts(f: &mut fmt::Formatter<'_>, parts: &[(u64, &str)]) -> fmt::Result {
    for (count, what) in parts {
        if *count > 0 {
            write!(f, ", {count} {what}")?;
        }
    }
    writeln!(f)
}
