//! An event on its way to a sink.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use logferry_model::{Severity, identity};
use uuid::Uuid;

/// A canonical event with what stands beside its envelope. Cloning copies no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The canonical text, without a line end.
    pub text: Bytes,
    /// The name, as the envelope has it.
    pub name: Cow<'static, str>,
    /// What it is about: the connection id, or the job id of a transformation. Events of one key arrive in order.
    pub key: Arc<str>,
    /// How serious it is.
    pub severity: Severity,
    /// `created` in milliseconds since 1970.
    pub created_millis: i64,
    /// What its id is made of.
    pub id: EventId,
}

/// The id of an event, or what it follows from: it is made where it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventId {
    /// It is known.
    Known(Uuid),
    /// It follows from the id of the record that the event is of, and from the event's name.
    OfRecord(Uuid),
}

impl Event {
    /// The id: the same for the same event, for ever.
    pub fn id(&self) -> Uuid {
        match self.id {
            EventId::Known(id) => id,
            EventId::OfRecord(record) => identity::event_id(record, &self.name),
        }
    }

    /// How much memory it takes, about.
    pub fn bytes(&self) -> usize {
        self.text.len() + EVENT_OVERHEAD
    }
}

/// The events of one record that a sink is to get; acknowledged as one.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Its events, in order; none of them is deselected.
    pub events: Vec<Event>,
    /// Names the record to whoever is told of the acknowledgement.
    pub ticket: Ticket,
}

impl Unit {
    /// How much memory its texts take, about.
    pub fn bytes(&self) -> usize {
        self.events.iter().map(Event::bytes).sum::<usize>() + EVENT_OVERHEAD
    }
}

/// What an event takes beside its text.
const EVENT_OVERHEAD: usize = 128;

/// Names a record within one sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// Which of the sink's positions it belongs to.
    pub position: u32,
    /// Counts up with each beginning of the position, so that what was sent before is not taken for what is sent after.
    pub epoch: u32,
    /// The record: its id, or its place in a file.
    pub record: u64,
}
