//! `logferry normalize`: records in, canonical events out.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use logferry_kondado::Stream;
use logferry_mapper::{Error, Mapper, Scratch, Selection, Settings, fivetran};

use crate::exit::Exit;
use crate::input::judge::{self, Invalid, Item, Judge, Visit};
use crate::input::reader::{Batch, Reader, Source};
use crate::ordered::{Stopped, Turns};
use crate::suggest::with_suggestion;
use crate::{config, dead_letter, pipe, say};

/// Output that a thread holds before it waits for its turn to write.
const HELD_OUTPUT: usize = 512 * 1024;

/// More threads than this have little to do, and each takes memory.
const MOST_THREADS_BY_DEFAULT: usize = 8;

/// Turn Kondado records and Fivetran events into canonical events, one JSON object a line
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads NDJSON, JSON arrays, single objects and whole API responses, on one line or many, plain or gzip. What cannot be \
mapped is reported as file:line:column: reason, does not stop the rest, and makes the exit code 2.

Examples:
  logferry normalize pipeline_logs.json
  logferry normalize --events sync_start,records_modified,sync_end < logs.ndjson
  logferry normalize --dead-letter rejected.ndjson exports/*.json.gz > events.ndjson")]
pub struct Args {
    /// Files to read; stdin when none is named, or for `-`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Take every record for one of this kind, whatever its keys tell
    #[arg(long, value_name = "KIND")]
    kind: Option<judge::Kind>,

    /// Which of the mapped events to write; Fivetran events always pass
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = event_name)]
    events: Option<Vec<String>>,

    /// Append what cannot be mapped to this file, with the reason, one JSON object a line
    #[arg(long, value_name = "FILE")]
    dead_letter: Option<PathBuf>,

    /// Take the settings of the mapping from the [mapper] table of this file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Threads to work with; the order of the output does not depend on it [default: one a core, at most 8]
    #[arg(long, value_name = "NUMBER")]
    threads: Option<NonZeroUsize>,

    /// The most bytes that one record may have
    #[arg(long, value_name = "BYTES", default_value = "4194304")]
    max_record_bytes: NonZeroUsize,
}

fn event_name(name: &str) -> Result<String, String> {
    match Selection::of([name]) {
        Ok(_) => Ok(name.to_owned()),
        Err(error) => Err(with_suggestion(&error.to_string())),
    }
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let mut settings = match args.config.as_deref().map(config::mapper_settings) {
        None => Settings::default(),
        Some(Ok(settings)) => settings,
        Some(Err(error)) => {
            say(&error);
            return Exit::Config;
        }
    };
    if let Some(names) = &args.events {
        // The names have been checked as they were read.
        settings.events = Selection::of(names.iter().map(String::as_str)).unwrap_or(Selection::ALL);
    }
    let dead_letters = match args.dead_letter.as_ref().map(|path| {
        let file = File::options().create(true).append(true).open(path);
        file.map_err(|error| format!("{}: {error}", path.display()))
    }) {
        None => None,
        Some(Ok(file)) => Some(file),
        Some(Err(error)) => {
            say(&error);
            return Exit::Io;
        }
    };

    let threads = args.threads.map_or_else(default_threads, NonZeroUsize::get);
    let mut files = args.files;
    if files.is_empty() {
        files.push("-".into());
    }
    let max_bytes = args.max_record_bytes.get();
    let judge = Judge {
        kind: args.kind,
        max_bytes,
    };
    let input = Arc::new(Mutex::new(Input {
        reader: Reader::new(files.into_iter().map(Source::from_arg), max_bytes),
        batches: 0,
    }));
    let mapper = Arc::new(Mapper::new(settings));
    let keeps_dead_letters = dead_letters.is_some();
    pipe::enlarge(&io::stdout());
    let turns = Turns::new(Output::new(dead_letters), threads);

    for _ in 0..threads {
        let worker = turns.thread();
        let (turns, input, mapper) = (Arc::clone(&turns), Arc::clone(&input), Arc::clone(&mapper));
        let work = move || {
            let _worker = worker;
            let mut thread = Thread {
                turns: &turns,
                mapper: &mapper,
                keeps_dead_letters,
                scratch: Scratch::default(),
                held: Held::default(),
                number: 0,
                source: Arc::default(),
                stopped: false,
            };
            thread.work(&input, judge);
        };
        if let Err(error) = std::thread::Builder::new().spawn(work) {
            // The closure is dropped, and with it the thread's share; the others do its work, if there are any.
            say(&format_args!("cannot start a thread: {error}"));
        }
    }
    turns.wait(|output| output.finish())
}

fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_THREADS_BY_DEFAULT))
}

struct Input {
    reader: Reader,
    batches: u64,
}

/// What one thread works with.
struct Thread<'t> {
    turns: &'t Turns<Output>,
    mapper: &'t Mapper,
    keeps_dead_letters: bool,
    scratch: Scratch,
    held: Held,
    /// The number of the batch, and where it comes from.
    number: u64,
    source: Arc<str>,
    stopped: bool,
}

/// Output that waits for its turn.
#[derive(Debug, Default)]
struct Held {
    events: Vec<u8>,
    reports: String,
    dead_letters: Vec<u8>,
    records: u64,
    invalid: u64,
    /// The worst that happened, beside invalid records.
    io_error: bool,
}

impl Thread<'_> {
    fn work(&mut self, input: &Mutex<Input>, judge: Judge) {
        let mut batch = Batch::default();
        while !self.stopped {
            {
                let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
                self.number = input.batches;
                if !input.reader.next(&mut batch) {
                    return;
                }
                input.batches += 1;
            }
            self.source = Arc::clone(&batch.source);
            judge.batch(&batch, self);
            if let Some(error) = &batch.error {
                self.source_failed(error);
            }
            self.write();
            self.turns.pass();
        }
    }

    /// The source ended early: what was read of it counts, and the next is read.
    fn source_failed(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::InvalidData {
            self.held.invalid += 1;
        } else {
            self.held.io_error = true;
        }
        let _ = writeln!(self.held.reports, "{}: {error}", self.source);
    }

    fn write(&mut self) {
        let held = &mut self.held;
        if !self.stopped && self.turns.write(self.number, |output| output.take(held)) == Err(Stopped) {
            self.stopped = true;
        }
        self.held.clear();
    }

    fn write_if_much(&mut self) {
        if self.held.len() > HELD_OUTPUT {
            self.write();
        }
    }
}

impl Held {
    fn len(&self) -> usize {
        self.events.len() + self.reports.len() + self.dead_letters.len()
    }

    /// Forgets what was written, and gives back what one large record took.
    fn clear(&mut self) {
        for buffer in [&mut self.events, &mut self.dead_letters] {
            buffer.clear();
            buffer.shrink_to(2 * HELD_OUTPUT);
        }
        self.reports.clear();
        (self.records, self.invalid, self.io_error) = (0, 0, false);
    }
}

impl Visit for Thread<'_> {
    fn record(&mut self, item: Item<'_>) {
        self.held.records += 1;
        let stream = match item.kind {
            judge::Kind::Pipeline => Stream::PipelineLogs,
            judge::Kind::Model => Stream::ModelLogs,
            judge::Kind::Fivetran => {
                fivetran::write(item.text, &mut self.held.events);
                return self.write_if_much();
            }
        };
        let mut events = std::mem::take(&mut self.held.events);
        let mut scratch = std::mem::take(&mut self.scratch);
        let mapped = self
            .mapper
            .map(stream, &item.record, &mut scratch, &mut events, |events, _| {
                if events.len() > HELD_OUTPUT {
                    std::mem::swap(&mut self.held.events, events);
                    self.write();
                    std::mem::swap(&mut self.held.events, events);
                }
            });
        self.held.events = events;
        self.scratch = scratch;
        if let Err(error) = mapped {
            let place = match &error {
                Error::Field(error) => item
                    .record
                    .raw(error.field())
                    .map(|raw| judge::before(raw.get(), item.text)),
                Error::LoneSurrogate(_) => None,
            };
            self.held.records -= 1;
            self.invalid(Invalid {
                begin: item.mark,
                at: place.map_or(item.mark, |before| item.mark.behind(before)),
                reason: &error,
                text: item.text.as_bytes(),
                truncated: false,
            });
        }
    }

    fn invalid(&mut self, invalid: Invalid<'_>) {
        let held = &mut self.held;
        held.records += 1;
        held.invalid += 1;
        let at = invalid.at;
        let _ = writeln!(
            held.reports,
            "{}:{}:{}: {}",
            self.source, at.line, at.column, invalid.reason
        );
        if self.keeps_dead_letters && !invalid.text.is_empty() {
            dead_letter::write(
                invalid.reason,
                &self.source,
                invalid.begin.line,
                invalid.text,
                invalid.truncated,
                &mut held.dead_letters,
            );
        }
        self.write_if_much();
    }
}

/// Where all threads write, one at a time.
struct Output {
    stdout: io::Stdout,
    dead_letters: Option<File>,
    records: u64,
    invalid: u64,
    io_error: bool,
    /// Why writing stopped, if it did.
    stopped: Option<Exit>,
}

impl Output {
    fn new(dead_letters: Option<File>) -> Output {
        Output {
            stdout: io::stdout(),
            dead_letters,
            records: 0,
            invalid: 0,
            io_error: false,
            stopped: None,
        }
    }

    /// Writes what a thread holds; false when there is no use in going on.
    fn take(&mut self, held: &Held) -> bool {
        self.records += held.records;
        self.invalid += held.invalid;
        self.io_error |= held.io_error;
        if !held.reports.is_empty() {
            let _ = io::stderr().write_all(held.reports.as_bytes());
        }
        if let Some(file) = &mut self.dead_letters
            && let Err(error) = file.write_all(&held.dead_letters)
        {
            say(&format_args!("dead letters: {error}"));
            self.stopped = Some(Exit::Io);
            return false;
        }
        match self.stdout.write_all(&held.events).and_then(|()| self.stdout.flush()) {
            Ok(()) => true,
            Err(error) => {
                // A reader that has seen enough closes its end: that is no error.
                self.stopped = Some(if error.kind() == io::ErrorKind::BrokenPipe {
                    Exit::Good
                } else {
                    say(&format_args!("stdout: {error}"));
                    Exit::Io
                });
                false
            }
        }
    }

    fn finish(&mut self) -> Exit {
        if let Some(exit) = self.stopped {
            return exit;
        }
        if let Some(file) = &self.dead_letters
            && let Err(error) = file.sync_all()
        {
            // What is no file, such as /dev/stderr, cannot be synced.
            if error.kind() != io::ErrorKind::InvalidInput {
                say(&format_args!("dead letters: {error}"));
                return Exit::Io;
            }
        }
        if self.invalid > 0 {
            say(&format_args!(
                "{} of {} records were invalid",
                self.invalid, self.records
            ));
        }
        match (self.io_error, self.invalid) {
            (true, _) => Exit::Io,
            (false, 0) => Exit::Good,
            (false, _) => Exit::Invalid,
        }
    }
}
