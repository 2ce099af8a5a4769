//! The configuration file: TOML, with references to the environment and to files of secrets in its values.
//!
//! ```text
//! text ── TOML ──▶ tables with places ── references ──▶ values ── reader ──▶ settings ── checks ──▶ Config
//! ```
//!
//! [`load`] finds everything that is wrong with a file at once and says where it is. No message shows what a variable or a file
//! of secrets holds, nor a secret that stands in the file itself.

mod check;
mod error;
mod paths;
mod quote;
mod read;
mod reference;
mod schema;
mod sink;
mod source;
mod start;
mod summary;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use logferry_sinks::dead_letter;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use toml::de::DeTable;

pub use check::{MOST_WINDOW_IDS, ROWS_PER_PAGE, window_ids};
pub use error::{Errors, Problem};
pub use logferry_sinks::Secret;
pub use schema::schema;
pub use sink::{SinkConfig, SinkKind};
pub use source::{FileSource, Kondado, RateLimit, Source, Stdin};
pub use start::Start;

use error::Wrong;
use quote::Quotes;
use read::{Reader, Table};
use reference::References;

/// A whole configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where records come from, by name.
    pub sources: BTreeMap<String, Source>,
    /// How records become events.
    pub mapper: logferry_mapper::Settings,
    /// Where events go, by name.
    pub sinks: BTreeMap<String, SinkConfig>,
    /// Where positions are kept; only standard input has none.
    pub state: Option<State>,
    /// Where what cannot be delivered is kept.
    pub dead_letter: dead_letter::Config,
    /// What the program tells about itself.
    pub telemetry: Telemetry,
    /// How long the end may take.
    pub shutdown_grace_secs: u64,
}

/// The `[state]` table.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The folder for positions, one for each running logferry.
    pub dir: PathBuf,
}

impl State {
    /// The file of dead letters, where none is named.
    fn dead_letters(&self) -> PathBuf {
        self.dir.join("dead-letter.ndjson")
    }
}

/// The `[telemetry]` table.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Address and port to serve `/metrics`, `/health` and `/ready` on, such as `127.0.0.1:9598` or `localhost:9598`; nothing is served by default.
    #[serde(deserialize_with = "address", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub listen: Option<SocketAddr>,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse() {
        Ok(address) => Ok(Some(address)),
        Err(_) => named(&text).map(Some).map_err(serde::de::Error::custom),
    }
}

/// What a name and a port stand for. A name that is to be one of this machine's addresses may become another's, so it must be the machine alone.
fn named(text: &str) -> Result<SocketAddr, &'static str> {
    const EXPECTED: &str = "expected an IP address and a port, such as 127.0.0.1:9598";
    let mut found: Vec<SocketAddr> = text.to_socket_addrs().map_err(|_| EXPECTED)?.collect();
    let is_here = |address: &SocketAddr| address.ip().is_loopback() || address.ip().is_unspecified();
    if !found.iter().all(is_here) {
        return Err("a name is taken for this machine alone, such as localhost:9598; write an address as numbers");
    }
    // Whoever asks tries both kinds; the older one is there everywhere.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or(EXPECTED)
}

/// Reads a configuration.
///
/// # Errors
///
/// [`Errors`]: that the file cannot be read, or everything that is wrong with it.
pub fn load(path: &Path) -> Result<Config, Errors> {
    from_text(path, &read_file(path)?, |name| std::env::var(name).ok())
}

/// Reads the `[mapper]` table of a configuration. The rest is checked as far as that goes without the environment and without
/// secrets, which need not be there.
///
/// # Errors
///
/// [`Errors`]: that the file cannot be read, or everything that is wrong with it.
pub fn mapper_settings(path: &Path) -> Result<logferry_mapper::Settings, Errors> {
    mapper_from_text(path, &read_file(path)?, |name| std::env::var(name).ok())
}

fn read_file(path: &Path) -> Result<String, Errors> {
    fs::read_to_string(path).map_err(|error| Errors::Read {
        path: path.to_owned(),
        error,
    })
}

fn from_text(path: &Path, text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Config, Errors> {
    parse(
        path,
        text,
        |_| true,
        variable,
        |reader| {
            let parts = Parts::read(reader);
            check::whole(reader, &parts);
            parts.into_config()
        },
    )
}

fn mapper_from_text(
    path: &Path,
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<logferry_mapper::Settings, Errors> {
    let is_needed = |table: &str| table == "mapper";
    parse(path, text, is_needed, variable, |reader| Parts::read(reader).mapper)
}

/// Parses a text and reads it. References are needed only in the tables that `is_needed` names.
fn parse<T>(
    path: &Path,
    text: &str,
    is_needed: impl Fn(&str) -> bool,
    variable: impl Fn(&str) -> Option<String>,
    read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
) -> Result<T, Errors> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut document = document.into_inner();
    let quotes = Quotes::new(text, &document, !errors.is_empty());
    let mut wrongs: Vec<Wrong> = errors.into_iter().map(Wrong::from).collect();
    let mut value = None;
    // Of a text that is no TOML, what is missing may only not have been understood.
    if wrongs.is_empty() {
        let references = References::of(&document, &is_needed, &variable, &mut wrongs);
        references.fill(&mut document);
        let mut reader = Reader::new(&document, &references, wrongs);
        value = read(&mut reader);
        wrongs = reader.into_wrongs();
    }
    match value {
        Some(value) if wrongs.is_empty() => Ok(value),
        _ => Err(Errors::in_file(path, &quotes, wrongs)),
    }
}

/// The top-level keys.
const KEYS: [&str; 7] = [
    "sources",
    "mapper",
    "sinks",
    "state",
    "dead_letter",
    "telemetry",
    "shutdown_grace_secs",
];

/// The keys outside of tables.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TopLevel {
    /// How long the end may take, before what is not delivered is given up; it is read again at the next start.
    shutdown_grace_secs: u64,
}

impl Default for TopLevel {
    fn default() -> Self {
        TopLevel {
            shutdown_grace_secs: 60,
        }
    }
}

/// What could be read of a configuration. What could not be has been reported.
struct Parts {
    sources: BTreeMap<String, Source>,
    mapper: Option<logferry_mapper::Settings>,
    sinks: BTreeMap<String, SinkConfig>,
    state: Option<State>,
    dead_letter: Option<dead_letter::Config>,
    telemetry: Option<Telemetry>,
    top_level: Option<TopLevel>,
}

impl Parts {
    fn read(reader: &mut Reader<'_>) -> Parts {
        let root = reader.root();
        reader.unknown_keys(&root, &KEYS, "table");
        let state: Option<State> = reader.child(&root, "state").and_then(|table| reader.read(&table));
        Parts {
            sources: reader.named(&root, "sources", source::read),
            mapper: reader.read_or_default(&root, "mapper"),
            sinks: reader.named(&root, "sinks", sink::read),
            dead_letter: read_dead_letter(reader, &root, state.as_ref()),
            telemetry: reader.read_or_default(&root, "telemetry"),
            top_level: reader.read_fields(&root),
            state,
        }
    }

    fn into_config(self) -> Option<Config> {
        Some(Config {
            sources: self.sources,
            mapper: self.mapper?,
            sinks: self.sinks,
            state: self.state,
            dead_letter: self.dead_letter?,
            telemetry: self.telemetry?,
            shutdown_grace_secs: self.top_level?.shutdown_grace_secs,
        })
    }
}

/// Without a path of its own the file lies in the folder of the state. Without that folder it needs one.
fn read_dead_letter<'a>(
    reader: &mut Reader<'a>,
    root: &Table<'a>,
    state: Option<&State>,
) -> Option<dead_letter::Config> {
    let path = state.map(State::dead_letters);
    if !root.entries.contains_key("dead_letter") {
        return path.map(dead_letter::Config::new);
    }
    let table = reader.child(root, "dead_letter")?;
    let is_known = path.is_some() || table.entries.contains_key("path");
    let path = path.unwrap_or_else(|| "dead-letter.ndjson".into());
    let config = reader.read_with::<dead_letter::Config>(&table, "path", &path.to_string_lossy())?;
    check::dead_letter(reader, &table, &config);
    // Otherwise the state is wrong, or the path is missing; both are reported elsewhere.
    is_known.then_some(config)
}
