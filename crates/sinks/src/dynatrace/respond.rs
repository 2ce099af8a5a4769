//! What Dynatrace's answers say.

use logferry_model::Timestamp;
use serde::Deserialize;

use crate::exchange::Answer;
use crate::sink::{Fate, Parts, Verdict};

const WHO: &str =
    "`api_token` and its scope, `logs.ingest` or `openpipeline:logs:ingest`, and whether `endpoint` is its environment";
const WHAT: &str = "`endpoint`";

/// Dynatrace writes `details`, and its older versions `success`, of what went well in part.
#[derive(Deserialize)]
struct Body {
    #[serde(alias = "success")]
    details: Option<Said>,
    error: Option<Said>,
}

#[derive(Deserialize)]
struct Said {
    message: Option<String>,
}

/// What is known of an access token.
#[derive(Deserialize)]
struct Token {
    enabled: bool,
    #[serde(rename = "expirationDate")]
    expires: Option<String>,
    scopes: Vec<String>,
}

/// What became of so many events.
pub(super) fn verdict(answer: &Answer, events: usize) -> Verdict {
    let words = answer.words();
    match answer.status.as_u16() {
        204 => Verdict::Delivered,
        // A part is kept, but it is not said which: of a single event that is none.
        200 => match body(answer).and_then(|body| body.details) {
            Some(Said { message }) if events == 1 => {
                let message = message.unwrap_or(words);
                Verdict::Each(vec![Fate::Rejected(format!("Dynatrace: {message}"))])
            }
            Some(_) => Verdict::Divide(Parts::Singles, words),
            None => Verdict::Stop(not_dynatrace(&words)),
        },
        201..=299 => Verdict::Stop(not_dynatrace(&words)),
        // One event that is too old can be enough.
        400 if answer.body.contains("out of correct time range") => Verdict::Divide(Parts::Singles, words),
        402 => Verdict::Stop(format!(
            "{words} (look at the licence of the environment, or choose another with `endpoint` and `api_token`)"
        )),
        _ => answer.verdict(WHO, WHAT),
    }
}

/// Whether Dynatrace would take records, by its answer to a request without any: that there are none, it says only to who may send some.
pub(super) fn without_records(answer: &Answer) -> Result<(), String> {
    let is_dynatrace = body(answer).is_some_and(|body| body.error.is_some());
    match answer.status.as_u16() {
        204 => Ok(()),
        400 if is_dynatrace => Ok(()),
        400 => Err(not_dynatrace(&answer.words())),
        _ => refused(answer),
    }
}

/// Whether an access token is good for logs, by what Dynatrace knows of it.
pub(super) fn looked_up(answer: &Answer, now: i64) -> Result<(), String> {
    let words = answer.words();
    match answer.status.as_u16() {
        200 => {}
        404 => {
            return Err(format!(
                "{words}; the token is not known there, or that is no environment (look at `api_token` and `endpoint`)"
            ));
        }
        _ => return refused(answer),
    }
    let Ok(token) = serde_json::from_str::<Token>(&answer.body) else {
        return Err(not_dynatrace(&words));
    };
    if !token.enabled {
        return Err("Dynatrace says that the token is disabled (look at `api_token`)".to_owned());
    }
    let expires = token.expires.as_deref().and_then(|time| Timestamp::parse(time).ok());
    if let Some(time) = expires.filter(|time| time.as_millis() <= now) {
        return Err(format!(
            "Dynatrace says that the token has expired at {time} (look at `api_token`)"
        ));
    }
    if !token.scopes.iter().any(|scope| scope == "logs.ingest") {
        let scopes = token.scopes.join(", ");
        return Err(format!(
            "the token lacks the scope `logs.ingest`; Dynatrace says that it has: {scopes} (look at `api_token`)"
        ));
    }
    Ok(())
}

fn refused(answer: &Answer) -> Result<(), String> {
    match verdict(answer, 0) {
        Verdict::Stop(reason) => Err(reason),
        _ => Err(answer.words()),
    }
}

fn body(answer: &Answer) -> Option<Body> {
    serde_json::from_str(&answer.body).ok()
}

fn not_dynatrace(words: &str) -> String {
    format!("{words}; Dynatrace does not answer so (look at {WHAT})")
}
