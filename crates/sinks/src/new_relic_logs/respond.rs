//! What New Relic's answer says. It speaks of a batch as a whole.

use crate::exchange::Answer;
use crate::sink::Verdict;

const WHO: &str = "`license_key`, and whether `region` is the key's";
const WHAT: &str = "`region` and `endpoint`";

pub(super) fn verdict(answer: &Answer) -> Verdict {
    match answer.status.as_u16() {
        202 => Verdict::Delivered,
        // Whoever it is that answers so, it has not said that it keeps anything.
        200..=299 => Verdict::Stop(format!("{}; New Relic answers 202 (look at {WHAT})", answer.words())),
        _ => answer.verdict(WHO, WHAT),
    }
}

/// New Relic does not say what it answers to a request without logs. It refuses a key with 403, and may refuse with 400 that there is no
/// log.
pub(super) fn probe(answer: &Answer) -> Result<(), String> {
    match (verdict(answer), answer.status.as_u16()) {
        (Verdict::Delivered, _) | (_, 400) => Ok(()),
        (Verdict::Stop(reason), _) => Err(reason),
        _ => Err(answer.words()),
    }
}
