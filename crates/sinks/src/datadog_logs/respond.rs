//! What Datadog's answer says. It speaks of a batch as a whole.

use crate::exchange::Answer;
use crate::sink::Verdict;

pub(super) const WHO: &str = "`api_key`, and whether `site` is the key's";
pub(super) const WHAT: &str = "`site` and `endpoint`";

pub(super) fn verdict(answer: &Answer) -> Verdict {
    let words = answer.words();
    let stop = || Verdict::Stop(format!("{words}; Datadog does not answer so (look at {WHAT})"));
    match answer.status.as_u16() {
        202 => Verdict::Delivered,
        200..=299 => stop(),
        // Its own refusals are JSON.
        400 if !answer.body.trim_start().starts_with('{') => stop(),
        _ => answer.verdict(WHO, WHAT),
    }
}

pub(super) fn probe(answer: &Answer) -> Result<(), String> {
    match answer.verdict(WHO, WHAT) {
        Verdict::Delivered if answer.body.contains("\"valid\"") => Ok(()),
        Verdict::Stop(reason) => Err(reason),
        _ => Err(answer.words()),
    }
}
