//! The time and memory of whole processes.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

pub fn print_ratio(name: &str, value: f64, wanted: &str) {
    println!("  {name:<50} {value:>8.2} ({wanted})");
}

/// A process to run.
pub struct Run {
    command: Vec<PathBuf>,
    stdin: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
pub struct Figure {
    pub seconds: f64,
    pub mebibytes: f64,
}

impl Run {
    pub fn new(program: impl Into<PathBuf>) -> Run {
        Run {
            command: vec![program.into()],
            stdin: None,
        }
    }

    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Run {
        self.command.extend(args.into_iter().map(PathBuf::from));
        self
    }

    pub fn file(mut self, file: &Path) -> Run {
        self.command.push(file.to_owned());
        self
    }

    pub fn stdin(mut self, file: &Path) -> Run {
        self.stdin = Some(file.to_owned());
        self
    }

    /// Runs it below a process of its own, whose children's memory is that of this run alone.
    pub fn once(&self) -> Figure {
        let mut measure = Command::new(std::env::current_exe().expect("this program"));
        measure.arg("measure").args(&self.command);
        if let Some(file) = &self.stdin {
            measure.stdin(File::open(file).expect("a file of records"));
        }
        let output = measure.stderr(Stdio::inherit()).output().expect("a measured run");
        let text = String::from_utf8_lossy(&output.stdout);
        let mut numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
        let mut next = || numbers.next().expect("a figure of a run that succeeded");
        Figure {
            seconds: next(),
            mebibytes: next(),
        }
    }
}

/// The seconds of several runs, round by round: a machine that grows slower grows so for all runs of a round.
pub struct Rounds(Vec<Vec<f64>>);

impl Rounds {
    pub fn run<'r>(rounds: usize, runs: impl IntoIterator<Item = &'r Run>) -> Rounds {
        let runs: Vec<&Run> = runs.into_iter().collect();
        Rounds(
            (0..rounds)
                .map(|_| runs.iter().map(|run| run.once().seconds).collect())
                .collect(),
        )
    }

    pub fn seconds(&self, run: usize) -> f64 {
        median(self.0.iter().map(|round| round[run]))
    }

    pub fn ratio(&self, run: usize, to: usize) -> f64 {
        median(self.0.iter().map(|round| round[run] / round[to]))
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Runs a command and prints its seconds and its peak memory in MiB. What it says is shown only if it fails.
pub fn measure(mut command: impl Iterator<Item = String>) {
    let program = command.next().expect("a command");
    let begin = Instant::now();
    let output = Command::new(program)
        .args(command)
        .stdin(Stdio::inherit())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .expect("the command runs");
    let seconds = begin.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage of the command");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the command failed: {}\n{said}", output.status);
    let _ = writeln!(io::stdout(), "{seconds} {}", usage.max_rss() as f64 / 1024.0);
}
