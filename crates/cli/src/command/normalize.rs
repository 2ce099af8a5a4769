//! `logferry normalize`: records in, canonical events out.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use logferry_kondado::Stream;
use logferry_mapper::{Error, Mapper, Selection, Settings, Worker, fivetran};
use logferry_model::json;

use crate::exit::Exit;
use crate::input::judge::{self, Invalid, Item, Judge, Visit};
use crate::input::reader::{Batch, Reader, Source};
use crate::ordered::{Stopped, Turns};
use crate::suggest::with_suggestion;
use crate::{config, dead_letter, descriptor, say};

/// Output that a thread holds before it waits for its turn to write.
const HELD_OUTPUT: usize = 2 * 1024 * 1024;

/// A batch with a larger buffer holds large records.
const LARGE_BATCH: usize = 1024 * 1024;

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

    /// Which of the mapped events to write, separated by commas; Fivetran events always pass [default: all]
    ///
    /// Pipeline logs give sync_start, write_to_table_start, write_to_table_end, records_modified, extract_summary, update_state,
    /// info and sync_end; model logs give transformation_start, info and transformation_succeeded.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = event_name)]
    events: Option<Vec<String>>,

    /// Append what cannot be mapped to this file, with the reason, one JSON object a line
    #[arg(long, value_name = "FILE")]
    dead_letter: Option<PathBuf>,

    /// Take the settings of the mapping from the `[mapper]` table of this file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Threads to work with; the order of the output does not depend on it [default: one a core, at most 8]
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    threads: Option<NonZeroUsize>,

    /// The most bytes that one record may have
    #[arg(long, value_name = "BYTES", default_value = "4194304", value_parser = positive)]
    max_record_bytes: NonZeroUsize,
}

fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "expected a whole number from 1, such as 4194304".to_owned())
}

fn event_name(name: &str) -> Result<String, String> {
    let name = name.trim();
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
    if args.dead_letter.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        say(&"--dead-letter expects a file: stdout carries events only");
        return Exit::Usage;
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

    for file in &args.files {
        let is_output = |metadata: &_| {
            descriptor::is_file(&io::stdout(), metadata)
                || dead_letters
                    .as_ref()
                    .is_some_and(|letters| descriptor::is_file(letters, metadata))
        };
        if fs::metadata(file).is_ok_and(|metadata| is_output(&metadata)) {
            say(&format_args!(
                "{}: is input and output at once, and would never end",
                file.display()
            ));
            return Exit::Usage;
        }
    }

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
    descriptor::enlarge(&io::stdout());
    let turns = Turns::new(Output::new(dead_letters), threads);

    let mut started = 0;
    for _ in 0..threads {
        let worker = turns.thread();
        let (turns, input, mapper) = (Arc::clone(&turns), Arc::clone(&input), Arc::clone(&mapper));
        let work = move || {
            let _worker = worker;
            let mut thread = Thread {
                mapping: mapper.worker(),
                keeps_dead_letters,
                source: Arc::default(),
                events: Vec::new(),
                held: Held::default(),
                turn: Turn {
                    turns: &turns,
                    number: 0,
                    stopped: false,
                },
            };
            thread.work(&input, judge);
        };
        match std::thread::Builder::new().spawn(work) {
            Ok(_) => started += 1,
            // The closure is dropped, and with it the thread's share of the work, which is the others'.
            Err(error) => say(&format_args!("cannot start a thread: {error}")),
        }
    }
    turns.wait(|output, panicked| match output.finish() {
        _ if panicked || started == 0 => Exit::Failure,
        exit => exit,
    })
}

/// Appends a text as one line: what would move a terminal's cursor is escaped.
fn push_line(text: &str, out: &mut String) {
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out.push('\n');
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
    mapping: Worker<'t>,
    keeps_dead_letters: bool,
    source: Arc<str>,
    events: Vec<u8>,
    held: Held,
    turn: Turn<'t>,
}

/// A thread's right to write.
struct Turn<'t> {
    turns: &'t Turns<Output, Piece>,
    /// The number of the batch.
    number: u64,
    stopped: bool,
}

/// What comes of a batch: events, and what is said beside them.
type Piece = (Vec<u8>, Held);

/// What waits for its turn to be written, beside events.
#[derive(Debug, Default)]
struct Held {
    reports: String,
    dead_letters: Vec<u8>,
    tally: Tally,
}

/// What happened so far.
#[derive(Debug, Default)]
struct Tally {
    records: u64,
    invalid: u64,
    /// Whether something other than a record was damaged: an array without its end, a gzip stream.
    damaged: bool,
    io_error: bool,
}

/// Forgets what was written, and gives back what one large record took.
fn clear(events: &mut Vec<u8>, held: &mut Held) {
    for buffer in [events, &mut held.dead_letters] {
        buffer.clear();
        buffer.shrink_to(HELD_OUTPUT);
    }
    held.reports.clear();
    held.tally = Tally::default();
}

impl Turn<'_> {
    fn write(&mut self, events: &mut Vec<u8>, held: &mut Held) {
        if !self.stopped {
            self.stopped = self.turns.write(self.number, |output| output.take(events, held)) == Err(Stopped);
        }
        clear(events, held);
    }

    /// Writes the last of the batch, or leaves it to be written.
    fn finish(&mut self, events: &mut Vec<u8>, held: &mut Held) {
        if self.stopped {
            return;
        }
        let piece = (std::mem::take(events), std::mem::take(held));
        match self
            .turns
            .finish(self.number, piece, |output, (events, held)| output.take(events, held))
        {
            Ok(written) => {
                (*events, *held) = written.unwrap_or_default();
                clear(events, held);
            }
            Err(Stopped) => self.stopped = true,
        }
    }

    fn write_if_much(&mut self, events: &mut Vec<u8>, held: &mut Held) {
        if events.len() + held.reports.len() + held.dead_letters.len() > HELD_OUTPUT {
            self.write(events, held);
        }
    }
}

impl Thread<'_> {
    fn work(&mut self, input: &Mutex<Input>, judge: Judge) {
        let mut batch = Batch::default();
        while !self.turn.stopped {
            let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
            self.turn.number = input.batches;
            if !input.reader.next(&mut batch) {
                return;
            }
            input.batches += 1;
            // No other large batch is read before this one is written.
            let large = (batch.buffer.capacity() > LARGE_BATCH).then_some(input);
            self.source = Arc::clone(&batch.source);
            judge.batch(&batch, self);
            if let Some(error) = &batch.error {
                self.source_failed(error);
            }
            if large.is_some() {
                self.turn.write(&mut self.events, &mut self.held);
            }
            self.turn.finish(&mut self.events, &mut self.held);
            if large.is_some() {
                batch = Batch::default();
                self.mapping.shrink();
            }
        }
    }

    /// The source ended early: what was read of it counts, and the next is read.
    fn source_failed(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::InvalidData {
            self.held.tally.damaged = true;
        } else {
            self.held.tally.io_error = true;
        }
        let _ = writeln!(self.held.reports, "{}: {error}", self.source);
    }
}

impl Visit for Thread<'_> {
    fn record(&mut self, item: Item<'_>) {
        let (events, held, turn) = (&mut self.events, &mut self.held, &mut self.turn);
        let stream = match item.kind {
            judge::Kind::Pipeline => Stream::PipelineLogs,
            judge::Kind::Model => Stream::ModelLogs,
            judge::Kind::Fivetran => {
                let Err(error) = fivetran::write(item.text, events) else {
                    held.tally.records += 1;
                    return turn.write_if_much(events, held);
                };
                let faulty = error.key().and_then(|key| item.record.get(key));
                let place = faulty.map(|raw| judge::before(raw.get(), item.text));
                return self.invalid(Invalid {
                    begin: item.mark,
                    at: place.map_or(item.mark, |before| item.mark.behind(before)),
                    reason: &error,
                    text: item.text.as_bytes(),
                    truncated: false,
                });
            }
        };
        let mapped = self.mapping.map(stream, item.record, events, |events, _| {
            turn.write_if_much(events, held);
        });
        if let Err(error) = &mapped {
            let faulty = match error {
                Error::Field(error) => item.record.raw(error.field()),
                Error::LoneSurrogate(_) => {
                    let mut members = item.record.members(stream);
                    members.find_map(|(_, raw, _)| (!json::is_text(raw.get())).then_some(raw))
                }
            };
            let place = faulty.map(|raw| judge::before(raw.get(), item.text));
            self.invalid(Invalid {
                begin: item.mark,
                at: place.map_or(item.mark, |before| item.mark.behind(before)),
                reason: error,
                text: item.text.as_bytes(),
                truncated: false,
            });
        } else {
            self.held.tally.records += 1;
        }
    }

    fn large(&mut self) {
        // The turn is one thread's alone: so there is only one large record at work at a time.
        self.turn.write(&mut self.events, &mut self.held);
    }

    fn invalid(&mut self, invalid: Invalid<'_>) {
        let held = &mut self.held;
        let at = invalid.at;
        let _ = write!(held.reports, "{}:{}:{}: ", self.source, at.line, at.column);
        push_line(&invalid.reason.to_string(), &mut held.reports);
        if invalid.text.is_empty() {
            // Something is wrong between records, and no record is lost by it.
            held.tally.damaged = true;
            return self.turn.write_if_much(&mut self.events, held);
        }
        held.tally.records += 1;
        held.tally.invalid += 1;
        if self.keeps_dead_letters {
            dead_letter::write(
                invalid.reason,
                &self.source,
                invalid.begin.line,
                invalid.text,
                invalid.truncated,
                &mut held.dead_letters,
            );
        }
        self.turn.write_if_much(&mut self.events, &mut self.held);
    }
}

/// Where all threads write, one at a time.
struct Output {
    stdout: io::Stdout,
    dead_letters: Option<File>,
    tally: Tally,
    /// Why writing stopped, if it did.
    stopped: Option<Exit>,
}

impl Output {
    fn new(dead_letters: Option<File>) -> Output {
        Output {
            stdout: io::stdout(),
            dead_letters,
            tally: Tally::default(),
            stopped: None,
        }
    }

    /// Writes what a thread holds; false when there is no use in going on.
    fn take(&mut self, events: &[u8], held: &Held) -> bool {
        self.tally.records += held.tally.records;
        self.tally.invalid += held.tally.invalid;
        self.tally.damaged |= held.tally.damaged;
        self.tally.io_error |= held.tally.io_error;
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
        match self.stdout.write_all(events).and_then(|()| self.stdout.flush()) {
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
        if self.tally.invalid > 0 {
            say(&format_args!(
                "{} of {} records were invalid",
                self.tally.invalid, self.tally.records
            ));
        }
        if self.tally.io_error {
            Exit::Io
        } else if self.tally.invalid > 0 || self.tally.damaged {
            Exit::Invalid
        } else {
            Exit::Good
        }
    }
}
