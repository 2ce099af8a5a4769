//! What a configuration amounts to, in a few lines for a person.

use std::fmt::Write as _;

use super::{Config, Kondado, MOST_WINDOW_IDS, ROWS_PER_PAGE, Source, window_ids};

impl Config {
    /// Sources, sinks, which goes where, and what the limits of the API come to. It has no value in it that could be a secret.
    pub fn summary(&self) -> String {
        let mut out = String::new();
        for (name, source) in &self.sources {
            let sinks = self.sinks.iter().filter(|(_, sink)| sink.takes(name));
            let sinks: Vec<_> = sinks.map(|(name, _)| name.as_str()).collect();
            let goes = match sinks.is_empty() {
                true => "no sink, so it is not read".to_owned(),
                false => sinks.join(", "),
            };
            let _ = writeln!(out, "source {name} ({}) → {goes}", source.type_name());
            if let Source::Kondado(kondado) = source {
                limits(kondado, &mut out);
            }
        }
        for (name, sink) in &self.sinks {
            let _ = write!(out, "sink {name} ({})", sink.kind.type_name());
            if let Some(names) = &sink.select.events {
                let _ = write!(out, ", only {}", names.join(", "));
            }
            if let Some(severity) = sink.select.min_severity {
                let _ = write!(out, ", from {severity}");
            }
            out.push('\n');
        }
        out
    }
}

fn limits(kondado: &Kondado, out: &mut String) {
    let streams: Vec<_> = kondado.streams.iter().map(|stream| stream.name()).collect();
    let _ = writeln!(out, "  streams: {}", streams.join(", "));
    let requests = requests_per_minute(kondado);
    let _ = writeln!(
        out,
        "  quota: at most {requests} requests a minute, so {} records a minute",
        requests * ROWS_PER_PAGE
    );
    let scrolls = streams.len().max(1) * kondado.client_ids.len().max(1);
    let idle = (scrolls as u64 * 60).div_ceil(kondado.poll_interval_secs.max(1));
    let _ = writeln!(out, "  while nothing is new: {} requests a minute", idle.min(requests));
    let _ = writeln!(
        out,
        "  settling: {} s, in which at most {} records come; a position holds {MOST_WINDOW_IDS}",
        kondado.settle_secs,
        window_ids(kondado)
    );
}

/// The stricter of the two limits.
fn requests_per_minute(kondado: &Kondado) -> u64 {
    let limit = &kondado.rate_limit;
    u64::from(limit.requests_per_minute).min(60_000 / limit.min_interval_ms.max(1))
}
