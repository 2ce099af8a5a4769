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

/// Whether this refuses something in the body, so that the rest of it may be good.
pub(super) fn is_of_events(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 400 | 422)
}

/// Nothing was taken yet, and an event is refused in the same words as a body without any: so it is not about the event.
pub(super) fn refuses_everything(event: &Answer, nothing: &Answer) -> Option<Verdict> {
    let is_same = event.status == nothing.status && event.body == nothing.body;
    is_same.then(|| {
        Verdict::Stop(format!(
            "{}; it has taken nothing yet, and answers the same to a body without events (look at {WHAT}, `encoding`, `headers` and `auth`)",
            event.words()
        ))
    })
}

/// An endpoint may refuse a body without events, which says that it would take others.
pub(super) fn probe(config: &Config, answer: &Answer) -> Result<(), String> {
    match verdict(config, answer) {
        Verdict::Delivered | Verdict::Divide(..) => Ok(()),
        Verdict::Stop(reason) => Err(reason),
        _ => Err(answer.words()),
    }
}
