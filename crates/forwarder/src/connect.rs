//! Whether sources and sinks can be reached: one request to each API, and no event to any sink.

use std::fmt;
use std::path::Path;

use logferry_kondado::answer::Failure;
use logferry_kondado::limiter::Limiter;
use rustix::fs::Access;

use crate::backfill::{self, Count, Older};
use crate::config::{Config, Kondado, SinkConfig, SinkKind, Source, Start};
use crate::outlets;
use crate::positions;
use crate::quota::{Kept, Limiters};

/// What was found of a source or a sink.
#[derive(Debug)]
pub struct Probed {
    /// `source acme` or `sink lake`.
    pub what: String,
    /// What it said, or why it cannot be used.
    pub found: Result<String, String>,
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Ok(found) => write!(f, "{}: {found}", self.what),
            Err(reason) => write!(f, "{}: cannot be used: {reason}", self.what),
        }
    }
}

/// Tries everything that a configuration names, one after the other.
pub async fn probe(config: &Config) -> Vec<Probed> {
    let mut probed = Vec::new();
    let limiters = Limiters::default();
    for (name, source) in &config.sources {
        match source {
            Source::Kondado(kondado) => {
                let limiter = limiters.of(config, kondado, Kept::by_another());
                api(name, kondado, &limiter, &mut probed).await;
                if probed.iter().all(|probed| probed.found.is_ok()) {
                    too_old(config, name, kondado, limiter, &mut probed).await;
                }
            }
            Source::File(file) => probed.push(Probed {
                what: format!("source {name}"),
                found: match std::fs::File::open(&file.path) {
                    Ok(_) => Ok(format!("{} can be read", file.path.display())),
                    Err(error) => Err(format!("{}: {error}", file.path.display())),
                },
            }),
            Source::Stdin(_) => {}
        }
    }
    for (name, sink) in &config.sinks {
        probed.push(Probed {
            what: format!("sink {name}"),
            found: sink_found(name, sink).await,
        });
    }
    let state = config.state.as_ref().map(|state| state.dir.as_path());
    probed.extend(state.map(|dir| Probed {
        what: "state".to_owned(),
        found: writable(dir, existing(dir)),
    }));
    probed.push(Probed {
        what: "dead letters".to_owned(),
        found: match config.dead_letter.path.parent() {
            // The folder of the state is made.
            Some(dir) if Some(dir) == state => writable(&config.dead_letter.path, existing(dir)),
            _ => file_found(&config.dead_letter.path),
        },
    });
    probed
}

async fn api(name: &str, kondado: &Kondado, limiter: &Limiter, probed: &mut Vec<Probed>) {
    let mut say = |stream: Option<&str>, found| {
        let stream = stream.map(|stream| format!(", {stream}")).unwrap_or_default();
        probed.push(Probed {
            what: format!("source {name}{stream}"),
            found,
        });
    };
    let client = match positions::client(name, kondado) {
        Ok(client) => client,
        Err(error) => return say(None, Err(error.to_string())),
    };
    for stream in &kondado.streams {
        let permit = limiter.permit().await;
        let answer = client.page(*stream, 0, kondado.client_ids.first().copied()).await;
        drop(permit);
        let found = match answer {
            Ok(page) => Ok(format!("answers, with {} records on its first page", page.rows().len())),
            // Key and token are right, and someone else uses them too.
            Err(Failure::Throttled { .. }) => {
                Ok("answers, but the quota of the key is used up at the moment".to_owned())
            }
            Err(failure) => Err(failure.to_string()),
        };
        say(Some(stream.name()), found);
    }
}

/// Estimates what is older than the sinks take that begin there.
async fn too_old(config: &Config, name: &str, kondado: &Kondado, limiter: Limiter, probed: &mut Vec<Probed>) {
    let now = backfill::now();
    for (sink, oldest) in backfill::limited(config, name) {
        let start = config.sinks.get(sink).and_then(|sink| sink.start.as_ref());
        let start = *start.or(kondado.start.as_ref()).unwrap_or(&Start::Earliest);
        let millis = backfill::before(now, oldest);
        let Ok(client) = positions::client(name, kondado) else {
            return;
        };
        let reading = positions::open(client, name, 0, kondado, limiter.clone());
        if !backfill::may_be_before(&start, millis) {
            continue;
        }
        for channel in &reading.channels {
            let records = async {
                let after = reading.find(channel.stream, channel.client_id, &start).await?;
                reading
                    .about_older(channel.stream, channel.client_id, after, millis)
                    .await
            };
            let found = match records.await {
                Ok(0) => continue,
                Ok(records) => Ok(Older {
                    source: name.to_owned(),
                    stream: Some(channel.stream.name()),
                    sink: sink.to_owned(),
                    oldest,
                    count: Count::AboutRecords(records),
                }
                .to_string()),
                Err(failure) => Err(failure.to_string()),
            };
            probed.push(Probed {
                what: "age".to_owned(),
                found,
            });
        }
    }
}

async fn sink_found(name: &str, sink: &SinkConfig) -> Result<String, String> {
    match &sink.kind {
        SinkKind::Stdout(_) => Ok("stdout of whoever runs it".to_owned()),
        SinkKind::File(config) => file_found(&config.path),
        service => {
            let opened = outlets::service(name, service, &sink.request);
            opened.map_err(|error| error.to_string())?.probe().await?;
            Ok("answers, and knows who asks".to_owned())
        }
    }
}

/// Whether a file can be written, or made where it is not there yet. Nothing is made here.
fn file_found(path: &Path) -> Result<String, String> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    writable(path, if path.exists() { path } else { dir })
}

/// The nearest folder that is there: those below it will be made.
fn existing(dir: &Path) -> &Path {
    let mut folders = dir.ancestors().filter(|dir| !dir.as_os_str().is_empty());
    folders.find(|dir| dir.exists()).unwrap_or(Path::new("."))
}

fn writable(path: &Path, tried: &Path) -> Result<String, String> {
    match rustix::fs::access(tried, Access::WRITE_OK) {
        Ok(()) => Ok(format!("{} can be written", path.display())),
        Err(error) => Err(format!("{}: {error}", tried.display())),
    }
}
