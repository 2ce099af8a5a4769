//! `logferry validate`: events against the schemas.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, Write as _};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;

use logferry_forwarder::input::judge::{self, Invalid, Item, Judge};
use logferry_forwarder::input::mark::Mark;
use logferry_kondado::Stream;
use logferry_mapper::{fivetran, schema};
use logferry_model::json;
use logferry_schema::report::{self, Format, Report};
use logferry_schema::{Finding, Level, Locator, Part, Problem, Registry};

use crate::exit::Exit;
use crate::say;
use crate::work::{self, Hold, Job, Output, Piece, Tally, Work, push_line, write_stdout};

use super::schema::records;

/// Check Fivetran events (and Kondado records) against the JSON Schemas
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads what normalize reads: NDJSON, JSON arrays, single objects and whole API responses, on one line or many, plain or gzip. Every \
error of every event is reported with its place and JSON pointer, on stdout; a summary goes to stderr; the exit code is 2 when \
anything is invalid. Events, fields and values that are not documented are warnings, because Fivetran may send them tomorrow.

Examples:
  logferry validate events.ndjson
  logferry validate --strict --format github events/*.ndjson
  logferry validate --format sarif events.ndjson > logferry.sarif")]
pub struct Args {
    /// Files to read; stdin when none is named, or for `-`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// How findings are written
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: FormatArg,

    /// Take what is not documented for an error
    #[arg(long)]
    strict: bool,

    /// Show no values, only of what type they are
    #[arg(long)]
    mask: bool,

    /// Take every record for one of this kind, whatever its keys tell
    #[arg(long, value_name = "KIND", value_parser = super::kind())]
    kind: Option<judge::Kind>,

    /// Threads to work with; the order of the output does not depend on it [default: one a core, at most 8]
    #[arg(long, value_name = "NUMBER", value_parser = super::positive)]
    threads: Option<NonZeroUsize>,

    /// The most bytes that one record may have
    #[arg(long, value_name = "BYTES", default_value = "4194304", value_parser = super::positive)]
    max_record_bytes: NonZeroUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FormatArg {
    /// Lines to read, each with the place in its text
    Human,
    /// One JSON object a line
    Json,
    /// Annotations of a GitHub workflow
    Github,
    /// SARIF 2.1.0, one document
    Sarif,
    /// JUnit's XML, one document
    Junit,
}

impl From<FormatArg> for Format {
    fn from(arg: FormatArg) -> Format {
        match arg {
            FormatArg::Human => Format::Human,
            FormatArg::Json => Format::Json,
            FormatArg::Github => Format::Github,
            FormatArg::Sarif => Format::Sarif,
            FormatArg::Junit => Format::Junit,
        }
    }
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let format = args.format.into();
    let findings = match Findings::new(format) {
        Ok(findings) => findings,
        Err(error) => {
            say(&format_args!("a temporary file: {error}"));
            return Exit::Io;
        }
    };
    let judge = Judge {
        kind: args.kind,
        max_bytes: args.max_record_bytes.get(),
    };
    let job = Validate {
        registry: Registry::new(records().into()),
        format,
        strict: args.strict,
        mask: args.mask,
    };
    work::run(args.files, judge, args.threads, job, findings)
}

struct Validate {
    registry: Registry,
    format: Format,
    strict: bool,
    mask: bool,
}

impl Job for Validate {
    type Work<'j> = Checking<'j>;

    fn work(&self) -> Checking<'_> {
        Checking {
            job: self,
            canonical: Vec::new(),
        }
    }
}

/// What one thread checks with.
struct Checking<'j> {
    job: &'j Validate,
    /// The event that a row of the LOG table holds.
    canonical: Vec<u8>,
}

impl Work for Checking<'_> {
    fn record(&mut self, item: Item<'_>, hold: &mut Hold<'_>) {
        hold.piece.tally.records += 1;
        let registry = &self.job.registry;
        let findings = match item.kind {
            judge::Kind::Pipeline => registry.check_other(schema::name(Stream::PipelineLogs), item.text),
            judge::Kind::Model => registry.check_other(schema::name(Stream::ModelLogs), item.text),
            judge::Kind::Fivetran if judge::is_log_row(item.record) => {
                let findings = self.check_row(item.text);
                return self.report(findings, item.mark, item.text, hold);
            }
            judge::Kind::Fivetran => {
                let name = item.record.other("event").and_then(json::read_str);
                registry.check_event(item.text, name.as_deref())
            }
        };
        let findings = findings.into_iter().map(|finding| (finding, None)).collect();
        self.report(findings, item.mark, item.text, hold);
    }

    fn invalid(&mut self, invalid: Invalid<'_>, hold: &mut Hold<'_>) {
        let finding = unreadable(invalid.reason.to_string());
        let tally = &mut hold.piece.tally;
        tally.errors += 1;
        match invalid.text.is_empty() {
            // Something is wrong between records.
            true => tally.damaged = true,
            false => {
                tally.records += 1;
                tally.invalid += 1;
            }
        }
        let text = String::from_utf8_lossy(invalid.text);
        let range = place(&text, invalid.begin, invalid.at);
        let report = Report {
            file: &hold.source,
            line: invalid.at.line,
            column: invalid.at.column,
            finding: &finding,
            text: if range.is_some() { &text } else { "" },
            range: range.unwrap_or_default(),
            value: None,
            mask: self.job.mask,
        };
        report.write(self.job.format, &mut hold.piece.out);
        hold.write_if_much();
    }

    fn source_failed(&mut self, words: &str, hold: &mut Hold<'_>) {
        // Who reads only the findings must not take the source for good.
        hold.piece.tally.errors += 1;
        let finding = unreadable("the source could not be read to its end".to_owned());
        let report = Report {
            file: &hold.source,
            line: 1,
            column: 1,
            finding: &finding,
            text: "",
            range: 0..0,
            value: None,
            mask: false,
        };
        report.write(self.job.format, &mut hold.piece.out);
        push_line(words, &mut hold.piece.reports);
    }

    fn shrink(&mut self) {
        self.canonical = Vec::new();
    }
}

impl Checking<'_> {
    /// Checks the event that a row of the LOG table holds. Pointers name the row's columns, and go on below the one that holds
    /// the data as text; the values there come along, because the row's own text has them only within that column.
    fn check_row(&mut self, row: &str) -> Vec<(Finding, Option<String>)> {
        self.canonical.clear();
        if let Err(error) = fivetran::write(row, &mut self.canonical) {
            let words = match self.job.mask {
                true => "cannot be read".to_owned(),
                false => error.to_string(),
            };
            let pointer = error.key().map(|key| format!("/{key}"));
            let finding = Finding {
                pointer: pointer.unwrap_or_default(),
                ..unreadable(words)
            };
            return vec![(finding, None)];
        }
        let event = std::str::from_utf8(&self.canonical).unwrap_or_default();
        let event = event.trim_ascii_end();
        let mut locator = Locator::new(event);
        let findings = self
            .job
            .registry
            .check_event(event, None)
            .into_iter()
            .map(|mut finding| {
                let value = event
                    .get(locator.locate(&finding.pointer, finding.part))
                    .map(str::to_owned);
                for (key, column) in [
                    ("/event", "/message_event"),
                    ("/data", "/message_data"),
                    ("/created", "/time_stamp"),
                ] {
                    let below = finding.pointer.strip_prefix(key);
                    if let Some(below) = below.filter(|below| below.is_empty() || below.starts_with('/')) {
                        finding.pointer = format!("{column}{below}");
                        break;
                    }
                }
                (finding, value)
            });
        // The canonical event has keys that the row lacks, filled from others.
        let keys = json::raw_members(row).unwrap_or_default();
        let has = |name: &str| {
            keys.iter()
                .any(|(key, _)| json::read_str(key).is_some_and(|key| key == name))
        };
        let is_filled = |finding: &Finding| match finding.pointer.strip_prefix('/') {
            Some(key @ ("connector_id" | "connection_id" | "connector_name" | "connection_name")) => !has(key),
            _ => false,
        };
        findings.filter(|(finding, _)| !is_filled(finding)).collect()
    }

    fn report(&self, findings: Vec<(Finding, Option<String>)>, mark: Mark, text: &str, hold: &mut Hold<'_>) {
        let mut locator = Locator::new(text);
        let mut placed: Vec<_> = findings
            .into_iter()
            .map(|(finding, value)| {
                let mut range = locator.locate(&finding.pointer, finding.part);
                if let Problem::Missing(_) = finding.problem {
                    // Its place is where the object begins.
                    range.end = range.start + 1;
                }
                (range, finding, value)
            })
            .collect();
        placed.sort_by_key(|(range, ..)| range.start);

        let mut is_valid = true;
        let (mut read, mut at) = (0, mark);
        for (range, mut finding, value) in placed {
            if self.job.strict {
                finding.level = Level::Error;
            }
            match finding.level {
                Level::Error => {
                    hold.piece.tally.errors += 1;
                    is_valid = false;
                }
                Level::Warning => hold.piece.tally.warnings += 1,
            }
            at = at.behind(text.get(read..range.start).unwrap_or_default().as_bytes());
            read = range.start;
            let report = Report {
                file: &hold.source,
                line: at.line,
                column: at.column,
                finding: &finding,
                text,
                range,
                value: value.as_deref(),
                mask: self.job.mask,
            };
            report.write(self.job.format, &mut hold.piece.out);
            hold.write_if_much();
        }
        hold.piece.tally.invalid += u64::from(!is_valid);
    }
}

/// The character at a mark in a text that begins at another, if it is there.
fn place(text: &str, begin: Mark, at: Mark) -> Option<Range<usize>> {
    let lines = at.line.checked_sub(begin.line)?;
    let columns = match lines {
        0 => at.column.checked_sub(begin.column)?,
        _ => at.column.checked_sub(1)?,
    };
    let mut start = 0;
    for _ in 0..lines {
        start += text.get(start..)?.find('\n')? + 1;
    }
    let line = text.get(start..)?.lines().next()?;
    let mut characters = line.char_indices().map(|(offset, c)| offset..offset + c.len_utf8());
    let end_of_line = line.len()..line.len();
    let found = characters
        .by_ref()
        .chain([end_of_line])
        .nth(usize::try_from(columns).ok()?)?;
    Some(start + found.start..start + found.end)
}

fn unreadable(reason: String) -> Finding {
    Finding {
        pointer: String::new(),
        part: Part::Value,
        level: Level::Error,
        problem: Problem::Unreadable(reason),
        suggestion: None,
    }
}

/// Findings on stdout.
struct Findings {
    format: Format,
    /// Whether something was written.
    has_begun: bool,
    /// Where findings wait that must stand behind their count.
    waiting: Option<BufWriter<File>>,
}

impl Findings {
    fn new(format: Format) -> io::Result<Findings> {
        let waiting = match format {
            Format::Junit => Some(BufWriter::new(tempfile::tempfile()?)),
            _ => None,
        };
        Ok(Findings {
            format,
            has_begun: false,
            waiting,
        })
    }

    /// Writes what stands before the findings, and the first finding without the comma that divides it from the one before.
    fn begin<'f>(&mut self, findings: &'f [u8]) -> Result<&'f [u8], Exit> {
        if self.has_begun {
            return Ok(findings);
        }
        self.has_begun = true;
        write_stdout(report::head(self.format, env!("CARGO_PKG_VERSION")).as_bytes())?;
        Ok(findings.strip_prefix(b",").unwrap_or(findings))
    }
}

impl Output for Findings {
    fn write(&mut self, piece: &Piece) -> Result<(), Exit> {
        if piece.out.is_empty() {
            return Ok(());
        }
        if let Some(waiting) = &mut self.waiting {
            return waiting.write_all(&piece.out).map_err(|error| failed(&error));
        }
        let findings = self.begin(&piece.out)?;
        write_stdout(findings)
    }

    fn finish(&mut self, tally: &Tally) -> Result<(), Exit> {
        let valid = tally.records - tally.invalid;
        match self.waiting.take() {
            None => {
                self.begin(b"")?;
            }
            Some(waiting) => {
                let head = report::junit_head(tally.records, valid, tally.errors, tally.warnings);
                write_stdout(head.as_bytes())?;
                let mut file = waiting.into_inner().map_err(|error| failed(error.error()))?;
                file.rewind().map_err(|error| failed(&error))?;
                let mut block = vec![0; 64 * 1024];
                loop {
                    match file.read(&mut block).map_err(|error| failed(&error))? {
                        0 => break,
                        read => write_stdout(&block[..read])?,
                    }
                }
            }
        }
        write_stdout(report::tail(self.format).as_bytes())?;
        say(&format_args!(
            "{valid} of {} records are valid; {}, {}",
            tally.records,
            counted(tally.errors, "error"),
            counted(tally.warnings, "warning")
        ));
        Ok(())
    }
}

fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

fn failed(error: &io::Error) -> Exit {
    say(&format_args!("a temporary file: {error}"));
    Exit::Io
}
