//! Messages on their way, and what became of them.

use std::time::Duration;

use rdkafka::producer::BaseRecord;
use rdkafka::types::RDKafkaErrorCode;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::client::Client;
use super::config::Format;
use super::encode;
use super::flights::{Failure, Flight};
use super::respond;
use crate::event::Event;

/// After so many messages others get their turn.
const AT_ONCE: usize = 512;

/// How long it takes until what is recalled is reported, or is recalled once more.
const RECALL: Duration = Duration::from_secs(1);

/// An event as a message.
#[derive(Clone, Copy)]
pub(super) struct Message<'e> {
    pub(super) event: &'e Event,
    pub(super) topic: &'e str,
    /// The id of its schema, if it has one.
    pub(super) schema: Option<u32>,
}

/// How messages are sent.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub(super) format: Format,
    /// Without any report for so long, the client is given up.
    pub(super) patience: Duration,
}

/// Sends messages, and those again alone that were refused: others of the same request may be to blame. Gives those that were not delivered.
pub(super) async fn send(client: &Client, messages: &[Message<'_>], manner: Manner) -> Vec<Failure> {
    let mut failures = together(client, messages, manner).await;
    if messages.len() == 1 {
        return failures;
    }
    let refused = respond::refused(&failures);
    failures.retain(|(index, _)| refused.binary_search(index).is_err());
    let mut passing = None;
    for index in refused {
        // What passes for one passes for all.
        let failure = match passing {
            Some(code) => Some(code),
            None => together(client, &messages[index..=index], manner)
                .await
                .pop()
                .map(|(_, code)| code),
        };
        passing = failure.filter(|code| respond::class(*code) != respond::Class::Refused);
        failures.extend(failure.map(|code| (index, code)));
    }
    failures.sort_unstable_by_key(|(index, _)| *index);
    failures
}

async fn together(client: &Client, messages: &[Message<'_>], manner: Manner) -> Vec<Failure> {
    let mut flight = client.context().flights.begin(messages.len());
    let mut broken = None;
    for (index, message) in messages.iter().enumerate() {
        if broken.is_none() {
            let handed = hand_over(client, message, flight.number(index), manner).await;
            broken = handed.err();
            if index % AT_ONCE == AT_ONCE - 1 {
                yield_now().await;
            }
        }
        if let Some(code) = broken {
            client.context().flights.report(flight.number(index), Some(code));
        }
        // A refusal is about one message; all else is about those that follow too, which must not overtake it.
        broken = broken.filter(|code| respond::class(*code) != respond::Class::Refused);
    }
    land(client, &mut flight, manner.patience).await
}

/// Gives a message to librdkafka, when it has room.
async fn hand_over(
    client: &Client,
    message: &Message<'_>,
    number: usize,
    manner: Manner,
) -> Result<(), RDKafkaErrorCode> {
    let value = encode::value(message.event, message.schema);
    let record = BaseRecord::with_opaque_to(message.topic, number)
        .key(&*message.event.key)
        .payload(&*value)
        .headers(encode::headers(message.event, manner.format));
    let mut waiting = match try_send(client, record) {
        Ok(done) => return done,
        Err(record) => Some(record),
    };
    let attempt = || match try_send(client, waiting.take()?) {
        Ok(done) => Some(done),
        Err(record) => {
            waiting = Some(record);
            None
        }
    };
    tokio::select! {
        done = client.context().flights.when_there_is_room(attempt) => done,
        () = in_vain(client, manner.patience) => Err(RDKafkaErrorCode::QueueFull),
    }
}

type Record<'r> = BaseRecord<'r, str, [u8], usize>;

/// Whether it was taken, or the record again, because there is no room.
#[allow(clippy::result_large_err, reason = "It is what librdkafka gives back.")]
fn try_send<'r>(client: &Client, record: Record<'r>) -> Result<Result<(), RDKafkaErrorCode>, Record<'r>> {
    match client.producer().send(record) {
        Ok(()) => Ok(Ok(())),
        Err((error, record)) => match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Err(record),
            code => Ok(Err(code.unwrap_or(RDKafkaErrorCode::Fail))),
        },
    }
}

/// Waits until the client is of no use any more. That no room came for so long says that it is none.
async fn in_vain(client: &Client, patience: Duration) {
    tokio::select! {
        () = client.troubled() => {}
        () = sleep(patience) => client.lose(no_answer(client, patience)),
    }
}

/// Waits for all reports.
async fn land(client: &Client, flight: &mut Flight<'_>, patience: Duration) -> Vec<Failure> {
    let mut left = flight.left();
    loop {
        tokio::select! {
            biased;
            failures = flight.landed() => return failures,
            () = client.troubled() => break,
            () = sleep(patience) => {
                let now = flight.left();
                if now == left {
                    client.lose(no_answer(client, patience));
                }
                left = now;
            }
        }
    }
    loop {
        client.recall();
        tokio::select! {
            failures = flight.landed() => return failures,
            () = sleep(RECALL) => {}
        }
    }
}

fn no_answer(client: &Client, patience: Duration) -> String {
    let last = client.context().last_words();
    let last = last.map(|last| format!(": {last}")).unwrap_or_default();
    format!("no answer of the brokers in {} s{last}", patience.as_secs_f64())
}
