//! What the brokers' and librdkafka's errors say of each event.

use std::fmt::Write as _;

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::client::Trouble;
use super::flights::Failure;
use crate::exchange::Hidden;
use crate::sink::{Fate, Later, Verdict};

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// About the event, or others that went with it.
    Refused,
    /// About settings: these.
    Settings(&'static str),
    /// It passes.
    Passing,
}

const ACLS: &str = "the access lists of the brokers, and `sasl`";

/// What an error is about. Those that are in no row pass: waiting for too long is better than losing an event.
pub(super) fn class(code: Code) -> Class {
    match code {
        Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::InvalidMessageSize
        | Code::InvalidRecord
        | Code::InvalidDifferentRecord
        | Code::InvalidTimestamp
        | Code::InvalidTopic
        | Code::PolicyViolation => Class::Refused,
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => Class::Settings(ACLS),
        Code::Authentication | Code::SaslAuthenticationFailed => Class::Settings("`sasl.username` and `sasl.password`"),
        Code::UnsupportedSASLMechanism | Code::IllegalSASLState => Class::Settings("`sasl.mechanism`"),
        Code::SecurityDisabled => Class::Settings("`sasl` and `tls`"),
        Code::UnsupportedCompressionType => Class::Settings("`compression`"),
        Code::UnsupportedVersion | Code::UnsupportedForMessageFormat | Code::UnsupportedFeature => {
            Class::Settings("the brokers, which are older than Kafka 0.11")
        }
        _ => Class::Passing,
    }
}

/// Which of the failures are refusals, and of those what was refused may be another message of the same request.
pub(super) fn refused(failures: &[Failure]) -> Vec<usize> {
    let refused = failures.iter().filter(|(_, code)| class(*code) == Class::Refused);
    refused.map(|(index, _)| *index).collect()
}

/// What became of a batch, given the failures, in the order of the batch. `topic` gives the topic of each event.
pub(super) fn verdict<'t>(
    events: usize,
    failures: &[Failure],
    trouble: Option<Trouble>,
    last_words: Option<&str>,
    topic: impl Fn(usize) -> &'t str,
) -> Verdict {
    if failures.is_empty() {
        return Verdict::Delivered;
    }
    let is_nothing_delivered = failures.len() == events;
    let stop = failures.iter().find_map(|(index, code)| match class(*code) {
        Class::Settings(settings) => Some(format!("{} (look at {settings})", words(topic(*index), *code))),
        Class::Refused | Class::Passing => None,
    });
    let lost = match trouble {
        Some(Trouble::Settings(reason)) if is_nothing_delivered => return Verdict::Stop(reason),
        Some(Trouble::Settings(reason) | Trouble::Lost(reason)) => Some(reason),
        None => None,
    };
    if let (Some(reason), true) = (stop, is_nothing_delivered) {
        return Verdict::Stop(reason);
    }
    let mut fates = vec![Fate::Delivered; events];
    for (index, code) in failures {
        let words = words(topic(*index), *code);
        fates[*index] = match class(*code) {
            Class::Refused => Fate::Rejected(words),
            Class::Settings(_) | Class::Passing => {
                let mut reason = lost.clone().unwrap_or(words);
                if let Some(last) = last_words.filter(|last| !reason.contains(last)) {
                    let _ = write!(reason, "; before that: {last}");
                }
                Fate::Retry(Later { reason, after: None })
            }
        };
    }
    match fates.first() {
        Some(Fate::Retry(later)) if is_nothing_delivered && fates.iter().all(|fate| matches!(fate, Fate::Retry(_))) => {
            Verdict::Retry(later.clone())
        }
        _ => Verdict::Each(fates),
    }
}

/// An error about a topic, for a person.
pub(super) fn words(topic: &str, code: Code) -> String {
    let hint = match code {
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            " (the topic does not exist: create it)"
        }
        _ => "",
    };
    format!("topic `{topic}`: {code}{hint}")
}

/// Why a client could not be made. The value of a setting is not shown: it may be a secret.
pub(super) fn not_made(error: &KafkaError, hidden: &Hidden) -> String {
    match error {
        KafkaError::ClientConfig(_, _, name, _) => format!("librdkafka does not take the value of `{name}`"),
        KafkaError::ClientCreation(words) => hidden.without(words),
        error => hidden.without(&error.to_string()),
    }
}
