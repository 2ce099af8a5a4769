//! What a client gets: bodies, and what may become of them on the way.

use std::time::Duration;

use crate::content::quote;
use crate::quirks::Numbers;

/// What a client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The seconds of a `Retry-After`.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: String,
    /// How long it takes until the response begins.
    pub delay: Duration,
    /// Where and how the connection breaks, if it does.
    pub breaks: Option<Break>,
}

/// How a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    /// After so many bytes of the response, its head among them.
    pub after: usize,
    /// What happens then.
    pub how: How,
}

/// What happens when a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
    /// It stays open, and nothing comes any more.
    Stall,
}

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Answer {
        Answer {
            status,
            content_type: JSON,
            retry_after: None,
            body: body.into(),
            delay: Duration::ZERO,
            breaks: None,
        }
    }

    /// A page of rows.
    pub(crate) fn page(rows: &[String], next: Option<u64>, numbers: Numbers) -> Answer {
        let next = match (next, numbers) {
            (None, _) => "null".to_owned(),
            (Some(next), Numbers::Strings) => format!("\"{next}\""),
            (Some(next), _) => next.to_string(),
        };
        Answer::around(&format!("[{}]", rows.join(",")), &next)
    }

    /// A page whose rows are null.
    pub(crate) fn no_array() -> Answer {
        Answer::around("null", "null")
    }

    fn around(rows: &str, next: &str) -> Answer {
        let body = format!(
            r#"{{"success":true,"data":{{"success":true,"data":{rows},"pagination":{{"next_start_element_id":{next}}}}}}}"#
        );
        Answer::new(200, body)
    }

    /// A failure in the API's own words.
    pub(crate) fn failure(status: u16, error: &str, message: &str) -> Answer {
        Answer::new(status, failure(error, message))
    }

    /// The documented reply to too many requests; it comes with HTTP 200.
    pub(crate) fn throttle(seconds: Option<u64>) -> Answer {
        let message = match seconds {
            Some(1) => "Too many requests. Please try again in 1 second.".to_owned(),
            Some(seconds) => format!("Too many requests. Please try again in {seconds} seconds."),
            None => "Too many requests. Please try again later.".to_owned(),
        };
        Answer::failure(200, "RATE_LIMIT_EXCEEDED", &message)
    }

    /// A failure one level down.
    pub(crate) fn inner_failure() -> Answer {
        let inner = failure("QUERY_FAILED", "The logs could not be read. Please try again.");
        Answer::new(200, format!(r#"{{"success":true,"data":{inner}}}"#))
    }

    /// A page for people, as proxies make it.
    pub(crate) fn html(status: u16, title: &str) -> Answer {
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n\
             </body>\r\n</html>\r\n"
        );
        Answer {
            content_type: HTML,
            ..Answer::new(status, body)
        }
    }

    /// A server error of one of the usual kinds.
    pub(crate) fn server_error(status: u16) -> Answer {
        match status {
            502 => Answer::html(502, "502 Bad Gateway"),
            503 => Answer::html(503, "503 Service Temporarily Unavailable"),
            status => Answer::failure(status, "INTERNAL_ERROR", "Something went wrong."),
        }
    }
}

fn failure(error: &str, message: &str) -> String {
    format!(
        r#"{{"success":false,"error":{},"message":{}}}"#,
        quote(error),
        quote(message)
    )
}
