//! `logferry emulate`: a local Kondado API.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use logferry_emulator::{Emulator, Limits, Options, Quirks, Running, Timestamp};
use logferry_forwarder::suggest::with_suggestion;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::say;

/// Serve a local Kondado API with made-up rows
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Rows of each stream that exist at the start
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    records: u64,

    /// The days before the start over which they are spread; pipeline rows are served for 90 days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    history_days: u32,

    /// Rows, their times and all faults follow from it
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,

    /// Live rows a minute, on each stream
    #[arg(long, value_name = "NUMBER", default_value = "0", value_parser = amount)]
    rate: f64,

    /// The key that clients must send
    #[arg(long, value_name = "KEY", value_parser = word)]
    key: Option<String>,

    /// The token that clients must send
    #[arg(long, value_name = "TOKEN", value_parser = word)]
    token: Option<String>,

    /// A deviation from the plain API, listed below; may be given many times
    #[arg(long, value_name = "NAME[=SHARE]", value_parser = quirk)]
    quirk: Vec<String>,

    /// The share of live rows that become visible after higher ids [default: 0, or 0.05 with --quirk late]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    late_share: Option<f64>,

    /// The least by which late rows are late
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    late_min_secs: u32,

    /// The most by which late rows are late
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    late_max_secs: u32,

    /// Requests in any minute
    #[arg(long, value_name = "NUMBER", default_value = "20", value_parser = super::positive)]
    requests_per_minute: NonZeroUsize,

    /// The least time between two requests
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000)]
    min_interval_ms: u32,

    /// Let clients ask as often as they like
    #[arg(long, conflicts_with_all = ["requests_per_minute", "min_interval_ms"])]
    no_limits: bool,

    /// The most rows on a page
    #[arg(long, value_name = "NUMBER", default_value = "50", value_parser = super::positive)]
    page_size: NonZeroUsize,

    /// So many times faster the minute of the limits passes and live rows arrive
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = factor)]
    time_scale: f64,

    /// What the clock shows at the start, for rows that are the same on every day [default: the time it is]
    #[arg(long, value_name = "TIME")]
    start: Option<Timestamp>,

    /// Write every row that became visible into this file at the end, a line each
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

fn after_help() -> String {
    let width = Quirks::names().map(|(name, _)| name.len()).max().unwrap_or(0);
    let quirks = Quirks::names().map(|(name, description)| format!("  {name:width$}  {description}\n"));
    let quirks: String = quirks.collect();
    format!(
        "\
Quirks:
{quirks}
Faults, late and modified take a share from 0 to 1, such as cut=0.2; without one it is 0.05.

Without key and token anybody may read /_emulator/ledger (every row, when it became visible, how late, its text as served first) and \
/_emulator/stats.

Examples:
  logferry emulate --records 5000 --rate 30
  logferry emulate --rate 60 --quirk late --quirk next-null-on-short --quirk server-errors=0.02 --ledger rows.ndjson"
    )
}

fn quirk(text: &str) -> Result<String, String> {
    match Quirks::default().set(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(error) => Err(with_suggestion(&error.to_string())),
    }
}

/// Reads a number that is not negative.
fn amount(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected a number from 0, such as 30".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let number = amount(text).ok().filter(|share| *share <= 1.0);
    number.ok_or_else(|| "expected a share from 0 to 1, such as 0.05".to_owned())
}

fn factor(text: &str) -> Result<f64, String> {
    let number = amount(text).ok().filter(|factor| *factor > 0.0);
    number.ok_or_else(|| "expected a number above 0, such as 60".to_owned())
}

/// Reads a word that means nothing to a URL or a shell.
fn word(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err("expected letters, digits, `-` and `_`".to_owned()),
    }
}

impl Args {
    fn options(&self) -> Options {
        let mut options = Options {
            listen: self.listen,
            records: self.records,
            history: Duration::from_secs(u64::from(self.history_days) * 24 * 60 * 60),
            seed: self.seed,
            rate: self.rate,
            page_size: self.page_size.get(),
            limits: (!self.no_limits).then(|| Limits {
                requests: self.requests_per_minute.get(),
                min_interval: Duration::from_millis(self.min_interval_ms.into()),
                ..Limits::default()
            }),
            time_scale: self.time_scale,
            start: self.start,
            ..Options::default()
        };
        if let Some(key) = &self.key {
            options.key.clone_from(key);
        }
        if let Some(token) = &self.token {
            options.token.clone_from(token);
        }
        for quirk in &self.quirk {
            // They have been tried while the arguments were read.
            let _ = options.quirks.set(quirk);
        }
        if let Some(share) = self.late_share {
            options.quirks.late_share = share;
        }
        options.quirks.late.min = Duration::from_secs(self.late_min_secs.into());
        options.quirks.late.max = Duration::from_secs(self.late_max_secs.into());
        options
    }
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    if args.late_min_secs > args.late_max_secs {
        say(&format_args!(
            "--late-min-secs {} is more than --late-max-secs {}",
            args.late_min_secs, args.late_max_secs
        ));
        return Exit::Usage;
    }
    // It is better known now than at the end that the ledger cannot be written.
    let ledger = match args.ledger.as_ref().map(File::create).transpose() {
        Ok(ledger) => ledger,
        Err(error) => return ledger_failed(&args, &error),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve(args, ledger)),
        Err(error) => {
            say(&format_args!("cannot start threads: {error}"));
            Exit::Failure
        }
    }
}

async fn serve(args: Args, ledger: Option<File>) -> Exit {
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate)] = signals else {
        say(&"cannot listen to signals");
        return Exit::Failure;
    };
    let emulator = match Emulator::start(args.options()).await {
        Ok(emulator) => emulator,
        Err(error) => {
            say(&error);
            return Exit::Io;
        }
    };
    greet(&emulator, &args);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let exit = match ledger.map(|file| write_ledger(&emulator, file)).transpose() {
        Ok(_) => Exit::Good,
        Err(error) => ledger_failed(&args, &error),
    };
    part(&emulator);
    emulator.stop().await;
    exit
}

fn greet(emulator: &Running, args: &Args) {
    let Running { key, token, .. } = emulator;
    let url = emulator.url();
    say(&format_args!(
        "\
listening on {url}
  key    {key}
  token  {token}
  rows   {} on each stream, {} a minute live
  try    curl '{url}/pipeline_logs?key={key}&token={token}&start_element_id=0'
  truth  {url}/_emulator/ledger and {url}/_emulator/stats
Ctrl-C ends it",
        args.records, args.rate
    ));
}

fn part(emulator: &Running) {
    let stats = emulator.stats();
    let requests: u64 = stats.requests.values().sum();
    let faults: u64 = stats.faults.values().sum();
    let [visible, late] = [&stats.visible_rows, &stats.late_rows].map(|rows| rows.values().sum::<u64>());
    say(&format_args!(
        "answered {requests} requests, {} of them throttled, {} refused, {faults} with a fault; {visible} rows became visible, {late} late",
        stats.throttles, stats.refusals
    ));
}

fn write_ledger(emulator: &Running, file: File) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    emulator.write_ledger(&mut out)?;
    out.flush()
}

fn ledger_failed(args: &Args, error: &io::Error) -> Exit {
    let path = args.ledger.as_deref().unwrap_or_else(|| "".as_ref());
    say(&format_args!("{}: {error}", path.display()));
    Exit::Io
}
