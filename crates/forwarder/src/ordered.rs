//! Threads whose output comes in the order of their input.
//!
//! Every piece of work has a number, and what comes of it is written when the number is due. A thread that is early leaves
//! its output, which the one whose number is due writes after its own; so it does not wait, unless much has been left already. A
//! thread with more output than it should hold waits until its number is due. The one whose number is due never waits for another.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// More threads than this have little to do, and each takes memory.
const MOST_THREADS_BY_DEFAULT: usize = 8;

/// How many threads to work with, where nothing else is said: one a core, at most 8.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_THREADS_BY_DEFAULT))
}

/// Where all threads write, in turn.
pub struct Turns<W, P> {
    state: Mutex<State<W, P>>,
    /// Tells the threads that another number is due.
    due: Condvar,
    /// Tells who waits for the threads that they are done, or stopped.
    done: Condvar,
}

struct State<W, P> {
    writer: W,
    due: u64,
    /// Output that was left, by number; one piece a thread at most.
    left: BTreeMap<u64, P>,
    /// Pieces that were written, to be used again.
    written: Vec<P>,
    most_left: usize,
    /// Threads that are still at work.
    running: usize,
    stopped: bool,
    panicked: bool,
}

/// Writing has been stopped, by an error or because nobody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

impl<W: Send + 'static, P: Send + 'static> Turns<W, P> {
    /// Turns for so many threads.
    pub fn new(writer: W, threads: usize) -> Arc<Turns<W, P>> {
        Arc::new(Turns {
            state: Mutex::new(State {
                writer,
                due: 0,
                left: BTreeMap::new(),
                written: Vec::new(),
                most_left: threads,
                running: threads,
                stopped: false,
                panicked: false,
            }),
            due: Condvar::new(),
            done: Condvar::new(),
        })
    }

    /// Waits until `number` is due, and writes a part of its output.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when `write` gave back false, here or in another thread.
    pub fn write(&self, number: u64, write: impl FnOnce(&mut W) -> bool) -> Result<(), Stopped> {
        let mut state = self.wait_while(|state| state.due != number)?;
        if write(&mut state.writer) {
            return Ok(());
        }
        self.stop(&mut state);
        Err(Stopped)
    }

    /// Writes the last output of `number` if it is due, and what was left behind it, and else leaves it. Gives back a piece
    /// that was written, if there is one, to be used again.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when `write` gave back false, here or in another thread.
    pub fn finish(&self, number: u64, piece: P, write: impl Fn(&mut W, &mut P) -> bool) -> Result<Option<P>, Stopped> {
        let mut state = self.wait_while(|state| state.due != number && state.left.len() >= state.most_left)?;
        state.left.insert(number, piece);
        while let Some(mut piece) = state.take_due() {
            if !write(&mut state.writer, &mut piece) {
                self.stop(&mut state);
                return Err(Stopped);
            }
            state.due += 1;
            state.written.push(piece);
        }
        self.due.notify_all();
        Ok(state.written.pop())
    }

    fn wait_while(&self, early: impl Fn(&State<W, P>) -> bool) -> Result<MutexGuard<'_, State<W, P>>, Stopped> {
        let mut state = self.lock();
        while early(&state) && !state.stopped {
            state = self.due.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped { Err(Stopped) } else { Ok(state) }
    }

    fn stop(&self, state: &mut State<W, P>) {
        state.stopped = true;
        self.due.notify_all();
        self.done.notify_all();
    }

    /// Starts the threads; all do the same work. When one cannot be started, its share is the others'.
    ///
    /// # Errors
    ///
    /// When none can be started.
    pub fn start(self: &Arc<Self>, threads: usize, work: impl Fn() + Clone + Send + 'static) -> io::Result<()> {
        let mut started = Err(io::Error::other("no threads"));
        for _ in 0..threads {
            let (thread, work) = (Thread(Arc::clone(self)), work.clone());
            let thread = std::thread::Builder::new().spawn(move || {
                let _thread = thread;
                work();
            });
            started = started.or(thread.map(drop));
        }
        started
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

    fn lock(&self) -> MutexGuard<'_, State<W, P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W, P> State<W, P> {
    fn take_due(&mut self) -> Option<P> {
        self.left.remove(&self.due)
    }
}

/// A thread at work. Dropped, it says that the thread is done: also when it panics, and then it stops the others.
struct Thread<W: Send + 'static, P: Send + 'static>(Arc<Turns<W, P>>);

impl<W: Send + 'static, P: Send + 'static> Drop for Thread<W, P> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running -= 1;
        state.panicked |= std::thread::panicking();
        state.stopped |= state.panicked;
        self.0.due.notify_all();
        self.0.done.notify_all();
    }
}
