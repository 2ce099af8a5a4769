//! A pipeline log becomes a finished sync.

use logferry_kondado::{Decimal, Field, Record, Stream};
use logferry_model::Kind;
use logferry_model::event::open_set::{ExtractStatus, OperationType, SyncStatus};
use logferry_model::event::{sync, table};
use logferry_model::json::Json;
use uuid::fmt::Hyphenated;

use crate::{Buffers, Lines, RecordInfo, Run, Settings, Written, identity, some, text, write_for_event};

/// The events lie this many milliseconds before the end, but `sync_start` and `write_to_table_start`, which lie at the start
/// and one millisecond after it. Readers need them to rise strictly, and `records_modified` before `sync_end`.
const SHORTEST_RUN_MILLIS: i64 = 7;

pub(crate) fn write(
    settings: &Settings,
    run: &Run,
    record: &Record<'_>,
    buffers: &mut Buffers,
    mut lines: Lines<'_, impl FnMut(&mut Vec<u8>, Written)>,
) {
    let connection = buffers
        .connections
        .of(settings, run.job_id, &record.text(Field::PipelineName));
    let (schema, table_name) = (connection.schema(), connection.table());
    let mut sync_id = [0; Hyphenated::LENGTH];
    let sync_id = &*identity::record_id(Stream::PipelineLogs, run.id)
        .hyphenated()
        .encode_lower(&mut sync_id);
    buffers.tail.prepare_sync(connection.tail(), sync_id);
    let tail = &mut buffers.tail;

    let start = run.start(SHORTEST_RUN_MILLIS);
    let before_end = |millis: i64| run.end.plus_millis(-millis);
    let rows = record.rows();

    lines.write(tail, Kind::SyncStart, start, None::<&sync::SyncStart<'_>>);
    let data = table::WriteToTableStart {
        table: some(table_name),
        ..Default::default()
    };
    lines.write(tail, Kind::WriteToTableStart, start.plus_millis(1), Some(&data));
    let data = table::WriteToTableEnd {
        table: some(table_name),
        ..Default::default()
    };
    lines.write(tail, Kind::WriteToTableEnd, before_end(5), Some(&data));
    if let Some(count) = rows {
        let data = table::RecordsModified {
            schema: some(schema),
            table: some(table_name),
            operation_type: Some(OperationType::ReplacedOrInserted),
            count: Some(count),
            ..Default::default()
        };
        lines.write(tail, Kind::RecordsModified, before_end(4), Some(&data));
    }
    if lines.selection.contains(Kind::ExtractSummary) {
        let size = record.decimal(Field::MbEstimate, bytes).flatten();
        let data = sync::ExtractSummary {
            status: Some(ExtractStatus::Success),
            total_rows: rows,
            total_size: size,
            rounded_total_size: size.map(|size| rounded(size).into()),
            ..Default::default()
        };
        lines.write(tail, Kind::ExtractSummary, before_end(3), Some(&data));
    }
    if lines.selection.contains(Kind::UpdateState) && write_state(record, &mut buffers.state) {
        let data = sync::UpdateState {
            state: Some(Json::from_compact(text(&buffers.state))),
            ..Default::default()
        };
        lines.write(tail, Kind::UpdateState, before_end(2), Some(&data));
    }
    let data = RecordInfo {
        stream: Stream::PipelineLogs,
        canonical: &buffers.canonical,
    };
    lines.write(tail, Kind::Info, before_end(1), Some(&data));
    let data = sync::SyncEnd {
        status: Some(SyncStatus::Successful),
        ..Default::default()
    };
    lines.write(tail, Kind::SyncEnd, run.end, Some(&data));
}

/// Writes both savepoints as one object; false when neither says anything.
fn write_state(record: &Record<'_>, out: &mut Vec<u8>) -> bool {
    let savepoint = |field| record.raw(field).filter(|raw| raw.get() != "null");
    let initial = savepoint(Field::InitialSavepoint);
    let new = savepoint(Field::NewSavepoint);
    if initial.is_none() && new.is_none() {
        return false;
    }
    out.clear();
    for (key, savepoint) in [(r#"{"initial_savepoint":"#, initial), (r#","new_savepoint":"#, new)] {
        out.extend_from_slice(key.as_bytes());
        match savepoint {
            // Of a plain record every value is one token.
            Some(raw) if record.is_plain() => out.extend_from_slice(raw.get().as_bytes()),
            Some(raw) => write_for_event(raw, out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
    true
}

/// Megabytes of 1,048,576 bytes as bytes, rounded half up; `None` when negative or beyond 63 bits.
fn bytes(megabytes: Decimal<'_>) -> Option<i64> {
    // A half of a byte has 21 places in megabytes, so what lies behind them cannot change the rounding.
    const PLACES: u32 = 21;
    const ONE: u128 = 10_u128.pow(PLACES);
    const MEGABYTE: u128 = 1 << 20;

    if megabytes.is_negative() {
        return None;
    }
    let (scaled, _) = megabytes.magnitude(PLACES)?;
    let bytes = scaled / ONE * MEGABYTE + (scaled % ONE * MEGABYTE + ONE / 2) / ONE;
    i64::try_from(bytes).ok()
}

/// A size rounded down to its largest unit, in steps of 1024: `2 KB`.
fn rounded(mut size: i64) -> String {
    let mut units = ["B", "KB", "MB", "GB"].into_iter();
    loop {
        match units.next() {
            Some(unit) if size < 1024 => return format!("{size} {unit}"),
            Some(_) => size /= 1024,
            None => return format!("{size} TB"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_millis;

    #[test]
    fn sizes() {
        for (megabytes, expected) in [
            ("0", Some((0, "0 B"))),
            ("0.00231", Some((2422, "2 KB"))),
            ("0.000476837158203125", Some((500, "500 B"))),
            ("0.000000476837158203125", Some((1, "1 B"))),
            ("0.000000476837158203124999", Some((0, "0 B"))),
            ("0.0009765625", Some((1024, "1 KB"))),
            ("1e0", Some((1_048_576, "1 MB"))),
            ("7.72357", Some((8_098_750, "7 MB"))),
            ("1024", Some((1_073_741_824, "1 GB"))),
            ("1048576", Some((1_099_511_627_776, "1 TB"))),
            ("2147483648000", Some((2_251_799_813_685_248_000, "2048000 TB"))),
            ("8796093022208", None),
            ("-1", None),
            ("1e999999", None),
        ] {
            let size = bytes(Decimal::parse(megabytes).unwrap());
            let found = size.map(|size| (size, rounded(size)));
            assert_eq!(
                found,
                expected.map(|(size, text)| (size, text.to_owned())),
                "{megabytes}"
            );
        }
    }

    #[test]
    fn run_times() {
        for (seconds, millis) in [
            ("0.486988", 487),
            ("0.4865", 487),
            ("0.48649999999999999999999999", 486),
            ("-0.0", 0),
            ("-1", 0),
            ("315576000", 315_576_000_000),
            ("315576000.0000000000001", 0),
            ("1e400", 0),
        ] {
            assert_eq!(run_millis(Decimal::parse(seconds).unwrap()), millis, "{seconds}");
        }
    }
}
