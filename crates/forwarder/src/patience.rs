//! How long failures are waited out when a run is to end: what only fails for so long ends it.

use std::time::Duration;

use logferry_sinks::DeadLetters;
use tokio::time::{Instant, sleep};

use crate::run::Error;
use crate::state::Shared;

/// How long by default.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// How often sinks and dead letters are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Waits until a sink, or the file of dead letters, has only failed for so long; says which.
pub async fn exhausted(shared: &Shared, letters: &DeadLetters, patience: Duration) -> Error {
    loop {
        if let Some((what, reason)) = failing(shared, letters, patience) {
            return Error::OutOfPatience {
                what,
                reason: out_of_patience(patience, &reason),
            };
        }
        sleep(LOOK).await;
    }
}

/// What is said of failures that were waited out for so long.
pub fn out_of_patience(patience: Duration, reason: &str) -> String {
    format!(
        "it only fails, and with --once that is waited out for {} s at most (--give-up-secs): {reason}. \
         What was delivered counts: run it again to go on from there",
        patience.as_secs()
    )
}

fn failing(shared: &Shared, letters: &DeadLetters, patience: Duration) -> Option<(String, String)> {
    let letters_failing = letters.failing().filter(|failing| failing.since.elapsed() >= patience);
    if let Some(failing) = letters_failing {
        return Some((format!("dead letters in {}", letters.path().display()), failing.reason));
    }
    let now = Instant::now();
    let state = shared.lock();
    state.sinks.iter().find_map(|sink| {
        let failing = sink.failing.as_ref()?;
        let since = shared.clock.instant(failing.since);
        (now.saturating_duration_since(since) >= patience)
            .then(|| (format!("sink {}", sink.name), failing.reason.clone()))
    })
}
