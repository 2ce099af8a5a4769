//! Indexer acknowledgement: what counts as indexed, and what does not.

use super::*;

/// Requests for events, or questions about them: their channels.
fn channels(fake: &Fake, path: &str) -> Vec<String> {
    let asked = fake.asked().into_iter();
    let asked = asked.filter(|asked| asked.uri.path().ends_with(path));
    asked
        .map(|asked| asked.header("x-splunk-request-channel").to_owned())
        .collect()
}

async fn acknowledging() -> (Collector, Fake) {
    let collector = Collector::default();
    collector.acknowledges();
    let fake = collector.start().await;
    (collector, fake)
}

/// So that what is never indexed is found out soon.
fn impatient() -> Value {
    json!({"token": "a token", "acknowledgement_timeout_secs": 0.2})
}

#[tokio::test]
async fn what_is_taken_counts_when_it_is_indexed() {
    let (collector, fake) = acknowledging().await;
    let sink = sink(token(), &fake);
    for turn in 1..=3 {
        collector.state().not_yet = 2;
        assert_eq!(sink.send(&batch(2)).await, Verdict::Delivered);
        assert_eq!(channels(&fake, "/ack").len(), 3 * turn);
    }
    // Batches that come one after the other have the same channel.
    let used = channels(&fake, "/event");
    assert!(used.iter().all(|channel| *channel == used[0]), "{used:?}");
    let questions: Vec<String> = fake.asked().iter().map(|asked| asked.text().to_owned()).collect();
    for id in 0..3 {
        let question = format!("{{\"acks\":[{id}]}}");
        assert_eq!(questions.iter().filter(|asked| **asked == question).count(), 3);
    }
    // Batches at the same time have channels of their own.
    let (one, other) = (batch(1), batch(1));
    let both = tokio::join!(sink.send(&one), sink.send(&other));
    assert_eq!(both, (Verdict::Delivered, Verdict::Delivered));
    let used = channels(&fake, "/event");
    assert_ne!(used[3], used[4]);
}

#[tokio::test]
async fn without_an_offer_an_answer_counts_as_it_is() {
    let collector = Collector::default();
    let fake = collector.start().await;
    for how in ["if_offered", "off"] {
        let sink = sink(json!({"token": "a token", "indexer_acknowledgements": how}), &fake);
        assert_eq!(sink.send(&batch(2)).await, Verdict::Delivered);
    }
    assert!(channels(&fake, "/ack").is_empty());
    let used = channels(&fake, "/event");
    assert_eq!((used[0].len(), used[1].len()), (36, 0));
}

#[tokio::test]
async fn what_is_not_indexed_in_time_is_sent_again_on_another_channel() {
    let (collector, fake) = acknowledging().await;
    let sink = sink(impatient(), &fake);
    collector.state().is_stuck = true;
    let Verdict::Retry(later) = sink.send(&batch(2)).await else {
        panic!()
    };
    assert!(
        later.reason.contains("not known") && later.reason.contains("0.2 seconds"),
        "{later:?}"
    );
    collector.state().is_stuck = false;
    assert_eq!(sink.send(&batch(2)).await, Verdict::Delivered);
    let used = channels(&fake, "/event");
    assert_ne!(used[0], used[1]);
}

#[tokio::test]
async fn ids_after_a_restart_do_not_stand_for_what_was_before() {
    let (collector, fake) = acknowledging().await;
    let sink = sink(impatient(), &fake);
    collector.state().is_stuck = true;
    let lost = tokio::spawn({
        let sink = Arc::clone(&sink);
        async move { sink.send(&batch(1)).await }
    });
    // It is sent, has its id, and is asked for.
    while channels(&fake, "/ack").is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    {
        let mut state = collector.state();
        state.restart();
        // Whoever asks for an id that is indexed gets to know it.
        (state.is_stuck, state.is_talkative) = (false, true);
    }
    // Another batch has the same id, and is indexed.
    assert_eq!(sink.send(&batch(1)).await, Verdict::Delivered);
    let lost = lost.await.unwrap();
    assert!(matches!(lost, Verdict::Retry(_)), "{lost:?}");
}

#[tokio::test]
async fn the_channel_of_a_batch_that_is_given_up_is_not_used_again() {
    let (collector, fake) = acknowledging().await;
    let sink = sink(token(), &fake);
    collector.state().is_stuck = true;
    let events = batch(1);
    let mut dropped = sink.send(&events);
    while channels(&fake, "/ack").is_empty() {
        let waited = tokio::time::timeout(Duration::from_millis(1), &mut dropped).await;
        assert!(waited.is_err());
    }
    drop(dropped);
    collector.state().is_stuck = false;
    assert_eq!(sink.send(&events).await, Verdict::Delivered);
    let used = channels(&fake, "/event");
    assert_ne!(used[0], used[1]);
}

#[tokio::test]
async fn a_question_without_an_answer_is_asked_again() {
    let (collector, fake) = acknowledging().await;
    let html = || answered(502, "<html>Bad gateway</html>");
    collector.state().instead = vec![html(), answered(429, ""), answered(503, r#"{"text":"busy","code":9}"#)];
    assert_eq!(sink(token(), &fake).send(&batch(1)).await, Verdict::Delivered);
    // What the last answer was is said when the time is up, however long it asks to wait.
    collector.state().instead = (0..1000)
        .map(|_| (503, vec![("retry-after", "1e18".to_owned())], "down".to_owned()))
        .collect();
    let Verdict::Retry(later) = sink(impatient(), &fake).send(&batch(1)).await else {
        panic!()
    };
    assert!(
        later.reason.contains("503") && later.reason.contains("down"),
        "{later:?}"
    );
}

#[tokio::test]
async fn where_questions_are_refused_nothing_more_is_sent() {
    let (collector, fake) = acknowledging().await;
    for (refusal, at) in [
        (answered(404, r#"{"text":"not found","code":404}"#), "`endpoint`"),
        (answered(400, "what is that"), "`endpoint`"),
        (answered(200, "<html>Log in</html>"), "`endpoint`"),
        (answered(403, r#"{"text":"Invalid token","code":4}"#), "`token`"),
    ] {
        let sink = sink(token(), &fake);
        collector.state().instead = vec![refusal.clone(), refusal.clone(), refusal];
        let Verdict::Retry(later) = sink.send(&batch(1)).await else {
            panic!()
        };
        assert!(later.reason.contains("not known"), "{later:?}");
        assert_eq!(collector.take_stored(), 1);
        for _ in 0..2 {
            let verdict = sink.send(&batch(1)).await;
            assert!(
                matches!(&verdict, Verdict::Stop(reason) if reason.contains(at)),
                "{verdict:?}"
            );
        }
        assert_eq!(collector.take_stored(), 0);
        assert_eq!(sink.send(&batch(1)).await, Verdict::Delivered);
        assert_eq!(collector.take_stored(), 1);
    }
    // The token has lost its acknowledgement meanwhile: then answers count as they are.
    let sink = sink(token(), &fake);
    collector.state().instead = vec![answered(400, r#"{"text":"ACK is disabled","code":14}"#)];
    assert!(matches!(sink.send(&batch(1)).await, Verdict::Retry(_)));
    collector.state().acknowledges = false;
    assert_eq!(sink.send(&batch(1)).await, Verdict::Delivered);
}

#[tokio::test]
async fn where_it_is_required_nothing_is_sent_without_it() {
    let collector = Collector::default();
    let fake = collector.start().await;
    let sink = sink(
        json!({"token": "a token", "indexer_acknowledgements": "required"}),
        &fake,
    );
    let is_stopped =
        |verdict: Verdict| matches!(verdict, Verdict::Stop(reason) if reason.contains("`indexer_acknowledgements"));
    assert!(is_stopped(sink.send(&batch(1)).await));
    assert_eq!(collector.take_stored(), 0);
    collector.acknowledges();
    assert_eq!(sink.send(&batch(1)).await, Verdict::Delivered);
    assert_eq!(sink.send(&batch(1)).await, Verdict::Delivered);
    // It is asked beforehand once.
    assert_eq!((channels(&fake, "/event").len(), channels(&fake, "/ack").len()), (2, 4));
    // When the token loses it, that is noticed with one copy of the events, and no more.
    collector.take_stored();
    collector.state().acknowledges = false;
    for _ in 0..3 {
        assert!(is_stopped(sink.send(&batch(1)).await));
    }
    assert_eq!(collector.take_stored(), 1);
    // What is taken of a batch that is refused does not count without it either.
    let fake = Fake::start(|asked| match asked.uri.path() {
        "/services/collector/ack" => answered(200, r#"{"acks":{"0":false}}"#),
        _ => answered(
            400,
            r#"{"text":"Invalid data format","code":6,"invalid-event-number":1}"#,
        ),
    });
    let sink = super::sink(
        json!({"token": "a token", "indexer_acknowledgements": "required"}),
        &fake.await,
    );
    assert_eq!(short(&sink.send(&batch(3)).await), "rxu");
}

#[tokio::test]
async fn where_it_is_off_a_token_with_it_stops_the_sink() {
    let (collector, fake) = acknowledging().await;
    let sink = sink(json!({"token": "a token", "indexer_acknowledgements": "off"}), &fake);
    let verdict = sink.send(&batch(1)).await;
    assert_eq!(short(&verdict), "stop indexer_acknowledgements");
    assert_eq!(collector.take_stored(), 0);
}

#[tokio::test]
async fn what_is_taken_of_a_batch_that_is_refused_is_waited_for() {
    let (collector, fake) = acknowledging().await;
    let events = [batch(2), vec![with_text("{}")], batch(1)].concat();
    collector.state().not_yet = 2;
    assert_eq!(short(&sink(token(), &fake).send(&events).await), "ddxu");
    assert_eq!(channels(&fake, "/ack").len(), 3);
    collector.state().is_stuck = true;
    let sink = sink(impatient(), &fake);
    assert_eq!(short(&sink.send(&events).await), "rrxu");
    // Of nothing, nothing is asked.
    let before = channels(&fake, "/ack").len();
    assert_eq!(short(&sink.send(&events[2..]).await), "xu");
    assert_eq!(channels(&fake, "/ack").len(), before);
}

#[tokio::test]
async fn questions_go_to_the_indexer_that_has_the_events() {
    let (collector, fake) = acknowledging().await;
    collector.state().cookie = Some("AWSALB=abc; Expires=Fri, 27 Nov 2026 17:00:00 GMT; Path=/");
    collector.state().not_yet = 1;
    assert_eq!(sink(token(), &fake).send(&batch(1)).await, Verdict::Delivered);
    let cookies: Vec<String> = fake
        .asked()
        .iter()
        .map(|asked| asked.header("cookie").to_owned())
        .collect();
    assert_eq!(cookies, ["", "AWSALB=abc", "AWSALB=abc"]);
}

#[tokio::test]
async fn an_own_channel_has_one_batch_at_a_time() {
    let (collector, fake) = acknowledging().await;
    let guid = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let sink = sink(json!({"token": "a token", "channel": guid}), &fake);
    collector.state().not_yet = 2;
    let (one, other) = (batch(1), batch(1));
    let both = tokio::join!(sink.send(&one), sink.send(&other));
    assert_eq!(both, (Verdict::Delivered, Verdict::Delivered));
    let paths: Vec<String> = fake.asked().iter().map(|asked| asked.uri.path().to_owned()).collect();
    let (event, ack) = ("/services/collector/event", "/services/collector/ack");
    assert_eq!(paths, [event, ack, ack, ack, event, ack]);
    assert!(
        fake.asked()
            .iter()
            .all(|asked| asked.header("x-splunk-request-channel") == guid)
    );
}
