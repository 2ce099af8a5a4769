//! What Azure's answer says. It speaks of a batch as a whole.

use reqwest::header::CONTENT_TYPE;

use super::Config;
use crate::exchange::{Answer, Compression};
use crate::sink::Verdict;

pub(super) const WHO: &str = "`tenant_id`, `client_id`, `client_secret` and `scope`";
const ROLE: &str = "`client_id`, which needs the role Monitoring Metrics Publisher on the data collection rule; a new role comes into force \
                    within 30 minutes";
const WHAT: &str = "`endpoint`, `dcr_immutable_id` and `stream_name`";

pub(super) fn verdict(config: &Config, answer: &Answer) -> Verdict {
    let who = if answer.status == 403 { ROLE } else { WHO };
    match answer.status.as_u16() {
        // A page for people is not Azure's.
        200..=299 if is_page(answer) => Verdict::Stop(format!("{} with a page (look at {WHAT})", answer.words())),
        501 if config.compression != Compression::None => {
            Verdict::Stop(format!("{} (look at `compression`)", answer.words()))
        }
        _ => answer.verdict(who, WHAT),
    }
}

fn is_page(answer: &Answer) -> bool {
    let content_type = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    content_type.is_some_and(|kind| kind.starts_with("text/html"))
}

/// What the answer to an array without rows says of the settings, of which nothing else can be wrong.
pub(super) fn settings(config: &Config, answer: &Answer) -> Result<(), Verdict> {
    match verdict(config, answer) {
        Verdict::Delivered => Ok(()),
        Verdict::Divide(_, words) => Err(Verdict::Stop(format!("{words} (look at {WHAT})"))),
        other => Err(other),
    }
}

pub(super) fn probe(config: &Config, answer: &Answer) -> Result<(), String> {
    settings(config, answer).map_err(|verdict| match verdict {
        Verdict::Stop(reason) => reason,
        _ => answer.words(),
    })
}
