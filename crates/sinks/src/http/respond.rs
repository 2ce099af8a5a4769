//! What the answer says.

use super::Config;
use crate::exchange::Answer;
use crate::sink::{Later, Verdict};

const WHAT: &str = "`uri` and `method`";

pub(super) fn verdict(config: &Config, answer: &Answer) -> Verdict {
    let who = match (&config.auth, config.headers.is_empty()) {
        (Some(_), _) => "`auth`",
        (None, false) => "`headers`",
        (None, true) => "`auth`, which is not set",
    };
    answer.verdict(who, WHAT)
}

/// A single event is refused, and nothing was taken of late.
pub(super) fn not_yet(answer: &Answer) -> Later {
    let words = answer.words();
    Later {
        reason: format!(
            "{words}; nothing was taken of late, so it may be about settings (look at {WHAT}, `encoding`, `headers` and `auth`)"
        ),
        after: answer.retry_after(),
    }
}

/// An endpoint may refuse a body without events, which says that it would take others.
pub(super) fn probe(config: &Config, answer: &Answer) -> Result<(), String> {
    match verdict(config, answer) {
        Verdict::Delivered | Verdict::Divide(..) => Ok(()),
        Verdict::Stop(reason) => Err(reason),
        _ => Err(answer.words()),
    }
}
