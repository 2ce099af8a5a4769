//! A response of the API: rows, an error, or neither.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::record::{self, Record};

/// Keys that make an object a record, of whatever system, and not the wrapping of one.
pub const RECORD_KEYS: [&str; 4] = ["message_event", "pipeline_id", "model_id", "event"];

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

impl<'a> Response<'a> {
    /// Reads an object as a response; `None` when it is none: it has neither `success` nor `data`, or is itself a log row.
    pub fn of(object: &Record<'a>) -> Option<Response<'a>> {
        if !is_wrapper(object) {
            return None;
        }
        let mut wrapper = object.clone();
        loop {
            if wrapper.other("success").is_some_and(|success| success.get() == "false") {
                let words = |key| {
                    let raw = wrapper.other(key).filter(|raw| raw.get() != "null");
                    raw.map_or(Cow::Borrowed(""), |raw| {
                        record::text(raw, false).unwrap_or(Cow::Borrowed(raw.get()))
                    })
                };
                return Some(Response::Failure(ApiError {
                    error: words("error"),
                    message: words("message"),
                }));
            }
            let Some(data) = wrapper.other("data") else {
                return Some(Response::Neither);
            };
            match data.get().as_bytes().first() {
                Some(b'[') => return Some(Response::Rows(data)),
                Some(b'{') => match Record::parse(data.get()) {
                    Ok(inner) if is_wrapper(&inner) => wrapper = inner,
                    _ => return Some(Response::Row(data)),
                },
                _ => return Some(Response::Neither),
            }
        }
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
}
