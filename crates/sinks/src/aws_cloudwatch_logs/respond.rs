//! What the answers of CloudWatch Logs say. Their errors have types; the status says little.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::DATE;
use serde::Deserialize;

use crate::event::Event;
use crate::exchange::Answer;
use crate::sink::{Fate, Later, Parts, Verdict};

/// The log group or the log stream is not there.
pub(super) const MISSING: &str = "ResourceNotFoundException";
/// What was to be made is there already.
pub(super) const EXISTS: &str = "ResourceAlreadyExistsException";
/// Temporary credentials are past their end.
pub(super) const EXPIRED: &str = "ExpiredTokenException";

const WHO: &str = "`auth`, and whether its credentials are good in `region`";
const WHAT: &str = "`endpoint` and `region`";
const NAMES: &str = "`group_name` and `stream_name`";

/// Whether an answer is an error of this type.
pub(super) fn is(answer: &Answer, kind: &str) -> bool {
    error_type(answer).is_some_and(|found| found == kind)
}

/// The type of an error: `com.amazonaws.logs#X`, `X` and `X:http://…` are all `X`.
fn error_type(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "__type")]
        kind: String,
    }
    if answer.status.is_success() {
        return None;
    }
    let header = answer.headers.get("x-amzn-errortype");
    let found = match header.and_then(|value| value.to_str().ok()) {
        Some(header) => header.to_owned(),
        None => serde_json::from_str::<Body>(&answer.body).ok()?.kind,
    };
    let kind = found.split(':').next().unwrap_or_default();
    Some(kind.rsplit('#').next().unwrap_or_default().trim().to_owned())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Put {
    rejected_log_events_info: Option<Rejected>,
}

/// Places in the order of sending.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rejected {
    /// After the last that is more than 14 days old.
    too_old_log_event_end_index: Option<usize>,
    /// The first that is more than 2 hours ahead.
    too_new_log_event_start_index: Option<usize>,
    /// After the last that the retention of the group no longer keeps. AWS does not say that it is after it; its agent takes it so.
    expired_log_event_end_index: Option<usize>,
}

/// What became of a batch that was sent in this order.
pub(super) fn fates(answer: &Answer, order: &[(usize, &Event)]) -> Verdict {
    if answer.status != StatusCode::OK {
        return verdict(answer);
    }
    let Ok(put) = serde_json::from_str::<Put>(&answer.body) else {
        return not_cloudwatch(answer);
    };
    let Some(rejected) = put.rejected_log_events_info else {
        return Verdict::Delivered;
    };
    let too_old = rejected.too_old_log_event_end_index.unwrap_or(0);
    let expired = rejected.expired_log_event_end_index.unwrap_or(0);
    let too_new = rejected.too_new_log_event_start_index.unwrap_or(order.len());
    let mut fates = vec![Fate::Delivered; order.len()];
    for (place, (index, _)) in order.iter().enumerate() {
        let why = if place < too_old {
            "too old: CloudWatch Logs refuses it, for it is more than 14 days old"
        } else if place < expired {
            "too old: CloudWatch Logs refuses it, for it is older than the retention of the log group"
        } else if place >= too_new {
            "too new: CloudWatch Logs refuses it, for it is more than 2 hours ahead"
        } else {
            continue;
        };
        fates[*index] = Fate::Rejected(why.to_owned());
    }
    if fates.iter().all(|fate| *fate == Fate::Delivered) {
        return Verdict::Delivered;
    }
    Verdict::Each(fates)
}

/// What follows from an error.
fn verdict(answer: &Answer) -> Verdict {
    let stop = |at: &str| Verdict::Stop(format!("{} (look at {at})", answer.words()));
    let kind = error_type(answer);
    match kind.as_deref().unwrap_or_default() {
        // What was made a moment ago is not seen everywhere yet, or what was seen is being deleted.
        MISSING | EXISTS | "OperationAbortedException" | "InvalidSequenceTokenException" => again(answer),
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServerException"
        | "RequestTimeout"
        | "RequestTimeoutException" => again(answer),
        "DataAlreadyAcceptedException" => Verdict::Delivered,
        "InvalidParameterException" if is_about_names(answer) => stop(NAMES),
        "InvalidParameterException" | "ValidationException" | "ValidationError" | "RequestEntityTooLargeException" => {
            Verdict::Divide(Parts::Halves, answer.words())
        }
        "SerializationException" | "MalformedHttpRequestException" => stop("`compression` and `endpoint`"),
        "LimitExceededException" => stop("the quotas of the account, or another `group_name`"),
        EXPIRED | "ExpiredToken" => stop("`auth`: its credentials have expired, and no newer ones are found"),
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestExpired" | "RequestTimeTooSkewed" => {
            match is_about_time(answer) {
                true => stop(&format!(
                    "{}; nothing is wrong with `auth` before that is right",
                    clock(answer)
                )),
                false => stop(WHO),
            }
        }
        "AccessDenied"
        | "AccessDeniedException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "UnrecognizedClientException" => stop(WHO),
        // Not an error that is known: nobody says that an event is to blame.
        _ => match answer.status.as_u16() {
            200..=299 | 400 | 422 => stop(WHAT),
            _ => answer.verdict(WHO, WHAT),
        },
    }
}

/// What follows from an error of a request that had no events in it.
pub(super) fn not_about_events(answer: &Answer) -> Verdict {
    match verdict(answer) {
        verdict @ (Verdict::Retry(_) | Verdict::Stop(_)) => verdict,
        _ => Verdict::Stop(format!("{} (look at {NAMES})", answer.words())),
    }
}

fn again(answer: &Answer) -> Verdict {
    Verdict::Retry(answer.later())
}

fn not_cloudwatch(answer: &Answer) -> Verdict {
    Verdict::Stop(format!(
        "{}, which CloudWatch Logs does not say (look at {WHAT})",
        answer.words()
    ))
}

/// `… at 'logGroupName' failed to satisfy constraint: …`
fn is_about_names(answer: &Answer) -> bool {
    ["at 'logGroupName'", "at 'logStreamName'"]
        .iter()
        .any(|part| answer.body.contains(part))
}

fn is_about_time(answer: &Answer) -> bool {
    is(answer, "RequestExpired")
        || is(answer, "RequestTimeTooSkewed")
        || ["Signature expired", "Signature not yet current"]
            .iter()
            .any(|part| answer.body.contains(part))
}

/// How far the clock of this machine is off, by the date of the answer.
fn clock(answer: &Answer) -> String {
    let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let off = date.map(|date| match SystemTime::now().duration_since(date) {
        Ok(ahead) => (ahead.as_secs() / 60, "ahead of"),
        Err(error) => (error.duration().as_secs() / 60, "behind"),
    });
    match off {
        Some((minutes, which)) if minutes > 0 => {
            format!("the clock of this machine, which is {minutes} minutes {which} that of AWS")
        }
        _ => "the clock of this machine, which must be that of AWS, give or take 5 minutes".to_owned(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    log_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    log_group_name: String,
    retention_in_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Streams {
    log_streams: Vec<Stream>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stream {
    log_stream_name: String,
}

/// The retention of a log group, if it has one; nothing if the group is not there.
pub(super) fn group(answer: &Answer, name: &str) -> Result<Option<Option<Duration>>, Verdict> {
    let groups: Groups = read(answer)?;
    let group = groups.log_groups.into_iter().find(|group| group.log_group_name == name);
    let retention = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    Ok(group.map(|group| group.retention_in_days.map(retention)))
}

/// Whether a log stream is there.
pub(super) fn has_stream(answer: &Answer, name: &str) -> Result<bool, Verdict> {
    let streams: Streams = read(answer)?;
    Ok(streams.log_streams.iter().any(|stream| stream.log_stream_name == name))
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, Verdict> {
    if answer.status != StatusCode::OK {
        return Err(not_about_events(answer));
    }
    serde_json::from_str(&answer.body).map_err(|_| not_cloudwatch(answer))
}

/// Why a test failed.
pub(super) fn reason(verdict: Verdict) -> String {
    match verdict {
        Verdict::Stop(reason) | Verdict::Divide(_, reason) | Verdict::Retry(Later { reason, .. }) => reason,
        verdict => format!("a defect: {verdict:?}"),
    }
}
