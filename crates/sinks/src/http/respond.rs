//! What the answer says.

use super::Config;
use crate::exchange::Answer;
use crate::sink::Verdict;

const WHAT: &str = "`uri` and `method`";

pub(super) fn verdict(config: &Config, answer: &Answer) -> Verdict {
    let who = match (&config.auth, config.headers.is_empty()) {
        (Some(_), _) => "`auth`",
        (None, false) => "`headers`",
        (None, true) => "`auth`, which is not set",
    };
    answer.verdict(who, WHAT)
}

/// An endpoint may refuse a body without events, which says that it would take others.
pub(super) fn probe(config: &Config, answer: &Answer) -> Result<(), String> {
    match verdict(config, answer) {
        Verdict::Delivered | Verdict::Divide(..) => Ok(()),
        _ => Err(answer.words()),
    }
}
