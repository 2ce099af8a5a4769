//! What a row says.

use jiff::Timestamp;
use logferry_kondado::Stream;

use crate::catalogue::{MODELS, Model, PIPELINES, Pipeline, SERVERS, Savepoint};
use crate::quirks::{Numbers, Quirks};
use crate::random::{Purpose, generator};

/// What the text of a row follows from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seedling {
    pub seed: u64,
    pub stream: Stream,
    /// Its number among the rows that were made of its stream.
    pub n: u64,
    pub id: u64,
    /// Milliseconds since 1970.
    pub created: i64,
    /// The same of the change, in the text after the change.
    pub changed: Option<i64>,
}

/// The account of a row.
pub(crate) fn client(seed: u64, stream: Stream, n: u64) -> u64 {
    let mut rng = generator(seed, stream, Purpose::Content, n);
    match stream {
        Stream::PipelineLogs => choose(&PIPELINES, &mut rng).client,
        Stream::ModelLogs => choose(&MODELS, &mut rng).client,
    }
}

/// The text of a row.
pub(crate) fn text(row: Seedling, quirks: &Quirks) -> String {
    let mut rng = generator(row.seed, row.stream, Purpose::Content, row.n);
    let mut members = match row.stream {
        Stream::PipelineLogs => pipeline_log(row, choose(&PIPELINES, &mut rng), &mut rng),
        Stream::ModelLogs => model_log(row, choose(&MODELS, &mut rng), &mut rng),
    };
    if quirks.missing_fields {
        members.retain(|(key, _)| !["raw_row_count", "mb_estimate"].contains(key));
    }
    let (may_have_nulls, may_have_unknown) = (rng.u8(..3) == 0, rng.u8(..3) == 0);
    if quirks.nulls && may_have_nulls {
        let needed = ["id", "pipeline_id", "model_id", "createdAt"];
        for (_, value) in members.iter_mut().filter(|(key, _)| !needed.contains(key)) {
            if rng.bool() {
                *value = Cell::Literal("null");
            }
        }
    }
    if quirks.unknown_fields && may_have_unknown {
        members.push(("destination_id", whole(rng.u64(1..400))));
        members.push(("retry_of", Cell::Literal("null")));
        members.push((
            "tags",
            Cell::Literal(r#"{"região":"sa-east-1","custo":0.10,"etapas":["ler","gravar"]}"#),
        ));
    }
    write(&members, quirks.numbers)
}

/// Those at the front run more often than those at the back.
fn choose<'j, T>(jobs: &'j [T], rng: &mut fastrand::Rng) -> &'j T {
    let position = rng.f64() * rng.f64() * jobs.len() as f64;
    &jobs[(position as usize).min(jobs.len() - 1)]
}

fn pipeline_log(row: Seedling, pipeline: &Pipeline, rng: &mut fastrand::Rng) -> Vec<(&'static str, Cell)> {
    let is_full = pipeline.savepoint == Savepoint::Full;
    let is_empty = !is_full && rng.u8(..10) < 3;
    let spread = if is_full {
        0.9 + 0.2 * rng.f64()
    } else {
        0.1 + 2.2 * rng.f64() * rng.f64()
    };
    let mut rows = if is_empty {
        0
    } else {
        (pipeline.rows as f64 * spread).ceil() as u64
    };
    // A run may process rows that it does not count, and the other way round.
    let mut raw_rows = rows - rows / 100 * rng.u64(..8);
    let seconds = 0.2 + rng.f64() * 3.0 + rows as f64 / 2_500.0;
    let more = rng.u64(1..50);
    if row.changed.is_some() {
        rows += more;
        raw_rows += more;
    }
    let megabytes = raw_rows as f64 * (120 + pipeline.id % 700) as f64 / 1e6;
    let (before, after) = savepoints(pipeline, row.created);
    vec![
        ("id", whole(row.id)),
        ("client_id", whole(pipeline.client)),
        ("pipeline_id", whole(pipeline.id)),
        ("execution_time_seconds", decimal(seconds, 6).quoted()),
        ("has_deltas", flag(pipeline.id.is_multiple_of(3) && rows > 0)),
        ("pipeline_name", Cell::Text(pipeline.name.to_owned())),
        ("row_count", whole(rows).quoted()),
        ("createdAt", Cell::Text(time(row.created))),
        ("updatedAt", Cell::Text(time(row.changed.unwrap_or(row.created)))),
        ("initial_savepoint", before),
        ("new_savepoint", after),
        (
            "external_ip",
            Cell::Text(SERVERS[rng.usize(..SERVERS.len())].to_owned()),
        ),
        ("is_billable", flag(pipeline.client != 1)),
        ("raw_row_count", whole(raw_rows).quoted()),
        ("mb_estimate", decimal(megabytes, 5).quoted()),
    ]
}

fn model_log(row: Seedling, model: &Model, rng: &mut fastrand::Rng) -> Vec<(&'static str, Cell)> {
    let mut rows = model.rows + model.rows * rng.u64(..30) / 1_000;
    let seconds = 0.05 + rng.f64() * 2.0 + rows as f64 / 40_000.0;
    let more = rng.u64(1..50);
    if row.changed.is_some() {
        rows += more;
    }
    vec![
        ("id", whole(row.id)),
        ("client_id", whole(model.client)),
        ("model_id", whole(model.id)),
        ("execution_time_seconds", decimal(seconds, 6)),
        ("model_name", Cell::Text(model.name.to_owned())),
        ("row_count", whole(rows)),
        ("createdAt", Cell::Text(time(row.created))),
        ("updatedAt", Cell::Text(time(row.changed.unwrap_or(row.created)))),
    ]
}

/// Where an incremental run began to read, and where the next one will: so the runs of a pipeline form a chain.
fn savepoints(pipeline: &Pipeline, created: i64) -> (Cell, Cell) {
    const HOUR: i64 = 60 * 60 * 1_000;
    let period = match pipeline.savepoint {
        Savepoint::Date => 24 * HOUR,
        _ => HOUR / 4,
    };
    let end = created - created.rem_euclid(period);
    let at = |millis: i64| match pipeline.savepoint {
        Savepoint::Full => Cell::Literal("null"),
        Savepoint::Date => Cell::Text(time(millis).chars().take(10).collect()),
        Savepoint::Time => Cell::Text(time(millis)),
        Savepoint::Number => Cell::Text((millis / 60_000 * 7).to_string()),
        Savepoint::Cursor => Cell::Text(format!(r#"{{"offset":{},"page":"{millis:x}"}}"#, millis / 60_000)),
    };
    (at(end - period), at(end))
}

/// RFC 3339 with milliseconds, as the API writes it.
pub(crate) fn time(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

/// A value.
#[derive(Debug, Clone)]
enum Cell {
    Text(String),
    Number { digits: String, is_quoted: bool },
    Literal(&'static str),
}

impl Cell {
    fn quoted(self) -> Cell {
        match self {
            Cell::Number { digits, .. } => Cell::Number {
                digits,
                is_quoted: true,
            },
            other => other,
        }
    }
}

fn whole(number: u64) -> Cell {
    Cell::Number {
        digits: number.to_string(),
        is_quoted: false,
    }
}

/// A number with at most so many places. Trailing zeros are not written.
fn decimal(number: f64, places: usize) -> Cell {
    let digits = format!("{number:.places$}");
    Cell::Number {
        digits: digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        is_quoted: false,
    }
}

fn flag(value: bool) -> Cell {
    Cell::Literal(if value { "true" } else { "false" })
}

fn write(members: &[(&str, Cell)], numbers: Numbers) -> String {
    let mut text = String::with_capacity(512);
    for (key, value) in members {
        text.push(if text.is_empty() { '{' } else { ',' });
        text.push_str(&quote(key));
        text.push(':');
        match value {
            Cell::Text(value) => text.push_str(&quote(value)),
            Cell::Literal(value) => text.push_str(value),
            Cell::Number { digits, is_quoted } => {
                let is_quoted = match numbers {
                    Numbers::Documented => *is_quoted,
                    Numbers::Bare => false,
                    Numbers::Strings => true,
                };
                let quote = if is_quoted { "\"" } else { "" };
                text.extend([quote, digits, quote]);
            }
        }
    }
    text.push('}');
    text
}

/// A JSON string.
pub(crate) fn quote(text: &str) -> String {
    // Writing a string into memory cannot fail.
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(stream: Stream, n: u64, changed: Option<i64>) -> Seedling {
        Seedling {
            seed: 7,
            stream,
            n,
            id: 5_181_910 + n,
            created: 1_763_650_000_123,
            changed,
        }
    }

    #[test]
    fn ids_of_jobs_are_unique() {
        let mut ids: Vec<_> = PIPELINES.iter().map(|pipeline| pipeline.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), PIPELINES.len());
    }

    #[test]
    fn only_what_changed_differs_after_a_change() {
        for stream in crate::STREAMS {
            for n in 0..50 {
                let quirks = Quirks::default();
                let before = text(row(stream, n, None), &quirks);
                let after = text(row(stream, n, Some(1_763_650_030_000)), &quirks);
                let differing: Vec<_> = before
                    .split(",\"")
                    .zip(after.split(",\""))
                    .filter(|(before, after)| before != after)
                    .filter_map(|(member, _)| member.split('"').next())
                    .collect();
                assert!(differing.contains(&"updatedAt") && differing.contains(&"row_count"));
                let may = ["updatedAt", "row_count", "raw_row_count", "mb_estimate", "has_deltas"];
                assert!(differing.iter().all(|key| may.contains(key)), "{before}\n{after}");
            }
        }
    }
}
