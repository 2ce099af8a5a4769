//! `logferry normalize`: records in, canonical events out.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use logferry_forwarder::input::judge::{self, Invalid, Item, Judge};
use logferry_forwarder::suggest::with_suggestion;
use logferry_forwarder::{config, descriptor};
use logferry_kondado::Stream;
use logferry_mapper::{Error, Mapper, Selection, Settings, Worker, fivetran};
use logferry_model::json;

use crate::exit::Exit;
use crate::work::{self, Hold, Job, Output, Piece, Tally, Work, push_line, write_stdout};
use crate::{dead_letter, say};

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
    #[arg(long, value_name = "KIND", value_parser = super::kind())]
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
    #[arg(long, value_name = "NUMBER", value_parser = super::positive)]
    threads: Option<NonZeroUsize>,

    /// The most bytes that one record may have
    #[arg(long, value_name = "BYTES", default_value = "4194304", value_parser = super::positive)]
    max_record_bytes: NonZeroUsize,
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

    let judge = Judge {
        kind: args.kind,
        max_bytes: args.max_record_bytes.get(),
    };
    let job = Normalize {
        mapper: Mapper::new(settings),
        keeps_dead_letters: dead_letters.is_some(),
    };
    work::run(args.files, judge, args.threads, job, Events { dead_letters })
}

struct Normalize {
    mapper: Mapper,
    keeps_dead_letters: bool,
}

impl Job for Normalize {
    type Work<'j> = Mapping<'j>;

    fn work(&self) -> Mapping<'_> {
        Mapping {
            worker: self.mapper.worker(),
            keeps_dead_letters: self.keeps_dead_letters,
        }
    }
}

/// What one thread maps with.
struct Mapping<'j> {
    worker: Worker<'j>,
    keeps_dead_letters: bool,
}

impl Work for Mapping<'_> {
    fn record(&mut self, item: Item<'_>, hold: &mut Hold<'_>) {
        let stream = match item.kind {
            judge::Kind::Pipeline => Stream::PipelineLogs,
            judge::Kind::Model => Stream::ModelLogs,
            judge::Kind::Fivetran => return self.event(&item, hold),
        };
        let mut out = std::mem::take(&mut hold.piece.out);
        let mapped = self.worker.map(stream, item.record, &mut out, |out, _| {
            if out.len() > work::HELD_OUTPUT {
                std::mem::swap(out, &mut hold.piece.out);
                hold.write_if_much();
                std::mem::swap(out, &mut hold.piece.out);
            }
        });
        hold.piece.out = out;
        let Err(error) = mapped else {
            hold.piece.tally.records += 1;
            return;
        };
        let faulty = match &error {
            Error::Field(error) => item.record.raw(error.field()),
            Error::LoneSurrogate(_) => {
                let mut members = item.record.members(stream);
                members.find_map(|(_, raw, _)| (!json::is_text(raw.get())).then_some(raw))
            }
        };
        self.invalid(item.invalid(&error, faulty), hold);
    }

    fn invalid(&mut self, invalid: Invalid<'_>, hold: &mut Hold<'_>) {
        let Piece {
            reports,
            dead_letters,
            tally,
            ..
        } = &mut hold.piece;
        let at = invalid.at;
        let _ = write!(reports, "{}:{}:{}: ", hold.source, at.line, at.column);
        push_line(&invalid.reason.to_string(), reports);
        if invalid.text.is_empty() {
            // Something is wrong between records, and no record is lost by it.
            tally.damaged = true;
        } else {
            tally.records += 1;
            tally.invalid += 1;
            if self.keeps_dead_letters {
                dead_letter::write(
                    invalid.reason,
                    &hold.source,
                    invalid.begin.line,
                    invalid.text,
                    invalid.truncated,
                    dead_letters,
                );
            }
        }
        hold.write_if_much();
    }

    fn shrink(&mut self) {
        self.worker.shrink();
    }
}

impl Mapping<'_> {
    fn event(&mut self, item: &Item<'_>, hold: &mut Hold<'_>) {
        match fivetran::write(item.text, &mut hold.piece.out) {
            Ok(()) => {
                hold.piece.tally.records += 1;
                hold.write_if_much();
            }
            Err(error) => {
                let faulty = error.key().and_then(|key| item.record.get(key));
                self.invalid(item.invalid(&error, faulty), hold);
            }
        }
    }
}

/// Events on stdout, and dead letters in their file.
struct Events {
    dead_letters: Option<File>,
}

impl Output for Events {
    fn write(&mut self, piece: &Piece) -> Result<(), Exit> {
        if let Some(file) = &mut self.dead_letters
            && let Err(error) = file.write_all(&piece.dead_letters)
        {
            say(&format_args!("dead letters: {error}"));
            return Err(Exit::Io);
        }
        write_stdout(&piece.out)
    }

    fn finish(&mut self, tally: &Tally) -> Result<(), Exit> {
        if let Some(file) = &self.dead_letters
            && let Err(error) = file.sync_all()
        {
            // What is no file, such as /dev/stderr, cannot be synced.
            if error.kind() != io::ErrorKind::InvalidInput {
                say(&format_args!("dead letters: {error}"));
                return Err(Exit::Io);
            }
        }
        if tally.invalid > 0 {
            say(&format_args!(
                "{} of {} records were invalid",
                tally.invalid, tally.records
            ));
        }
        Ok(())
    }
}
