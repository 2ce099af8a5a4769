//! A collector that refuses what the real one refuses, and answers in its words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::*;
use crate::exchange::fake::{Answered, Asked};

#[derive(Clone, Default)]
pub(super) struct Collector(Arc<Mutex<State>>);

#[derive(Default)]
pub(super) struct State {
    /// Events that are taken.
    stored: usize,
    /// The token has indexer acknowledgement.
    pub(super) acknowledges: bool,
    /// What is taken is not indexed.
    pub(super) is_stuck: bool,
    /// What is indexed is said as often as it is asked, and not once only.
    pub(super) is_talkative: bool,
    /// Questions that are answered with "not yet" before the next "indexed".
    pub(super) not_yet: u32,
    /// How questions are answered instead, one after the other.
    pub(super) instead: Vec<Answered>,
    /// A cookie that answers set.
    pub(super) cookie: Option<&'static str>,
    next: BTreeMap<String, u64>,
    open: BTreeSet<(String, u64)>,
}

impl State {
    /// After a restart, nothing is known of what was there.
    pub(super) fn restart(&mut self) {
        self.next.clear();
        self.open.clear();
    }
}

impl Collector {
    pub(super) async fn start(&self) -> Fake {
        let collector = self.clone();
        Fake::start(move |asked| collector.answer(asked)).await
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn acknowledges(&self) {
        self.state().acknowledges = true;
    }

    /// How many events were taken since the last time.
    pub(super) fn take_stored(&self) -> usize {
        std::mem::take(&mut self.state().stored)
    }

    fn answer(&self, asked: &Asked) -> Answered {
        let mut state = self.state();
        let path = asked.uri.path();
        let said =
            |status: u16, text: &str, code: u32| answered(status, json!({"text": text, "code": code}).to_string());
        let is_question = match path {
            "/services/collector/event" => false,
            "/services/collector/ack" => true,
            _ => return said(404, "The requested URL was not found on this server.", 404),
        };
        if asked.method != "POST" {
            return said(405, "The requested URL was not found on this server.", 404);
        }
        match asked.header("authorization") {
            "" => return said(401, "Token is required", 2),
            "Splunk a token" => {}
            "Splunk disabled" => return said(403, "Token disabled", 1),
            other if other.starts_with("Splunk ") => return said(403, "Invalid token", 4),
            _ => return said(401, "Invalid authorization", 3),
        }
        let channel = asked.header("x-splunk-request-channel").to_owned();
        match channel.as_str() {
            "" if state.acknowledges => return said(400, "Data channel is missing", 10),
            "" => {}
            guid if uuid::Uuid::try_parse(guid).is_err() => return said(400, "Invalid data channel", 11),
            _ => {}
        }
        assert_eq!(asked.header("content-type"), "application/json");
        if is_question {
            return state.question(asked, channel);
        }
        state.take(asked, channel)
    }
}

impl State {
    fn question(&mut self, asked: &Asked, channel: String) -> Answered {
        if !self.instead.is_empty() {
            return self.instead.remove(0);
        }
        if !self.acknowledges {
            return answered(400, r#"{"text":"ACK is disabled","code":14}"#);
        }
        let question: Value = serde_json::from_str(asked.text()).unwrap();
        let ids = question["acks"].as_array().unwrap();
        let mut acks = serde_json::Map::new();
        for id in ids {
            let id = id.as_u64().unwrap();
            let key = (channel.clone(), id);
            let mut is_indexed = false;
            if self.open.contains(&key) && !self.is_stuck {
                if self.not_yet > 0 {
                    self.not_yet -= 1;
                } else {
                    is_indexed = self.is_talkative || self.open.remove(&key);
                }
            }
            acks.insert(id.to_string(), is_indexed.into());
        }
        answered(200, json!({"acks": acks}).to_string())
    }

    fn take(&mut self, asked: &Asked, channel: String) -> Answered {
        if asked.body.is_empty() {
            return answered(400, r#"{"text":"No data","code":5}"#);
        }
        let mut taken = 0;
        let mut said = json!({"text": "Success", "code": 0});
        let mut status = 200;
        for object in serde_json::Deserializer::from_slice(&asked.body).into_iter::<Value>() {
            match wrong(object) {
                None => taken += 1,
                // The rest of the body is lost without an error.
                Some(("", _)) => break,
                Some((text, code)) => {
                    // A wrong index is reported one higher.
                    let number = if code == 7 { taken + 1 } else { taken };
                    said = json!({"text": text, "code": code, "invalid-event-number": number});
                    status = 400;
                    break;
                }
            }
        }
        if taken == 0 && status == 200 {
            return answered(400, r#"{"text":"No data","code":5}"#);
        }
        self.stored += taken;
        if self.acknowledges && taken > 0 {
            let next = self.next.entry(channel.clone()).or_default();
            said["ackId"] = (*next).into();
            self.open.insert((channel, *next));
            *next += 1;
        }
        let cookie = self.cookie.map(|cookie| ("set-cookie", cookie.to_owned()));
        (status, cookie.into_iter().collect(), said.to_string())
    }
}

/// What is wrong with an object; without words where it is not said.
fn wrong(object: serde_json::Result<Value>) -> Option<(&'static str, u32)> {
    let format = Some(("Invalid data format", 6));
    let Ok(Value::Object(object)) = object else {
        return format;
    };
    let known = ["time", "host", "source", "sourcetype", "index", "event", "fields"];
    if !object.keys().all(|key| known.contains(&key.as_str())) {
        return Some(("", 0));
    }
    let is_text = |key: &str| object.get(key).is_none_or(Value::is_string);
    if !["host", "source", "sourcetype", "index"].into_iter().all(is_text) {
        return format;
    }
    let fields = object["fields"].as_object().unwrap();
    if !object["time"].is_number() || !fields.values().all(Value::is_string) {
        return Some(("Error in handling indexed fields", 15));
    }
    match &object["event"] {
        Value::Object(event) if !event.is_empty() => {}
        _ => return Some(("Event field cannot be blank", 13)),
    }
    match object.get("index") {
        None => None,
        Some(index) if index == "main" => None,
        Some(_) => Some(("Incorrect index", 7)),
    }
}
