//! Where records come from: each source is a task that reads, maps, and hands events to the sinks.

pub mod kondado;
pub mod text;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use logferry_kondado::answer::Failure;
use logferry_mapper::Mapper;
use logferry_sinks::dead_letter::DeadLetters;
use logferry_sinks::delivery::Delivery;
use logferry_sinks::select::Selection;
use logferry_sinks::{Event, Ticket, Unit};
use tokio_util::sync::CancellationToken;

use crate::state::{Shared, Track};

/// What a source hands events to.
pub struct Outlet {
    /// The delivery.
    pub delivery: Delivery,
    /// Which events it is to get.
    pub select: Selection,
}

/// What every source works with.
#[derive(Clone)]
pub struct Surroundings {
    /// Positions and counts.
    pub shared: Arc<Shared>,
    /// The sinks, in the order of the state's.
    pub outlets: Arc<Vec<Outlet>>,
    /// The mapping.
    pub mapper: Arc<Mapper>,
    /// Where records go that cannot be mapped.
    pub letters: DeadLetters,
    /// Whether to end at the end of what is there.
    pub once: bool,
    /// How long failures are waited out then.
    pub patience: Duration,
    /// Asks the source to end.
    pub stop: CancellationToken,
}

/// Why a source ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong: the API says so.
    #[error("source {name}: {reason}")]
    Config {
        /// The source.
        name: String,
        /// What the API says.
        reason: String,
    },
    /// It cannot be read.
    #[error("source {name}: {reason}")]
    Failed {
        /// The source.
        name: String,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// What a failure of the API's means for a source: what will not change by itself is a matter of the configuration.
    pub(crate) fn of(name: &str, failure: &Failure) -> Error {
        let (name, reason) = (name.to_owned(), failure.to_string());
        match failure {
            Failure::Fatal { .. } | Failure::BadRequest { .. } => Error::Config { name, reason },
            _ => Error::Failed { name, reason },
        }
    }
}

impl Surroundings {
    /// Hands the events of a record to a sink: those that are selected, or, where none is, nothing but the acknowledgement. Called with the state
    /// locked, so that no count is seen between.
    pub(crate) fn hand_over(
        &self,
        track: &mut Track,
        counts: &mut crate::state::EventCounts,
        at: Place,
        events: Vec<Event>,
    ) {
        let outlet = &self.outlets[at.sink];
        let bytes = |events: &[Event]| events.iter().map(|event| event.text.len()).sum::<usize>();
        let (all, all_bytes) = (events.len() as u64, bytes(&events));
        let mut selected = events;
        selected.retain(|event| outlet.select.allows(&event.name, event.severity));
        if bytes(&selected) * 2 < all_bytes {
            // The texts of a record's events are parts of one: a few of them must not hold the memory of all.
            for event in &mut selected {
                event.text = Bytes::copy_from_slice(&event.text);
            }
        }
        let selected_events = selected.len() as u64;
        if selected.is_empty() {
            track.acknowledge(at.reader, at.ticket.epoch, at.ticket.record);
        } else {
            let unit = Unit {
                events: selected,
                ticket: at.ticket,
            };
            // While the run ends nothing is taken: the record is read again the next time.
            if outlet.delivery.push(unit).is_err() {
                return;
            }
        }
        counts.queued += all;
        counts.deselected += all - selected_events;
        counts.in_flight += selected_events;
    }
}

/// Which sink gets a record, and under which name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) sink: usize,
    pub(crate) reader: usize,
    pub(crate) ticket: Ticket,
}
