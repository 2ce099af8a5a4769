//! Whether sources and sinks can be reached: one request to each API, and no event to any sink.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use logferry_kondado::answer::Failure;
use logferry_kondado::limiter::Limiter;
use rustix::fs::Access;

use crate::config::{Config, Kondado, SinkKind, Source};
use crate::positions;

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
    for (name, source) in &config.sources {
        match source {
            Source::Kondado(kondado) => api(name, kondado, &mut probed).await,
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
            found: sink_found(&sink.kind),
        });
    }
    probed
}

async fn api(name: &str, kondado: &Kondado, probed: &mut Vec<Probed>) {
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
    let limit = &kondado.rate_limit;
    let limiter = Limiter::new(limit.requests_per_minute, Duration::from_millis(limit.min_interval_ms));
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

fn sink_found(kind: &SinkKind) -> Result<String, String> {
    let SinkKind::File(config) = kind else {
        return Ok("stdout of whoever runs it".to_owned());
    };
    let path = &config.path;
    // A file that is not there will be made; nothing is made here.
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let tried = if path.exists() { path } else { dir };
    match rustix::fs::access(tried, Access::WRITE_OK) {
        Ok(()) => Ok(format!("{} can be written", path.display())),
        Err(error) => Err(format!("{}: {error}", tried.display())),
    }
}
