//! A response of the API: rows, an error, or neither.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::record::{self, Record};

/// Keys that make an object a record, of whatever system, and not the wrapping of one.
pub const RECORD_KEYS: [&str; 4] = ["message_event", "pipeline_id", "model_id", "event"];

/// How deeply `data` may be nested. Every level is read anew, so that without an end a hostile text would take for ever.
const MAX_DEPTH: usize = 32;

/// What an API response holds. `success` and `data` wrap each other to a depth that differs by endpoint.
#[derive(Debug, Clone)]
pub enum Response<'a> {
    /// A page: the array of its rows.
    Rows(&'a RawValue),
    /// One object where the rows would be: a single row.
    Row(&'a RawValue),
    /// The API says `"success": false`.
    Failure(ApiError<'a>),
    /// Neither rows nor an error. This is never an empty page.
    Neither,
}

/// The API's own words for a failure; as they came, where they are no strings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ApiError<'a> {
    /// `error`, such as `RATE_LIMIT_EXCEEDED`.
    pub error: Cow<'a, str>,
    /// `message`, for a person.
    pub message: Cow<'a, str>,
}

impl<'a> ApiError<'a> {
    /// The words of an object that reports a failure; empty where it has none.
    pub fn of(object: &Record<'a>) -> ApiError<'a> {
        let words = |key| {
            let raw = object.other(key).filter(|raw| raw.get() != "null");
            raw.map_or(Cow::Borrowed(""), |raw| {
                record::text(raw, false).unwrap_or(Cow::Borrowed(raw.get()))
            })
        };
        ApiError {
            error: words("error"),
            message: words("message"),
        }
    }
}

impl fmt::Display for ApiError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the API answered with an error: ")?;
        match (self.error.as_ref(), self.message.as_ref()) {
            ("", "") => f.write_str("it does not say which"),
            (words, "") | ("", words) => f.write_str(words),
            (error, message) => write!(f, "{error}: {message}"),
        }
    }
}

/// What a page says about where the next one begins: `pagination.next_start_element_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There is no pagination, or it does not say.
    Absent,
    /// `null`: nothing follows.
    Null,
    /// The id to ask for next.
    Id(u64),
    /// Something else; its text, shortened.
    Unusable(String),
}

impl Next {
    /// Reads the `pagination` of the wrapper that holds the rows.
    fn of(wrapper: &Record<'_>) -> Next {
        let given = |raw: &&RawValue| raw.get() != "null";
        let Some(pagination) = wrapper.other("pagination").filter(given) else {
            return Next::Absent;
        };
        let Ok(pagination) = Record::parse(pagination.get()) else {
            return Next::Unusable(record::excerpt(pagination));
        };
        match pagination.other("next_start_element_id") {
            None => Next::Absent,
            Some(raw) if raw.get() == "null" => Next::Null,
            Some(raw) => {
                let id = record::number(raw, false, |number| number.to_i64()).flatten();
                let id = id.and_then(|id| u64::try_from(id).ok());
                id.map_or_else(|| Next::Unusable(record::excerpt(raw)), Next::Id)
            }
        }
    }
}

impl<'a> Response<'a> {
    /// Reads an object as a response; `None` when it is none: it has neither `success` nor `data`, or is itself a log row.
    pub fn of(object: &Record<'a>) -> Option<Response<'a>> {
        Response::with_next(object).map(|(response, _)| response)
    }

    /// As [`Response::of`], and where the next page begins, by the object that holds the rows.
    pub fn with_next(object: &Record<'a>) -> Option<(Response<'a>, Next)> {
        if !is_wrapper(object) {
            return None;
        }
        let mut wrapper = object.clone();
        for _ in 0..MAX_DEPTH {
            if wrapper.other("success").is_some_and(|success| success.get() == "false") {
                return Some((Response::Failure(ApiError::of(&wrapper)), Next::Absent));
            }
            let Some(data) = wrapper.other("data") else {
                return Some((Response::Neither, Next::Absent));
            };
            match data.get().as_bytes().first() {
                Some(b'[') => return Some((Response::Rows(data), Next::of(&wrapper))),
                Some(b'{') => match Record::parse(data.get()) {
                    Ok(inner) if is_wrapper(&inner) => wrapper = inner,
                    _ => return Some((Response::Row(data), Next::Absent)),
                },
                _ => break,
            }
        }
        Some((Response::Neither, Next::Absent))
    }
}

fn is_wrapper(object: &Record<'_>) -> bool {
    let has = |key: &&str| object.get(key).is_some();
    !RECORD_KEYS.iter().any(has) && ["success", "data"].iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(text: &str) -> String {
        match Response::of(&Record::parse(text).unwrap()) {
            None => "no response".to_owned(),
            Some(Response::Rows(rows)) => format!("rows {rows}"),
            Some(Response::Row(row)) => format!("row {row}"),
            Some(Response::Failure(error)) => error.to_string(),
            Some(Response::Neither) => "neither".to_owned(),
        }
    }

    #[test]
    fn however_deeply_nested() {
        for (text, expected) in [
            (
                r#"{"success":true,"data":{"success":true,"data":[1],"pagination":{}}}"#,
                "rows [1]",
            ),
            (r#"{"success":true,"data":[]}"#, "rows []"),
            (r#"{"data":{"data":{"data":[2]}}}"#, "rows [2]"),
            (
                r#"{"data":{"id":1,"pipeline_id":2,"data":[]}}"#,
                r#"row {"id":1,"pipeline_id":2,"data":[]}"#,
            ),
            (
                r#"{"success":false,"error":"RATE_LIMIT_EXCEEDED","message":"Too many requests."}"#,
                "the API answered with an error: RATE_LIMIT_EXCEEDED: Too many requests.",
            ),
            (
                r#"{"success":true,"data":{"error":"BAD","data":[],"success":false}}"#,
                "the API answered with an error: BAD",
            ),
            (
                r#"{"success":false}"#,
                "the API answered with an error: it does not say which",
            ),
            (
                r#"{"success":false,"error":{"code":7}}"#,
                r#"the API answered with an error: {"code":7}"#,
            ),
            (
                r#"{"data":{"event":"x","data":{"a":1}}}"#,
                r#"row {"event":"x","data":{"a":1}}"#,
            ),
            (r#"{"success":true}"#, "neither"),
            (r#"{"success":true,"data":null}"#, "neither"),
            (r#"{"pipeline_id":1,"data":[]}"#, "no response"),
            (r#"{"id":1}"#, "no response"),
        ] {
            assert_eq!(response(text), expected, "{text}");
        }
    }

    #[test]
    fn the_next_page() {
        let unusable = |text: &str| Next::Unusable(text.to_owned());
        for (pagination, next) in [
            ("", Next::Absent),
            (r#","pagination":null"#, Next::Absent),
            (r#","pagination":{}"#, Next::Absent),
            (r#","pagination":{"next_start_element_id":null}"#, Next::Null),
            (
                r#","pagination":{"next_start_element_id":5181910}"#,
                Next::Id(5_181_910),
            ),
            (
                r#","pagination":{"next_start_element_id":"5181910"}"#,
                Next::Id(5_181_910),
            ),
            (r#","pagination":{"next_start_element_id":0}"#, Next::Id(0)),
            (r#","pagination":{"next_start_element_id":-1}"#, unusable("-1")),
            (r#","pagination":{"next_start_element_id":"x"}"#, unusable("\"x\"")),
            (r#","pagination":7"#, unusable("7")),
        ] {
            for text in [
                format!(r#"{{"data":[]{pagination}}}"#),
                format!(
                    r#"{{"success":true,"data":{{"data":[]{pagination}}},"pagination":{{"next_start_element_id":9}}}}"#
                ),
            ] {
                let (_, found) = Response::with_next(&Record::parse(&text).unwrap()).unwrap();
                assert_eq!(found, next, "{text}");
            }
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth| format!("{}[]{}", r#"{"data":"#.repeat(depth), "}".repeat(depth));
        assert_eq!(response(&nested(MAX_DEPTH)), "rows []");
        assert_eq!(response(&nested(MAX_DEPTH + 1)), "neither");
    }
}
