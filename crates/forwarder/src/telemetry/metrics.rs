//! The metrics: one table of names, and the state that fills them.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::invariants;
use crate::source::kondado::ERROR_TYPES;
use crate::state::{Positions, Shared, State, Track};

/// The text of a scrape.
pub fn render(shared: &Arc<Shared>, dead_letter_bytes: u64) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape {
        shared: shared.clone(),
        dead_letter_bytes,
    }));
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = text::encode(&mut out, &registry);
    out
}

#[derive(Debug)]
struct Scrape {
    shared: Arc<Shared>,
    dead_letter_bytes: u64,
}

type Labels = Vec<(&'static str, String)>;

/// A metric and its values.
struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    values: Vec<(Labels, f64)>,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let now = self.shared.clock.now();
        let families = {
            let state = self.shared.lock();
            debug_assert_eq!(invariants::violated(&state), None);
            families(&state, now, self.dead_letter_bytes)
        };
        for Family {
            name,
            help,
            kind,
            values,
        } in families
        {
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (labels, value) in values {
                write(family.encode_family(&labels)?, kind, value)?;
            }
        }
        Ok(())
    }
}

fn write(mut encoder: MetricEncoder<'_>, kind: MetricType, value: f64) -> fmt::Result {
    match kind {
        MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&value, None),
        _ => encoder.encode_gauge(&value),
    }
}

/// Counts below 2⁵³ are exact, which is what a sum of a lifetime stays below.
fn float(count: u64) -> f64 {
    count as f64
}

fn families(state: &State, now: u64, dead_letter_bytes: u64) -> Vec<Family> {
    let mut out = Vec::new();
    tracks(state, now, &mut out);
    sinks(state, &mut out);
    sources(state, &mut out);
    positions(state, now, &mut out);
    let single = |name, help, kind, labels: Labels, value| Family {
        name,
        help,
        kind,
        values: vec![(labels, value)],
    };
    out.push(single(
        "logferry_dead_letter_bytes",
        "Size of the dead-letter file",
        MetricType::Gauge,
        Vec::new(),
        float(dead_letter_bytes),
    ));
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    out.push(single(
        "logferry_build_info",
        "The release",
        MetricType::Gauge,
        version,
        1.0,
    ));
    out
}

fn tracks(state: &State, now: u64, out: &mut Vec<Family>) {
    let labels = |track: &Track| {
        let mut labels = vec![
            ("component_id", track.source_name.to_string()),
            ("component_kind", "source".to_owned()),
            ("stream", track.stream.to_string()),
        ];
        labels.extend(track.client_id.map(|id| ("client_id", id.to_string())));
        // A file is read by each sink for itself.
        if let (Positions::Lines(_), [sink]) = (&track.positions, &track.sinks[..]) {
            labels.push(("sink", state.sinks[*sink].name.to_string()));
        }
        labels
    };
    let mut family = |name, help, kind, value: &dyn Fn(&Track) -> f64| {
        let values = state.tracks.iter().map(|track| (labels(track), value(track))).collect();
        out.push(Family {
            name,
            help,
            kind,
            values,
        });
    };
    let counter = MetricType::Counter;
    family("component_received_events", "Records received", counter, &|track| {
        float(track.counts.received)
    });
    family(
        "component_received_event_bytes",
        "Bytes of the records received",
        counter,
        &|track| float(track.counts.received_bytes),
    );
    family(
        "logferry_records_mapped",
        "Records that became events",
        counter,
        &|track| float(track.counts.mapped),
    );
    family(
        "logferry_records_dead_lettered",
        "Records that became dead letters",
        counter,
        &|track| float(track.counts.dead_lettered),
    );
    family(
        "logferry_records_deduplicated",
        "Records that had been read before, as re-reads and inclusive servers give them",
        counter,
        &|track| float(track.counts.deduplicated),
    );
    family(
        "logferry_late_rows",
        "Rows that became visible below others that had been read",
        counter,
        &|track| float(track.seen.late),
    );
    family(
        "logferry_changed_rows",
        "Rows that were met again with another content",
        counter,
        &|track| float(track.seen.changed),
    );
    family(
        "logferry_broken_rereads",
        "Re-reads that ended before rows that had been there",
        counter,
        &|track| float(track.seen.vanished),
    );
    family(
        "logferry_scrolls_without_progress",
        "Scrolls that were led on without rows",
        counter,
        &|track| float(track.seen.no_progress),
    );
    family(
        "logferry_lag_seconds",
        "Age of the newest row read, while more are known to be there or the API fails; else 0",
        MetricType::Gauge,
        &|track| match (
            track.seen.caught_up && state.sources[track.source].failing.is_empty(),
            track.seen.newest_created,
        ) {
            (false, Some(created)) => float(now.saturating_sub(u64::try_from(created).unwrap_or_default())) / 1000.0,
            _ => 0.0,
        },
    );
    family(
        "logferry_window_full",
        "1 while reading pauses because too many ids wait to settle",
        MetricType::Gauge,
        &|track| f64::from(u8::from(track.seen.is_full)),
    );
    family(
        "logferry_beyond_retention",
        "1 when the position was older at the start than what the API keeps: records were probably lost",
        MetricType::Gauge,
        &|track| f64::from(u8::from(track.seen.beyond_retention)),
    );
}

fn sinks(state: &State, out: &mut Vec<Family>) {
    let mut family =
        |name, help, kind, more: Option<(&'static str, &str)>, value: &dyn Fn(&crate::state::Sink) -> f64| {
            let values = state.sinks.iter().map(|sink| {
                let mut labels = vec![
                    ("component_id", sink.name.to_string()),
                    ("component_kind", "sink".to_owned()),
                ];
                labels.extend(more.map(|(key, value)| (key, value.to_owned())));
                (labels, value(sink))
            });
            let values = values.collect();
            out.push(Family {
                name,
                help,
                kind,
                values,
            });
        };
    let counter = MetricType::Counter;
    family(
        "logferry_events_queued",
        "Events for the sink, whatever became of them",
        counter,
        None,
        &|sink| float(sink.counts.queued),
    );
    family(
        "component_sent_events",
        "Events that the sink keeps",
        counter,
        None,
        &|sink| float(sink.counts.delivered),
    );
    family(
        "component_sent_event_bytes",
        "Bytes of the events that the sink keeps",
        counter,
        None,
        &|sink| float(sink.counts.delivered_bytes),
    );
    family(
        "logferry_events_dead_lettered",
        "Events that became dead letters",
        counter,
        None,
        &|sink| float(sink.counts.dead_lettered),
    );
    family(
        "component_discarded_events",
        "Events that the sink is configured not to get",
        counter,
        Some(("intentional", "true")),
        &|sink| float(sink.counts.deselected),
    );
    family(
        "logferry_events_in_flight",
        "Events on their way to the sink",
        MetricType::Gauge,
        None,
        &|sink| float(sink.counts.in_flight),
    );
    family(
        "logferry_retries",
        "How often sending was tried again",
        counter,
        None,
        &|sink| float(sink.retries),
    );
    family(
        "logferry_sink_stopped",
        "1 while the sink waits for a person",
        MetricType::Gauge,
        None,
        &|sink| f64::from(u8::from(sink.stopped.is_some() || sink.closed)),
    );
}

fn sources(state: &State, out: &mut Vec<Family>) {
    let labels = |source: &crate::state::Source| {
        vec![
            ("component_id", source.name.to_string()),
            ("component_kind", "source".to_owned()),
        ]
    };
    let mut family = |name, help, kind, value: &dyn Fn(&crate::state::Source) -> Option<f64>| {
        let values = state
            .sources
            .iter()
            .filter_map(|source| Some((labels(source), value(source)?)));
        let values = values.collect();
        out.push(Family {
            name,
            help,
            kind,
            values,
        });
    };
    let counter = MetricType::Counter;
    family("http_client_requests_sent", "Requests to the API", counter, &|source| {
        Some(float(source.requests))
    });
    family(
        "logferry_throttles",
        "How often the API asked to wait",
        counter,
        &|source| Some(float(source.throttled)),
    );
    family(
        "logferry_throttle_wait_seconds",
        "How long the API asked to wait, in all",
        counter,
        &|source| Some(float(source.throttled_millis) / 1000.0),
    );
    family(
        "logferry_quota_used_ratio",
        "Part of the API's quota that the last 60 seconds took",
        MetricType::Gauge,
        &|source| {
            source
                .quota()
                .map(|(used, quota)| float(used as u64) / float(quota.max(1) as u64))
        },
    );
    // A series that begins with its first error hides it from `increase`.
    let apis = state.sources.iter().filter(|source| source.limiter.is_some());
    let errors = apis.flat_map(|source| {
        ERROR_TYPES.iter().map(|kind| {
            let mut labels = labels(source);
            labels.push(("error_type", (*kind).to_owned()));
            labels.push(("stage", "receiving".to_owned()));
            (labels, float(source.errors.get(kind).copied().unwrap_or_default()))
        })
    });
    out.push(Family {
        name: "component_errors",
        help: "Requests that failed, by kind; being throttled is none",
        kind: counter,
        values: errors.collect(),
    });
}

fn positions(state: &State, now: u64, out: &mut Vec<Family>) {
    let mut family = |name, help, value: &dyn Fn(&Track, usize) -> Option<f64>| {
        let mut values = Vec::new();
        for track in &state.tracks {
            for (reader, sink) in track.sinks.iter().enumerate() {
                let mut labels = vec![
                    ("source", track.source_name.to_string()),
                    ("stream", track.stream.to_string()),
                    ("sink", state.sinks[*sink].name.to_string()),
                ];
                labels.extend(track.client_id.map(|id| ("client_id", id.to_string())));
                values.extend(value(track, reader).map(|value| (labels, value)));
            }
        }
        out.push(Family {
            name,
            help,
            kind: MetricType::Gauge,
            values,
        });
    };
    family(
        "logferry_checkpoint_age_seconds",
        "Time since the position was stored; absent before the first time",
        &|track, reader| track.stored[reader].at.map(|at| float(now.saturating_sub(at)) / 1000.0),
    );
    family(
        "logferry_checkpoint_low_water",
        "Every id up to it is done",
        &|track, reader| match &track.positions {
            Positions::Rows(feed) => Some(float(feed.position(reader).low_water())),
            Positions::Lines(_) => None,
        },
    );
    family(
        "logferry_window_ids",
        "Ids above low-water that wait to settle",
        &|track, reader| match &track.positions {
            Positions::Rows(feed) => Some(float(feed.position(reader).window_len() as u64)),
            Positions::Lines(_) => None,
        },
    );
}
