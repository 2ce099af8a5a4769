//! What a collector's answers say.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::acknowledge::Unknown;
use super::encode::SAFE_BYTES;
use crate::exchange::Answer;
use crate::sink::{Fate, Later, Parts, Verdict};

const WHO: &str = "`token`";
const WHAT: &str = "`endpoint` and `compression`";
const ACKNOWLEDGEMENTS: &str = "`indexer_acknowledgements`, and whether the token has indexer acknowledgement";

/// What an answer says of a batch.
pub(super) enum Reading {
    /// Some or all of it is taken, or it is known which event is not.
    Taken(Taken),
    /// None of it is known to be taken.
    Verdict(Verdict),
}

/// What is taken, and what became of the rest.
pub(super) struct Taken {
    /// So many events, from the first on.
    pub(super) count: usize,
    /// Whether these are all.
    pub(super) is_all: bool,
    /// By which it is asked whether they are indexed, if the token has indexer acknowledgement.
    pub(super) id: Option<u64>,
    /// Of the event after them, where it is not that of the rest.
    next: Option<Fate>,
    rest: Fate,
}

/// The body of an answer. What is not there or makes no sense is nothing.
#[derive(Deserialize)]
struct Said {
    code: i64,
    #[serde(default, rename = "invalid-event-number")]
    number: Option<i64>,
    #[serde(default, rename = "ackId")]
    id: Option<i64>,
}

pub(super) fn read(answer: &Answer, events: usize, bytes: usize) -> Reading {
    let words = answer.words();
    let stop = |at: &str| Verdict::Stop(format!("{words} (look at {at})"));
    let Ok(said) = serde_json::from_str::<Said>(&answer.body) else {
        return Reading::Verdict(match answer.status.as_u16() {
            // A collector says it in its own words: this is somebody else, who has not looked at the events.
            200..=299 | 400 | 422 => stop(WHAT),
            _ => answer.verdict(WHO, WHAT),
        });
    };
    let divide = |words: String| Verdict::Divide(Parts::Halves, words);
    let number = said.number.and_then(|number| usize::try_from(number).ok());
    let number = number.filter(|number| *number < events);
    let id = said.id.and_then(|id| u64::try_from(id).ok());
    let all = Taken {
        count: events,
        is_all: true,
        id,
        next: None,
        rest: Fate::Untried,
    };
    let before = |number: usize, next: Option<Fate>, rest: Fate| {
        Reading::Taken(Taken {
            count: number,
            is_all: false,
            id,
            next,
            rest,
        })
    };
    Reading::Verdict(match (said.code, number) {
        (0 | 24 | 25, _) if answer.status.is_success() => return Reading::Taken(all),
        (1..=4 | 21 | 22, _) => stop(WHO),
        // A body that is too large is said to have a first event that is not valid.
        (6, Some(0)) if events > 1 && bytes > SAFE_BYTES => divide(words),
        (6 | 12 | 13 | 15, Some(number)) => {
            return before(number, Some(Fate::Rejected(words)), Fate::Untried);
        }
        (5 | 6 | 12 | 13 | 15, _) => divide(words),
        (7, _) => stop("`index`, and the indexes that the token allows"),
        (9, Some(number)) if number > 0 => return before(number, None, Fate::Retry(answer.later())),
        (8 | 9 | 18..=20 | 23 | 26 | 27, _) => Verdict::Retry(answer.later()),
        (10 | 14 | 28, _) => stop(ACKNOWLEDGEMENTS),
        (11, _) => stop("`channel`"),
        (16 | 17, _) => stop(WHAT),
        // Whoever says this is no collector that is known.
        _ if answer.status.is_success() => stop(WHAT),
        _ => answer.verdict(WHO, WHAT),
    })
}

impl Taken {
    /// What became of each event, given what is known of those that are taken.
    pub(super) fn verdict(self, known: Result<(), Unknown>, events: usize) -> Verdict {
        let first = match known {
            Ok(()) if self.is_all => return Verdict::Delivered,
            Ok(()) => Fate::Delivered,
            Err(Unknown::Again(later)) if !self.is_all => Fate::Retry(later),
            Err(unknown) => return unknown.verdict(),
        };
        let mut fates = vec![first; self.count];
        fates.extend(self.next);
        fates.resize(events, self.rest);
        Verdict::Each(fates)
    }
}

/// What an answer about acknowledgements says of one.
pub(super) enum Asked {
    /// What it stands for is indexed.
    Indexed,
    /// It is not indexed, or nothing is known of it.
    NotYet,
    /// There is no answer now.
    Unanswered(Later),
    /// The token has no indexer acknowledgement.
    Disabled,
    /// There is no answer before a setting is mended.
    Refused(String),
}

#[derive(Deserialize)]
struct Acks {
    acks: BTreeMap<String, bool>,
}

/// The code of a token without indexer acknowledgement.
const DISABLED: i64 = 14;

pub(super) fn asked(answer: &Answer, id: u64) -> Asked {
    let is_disabled = serde_json::from_str::<Said>(&answer.body).is_ok_and(|said| said.code == DISABLED);
    if is_disabled {
        return Asked::Disabled;
    }
    let refused = || Asked::Refused(format!("{} (look at {WHAT})", answer.words()));
    match answer.verdict(WHO, WHAT) {
        Verdict::Delivered => match serde_json::from_str::<Acks>(&answer.body) {
            Ok(Acks { acks }) if acks.get(&id.to_string()) == Some(&true) => Asked::Indexed,
            Ok(_) => Asked::NotYet,
            Err(_) => refused(),
        },
        Verdict::Retry(later) => Asked::Unanswered(later),
        Verdict::Stop(reason) => Asked::Refused(reason),
        _ => refused(),
    }
}

/// The token has no indexer acknowledgement, which is required.
pub(super) fn not_offered(answer: &Answer) -> String {
    format!(
        "{}; `indexer_acknowledgements = \"required\"` needs a token with indexer acknowledgement, and this one has none",
        answer.words()
    )
}

/// The code of a body without events.
const NO_DATA: i64 = 5;

/// A body without events is refused as such, when all else is right.
pub(super) fn probe(answer: &Answer) -> Result<(), String> {
    if serde_json::from_str::<Said>(&answer.body).is_ok_and(|said| said.code == NO_DATA) {
        return Ok(());
    }
    match read(answer, 0, 0) {
        Reading::Taken(_) => Ok(()),
        Reading::Verdict(Verdict::Stop(reason)) => Err(reason),
        Reading::Verdict(_) => Err(answer.words()),
    }
}
