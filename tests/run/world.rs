//! What the tests of `logferry run` stand in: an emulated API, a folder, and the program in it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use logferry_emulator::{Emulator, Fault, Options, Running};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::program::{Ended, Program};

/// Long enough for anything that comes at all, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(90);

/// Those of the faults that pass by themselves, and within a test's time.
pub const PASSING: [Fault; 12] = [
    Fault::Throttle,
    Fault::ThrottleSeconds,
    Fault::InnerFailure,
    Fault::Html,
    Fault::EmptyObject,
    Fault::NoArray,
    Fault::ServerErrors,
    Fault::ServerErrorsRetryAfter,
    Fault::Slow,
    Fault::Cut,
    Fault::Hang,
    Fault::Reset,
];

/// A source that asks as often as it likes, and settles soon.
pub const QUICK: &str = "rate_limit.requests_per_minute = 6000
rate_limit.min_interval_ms = 1
poll_interval_secs = 1
settle_secs = 1
timeout_secs = 2
";

/// A sink that gets everything.
pub const LAKE: &str = "[sinks.lake]\ntype = \"file\"\npath = \"lake.ndjson\"\n";

/// An emulated API, and a folder where the program runs.
pub struct World {
    pub emulator: Running,
    _runtime: Runtime,
    folder: TempDir,
}

impl World {
    /// With an API like this. Without limits, unless the test is about them.
    pub fn new(options: Options) -> World {
        let runtime = Runtime::new().unwrap();
        World {
            emulator: runtime.block_on(Emulator::start(options)).unwrap(),
            _runtime: runtime,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With so many rows on each stream.
    pub fn with_records(records: u64) -> World {
        World::new(Options {
            records,
            limits: None,
            ..Options::default()
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a file holds; nothing if it is not there.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Writes a configuration with a source that reads the API, with these settings of it, and with these sinks. Key and token come from
    /// the environment, so no file of the folder may hold them.
    pub fn configure(&self, source: &str, sinks: &str) {
        self.configure_source(&format!("type = \"kondado\"\nendpoint = \"{}\"\nkey = \"${{KONDADO_KEY}}\"\ntoken = \"${{KONDADO_TOKEN}}\"\n{source}", self.emulator.url()), sinks);
    }

    /// The same with any source.
    pub fn configure_source(&self, source: &str, sinks: &str) {
        let text = format!(
            "[sources.acme]\n{source}\n{sinks}\n[state]\ndir = \"state\"\n[telemetry]\nlisten = \"127.0.0.1:0\"\n"
        );
        self.write("logferry.toml", &text);
    }

    /// The program with these arguments, in the folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logferry"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("LOGFERRY_LOG")
            .env("KONDADO_KEY", &self.emulator.key)
            .env("KONDADO_TOKEN", &self.emulator.token);
        command
    }

    /// Starts it.
    pub fn spawn(&self, args: &[&str]) -> Program {
        Program::start(
            self.command(args),
            [self.emulator.key.clone(), self.emulator.token.clone()],
        )
    }

    /// Starts it with the configuration.
    pub fn start(&self) -> Program {
        self.spawn(&["run", "--config", "logferry.toml"])
    }

    /// Runs it to its end, which it reaches with this code.
    #[track_caller]
    pub fn ends(&self, args: &[&str], code: i32) -> Ended {
        let ended = self.spawn(args).wait();
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        ended
    }

    /// Runs it to the end of what is there.
    #[track_caller]
    pub fn once(&self) -> Ended {
        self.ends(&["run", "--config", "logferry.toml", "--once"], 0)
    }

    /// The same, where it cannot.
    #[track_caller]
    pub fn once_fails(&self, code: i32) -> Ended {
        self.ends(&["run", "--config", "logferry.toml", "--once"], code)
    }

    /// The texts of the rows that the API has shown by now, or would show.
    pub fn rows(&self) -> Vec<String> {
        self.emulator.ledger().into_iter().map(|entry| entry.row).collect()
    }

    /// The events of rows, as `logferry normalize` writes them.
    pub fn events(&self, rows: &[String]) -> Vec<String> {
        let mut child = self
            .command(&["normalize"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let input = rows.iter().fold(String::new(), |mut input, row| {
            let _ = writeln!(input, "{row}");
            input
        });
        let output = thread::scope(|scope| {
            scope.spawn(move || pipe.write_all(input.as_bytes()).unwrap());
            child.wait_with_output().unwrap()
        });
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Every row of the API's ledger has exactly its events in the text: each once, and those of a row in their order.
    #[track_caller]
    pub fn assert_all_in(&self, text: &str) {
        let expected = self.events(&self.rows());
        assert_same(text, &expected);
        assert_order(text, &expected);
    }

    /// Waits until the file has the events of every row that is there, and nothing else.
    #[track_caller]
    pub fn until_all_in(&self, name: &str) {
        let expected = sorted(self.events(&self.rows()));
        until(&format!("every row in {name}"), || {
            let text = self.read(name);
            text.lines().count() >= expected.len() && sorted(text.lines().map(str::to_owned).collect()) == expected
        });
        self.assert_all_in(&self.read(name));
    }
}

impl Drop for World {
    /// No file that was written holds a secret.
    fn drop(&mut self) {
        if !thread::panicking() {
            let secrets = [self.emulator.key.as_str(), &self.emulator.token];
            without_secrets(self.folder.path(), &secrets);
        }
    }
}

fn without_secrets(folder: &Path, secrets: &[&str]) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            without_secrets(&path, secrets);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            assert_no_secret(&path.display().to_string(), &String::from_utf8_lossy(&bytes), secrets);
        }
    }
}

/// A text holds neither key nor token.
#[track_caller]
pub fn assert_no_secret(what: &str, text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "{what} shows a secret:\n{text}");
    }
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_unstable();
    lines
}

/// The text has exactly these events, each as often.
#[track_caller]
pub fn assert_same(text: &str, expected: &[String]) {
    let mut have: Vec<&str> = text.lines().collect();
    let mut want: Vec<&str> = expected.iter().map(String::as_str).collect();
    have.sort_unstable();
    want.sort_unstable();
    if have != want {
        let lacking = want.iter().find(|line| have.binary_search(line).is_err());
        let surplus = have.iter().find(|line| want.binary_search(line).is_err());
        let twice = have.windows(2).find(|pair| pair[0] == pair[1]);
        panic!(
            "{} events, expected {}; lacking {lacking:?}, not expected {surplus:?}, twice {twice:?}",
            have.len(),
            want.len()
        );
    }
}

/// Events of a record stand in their order.
#[track_caller]
fn assert_order(text: &str, expected: &[String]) {
    let mut places: Vec<(&str, usize)> = text.lines().enumerate().map(|(at, line)| (line, at)).collect();
    places.sort_unstable();
    // Two runs of a model may begin in the same millisecond, and the first of their events are the same then.
    let place = |line: &str| {
        let first = places.partition_point(|(text, _)| *text < line);
        let is_alone = places.get(first + 1).is_none_or(|(text, _)| *text != line);
        is_alone.then(|| places[first].1)
    };
    let begins = |line: &str| {
        ["sync_start", "transformation_start"]
            .iter()
            .any(|name| line.starts_with(&format!("{{\"event\":\"{name}\"")))
    };
    for pair in expected.windows(2).filter(|pair| !begins(&pair[1])) {
        if let (Some(first), Some(second)) = (place(&pair[0]), place(&pair[1])) {
            assert!(first < second, "out of order: {pair:?}");
        }
    }
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    until_ok(what, || is_so().then_some(()).ok_or_else(String::new));
}

/// The same with something that says how it is instead.
#[track_caller]
pub fn until_ok(what: &str, mut look: impl FnMut() -> Result<(), String>) {
    let began = Instant::now();
    while let Err(instead) = look() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for: {what}\n{instead}");
        thread::sleep(Duration::from_millis(20));
    }
}
