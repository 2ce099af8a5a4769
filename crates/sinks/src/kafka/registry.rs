//! The schema of the envelope in a schema registry.

use std::collections::BTreeMap;

use logferry_model::envelope::EnvelopeTail;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode, Url};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::config;
use crate::exchange::{Answer, Auth, Client, OpenError, address};
use crate::retry;
use crate::sink::Verdict;

const WHO: &str = "`schema_registry.auth`";
const WHAT: &str = "`schema_registry.url`";

/// A schema registry, and the ids it gave.
pub(super) struct Registry {
    url: Url,
    auth: Option<Auth>,
    client: Client,
    /// What is asked: the schema.
    body: String,
    ids: Mutex<BTreeMap<String, u32>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    schema_type: &'static str,
    schema: String,
}

#[derive(Deserialize)]
struct Given {
    id: u32,
}

impl Registry {
    pub(super) fn new(config: &config::Registry, request: &retry::Settings) -> Result<Registry, OpenError> {
        let asked = Asked {
            schema_type: "JSON",
            schema: text(&schema()),
        };
        let secrets = config.auth.iter().flat_map(Auth::secrets).collect();
        Ok(Registry {
            url: address("schema_registry.url", &config.url)?,
            auth: config.auth.clone(),
            client: Client::new(&config.tls, request.timeout(), secrets)?,
            body: text(&asked),
            ids: Mutex::default(),
        })
    }

    /// The id of the schema under the topic's subject, where it is registered if it is not.
    pub(super) async fn id(&self, topic: &str) -> Result<u32, Verdict> {
        let mut ids = self.ids.lock().await;
        if let Some(id) = ids.get(topic) {
            return Ok(*id);
        }
        let subject = format!("{topic}-value");
        let found = self.ask(&["subjects", &subject]).await?;
        let answer = match found.status {
            // It has no such subject, or no such schema under it.
            StatusCode::NOT_FOUND => self.ask(&["subjects", &subject, "versions"]).await?,
            _ => found,
        };
        let id = read(&answer)?;
        ids.insert(topic.to_owned(), id);
        Ok(id)
    }

    /// Whether it answers.
    pub(super) async fn probe(&self) -> Result<(), String> {
        let answer = self.send(Method::GET, &["subjects"], String::new()).await;
        let answer = answer.map_err(|verdict| reason(&verdict))?;
        match answer.verdict(WHO, WHAT) {
            Verdict::Delivered => Ok(()),
            verdict => Err(reason(&verdict)),
        }
    }

    async fn ask(&self, path: &[&str]) -> Result<Answer, Verdict> {
        self.send(Method::POST, path, self.body.clone()).await
    }

    async fn send(&self, method: Method, path: &[&str], body: String) -> Result<Answer, Verdict> {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = self
            .client
            .request(method, url)
            .header(CONTENT_TYPE, "application/vnd.schemaregistry.v1+json")
            .body(body);
        if let Some((name, value)) = self.auth.as_ref().and_then(Auth::header) {
            request = request.header(name, value);
        }
        self.client.send(request).await.map_err(Verdict::Retry)
    }
}

fn read(answer: &Answer) -> Result<u32, Verdict> {
    let stop = |settings: &str| Verdict::Stop(format!("{} (look at {settings})", answer.words()));
    match answer.verdict(WHO, WHAT) {
        Verdict::Delivered => match serde_json::from_str::<Given>(&answer.body) {
            Ok(given) => Ok(given.id),
            Err(_) => Err(stop(WHAT)),
        },
        // It does not take the schema; no event is to blame for that.
        Verdict::Divide(..) => Err(stop("the schemas of the topic's subject, and their compatibility")),
        verdict => Err(verdict),
    }
}

/// Why there is no id, for a person.
fn reason(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Retry(later) => later.reason.clone(),
        Verdict::Stop(reason) | Verdict::Divide(_, reason) => reason.clone(),
        _ => "no answer that is understood".to_owned(),
    }
}

/// The envelope, as it is written: what has no value is not there, and `data` and further keys are the events' own.
fn schema() -> Schema {
    let mut generator = SchemaGenerator::default();
    let mut schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fivetran_log_event",
        "description": "A Fivetran log event.",
        "type": "object",
        "required": ["event", "created"],
        "properties": {
            "event": {"description": "The event's name.", "type": "string"},
            "data": {"description": "What the event says; its form depends on the name."},
            "created": {"description": "When the event was created, in UTC.", "type": "string"},
        },
    });
    let mut tail = EnvelopeTail::json_schema(&mut generator);
    let further = tail.remove("properties");
    let further = further.as_ref().and_then(|properties| properties.as_object());
    let properties = schema
        .get_mut("properties")
        .and_then(|properties| properties.as_object_mut());
    if let (Some(properties), Some(further)) = (properties, further) {
        properties.extend(further.clone());
    }
    schema
}

fn text(value: &impl Serialize) -> String {
    // Writing to memory does not fail.
    serde_json::to_string(value).unwrap_or_default()
}
