//! Work over the input in several threads, with output in the order of the input and in bounded memory.
//!
//! A command says what a thread does with a record ([`Work`]) and where output goes ([`Output`]); reading, turns and the end
//! are the same for all.

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use logferry_forwarder::descriptor;
use logferry_forwarder::input::judge::{Invalid, Item, Judge, Visit};
use logferry_forwarder::input::reader::{Batch, Reader, Source};
use logferry_forwarder::ordered::{self, Stopped, Turns};

use crate::exit::Exit;
use crate::progress::Progress;
use crate::say;

/// Output that a thread holds before it waits for its turn to write.
pub const HELD_OUTPUT: usize = 2 * 1024 * 1024;

/// A batch with a larger buffer holds large records.
const LARGE_BATCH: usize = 1024 * 1024;

/// What all threads of a command share.
pub trait Job: Send + Sync + 'static {
    /// What one thread works with.
    type Work<'j>: Work
    where
        Self: 'j;

    /// Begins the work of a thread.
    fn work(&self) -> Self::Work<'_>;
}

/// What a thread does with the input.
pub trait Work {
    /// Takes a record.
    fn record(&mut self, item: Item<'_>, hold: &mut Hold<'_>);
    /// Takes something that is no record.
    fn invalid(&mut self, invalid: Invalid<'_>, hold: &mut Hold<'_>);
    /// A source ended early; `words` say which, and why.
    fn source_failed(&mut self, words: &str, hold: &mut Hold<'_>) {
        push_line(words, &mut hold.piece.reports);
    }
    /// Gives back the memory that a large record took.
    fn shrink(&mut self) {}
}

/// Where all threads write, one at a time.
pub trait Output: Send + 'static {
    /// Writes what a thread holds.
    ///
    /// # Errors
    ///
    /// How the program is to end, when there is no use in going on.
    fn write(&mut self, piece: &Piece) -> Result<(), Exit>;

    /// Writes what comes at the end.
    ///
    /// # Errors
    ///
    /// How the program is to end, when that failed.
    fn finish(&mut self, tally: &Tally) -> Result<(), Exit>;
}

/// What waits for its turn to be written.
#[derive(Debug, Default)]
pub struct Piece {
    /// What goes to stdout.
    pub out: Vec<u8>,
    /// What is said to a person.
    pub reports: String,
    /// What goes to the dead letters.
    pub dead_letters: Vec<u8>,
    /// What happened.
    pub tally: Tally,
}

/// What happened so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Records, invalid ones included.
    pub records: u64,
    /// Invalid records.
    pub invalid: u64,
    /// Errors of records; a record may have several.
    pub errors: u64,
    /// What is not documented about records.
    pub warnings: u64,
    /// Whether something other than a record was damaged: an array without its end, a gzip stream.
    pub damaged: bool,
    /// Whether something could not be read.
    pub io_error: bool,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.records += other.records;
        self.invalid += other.invalid;
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.damaged |= other.damaged;
        self.io_error |= other.io_error;
    }
}

/// What a thread holds until it is its turn to write.
pub struct Hold<'t> {
    /// The name of what is read.
    pub source: Arc<str>,
    /// What is to be written.
    pub piece: Piece,
    turns: &'t Turns<Written, Piece>,
    /// The number of the batch.
    number: u64,
    stopped: bool,
}

impl Hold<'_> {
    /// Writes, when it is time, if much is held.
    pub fn write_if_much(&mut self) {
        let Piece {
            out,
            reports,
            dead_letters,
            ..
        } = &self.piece;
        if out.len() + reports.len() + dead_letters.len() > HELD_OUTPUT {
            self.write();
        }
    }

    fn write(&mut self) {
        if !self.stopped {
            let piece = &self.piece;
            self.stopped = self.turns.write(self.number, |written| written.take(piece)) == Err(Stopped);
        }
        self.piece.clear();
    }

    /// Writes the last of the batch, or leaves it to be written.
    fn finish(&mut self) {
        if self.stopped {
            return;
        }
        let piece = std::mem::take(&mut self.piece);
        match self
            .turns
            .finish(self.number, piece, |written, piece| written.take(piece))
        {
            Ok(written) => {
                self.piece = written.unwrap_or_default();
                self.piece.clear();
            }
            Err(Stopped) => self.stopped = true,
        }
    }
}

impl Piece {
    /// Forgets what was written, and gives back what one large record took.
    fn clear(&mut self) {
        for buffer in [&mut self.out, &mut self.dead_letters] {
            buffer.clear();
            buffer.shrink_to(HELD_OUTPUT);
        }
        self.reports.clear();
        self.tally = Tally::default();
    }
}

/// The output, and what happened in all threads.
struct Written {
    output: Box<dyn Output>,
    progress: Progress,
    tally: Tally,
    /// Why writing stopped, if it did.
    stopped: Option<Exit>,
}

impl Written {
    fn take(&mut self, piece: &Piece) -> bool {
        self.tally.add(&piece.tally);
        if !piece.reports.is_empty() {
            self.progress.aside(|| {
                let _ = io::stderr().write_all(piece.reports.as_bytes());
            });
        }
        match self.output.write(piece) {
            Ok(()) => true,
            Err(exit) => {
                self.stopped = Some(exit);
                false
            }
        }
    }

    fn finish(&mut self) -> Exit {
        if let Some(exit) = self.stopped {
            return exit;
        }
        match self.output.finish(&self.tally) {
            Err(exit) => exit,
            Ok(()) if self.tally.io_error => Exit::Io,
            Ok(()) if self.tally.invalid > 0 || self.tally.damaged => Exit::Invalid,
            Ok(()) => Exit::Good,
        }
    }
}

/// Appends a text as one line: what would move a terminal's cursor is escaped.
pub fn push_line(text: &str, out: &mut String) {
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out.push('\n');
}

/// Writes to stdout.
///
/// # Errors
///
/// How the program is to end.
pub fn write_stdout(bytes: &[u8]) -> Result<(), Exit> {
    let mut stdout = io::stdout();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        // A reader that has seen enough closes its end: that is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Exit::Good),
        Err(error) => {
            say(&format_args!("stdout: {error}"));
            Err(Exit::Io)
        }
    }
}

struct Input {
    reader: Reader,
    batches: u64,
    progress: Progress,
}

/// Does the work over the files, or over stdin when there is none.
pub fn run<J: Job>(
    mut files: Vec<PathBuf>,
    judge: Judge,
    threads: Option<NonZeroUsize>,
    job: J,
    output: impl Output,
) -> Exit {
    let threads = threads.map_or_else(ordered::default_threads, NonZeroUsize::get);
    if files.is_empty() {
        files.push("-".into());
    }
    let progress = Progress::over(&files);
    let input = Arc::new(Mutex::new(Input {
        reader: Reader::new(files.into_iter().map(Source::from_arg), judge.max_bytes),
        batches: 0,
        progress: progress.clone(),
    }));
    let job = Arc::new(job);
    descriptor::enlarge(&io::stdout());
    let written = Written {
        output: Box::new(output),
        progress: progress.clone(),
        tally: Tally::default(),
        stopped: None,
    };
    let turns = Turns::new(written, threads);

    let work = {
        let turns = Arc::clone(&turns);
        move || {
            let mut thread = Thread {
                work: job.work(),
                hold: Hold {
                    source: Arc::default(),
                    piece: Piece::default(),
                    turns: &turns,
                    number: 0,
                    stopped: false,
                },
            };
            thread.work(&input, judge);
        }
    };
    if let Err(error) = turns.start(threads, work) {
        say(&format_args!("cannot start a thread: {error}"));
        return Exit::Failure;
    }
    turns.wait(|written, panicked| {
        progress.finish();
        match written.finish() {
            _ if panicked => Exit::Failure,
            exit => exit,
        }
    })
}

/// What one thread works with.
struct Thread<'t, W> {
    work: W,
    hold: Hold<'t>,
}

impl<W: Work> Thread<'_, W> {
    fn work(&mut self, input: &Mutex<Input>, judge: Judge) {
        let mut batch = Batch::default();
        while !self.hold.stopped {
            let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
            self.hold.number = input.batches;
            if !input.reader.next(&mut batch) {
                return;
            }
            input.batches += 1;
            input.progress.advance(batch.buffer.len());
            // No other large batch is read before this one is written.
            let large = (batch.buffer.capacity() > LARGE_BATCH).then_some(input);
            self.hold.source = Arc::clone(&batch.source);
            judge.batch(&batch, self);
            if let Some(error) = &batch.error {
                self.source_failed(error);
            }
            if large.is_some() {
                self.hold.write();
            }
            self.hold.finish();
            if large.is_some() {
                batch = Batch::default();
                self.work.shrink();
            }
        }
    }

    /// The source ended early: what was read of it counts, and the next is read.
    fn source_failed(&mut self, error: &io::Error) {
        let tally = &mut self.hold.piece.tally;
        if error.kind() == io::ErrorKind::InvalidData {
            tally.damaged = true;
        } else {
            tally.io_error = true;
        }
        let words = format!("{}: {error}", self.hold.source);
        self.work.source_failed(&words, &mut self.hold);
    }
}

impl<W: Work> Visit for Thread<'_, W> {
    fn record(&mut self, item: Item<'_>) {
        self.work.record(item, &mut self.hold);
    }

    fn invalid(&mut self, invalid: Invalid<'_>) {
        self.work.invalid(invalid, &mut self.hold);
    }

    fn large(&mut self) {
        // The turn is one thread's alone: so there is only one large record at work at a time.
        self.hold.write();
    }
}
