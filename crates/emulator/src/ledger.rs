//! What truly happened: the ledger of rows, and counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use logferry_kondado::Stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::content::quote;
use crate::rows::{Row, Rows, Version};

/// A row that became visible. Rows that were too old from the beginning are not in the ledger; rows that became too old later are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its stream.
    pub stream: Stream,
    /// Its id.
    pub id: u64,
    /// When it became visible.
    pub visible_at: Timestamp,
    /// How long before that a higher id had become visible; `None` for a row that was not late.
    pub late_by: Option<Duration>,
    /// Whether it was served.
    pub served: bool,
    /// Its text as it was served first, to the byte; as it would be served now, if it never was.
    pub row: String,
    /// Its text since it changed, if it changed after it was served.
    pub changed: Option<String>,
}

/// Why a line is no entry of a ledger.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// It is no such JSON object.
    #[error("a line of the ledger: {0}")]
    Json(#[from] serde_json::Error),
    /// It is about no stream that there is.
    #[error("a line of the ledger: unknown stream `{0}`, expected `pipeline_logs` or `model_logs`")]
    Stream(String),
    /// Its time is none.
    #[error("a line of the ledger: `visible_at`: {0}")]
    Time(#[from] jiff::Error),
}

impl Entry {
    /// The entry as one line of JSON, without the line's end.
    pub fn to_line(&self) -> String {
        let mut line = format!(
            r#"{{"stream":"{}","id":{},"visible_at":"{:.6}","late":{},"late_by_secs":"#,
            self.stream.name(),
            self.id,
            self.visible_at,
            self.late_by.is_some(),
        );
        // Writing into a string cannot fail.
        let _ = match self.late_by {
            Some(late_by) => write!(line, "{}", late_by.as_secs_f64()),
            None => write!(line, "null"),
        };
        let _ = write!(line, r#","served":{},"row":{}"#, self.served, one_line(&self.row));
        if let Some(changed) = &self.changed {
            let _ = write!(line, r#","changed":{}"#, one_line(changed));
        }
        line.push('}');
        line
    }

    /// Reads a line of a ledger.
    ///
    /// # Errors
    ///
    /// [`EntryError`] when it is none.
    pub fn from_line(line: &str) -> Result<Entry, EntryError> {
        #[derive(Deserialize)]
        struct Line<'a> {
            stream: String,
            id: u64,
            visible_at: String,
            late_by_secs: Option<f64>,
            served: bool,
            #[serde(borrow)]
            row: &'a RawValue,
            changed: Option<&'a RawValue>,
        }
        let line: Line<'_> = serde_json::from_str(line)?;
        let stream = crate::STREAMS.into_iter().find(|stream| stream.name() == line.stream);
        Ok(Entry {
            stream: stream.ok_or(EntryError::Stream(line.stream))?,
            id: line.id,
            visible_at: line.visible_at.parse()?,
            late_by: line
                .late_by_secs
                .and_then(|late_by| Duration::try_from_secs_f64(late_by).ok()),
            served: line.served,
            row: text(line.row),
            changed: line.changed.map(text),
        })
    }
}

/// JSON text that may stand in a line: one with line ends becomes a JSON string.
fn one_line(text: &str) -> String {
    match text.contains(['\n', '\r']) {
        true => quote(text),
        false => text.to_owned(),
    }
}

/// The other way round.
fn text(raw: &RawValue) -> String {
    match raw.get().starts_with('"') {
        true => serde_json::from_str(raw.get()).unwrap_or_default(),
        false => raw.get().to_owned(),
    }
}

/// Counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Requests of each stream's rows, whatever the answer.
    pub requests: BTreeMap<String, u64>,
    /// Requests that were over the limits.
    pub throttles: u64,
    /// Requests with a wrong key or token, or a parameter that is no number.
    pub refusals: u64,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// Rows that became visible, by stream.
    pub visible_rows: BTreeMap<String, u64>,
    /// Those of them that became visible after a higher id.
    pub late_rows: BTreeMap<String, u64>,
    /// Those of them whose content changed.
    pub modified_rows: BTreeMap<String, u64>,
    /// Rows that are there but not visible yet, by stream.
    pub pending_rows: BTreeMap<String, u64>,
}

/// The rows of a stream that became visible, by id, each with how late it was.
fn seen(rows: &Rows, now: Duration) -> Vec<(&Row, Option<Duration>)> {
    let mut seen = Vec::new();
    let mut earliest_above: Option<Duration> = None;
    for row in rows.iter().rev() {
        if row.visible > now || !rows.is_served(row, row.visible) {
            continue;
        }
        let late_by = earliest_above.and_then(|earliest| row.visible.checked_sub(earliest));
        seen.push((row, late_by.map(whole_micros).filter(|late_by| !late_by.is_zero())));
        earliest_above = Some(earliest_above.map_or(row.visible, |earliest| earliest.min(row.visible)));
    }
    seen.reverse();
    seen
}

/// Microseconds are as much as a line of the ledger shows.
fn whole_micros(time: Duration) -> Duration {
    time - Duration::from_nanos(u64::from(time.subsec_nanos() % 1_000))
}

/// The entries of a stream.
pub(crate) fn entries(rows: &Rows, stream: Stream, epoch: Timestamp, now: Duration) -> impl Iterator<Item = Entry> {
    seen(rows, now).into_iter().map(move |(row, late_by)| {
        let current = row.version(now);
        let first = row.served.unwrap_or(current);
        Entry {
            stream,
            id: row.id,
            visible_at: epoch.saturating_add(whole_micros(row.visible)).unwrap_or(epoch),
            late_by,
            served: row.served.is_some(),
            row: rows.text(row, first),
            changed: (current != first).then(|| rows.text(row, current)),
        }
    })
}

/// Adds what is to be counted of a stream's rows.
pub(crate) fn count(stats: &mut Stats, rows: &Rows, stream: Stream, now: Duration) {
    let seen = seen(rows, now);
    let count = |is_such: &dyn Fn(&Row, Option<Duration>) -> bool| {
        seen.iter().filter(|(row, late_by)| is_such(row, *late_by)).count() as u64
    };
    let name = || stream.name().to_owned();
    stats.visible_rows.insert(name(), seen.len() as u64);
    stats.late_rows.insert(name(), count(&|_, late_by| late_by.is_some()));
    let is_changed = |row: &Row, _: Option<Duration>| row.version(now) == Version::Changed;
    stats.modified_rows.insert(name(), count(&is_changed));
    let pending = rows.iter().filter(|row| row.visible > now).count();
    stats.pending_rows.insert(name(), pending as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_bring_everything_back() {
        for (late_by, changed) in [
            (None, None),
            (Some(Duration::from_micros(1_234_567)), Some("{\"a\": 1.0}".to_owned())),
        ] {
            let entry = Entry {
                stream: Stream::ModelLogs,
                id: 5_219_430,
                visible_at: "2025-11-03T14:20:31.250001Z".parse().unwrap(),
                late_by,
                served: changed.is_some(),
                row: "{ \"a\":\r\n1.00 }".to_owned(),
                changed,
            };
            let line = entry.to_line();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(Entry::from_line(&line).unwrap(), entry);
        }
    }
}
