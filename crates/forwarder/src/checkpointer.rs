//! Stores positions that moved, about once a second, and all of them at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::checkpoint::{Checkpoint, FilePlace, Place, Store};
use crate::state::{Positions, Shared};

/// The least time between two stores.
const INTERVAL: Duration = Duration::from_secs(1);

/// A large window takes longer to store, and is stored less often: so many ids make it wait one interval more.
const IDS_AN_INTERVAL: usize = 5_000;

/// A failure is said again after so long.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// The task that stores positions.
pub struct Checkpointer {
    task: JoinHandle<()>,
    finish: oneshot::Sender<()>,
}

impl Checkpointer {
    /// Starts it. `written` says how far the file of a sink goes.
    pub fn start(
        shared: Arc<Shared>,
        store: Store,
        written: impl Fn(usize) -> Option<FilePlace> + Send + 'static,
    ) -> Checkpointer {
        let (finish, finished) = oneshot::channel();
        let task = tokio::spawn(run(shared, store, written, finished));
        Checkpointer { task, finish }
    }

    /// Stores what is not stored yet, and ends.
    pub async fn finish(self) {
        let _ = self.finish.send(());
        let _ = self.task.await;
    }
}

async fn run(
    shared: Arc<Shared>,
    mut store: Store,
    written: impl Fn(usize) -> Option<FilePlace>,
    mut finished: oneshot::Receiver<()>,
) {
    let mut said = None;
    let mut is_last = false;
    while !is_last {
        tokio::select! {
            () = shared.moved.notified() => {}
            _ = &mut finished => is_last = true,
        }
        let begun = Instant::now();
        let due = take(&shared, &written);
        let ids: usize = due.iter().map(|(.., checkpoint)| ids(checkpoint)).sum();
        let Some(returned) = save(&shared, store, due, &mut said).await else {
            tracing::error!("the positions cannot be stored any more");
            return;
        };
        store = returned;
        if is_last {
            return;
        }
        let interval = INTERVAL * u32::try_from(1 + ids / IDS_AN_INTERVAL).unwrap_or(1);
        tokio::select! {
            () = sleep_until(begun + interval) => {}
            _ = &mut finished => {
                is_last = true;
                let due = take(&shared, &written);
                match save(&shared, store, due, &mut said).await {
                    Some(returned) => store = returned,
                    None => return,
                }
            }
        }
    }
}

/// Stores positions, and marks again those that could not be. `None` when the task that does it failed.
async fn save(
    shared: &Shared,
    mut store: Store,
    due: Vec<(usize, usize, Checkpoint)>,
    said: &mut Option<Instant>,
) -> Option<Store> {
    let which: Vec<_> = due.iter().map(|(track, reader, _)| (*track, *reader)).collect();
    // Writing blocks, and the disk may be slow.
    let saving = tokio::task::spawn_blocking(move || {
        let failed = due.into_iter().filter_map(|(track, reader, checkpoint)| {
            let error = store.save(&checkpoint).err()?;
            Some((track, reader, error))
        });
        let failed: Vec<_> = failed.collect();
        (store, failed)
    });
    let Ok((store, failed)) = saving.await else {
        shared.lock().checkpoint_error = Some("positions cannot be stored any more".to_owned());
        return None;
    };
    let now = shared.clock.now();
    let mut state = shared.lock();
    for (track, reader) in which {
        if !failed.iter().any(|(failed, of, _)| (*failed, *of) == (track, reader)) {
            state.tracks[track].stored[reader].at = Some(now);
        }
    }
    state.checkpoint_error = failed.first().map(|(.., error)| error.to_string());
    for (track, reader, error) in &failed {
        // Nothing is lost by it: after a crash more is read again.
        state.tracks[*track].stored[*reader].is_behind = true;
        if said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            *said = Some(Instant::now());
            tracing::error!("a position cannot be stored, and is tried again: {error}");
        }
    }
    if failed.is_empty() {
        *said = None;
    } else {
        shared.moved.notify_one();
    }
    Some(store)
}

/// The positions that moved since they were stored.
fn take(shared: &Shared, written: &impl Fn(usize) -> Option<FilePlace>) -> Vec<(usize, usize, Checkpoint)> {
    let now = shared.clock.now();
    let mut state = shared.lock();
    let state = &mut *state;
    let mut due = Vec::new();
    for (index, track) in state.tracks.iter_mut().enumerate() {
        for reader in 0..track.sinks.len() {
            if !track.stored[reader].is_behind {
                continue;
            }
            track.stored[reader].is_behind = false;
            let sink = track.sinks[reader];
            let place = match &track.positions {
                Positions::Rows(feed) => Place::Rows(feed.position(reader).snapshot()),
                Positions::Lines(lines) => match track.file {
                    Some(file) => Place::File(FilePlace {
                        records: lines.done(reader).records,
                        ..file
                    }),
                    // stdin cannot be read again, so it has no position.
                    None => continue,
                },
            };
            let checkpoint = Checkpoint {
                key: track.key(&state.sinks[sink].name),
                place,
                written: written(sink),
                at: now,
            };
            due.push((index, reader, checkpoint));
        }
    }
    due
}

fn ids(checkpoint: &Checkpoint) -> usize {
    match &checkpoint.place {
        Place::Rows(snapshot) => snapshot.window.len(),
        Place::File(_) => 0,
    }
}
