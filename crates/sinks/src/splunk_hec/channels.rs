//! Channels, of which each has one batch at a time.

use std::sync::{Mutex, PoisonError};

use reqwest::header::HeaderValue;
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Builder;

/// The channels of a sink.
pub(super) struct Channels {
    own: Option<HeaderValue>,
    /// With an own channel, one batch at a time.
    turns: Semaphore,
    /// Those that were used and have nothing open. There are as many as batches were under way at a time.
    free: Mutex<Vec<HeaderValue>>,
}

/// A channel that one batch has. Where it is not given back, nobody uses it again.
pub(super) struct Channel<'c> {
    value: HeaderValue,
    _turn: Option<SemaphorePermit<'c>>,
}

impl Channel<'_> {
    pub(super) fn value(&self) -> &HeaderValue {
        &self.value
    }
}

impl Channels {
    /// With an own channel, there is no other.
    pub(super) fn new(own: Option<&str>) -> Channels {
        let own = own.and_then(|own| HeaderValue::from_str(own).ok());
        let turns = if own.is_some() { 1 } else { Semaphore::MAX_PERMITS };
        Channels {
            own,
            turns: Semaphore::new(turns),
            free: Mutex::default(),
        }
    }

    /// A channel for a batch.
    pub(super) async fn take(&self) -> Channel<'_> {
        // It is never closed.
        let turn = self.turns.acquire().await.ok();
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let value = self.own.clone().or_else(free).unwrap_or_else(random);
        Channel { value, _turn: turn }
    }

    /// Takes back a channel on which nothing is open.
    pub(super) fn give_back(&self, channel: Channel<'_>) {
        if self.own.is_none() {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.push(channel.value);
        }
    }
}

/// A GUID that nobody has used before.
pub(super) fn random() -> HeaderValue {
    let id = Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid();
    // A GUID has nothing in it that cannot stand in a header.
    HeaderValue::from_str(&id.to_string()).unwrap_or(HeaderValue::from_static(""))
}
