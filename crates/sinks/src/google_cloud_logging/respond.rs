//! What Google Cloud's answer says, of a batch or of each of its entries.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::exchange::Answer;
use crate::sink::{Fate, Later, Verdict};

/// The settings that say who asks for a token.
pub(super) const KEY: &str = "`credentials_path` and `service_account_key`, and at this machine's clock";

const WHO: &str = "`credentials_path` and `service_account_key`, whose account needs the role Logs Writer in the project of `project_id`";
const WHAT: &str = "`project_id`, `log_id`, `resource`, `labels`, `endpoint` and `compression`";

/// Codes of gRPC.
const INVALID_ARGUMENT: i64 = 3;
const PERMISSION_DENIED: i64 = 7;

pub(super) fn verdict(answer: &Answer, events: usize) -> Verdict {
    let error = serde_json::from_str::<Reply>(&answer.body).map(|reply| reply.error);
    match (answer.status.as_u16(), error) {
        (200..=299, Ok(None)) => Verdict::Delivered,
        (200..=299, _) => Verdict::Stop(format!(
            "{}, which Google does not say (look at {WHAT})",
            answer.words()
        )),
        (400 | 403, Ok(Some(Failure { details }))) => {
            let errors = details.into_iter().find_map(|detail| detail.entries);
            match errors.filter(|errors| !errors.is_empty()) {
                Some(errors) => each(answer, &errors, events),
                None => answer.verdict(WHO, WHAT),
            }
        }
        _ => answer.verdict(WHO, WHAT),
    }
}

/// What is not named was written.
fn each(answer: &Answer, errors: &BTreeMap<String, EntryError>, events: usize) -> Verdict {
    if errors.len() == events && errors.values().all(|error| error.code == PERMISSION_DENIED) {
        return Verdict::Stop(format!("{} (look at {WHO})", answer.words()));
    }
    let mut fates = vec![Fate::Delivered; events];
    for (index, error) in errors {
        let Some(fate) = index.parse().ok().and_then(|index: usize| fates.get_mut(index)) else {
            return Verdict::Retry(answer.later());
        };
        let reason = format!(
            "Google Cloud Logging refuses it: {} (code {})",
            error.message, error.code
        );
        *fate = match error.code {
            INVALID_ARGUMENT => Fate::Rejected(reason),
            // What is not said of the entry itself may end.
            _ => Fate::Retry(Later {
                reason,
                after: answer.retry_after(),
            }),
        };
    }
    Verdict::Each(fates)
}

/// What the answer to a test says of the settings, of which nothing else can be wrong.
pub(super) fn settings(answer: &Answer) -> Result<(), Verdict> {
    match verdict(answer, 1) {
        Verdict::Delivered => Ok(()),
        Verdict::Divide(_, words) => Err(Verdict::Stop(format!("{words} (look at {WHAT})"))),
        Verdict::Each(_) => Err(Verdict::Stop(format!("{} (look at {WHAT})", answer.words()))),
        other => Err(other),
    }
}

pub(super) fn probe(answer: &Answer) -> Result<(), String> {
    settings(answer).map_err(|verdict| match verdict {
        Verdict::Stop(reason) => reason,
        _ => answer.words(),
    })
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    details: Vec<Detail>,
}

/// One of several kinds of details; only one has errors of entries.
#[derive(Deserialize)]
struct Detail {
    /// By the place in the batch, from 0.
    #[serde(rename = "logEntryErrors", default)]
    entries: Option<BTreeMap<String, EntryError>>,
}

#[derive(Deserialize)]
struct EntryError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}
