//! Waiting until Splunk has indexed what it took.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::{HeaderValue, SET_COOKIE};
use tokio::time::{Instant, sleep_until};

use super::channels::{Channel, random};
use super::respond::{self, Asked, Taken};
use super::{Acknowledgements, SplunkSink, request};
use crate::exchange::Answer;
use crate::seconds;
use crate::sink::{Later, Verdict};

/// How often Splunk is asked about a batch: each wait is half as long again as the one before.
pub(super) struct Pace {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

/// Why it is not known that events are indexed.
pub(super) enum Unknown {
    /// They are to be sent again.
    Again(Later),
    /// They are not to be sent again before a setting is mended.
    Stop(String),
}

impl Unknown {
    /// Of a whole batch.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Unknown::Again(later) => Verdict::Retry(later),
            Unknown::Stop(reason) => Verdict::Stop(reason),
        }
    }

    pub(super) fn reason(self) -> String {
        match self {
            Unknown::Again(later) => later.reason,
            Unknown::Stop(reason) => reason,
        }
    }
}

/// Splunk is asked, before it gets events, where there is reason to doubt that it answers about acknowledgements.
pub(super) async fn ready(sink: &SplunkSink) -> Result<(), Unknown> {
    if !sink.is_unsure.load(Ordering::Relaxed) {
        return Ok(());
    }
    ask_whether_ready(sink).await?;
    sink.is_unsure.store(false, Ordering::Relaxed);
    Ok(())
}

/// Asks about an id that does not exist, which has the same answer as one that is not indexed yet.
pub(super) async fn ask_whether_ready(sink: &SplunkSink) -> Result<(), Unknown> {
    let answer = request::ask(sink, &random(), 0, None).await.map_err(Unknown::Again)?;
    match respond::asked(&answer, 0) {
        Asked::Indexed | Asked::NotYet => Ok(()),
        Asked::Unanswered(later) => Err(Unknown::Again(later)),
        Asked::Disabled if sink.config.indexer_acknowledgements == Acknowledgements::Required => {
            Err(Unknown::Stop(respond::not_offered(&answer)))
        }
        Asked::Disabled => Ok(()),
        Asked::Refused(words) => Err(Unknown::Stop(words)),
    }
}

/// Returns when it is known that what was taken is kept, as far as the settings want it to be known.
pub(super) async fn known(
    sink: &SplunkSink,
    channel: &Channel<'_>,
    taken: &Taken,
    answer: &Answer,
) -> Result<(), Unknown> {
    match (taken.id, sink.config.indexer_acknowledgements) {
        (Some(id), _) => indexed(sink, channel, id, cookies(answer).as_ref()).await,
        (None, Acknowledgements::Required) if taken.is_all => {
            sink.is_unsure.store(true, Ordering::Relaxed);
            Err(Unknown::Stop(respond::not_offered(answer)))
        }
        (None, Acknowledgements::Required) => Err(Unknown::Again(Later {
            reason: format!("Splunk took this event, but gave no ackId for it: {}", answer.words()),
            after: None,
        })),
        (None, Acknowledgements::IfOffered | Acknowledgements::Off) => Ok(()),
    }
}

/// Asks until Splunk has indexed what it took under an id, or the time is up.
async fn indexed(
    sink: &SplunkSink,
    channel: &Channel<'_>,
    id: u64,
    cookies: Option<&HeaderValue>,
) -> Result<(), Unknown> {
    let within = sink.config.acknowledgement_timeout_secs;
    let until = Instant::now() + seconds::duration(within);
    let (mut pause, mut asked) = (sink.pace.first, Duration::ZERO);
    let unknown = |why: &str| {
        Unknown::Again(Later {
            reason: format!("Splunk took the events, but it is not known that it has indexed them: {why}"),
            after: None,
        })
    };
    let mut why = "it did not say so".to_owned();
    loop {
        let now = Instant::now();
        sleep_until(now + pause.max(asked).min(until.saturating_duration_since(now))).await;
        let is_last = Instant::now() >= until;
        let said = match request::ask(sink, channel.value(), id, cookies).await {
            Ok(answer) => respond::asked(&answer, id),
            Err(later) => Asked::Unanswered(later),
        };
        asked = Duration::ZERO;
        match said {
            Asked::Indexed => return Ok(()),
            Asked::NotYet => "it did not say so".clone_into(&mut why),
            Asked::Unanswered(later) => {
                asked = later.after.unwrap_or_default();
                why = later.reason;
            }
            Asked::Disabled => {
                sink.is_unsure.store(true, Ordering::Relaxed);
                return Err(unknown("the token has no indexer acknowledgement any more"));
            }
            Asked::Refused(words) => {
                sink.is_unsure.store(true, Ordering::Relaxed);
                return Err(unknown(&words));
            }
        }
        if is_last {
            return Err(unknown(&format!("{why} within {within} seconds")));
        }
        pause = (pause * 3 / 2).min(sink.pace.longest);
    }
}

/// The cookies that an answer sets, as they are sent back.
fn cookies(answer: &Answer) -> Option<HeaderValue> {
    let set = answer.headers.get_all(SET_COOKIE).iter();
    let set: Vec<&[u8]> = set
        .filter_map(|cookie| cookie.as_bytes().split(|byte| *byte == b';').next())
        .collect();
    let mut cookies = HeaderValue::from_bytes(&set.join(&b"; "[..])).ok()?;
    cookies.set_sensitive(true);
    (!cookies.is_empty()).then_some(cookies)
}
