//! What is asked of CloudWatch Logs.

use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use tracing::{info, warn};

use super::respond::{self, EXISTS, EXPIRED, MISSING, is};
use super::{CloudWatchSink, Config, encode, sign};
use crate::event::Event;
use crate::exchange::{Answer, Compression, Problem, address};
use crate::sink::Verdict;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// Where everything goes.
pub(super) fn url(config: &Config) -> Result<Url, Problem> {
    match &config.endpoint {
        Some(endpoint) => address("endpoint", endpoint),
        None => {
            let region = &config.region;
            let end = if region.starts_with("cn-") { ".cn" } else { "" };
            address("region", &format!("https://logs.{region}.amazonaws.com{end}/"))
        }
    }
}

/// Sends a batch; what is missing for it is made.
pub(super) async fn put(sink: &CloudWatchSink, batch: &[Event]) -> Result<Verdict, Verdict> {
    let order = encode::in_order(batch);
    let body = encode::events(&sink.config, &order);
    let request = prepared(sink, "PutLogEvents", sink.config.compression, body).await?;
    let mut answer = send(sink, &request).await?;
    if is(&answer, MISSING) {
        create(sink, &answer).await?;
        answer = send(sink, &request).await?;
    }
    Ok(respond::fates(&answer, &order))
}

/// Makes the log stream, and the log group if that is not there either.
async fn create(sink: &CloudWatchSink, missing: &Answer) -> Result<(), Verdict> {
    let config = &sink.config;
    let stop = |answer: &Answer, at: &str| Err(Verdict::Stop(format!("{} (look at {at})", answer.words())));
    if !config.create_missing_stream {
        return stop(
            missing,
            "`group_name` and `stream_name`; `create_missing_stream` is false",
        );
    }
    let made = call(sink, "CreateLogStream", encode::stream(config)).await?;
    if !is(&made, MISSING) {
        return done(&made);
    }
    if !config.create_missing_group {
        return stop(&made, "`group_name`; `create_missing_group` is false");
    }
    done(&call(sink, "CreateLogGroup", encode::group(config)).await?)?;
    info!(group = config.group_name, "the log group was missing and is made");
    done(&call(sink, "CreateLogStream", encode::stream(config)).await?)
}

/// It is there now, whoever made it.
fn done(answer: &Answer) -> Result<(), Verdict> {
    match answer.status {
        StatusCode::OK => Ok(()),
        _ if is(answer, EXISTS) => Ok(()),
        _ => Err(respond::not_about_events(answer)),
    }
}

/// Looks for the log group and the log stream, and changes nothing.
pub(super) async fn probe(sink: &CloudWatchSink) -> Result<(), Verdict> {
    let config = &sink.config;
    let groups = call(sink, "DescribeLogGroups", encode::find_group(config)).await?;
    let Some(retention) = respond::group(&groups, &config.group_name)? else {
        if config.create_missing_group && config.create_missing_stream {
            info!(group = config.group_name, "the log group is not there and will be made");
            return Ok(());
        }
        let message = format!(
            "the log group {} is not in {}, and would not be made (look at `group_name` and `region`, or make it, or set \
             `create_missing_group` and `create_missing_stream`)",
            config.group_name, config.region
        );
        return Err(Verdict::Stop(message));
    };
    if let Some(retention) = retention
        && retention.as_secs() < config.max_age_secs
    {
        warn!(
            group = config.group_name,
            "the log group keeps events for {} days and refuses older ones: set `max_age_secs` to {}",
            retention.as_secs() / 86_400,
            retention.as_secs(),
        );
    }
    let streams = call(sink, "DescribeLogStreams", encode::find_stream(config)).await?;
    if respond::has_stream(&streams, &config.stream_name)? {
        return Ok(());
    }
    if config.create_missing_stream {
        info!(
            stream = config.stream_name,
            "the log stream is not there and will be made"
        );
        return Ok(());
    }
    let message = format!(
        "the log stream {} is not in the log group {}, and would not be made (look at `stream_name`, or make it, or set \
         `create_missing_stream`)",
        config.stream_name, config.group_name
    );
    Err(Verdict::Stop(message))
}

async fn call(sink: &CloudWatchSink, action: &str, body: Vec<u8>) -> Result<Answer, Verdict> {
    let request = prepared(sink, action, Compression::None, body).await?;
    send(sink, &request).await
}

/// A request that has everything but its signature.
async fn prepared(
    sink: &CloudWatchSink,
    action: &str,
    compression: Compression,
    body: Vec<u8>,
) -> Result<RequestBuilder, Verdict> {
    let request = sink.client.request(Method::POST, sink.url.clone());
    let request = request
        .header(CONTENT_TYPE, "application/x-amz-json-1.1")
        .header(TARGET, format!("Logs_20140328.{action}"));
    compression.body(request, body).await.map_err(Verdict::Retry)
}

/// Sends a request; once more, with other credentials, where those of before have expired.
async fn send(sink: &CloudWatchSink, request: &RequestBuilder) -> Result<Answer, Verdict> {
    let mut credentials = sink.keys.get().await?;
    for is_last in [false, true] {
        let signed = sign::signed(request, &credentials, &sink.config.region);
        let signed =
            signed.map_err(|error| Verdict::Stop(format!("a request cannot be signed: {error} (look at `auth`)")))?;
        let mut answer = sink.client.send(signed).await.map_err(Verdict::Retry)?;
        // What AWS says of a wrong signature may have the request in it.
        if let Some(token) = credentials.session_token() {
            answer.body = answer.body.replace(token, "***");
        }
        if is_last || !is(&answer, EXPIRED) {
            return Ok(answer);
        }
        credentials = sink.keys.renewed(&credentials).await?;
    }
    Err(Verdict::Stop("a defect: no request was sent".to_owned()))
}
