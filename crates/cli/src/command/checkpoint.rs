//! `logferry checkpoint`: looks at positions, and moves them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use logferry_forwarder::checkpoint::{self, Checkpoint, Key, Place, Store};
use logferry_forwarder::clock::Clock;
use logferry_forwarder::config::{self, Config};
use logferry_forwarder::seek::Seeker;
use logferry_forwarder::service;
use logferry_forwarder::state::time_of_millis;
use logferry_kondado::cursor::Snapshot;
use logferry_model::Timestamp;

use super::run::exit_of;
use crate::exit::Exit;
use crate::say;
use crate::work::write_stdout;

/// Look at positions, or move them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A position says up to where a sink has the records of a stream. While logferry runs, positions can be looked at but not moved.

Examples:
  logferry checkpoint show --config logferry.toml
  logferry checkpoint set --config logferry.toml --sink lake --stream pipeline_logs --id 5181910
  logferry checkpoint set --config logferry.toml --sink lake --time 2026-11-19T00:00:00Z
  logferry checkpoint reset --config logferry.toml --sink lake")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the positions, one a line
    Show(Which),
    /// Go on behind an id, which the next record that is delivered is above; or at a time
    Set {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        target: Target,
    },
    /// Forget positions: the next run begins where `start` says
    Reset(Which),
}

/// Where to go on
#[derive(Debug, clap::Args)]
struct Target {
    /// The id; 0 is before the first record
    #[arg(long, value_name = "ID", required_unless_present = "time", conflicts_with = "time")]
    id: Option<u64>,
    /// A time instead: the next record is the first that ended then or later. The API is asked for its id, in at most 40 requests a stream
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<Timestamp>,
    /// Ask the API whether there are ids so far, and refuse one beyond them
    #[arg(long, conflicts_with = "time")]
    connect: bool,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|_| "expected a time such as 2026-11-01T00:00:00Z".to_owned())
}

/// Which positions
#[derive(Debug, clap::Args)]
struct Which {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only those of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only those of this stream: pipeline_logs, model_logs, or file
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Only those of this account
    #[arg(long, value_name = "ID")]
    client_id: Option<u64>,
    /// Only those of this sink
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
}

impl Which {
    fn is(&self, key: &Key) -> bool {
        let same = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        same(&self.source, &key.source)
            && same(&self.stream, &key.stream)
            && same(&self.sink, &key.sink)
            && self.client_id.is_none_or(|client| key.client_id == Some(client))
    }
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let which = match &args.action {
        Action::Show(which) | Action::Reset(which) | Action::Set { which, .. } => which,
    };
    let config = match config::load(&which.config) {
        Ok(config) => config,
        Err(errors) => {
            say(&errors);
            return Exit::Config;
        }
    };
    let Some(state) = &config.state else {
        say(&"only standard input is read, which has no position");
        return Exit::Config;
    };
    let dir = &state.dir;
    let done = match &args.action {
        Action::Show(which) => show(dir, which),
        Action::Set { which, target } => set(&config, dir, which, target),
        Action::Reset(which) => reset(dir, which),
    };
    done.unwrap_or_else(|error| {
        say(&error);
        match error {
            checkpoint::Error::Io { .. } => Exit::Io,
            _ => Exit::Failure,
        }
    })
}

fn show(dir: &Path, which: &Which) -> Result<Exit, checkpoint::Error> {
    let mut out = String::new();
    let mut exit = Exit::Good;
    for key in Store::keys_in(dir)?.iter().filter(|key| which.is(key)) {
        let path = Store::path_in(dir, key);
        match checkpoint::read(&path) {
            Ok(checkpoint) => {
                let stored = fs::metadata(&path).and_then(|data| data.modified()).ok();
                let stored = stored.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                let stored = stored.and_then(|time| u64::try_from(time.as_millis()).ok());
                let _ = write!(out, "{key}: {}", place(&checkpoint.place));
                let _ = writeln!(out, ", stored {}", stored.map(time_of_millis).unwrap_or_default());
            }
            Err(error) => {
                say(&error);
                exit = Exit::Failure;
            }
        }
    }
    if out.is_empty() && exit == Exit::Good {
        say(&format_args!("{}: there are no such positions", dir.display()));
    }
    Ok(write_stdout(out.as_bytes()).err().unwrap_or(exit))
}

fn place(place: &Place) -> String {
    match place {
        Place::Rows(snapshot) => {
            let created = snapshot
                .low_water_created
                .and_then(|created| u64::try_from(created).ok());
            let created = created
                .map(|created| format!(" of {}", time_of_millis(created)))
                .unwrap_or_default();
            format!(
                "up to {}{created}, {} ids above it up to {}",
                snapshot.low_water,
                snapshot.window.len(),
                snapshot.head
            )
        }
        Place::File(place) => format!("up to record {}", place.records),
    }
}

fn set(config: &Config, dir: &Path, which: &Which, target: &Target) -> Result<Exit, checkpoint::Error> {
    let mut store = Store::open(dir)?;
    let keys: Vec<Key> = wanted(config, &store).into_iter().filter(|key| which.is(key)).collect();
    let streams: Vec<&str> = keys.iter().map(|key| key.stream.as_str()).collect();
    if target.id.is_some() && streams.contains(&"pipeline_logs") && streams.contains(&"model_logs") {
        say(&"the ids of pipeline_logs and model_logs have nothing to do with each other: name one with --stream");
        return Ok(Exit::Usage);
    }
    if keys.is_empty() {
        say(&"there is no such position: see `logferry checkpoint show`");
        return Ok(Exit::Usage);
    }
    if let Some(key) = keys.iter().find(|key| key.stream == "file") {
        say(&format_args!(
            "{key}: a file has no ids; `reset` reads it from its beginning"
        ));
        return Ok(Exit::Usage);
    }
    let ids = match find(config, &store, &keys, target) {
        Ok(ids) => ids,
        Err(exit) => return Ok(exit),
    };
    for (key, id) in keys.into_iter().zip(ids) {
        store.save(&Checkpoint {
            key: key.clone(),
            place: Place::Rows(Snapshot {
                low_water: id,
                head: id,
                ..Snapshot::default()
            }),
            written: None,
            at: Clock::start().now(),
        })?;
        say(&format_args!("{key}: goes on behind {id}"));
    }
    Ok(Exit::Good)
}

/// The id for each position; nothing is moved where one is not to be had.
fn find(config: &Config, store: &Store, keys: &[Key], target: &Target) -> Result<Vec<u64>, Exit> {
    if let (Some(id), false) = (target.id, target.connect) {
        keys.iter().for_each(|key| say_beyond(store, key, id));
        return Ok(vec![id; keys.len()]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        say(&error);
        Exit::Failure
    })?;
    let seeker = Seeker::new(config);
    let mut ids = Vec::new();
    let mut asked = BTreeMap::new();
    for key in keys {
        // Sinks of one stream go to the same place.
        let stream = (&key.source, &key.stream, key.client_id);
        let found = match asked.get(&stream) {
            Some(found) => *found,
            None => {
                let found = runtime.block_on(async {
                    match target.time {
                        Some(time) => seeker.before(key, time).await,
                        None => seeker.newest(key).await,
                    }
                });
                found.map_err(|error| {
                    say(&error);
                    exit_of(&service::Error::Run(error))
                })?
            }
        };
        asked.insert(stream, found);
        match target.id {
            Some(id) if id > found => {
                say(&format_args!(
                    "{key}: there is no id so far: the newest is {found}. Nothing is moved"
                ));
                return Err(Exit::Usage);
            }
            id => ids.push(id.unwrap_or(found)),
        }
    }
    Ok(ids)
}

/// Says so where a position is moved beyond all that its sink has seen.
fn say_beyond(store: &Store, key: &Key, id: u64) {
    if let Ok(Some(Checkpoint {
        place: Place::Rows(Snapshot { head, .. }),
        ..
    })) = store.load(key)
        && id > head
    {
        say(&format_args!(
            "warning: {key}: the newest id it has seen is {head}; records from there up to {id} are not delivered. --connect refuses an id that is not there"
        ));
    }
}

fn reset(dir: &Path, which: &Which) -> Result<Exit, checkpoint::Error> {
    let mut store = Store::open(dir)?;
    let keys: Vec<Key> = store.keys().filter(|key| which.is(key)).cloned().collect();
    if keys.is_empty() {
        say(&"there is no such position: see `logferry checkpoint show`");
        return Ok(Exit::Usage);
    }
    for key in keys {
        store.forget(&key)?;
        say(&format_args!("{key}: forgotten"));
    }
    Ok(Exit::Good)
}

/// The stored positions, and those that the configuration has.
fn wanted(config: &Config, store: &Store) -> Vec<Key> {
    let mut keys: Vec<Key> = store.keys().cloned().collect();
    for (source, kind) in &config.sources {
        let config::Source::Kondado(kondado) = kind else {
            continue;
        };
        let clients: Vec<Option<u64>> = match kondado.client_ids.is_empty() {
            true => vec![None],
            false => kondado.client_ids.iter().copied().map(Some).collect(),
        };
        for sink in config
            .sinks
            .iter()
            .filter(|(_, sink)| sink.takes(source))
            .map(|(name, _)| name)
        {
            for stream in &kondado.streams {
                keys.extend(clients.iter().map(|client_id| Key {
                    sink: sink.clone(),
                    source: source.clone(),
                    stream: stream.name().to_owned(),
                    client_id: *client_id,
                }));
            }
        }
    }
    keys.sort();
    keys.dedup();
    keys
}
