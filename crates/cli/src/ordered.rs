//! Threads whose output comes in the order of their input.
//!
//! Every piece of work has a number. A thread may write when the number is due, and then passes the turn on. There is no
//! queue: a thread that has much to write waits for its turn with it, and the one whose turn it is never waits for another.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Where all threads write, in turn.
pub struct Turns<W> {
    state: Mutex<State<W>>,
    /// Tells the threads that another number is due.
    due: Condvar,
    /// Tells who waits for the threads that they are done, or stopped.
    done: Condvar,
}

struct State<W> {
    writer: W,
    due: u64,
    /// Threads that are still at work.
    running: usize,
    stopped: bool,
    panicked: bool,
}

/// Writing has been stopped, by an error or because nobody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

impl<W: Send + 'static> Turns<W> {
    /// Turns for so many threads.
    pub fn new(writer: W, threads: usize) -> Arc<Turns<W>> {
        Arc::new(Turns {
            state: Mutex::new(State {
                writer,
                due: 0,
                running: threads,
                stopped: false,
                panicked: false,
            }),
            due: Condvar::new(),
            done: Condvar::new(),
        })
    }

    /// Waits until `number` is due, and writes.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when `write` gave back false, here or in another thread.
    pub fn write(&self, number: u64, write: impl FnOnce(&mut W) -> bool) -> Result<(), Stopped> {
        let mut state = self.lock();
        while state.due != number && !state.stopped {
            state = self.due.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped {
            return Err(Stopped);
        }
        if !write(&mut state.writer) {
            state.stopped = true;
            self.due.notify_all();
            self.done.notify_all();
            return Err(Stopped);
        }
        Ok(())
    }

    /// Passes the turn on, after the last [`Turns::write`] of a number.
    pub fn pass(&self) {
        self.lock().due += 1;
        self.due.notify_all();
    }

    /// Says that a thread is done when dropped: also when it panics, and then stops the others.
    pub fn thread(self: &Arc<Self>) -> Thread<W> {
        Thread(Arc::clone(self))
    }

    /// Waits for the threads, or for the stop: a thread that waits for its input would not see that. Then `finish` has the
    /// last word; it is told whether a thread panicked.
    pub fn wait<T>(&self, finish: impl FnOnce(&mut W, bool) -> T) -> T {
        let mut state = self.lock();
        while state.running > 0 && !state.stopped {
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let panicked = state.panicked;
        finish(&mut state.writer, panicked)
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread at work.
pub struct Thread<W: Send + 'static>(Arc<Turns<W>>);

impl<W: Send + 'static> Drop for Thread<W> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running -= 1;
        state.panicked |= std::thread::panicking();
        state.stopped |= state.panicked;
        self.0.due.notify_all();
        self.0.done.notify_all();
    }
}
