//! What Datadog's answer says. It speaks of a batch as a whole.

use crate::exchange::Answer;
use crate::sink::Verdict;

pub(super) const WHO: &str = "`api_key`, and whether `site` is the key's";
pub(super) const WHAT: &str = "`site` and `endpoint`";

pub(super) fn verdict(answer: &Answer) -> Verdict {
    answer.verdict(WHO, WHAT)
}

pub(super) fn probe(answer: &Answer) -> Result<(), String> {
    match verdict(answer) {
        Verdict::Delivered => Ok(()),
        Verdict::Stop(reason) => Err(reason),
        _ => Err(answer.words()),
    }
}
