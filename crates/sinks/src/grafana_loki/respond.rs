//! What Loki's answer says. Its words are plain text, and its status means something else than usual in places.

use crate::exchange::Answer;
use crate::sink::{Parts, Verdict};

pub(super) const WHO: &str = "`auth` and `tenant_id`";
pub(super) const WHAT: &str = "`endpoint`";

/// Where ingestion is blocked, the status is 260 unless the server has another one set.
const BLOCKED: &str = "ingestion blocked for user";

/// Answers with 400 that no event is to blame for, by words of theirs, and where to look.
const SETTINGS: [(&str, &str); 4] = [
    ("missing required labels", "`labels`, and Loki's `enforced_labels`"),
    (
        " label names; limit ",
        "`labels`, and Loki's `max_label_names_per_series`",
    ),
    (
        "includes structured metadata, but this feature is disallowed",
        "Loki's `allow_structured_metadata`, which must be on",
    ),
    // From a server before Loki, or in its place.
    ("<html", WHAT),
];

/// What the answer to a push of so many lines and bytes says of all of them.
pub(super) fn verdict(answer: &Answer, lines: usize, bytes: usize) -> Verdict {
    let (words, body) = (answer.words(), answer.body.as_str());
    let stop = |at: &str| Verdict::Stop(format!("{words} (look at {at})"));
    match answer.status.as_u16() {
        204 => Verdict::Delivered,
        200 if body.trim().is_empty() => Verdict::Delivered,
        _ if body.contains(BLOCKED) => stop("Loki's `block_ingestion_until`"),
        // Nothing else is a success of Loki's.
        200..=299 => stop(WHAT),
        400 | 422 => match SETTINGS.iter().find(|(words, _)| body.contains(words)) {
            Some((_, at)) => stop(at),
            None => Verdict::Divide(Parts::Singles, words),
        },
        429 if lines > 1 && limit(body).is_some_and(|limit| bytes > limit) => Verdict::Divide(Parts::Smaller, words),
        500 if body.contains("ResourceExhausted") && body.contains("larger than max") => {
            Verdict::Divide(Parts::Smaller, words)
        }
        _ => answer.verdict(WHO, WHAT),
    }
}

/// Loki refuses a push without lines only after it has looked at everything else.
pub(super) fn probe(answer: &Answer) -> Result<(), String> {
    if matches!(answer.status.as_u16(), 400 | 422) && answer.body.contains("at least one valid stream") {
        return Ok(());
    }
    match verdict(answer, 0, 0) {
        Verdict::Delivered => Ok(()),
        Verdict::Stop(reason) => Err(reason),
        _ => Err(answer.words()),
    }
}

/// The bytes a second that an answer names: `limit: 4194304 bytes/sec` or `limit: 3MB/sec`. A push of more than that may never
/// pass.
fn limit(body: &str) -> Option<usize> {
    let (_, limit) = body.split_once("(limit: ")?;
    let (limit, _) = limit.split_once("/sec)")?;
    let (number, unit) = limit.split_at(limit.find(|c: char| !c.is_ascii_digit())?);
    let factor = match unit.trim() {
        "bytes" | "B" => 1,
        "KB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor)
}
