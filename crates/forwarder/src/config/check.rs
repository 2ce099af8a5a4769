//! What a configuration must be beyond the types of its values.

use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;

use axum::http::Uri;
use logferry_sinks::exchange::Problem;
use logferry_sinks::select::Selection;
use logferry_sinks::{Service, dead_letter};

use super::paths;
use super::read::{Reader, Table};
use super::sink::Common;
use super::source::{FileSource, Kondado, Source};
use super::words::unknown;
use super::{Parts, SinkKind};

/// How many rows a page of Kondado's API has at most.
pub const ROWS_PER_PAGE: u64 = 50;

/// How many ids a position can hold above its low-water mark.
pub const MOST_WINDOW_IDS: u64 = 60_000;

/// The longest time to settle.
const MOST_SETTLE_SECS: u64 = 3600;

/// The most requests in a minute that can be set.
const MOST_REQUESTS_PER_MINUTE: u32 = 6000;

/// How many rows can come, at most, while one settles: so many ids a position must be able to hold.
pub fn window_ids(kondado: &Kondado) -> u64 {
    let rows_per_minute = u64::from(kondado.rate_limit.requests_per_minute) * ROWS_PER_PAGE;
    rows_per_minute.saturating_mul(kondado.settle_secs) / 60
}

/// Checks a source by itself.
pub fn source(reader: &mut Reader<'_>, table: &Table<'_>, source: &Source) {
    match source {
        Source::Kondado(kondado) => self::kondado(reader, table, kondado),
        Source::Stdin(stdin) => from_one(reader, table, "max_record_bytes", stdin.max_record_bytes),
        Source::File(FileSource {
            path, max_record_bytes, ..
        }) => {
            from_one(reader, table, "max_record_bytes", *max_record_bytes);
            not_empty(reader, table, "path", path);
        }
    }
}

fn kondado(reader: &mut Reader<'_>, table: &Table<'_>, kondado: &Kondado) {
    secrets(reader, table, kondado);
    let at = table.place("endpoint");
    if reader.is_known(&at)
        && let Err(message) = endpoint(&kondado.endpoint)
    {
        reader.wrong(at, message);
    }
    if kondado.streams.is_empty() && reader.is_known(&table.place("streams")) {
        reader.wrong(table.place("streams"), "expected `pipeline_logs`, `model_logs` or both");
    }
    once(reader, table, "streams", &kondado.streams);
    once(reader, table, "client_ids", &kondado.client_ids);
    from_one(reader, table, "poll_interval_secs", kondado.poll_interval_secs);
    from_one(reader, table, "timeout_secs", kondado.timeout_secs);
    let settle = table.place("settle_secs");
    let is_range_good = kondado.settle_secs <= MOST_SETTLE_SECS;
    if !is_range_good {
        let message = format!("expected a number of seconds from 0 to {MOST_SETTLE_SECS}");
        reader.wrong(settle.clone(), message);
    }

    let empty = Default::default();
    let limits = table.child("rate_limit").unwrap_or(Table {
        at: table.at.clone(),
        entries: &empty,
    });
    let requests = limits.place("requests_per_minute");
    let is_rate_good = (1..=MOST_REQUESTS_PER_MINUTE).contains(&kondado.rate_limit.requests_per_minute);
    if !is_rate_good {
        let message = format!("expected a whole number from 1 to {MOST_REQUESTS_PER_MINUTE}");
        reader.wrong(requests.clone(), message);
    }
    from_one(reader, &limits, "min_interval_ms", kondado.rate_limit.min_interval_ms);

    let ids = window_ids(kondado);
    if is_range_good && is_rate_good && ids > MOST_WINDOW_IDS {
        let at = if table.entries.contains_key("settle_secs") {
            settle
        } else {
            requests.clone()
        };
        let is_literal = reader.is_literal(&at) && reader.is_literal(&requests);
        let sum = match is_literal {
            true => format!(
                "{} requests a minute × {ROWS_PER_PAGE} rows × {} s / 60 = {ids} rows",
                kondado.rate_limit.requests_per_minute, kondado.settle_secs
            ),
            false => format!("requests_per_minute × {ROWS_PER_PAGE} rows × settle_secs / 60"),
        };
        reader.wrong(
            at,
            format!(
                "too many records can come while one settles: {sum}, and a position holds at most {MOST_WINDOW_IDS}"
            ),
        );
    }
}

fn secrets(reader: &mut Reader<'_>, table: &Table<'_>, kondado: &Kondado) {
    let (key, token) = (kondado.key.expose(), kondado.token.expose());
    let (key_at, token_at) = (table.place("key"), table.place("token"));
    let (knows_key, knows_token) = (reader.is_known(&key_at), reader.is_known(&token_at));
    for (name, text, at, is_known) in [
        ("key", key, &key_at, knows_key),
        ("token", token, &token_at, knows_token),
    ] {
        if !is_known {
            continue;
        }
        if text.is_empty() {
            reader.wrong(at.clone(), format!("the {name} is empty"));
        } else if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            reader.wrong(at.clone(), format!("the {name} has blanks or line ends in it"));
        }
    }
    if knows_key && knows_token && !key.contains('-') && token.contains('-') {
        reader.wrong(
            key_at,
            "`key` and `token` are swapped: the key is the one with hyphens, the token has none",
        );
    }
}

/// What is wrong with an address. It is never shown: it may have a password in it.
fn endpoint(text: &str) -> Result<(), String> {
    let uri: Uri = text.parse().map_err(|_| no_endpoint())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(no_endpoint());
    };
    if authority.as_str().contains('@') {
        return Err(
            "the address of the API has no user and no password in it: `key` and `token` say who asks".to_owned(),
        );
    }
    if text.contains(['?', '#']) {
        return Err(
            "the address of the API has nothing behind its path: `key` and `token` have places of their own".to_owned(),
        );
    }
    if let Some(stream) = ["pipeline_logs", "model_logs"]
        .iter()
        .find(|name| uri.path().contains(*name))
    {
        return Err(format!(
            "the address of the API is the same for all logs: leave `{stream}` out, `streams` says it"
        ));
    }
    match scheme {
        "https" => Ok(()),
        "http" if is_loopback(authority.host()) => Ok(()),
        "http" => {
            Err("expected https: key and token are part of every request (http is for this machine alone)".to_owned())
        }
        _ => Err(no_endpoint()),
    }
}

fn no_endpoint() -> String {
    "expected the address of the API, such as https://k2.kondado.com.br".to_owned()
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Checks what a sink has beside what every sink has.
pub fn sink_kind(reader: &mut Reader<'_>, table: &Table<'_>, kind: &SinkKind) {
    match kind {
        SinkKind::Stdout(_) => {}
        SinkKind::File(file) => {
            not_empty(reader, table, "path", &file.path);
            if let Some(rotate) = table.child("rotate") {
                from_one(reader, &rotate, "max_bytes", file.rotate.max_bytes.unwrap_or(1));
                from_one(reader, &rotate, "interval_secs", file.rotate.interval_secs.unwrap_or(1));
            }
        }
        service => {
            let problems = service.service().map(Service::problems).unwrap_or_default();
            for Problem { key, message } in problems {
                let at = place_of(table, key);
                if reader.is_known(&at) {
                    reader.wrong(at, message);
                }
            }
        }
    }
}

/// The place of a key, with dots for tables.
fn place_of(table: &Table<'_>, key: &str) -> Range<usize> {
    match key.split_once('.') {
        Some((name, rest)) => table
            .child(name)
            .map_or_else(|| table.place(name), |child| place_of(&child, rest)),
        None => table.place(key),
    }
}

/// Checks how much goes at once against what the sink takes.
pub fn sink_bounds(reader: &mut Reader<'_>, table: &Table<'_>, kind: &SinkKind, common: &Common) {
    let limits = kind.limits();
    let set = [
        ("batch.max_bytes", common.batch.max_bytes, limits.max_bytes, "bytes"),
        ("batch.max_events", common.batch.max_events, limits.max_events, "events"),
    ];
    for (key, set, most, what) in set {
        if set.is_some_and(|set| set.get() > most) {
            let message = format!("`{}` takes {most} {what} at once at most", kind.type_name());
            reader.wrong(place_of(table, key), message);
        }
    }
    if common.request.timeout_secs.is_some() && kind.service().is_none() {
        let message = format!("`{}` makes no requests, so it has no timeout", kind.type_name());
        reader.wrong(place_of(table, "request.timeout_secs"), message);
    }
}

/// Checks what every sink has.
pub fn sink(reader: &mut Reader<'_>, table: &Table<'_>, common: &Common, select: &Selection) {
    if let Some(inputs) = &common.inputs {
        if inputs.is_empty() {
            reader.wrong(
                table.place("inputs"),
                "expected names of sources; without `inputs` the sink gets all",
            );
        }
        once(reader, table, "inputs", inputs);
    }
    if select.events.as_ref().is_some_and(Vec::is_empty) && reader.is_known(&table.place("events")) {
        reader.wrong(
            table.place("events"),
            "expected names of events; without `events` the sink gets all",
        );
    }
    if common.inherit.is_some() && common.start.is_some() {
        reader.wrong(
            table.place("inherit"),
            "either `inherit` or `start` says where to begin, not both",
        );
    }
    if let Some(buffer) = table.child("buffer") {
        from_one(reader, &buffer, "max_bytes", common.buffer.max_bytes);
    }
    if let Some(request) = table.child("request") {
        let waits = [
            ("retry_initial_backoff_secs", common.request.retry_initial_backoff_secs),
            ("retry_max_duration_secs", common.request.retry_max_duration_secs),
            ("timeout_secs", common.request.timeout_secs.unwrap_or(1.0)),
        ];
        for (key, seconds) in waits {
            if seconds <= 0.0 {
                reader.wrong(request.place(key), "expected more than 0 seconds");
            }
        }
    }
}

/// Checks the file of dead letters.
pub fn dead_letter(reader: &mut Reader<'_>, table: &Table<'_>, config: &dead_letter::Config) {
    from_one(reader, table, "max_bytes", config.max_bytes);
    not_empty(reader, table, "path", &config.path);
}

/// Checks what the tables are to each other.
pub fn whole(reader: &mut Reader<'_>, parts: &Parts) {
    let root = reader.root();
    let (sources, sinks) = (tables(&root, "sources"), tables(&root, "sinks"));
    for (key, tables, example) in [
        ("sources", &sources, "[sources.acme] with type = \"kondado\""),
        ("sinks", &sinks, "[sinks.lake] with type = \"file\""),
    ] {
        if tables.is_empty() {
            reader.wrong(
                root.place(key),
                format!("no {key}: expected at least one, such as {example}"),
            );
        }
    }
    inputs(reader, parts, &sources, &sinks);
    only_one(reader, &sources, "stdin", "source");
    only_one(reader, &sinks, "stdout", "sink");
    paths::check(reader, parts, &sources, &sinks);
    if !root.entries.contains_key("state") {
        without_state(reader, &sources);
    }
}

/// Only standard input has no position to keep. What becomes of its dead letters must be said.
fn without_state(reader: &mut Reader<'_>, sources: &[(&str, Table<'_>)]) {
    if let Some((_, source)) = sources.iter().find(|(_, table)| type_of(table) != Some("stdin")) {
        return reader.wrong(
            source.at.clone(),
            "`[state]` is missing: its `dir` is the folder that keeps how far this source has been delivered",
        );
    }
    let letters = reader.root().child("dead_letter");
    let has_path = letters.as_ref().is_some_and(|table| table.entries.contains_key("path"));
    if let Some((_, source)) = sources.first().filter(|_| !has_path) {
        reader.wrong(
            letters.map_or(source.at.clone(), |table| table.at),
            "`dead_letter.path` is missing: it is the file that keeps what can be neither mapped nor delivered. \
             Without `[state]` there is no folder for it",
        );
    }
}

fn inputs(reader: &mut Reader<'_>, parts: &Parts, sources: &[(&str, Table<'_>)], sinks: &[(&str, Table<'_>)]) {
    let names: Vec<_> = sources.iter().map(|(name, _)| *name).collect();
    for (name, table) in sinks {
        let inputs = parts.sinks.get(*name).and_then(|sink| sink.inputs.as_deref());
        for (input, at) in inputs.into_iter().flatten().zip(table.items("inputs")) {
            if !names.contains(&input.as_str()) && reader.is_known(&at) {
                let message = unknown("source", reader.shown(&at, input), &names);
                reader.wrong(at, message);
            }
        }
    }
}

fn only_one(reader: &mut Reader<'_>, tables: &[(&str, Table<'_>)], kind: &str, what: &str) {
    let mut of_kind = tables.iter().filter(|(_, table)| type_of(table) == Some(kind));
    let Some((first, _)) = of_kind.next() else {
        return;
    };
    for (_, table) in of_kind {
        reader.wrong(
            table.place("type"),
            format!("there is one {kind} only, and the {what} `{first}` has it"),
        );
    }
}

/// The tables in a table, in the order of the text.
fn tables<'a>(root: &Table<'a>, key: &str) -> Vec<(&'a str, Table<'a>)> {
    let Some(all) = root.child(key) else {
        return Vec::new();
    };
    let names = all.entries.keys().map(|name| name.get_ref().as_ref());
    let mut tables: Vec<_> = names.filter_map(|name| Some((name, all.child(name)?))).collect();
    tables.sort_by_key(|(_, table)| table.at.start);
    tables
}

fn type_of<'a>(table: &Table<'a>) -> Option<&'a str> {
    table.entries.get("type").and_then(|value| value.get_ref().as_str())
}

fn from_one(reader: &mut Reader<'_>, table: &Table<'_>, key: &str, number: impl TryInto<u64>) {
    if number.try_into().is_ok_and(|number| number == 0) {
        reader.wrong(table.place(key), "expected a whole number from 1");
    }
}

fn not_empty(reader: &mut Reader<'_>, table: &Table<'_>, key: &str, path: &Path) {
    if path.as_os_str().is_empty() && reader.is_known(&table.place(key)) {
        reader.wrong(table.place(key), "expected a path, found an empty text");
    }
}

/// Reports the items of an array that were there before.
fn once<T: PartialEq>(reader: &mut Reader<'_>, table: &Table<'_>, key: &str, items: &[T]) {
    for (index, at) in table.items(key).into_iter().enumerate() {
        let is_double = items.get(index).is_some_and(|item| items[..index].contains(item));
        if is_double && reader.is_known(&at) {
            reader.wrong(at, "stands here twice");
        }
    }
}
