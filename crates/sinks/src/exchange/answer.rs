//! An answer, and what follows from its status.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, LOCATION, RETRY_AFTER};

use crate::sink::{Later, Parts, Verdict};

/// So much of a body is shown.
const MOST_SHOWN: usize = 500;

/// An answer that has been read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Who answered, as it may be shown.
    at: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body, without secrets.
    pub(crate) body: String,
}

impl Answer {
    pub(super) fn new(at: String, status: StatusCode, headers: HeaderMap, body: String) -> Answer {
        Answer {
            at,
            status,
            headers,
            body,
        }
    }

    /// The status and the service's words on one line.
    pub(crate) fn words(&self) -> String {
        let body: Vec<&str> = self.body.split_whitespace().collect();
        let mut body = body.join(" ");
        body.retain(|c| !c.is_control());
        if body.len() > MOST_SHOWN {
            let end = (0..=MOST_SHOWN).rfind(|end| body.is_char_boundary(*end));
            body.truncate(end.unwrap_or_default());
            body.push('…');
        }
        let colon = if body.is_empty() { "" } else { ": " };
        format!("{} answered {}{colon}{body}", self.at, self.status)
    }

    /// How long the service asks to wait, in seconds or until a date.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers, SystemTime::now())
    }

    /// To be tried again, when the service says.
    pub(crate) fn later(&self) -> Later {
        Later {
            reason: self.words(),
            after: self.retry_after(),
        }
    }

    /// The settings that a server before the service complains of, with a status that would otherwise be about events.
    fn of_settings(&self) -> Option<&'static str> {
        // nginx, with 400.
        let signs = [
            (
                "No required SSL certificate was sent",
                "`tls.crt_file` and `tls.key_file`",
            ),
            ("The SSL certificate error", "`tls.crt_file` and `tls.key_file`"),
            (
                "plain HTTP request was sent to HTTPS port",
                "`uri` or `endpoint`: expected https",
            ),
            // Programs in Go.
            (
                "Client sent an HTTP request to an HTTPS server",
                "`uri` or `endpoint`: expected https",
            ),
        ];
        let found = signs.into_iter().find(|(sign, _)| self.body.contains(sign));
        found.map(|(_, settings)| settings)
    }

    /// What the status says of the whole batch. `who` names the settings that say who asks, `what` those that say whom.
    pub(crate) fn verdict(&self, who: &str, what: &str) -> Verdict {
        let words = self.words();
        if self.status == StatusCode::BAD_REQUEST
            && let Some(settings) = self.of_settings()
        {
            return Verdict::Stop(format!("{words} (look at {settings})"));
        }
        match self.status.as_u16() {
            200..=299 => Verdict::Delivered,
            408 | 425 | 429 => Verdict::Retry(self.later()),
            // RFC 9110, 15.5.14: a refusal for now.
            413 if self.retry_after().is_some() => Verdict::Retry(self.later()),
            501 => Verdict::Stop(format!("{words} (look at {what})")),
            500..=599 => Verdict::Retry(self.later()),
            401 | 403 => Verdict::Stop(format!("{words} (look at {who})")),
            // Something in the batch; who is innocent passes in another part.
            413 => Verdict::Divide(Parts::Smaller, words),
            400 | 409 | 422 => Verdict::Divide(Parts::Halves, words),
            300..=399 => {
                let to = self.headers.get(LOCATION).and_then(|to| to.to_str().ok());
                // What stands behind the question mark may be a secret.
                let to = to.and_then(|to| to.split(['?', '#']).next()).unwrap_or("elsewhere");
                Verdict::Stop(format!(
                    "{words}; it sends on to {to}, which is not followed (look at {what})"
                ))
            }
            _ => Verdict::Stop(format!("{words} (look at {what})")),
        }
    }
}

fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<f64>() {
        Ok(secs) => Duration::try_from_secs_f64(secs).ok(),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            // By the clock of the service, if it says what time it has.
            let said = headers
                .get(DATE)
                .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
            Some(date.duration_since(said.unwrap_or(now)).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Fri, 20 Nov 2026 17:00:00 GMT").unwrap();
        for (text, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Fri, 20 Nov 2026 17:01:00 GMT", Some(60)),
            ("Friday, 20-Nov-26 17:01:00 GMT", Some(60)),
            ("Fri, 20 Nov 2026 16:00:00 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
            ("inf", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
