//! Where reading begins, and how much lies before a time: both are searched for, with few requests.

use std::time::SystemTime;

use logferry_kondado::Stream;
use logferry_kondado::answer::Failure;
use logferry_kondado::limiter::jittered;
use logferry_kondado::page::Next;
use logferry_kondado::start::{self, Found, Probe, Seen as SeenRow};
use logferry_sinks::retry;
use tokio::time::{Instant, sleep_until};

use super::{Api, FEW_ATTEMPTS, Kondado, Page};
use crate::config::Start;
use crate::state::time_of;

impl<A: Api> Kondado<A> {
    /// Finds where reading begins.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the API cannot tell, after a few attempts.
    pub async fn find(&self, stream: Stream, client_id: Option<u64>, start: &Start) -> Result<u64, Failure> {
        let mut has_answered = false;
        let probe = async |start: u64| {
            let page = match self.probe(stream, client_id, start).await {
                // An id that is too large for the server has no rows behind it.
                Err(Failure::BadRequest { .. }) if has_answered => Probe {
                    rows: Vec::new(),
                    next: Next::Null,
                },
                answer => answer?,
            };
            has_answered = true;
            Ok(page)
        };
        let found: Found = match start {
            Start::Earliest => return Ok(0),
            Start::Id(id) => return Ok(id.saturating_sub(1)),
            Start::Latest => start::last_id(probe).await?,
            Start::Time(time) => start::first_id_at(probe, time.as_millis()).await?,
        };
        tracing::info!(
            source = %self.name, stream = stream.name(), id = found.after, requests = found.requests, exact = found.exact,
            "found where to begin"
        );
        Ok(found.after)
    }

    /// About how many records come after an id and were created before a time. The API does not count; it is told from how close ids lie
    /// to each other at both ends, unless the first page has them all.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the API cannot tell, after a few attempts.
    pub async fn about_older(
        &self,
        stream: Stream,
        client_id: Option<u64>,
        after: u64,
        millis: i64,
    ) -> Result<u64, Failure> {
        let first = self.probe(stream, client_id, after).await?;
        let is_older = |row: &&SeenRow| row.created_millis.is_some_and(|created| created < millis);
        let older = first.rows.iter().filter(is_older).count();
        if older < first.rows.len() || first.rows.is_empty() {
            return Ok(older as u64);
        }
        let probe = async |start: u64| self.probe(stream, client_id, start).await;
        let found = start::first_id_at(probe, millis).await?;
        let last = self.probe(stream, client_id, found.after).await?;
        let ids = |rows: &[SeenRow]| {
            let ids = rows.iter().map(|row| row.id);
            (ids.clone().min().unwrap_or_default(), ids.max().unwrap_or_default())
        };
        let (_, end) = ids(&first.rows);
        let spread = |rows: &[SeenRow]| {
            let (begin, end) = ids(rows);
            (end - begin) as f64 / rows.len().saturating_sub(1).max(1) as f64
        };
        let mut spreads = vec![spread(&first.rows)];
        if last.rows.len() > 1 {
            spreads.push(spread(&last.rows));
        }
        let spread = spreads.iter().sum::<f64>() / spreads.len() as f64;
        let beyond = found.after.saturating_sub(end) as f64 / spread.max(1.0);
        Ok(older as u64 + beyond as u64)
    }

    async fn probe(&self, stream: Stream, client_id: Option<u64>, start: u64) -> Result<Probe, Failure> {
        let page = self.patiently(stream, client_id, start).await?;
        let seen = page.rows.iter().filter_map(|text| {
            let record = logferry_kondado::Record::parse(text).ok()?;
            let created = record.text(logferry_kondado::Field::CreatedAt);
            Some(SeenRow {
                id: record.required_id(logferry_kondado::Field::Id).ok()?,
                created_millis: logferry_model::Timestamp::parse(&created)
                    .ok()
                    .map(|time| time.as_millis()),
            })
        });
        Ok(Probe {
            rows: seen.collect(),
            next: page.next,
        })
    }

    async fn patiently(&self, stream: Stream, client_id: Option<u64>, start: u64) -> Result<Page, Failure> {
        let mut failures = 0;
        loop {
            let permit = self.limiter.permit().await;
            let answer = self.api.page(stream, start, client_id).await;
            drop(permit);
            let wait = match answer {
                Ok(page) => return Ok(page),
                Err(Failure::Throttled { wait, .. }) => {
                    let wait = jittered(wait);
                    self.limiter.throttled(wait);
                    let until = shown(self.limiter.free_at());
                    tracing::info!(source = %self.name, stream = stream.name(), %until, "throttled: the API asks to wait {:.0} s", wait.as_secs_f64());
                    continue;
                }
                Err(failure @ (Failure::Fatal { .. } | Failure::BadRequest { .. })) => return Err(failure),
                Err(failure) => {
                    failures += 1;
                    if failures > FEW_ATTEMPTS {
                        return Err(failure);
                    }
                    let after = match &failure {
                        Failure::Transient { after, .. } => *after,
                        _ => None,
                    };
                    let wait = retry::Settings::default().wait(failures, after, fastrand::f64());
                    let goes_at = self.limiter.free_at().max(Instant::now() + wait);
                    tracing::warn!(
                        source = %self.name, stream = stream.name(), until = %shown(goes_at),
                        "waiting at least {:.1} s to ask again: {failure}", (goes_at - Instant::now()).as_secs_f64()
                    );
                    goes_at
                }
            };
            sleep_until(wait).await;
        }
    }
}

/// A time that is still to come, by the wall's clock.
fn shown(instant: Instant) -> String {
    time_of(SystemTime::now() + instant.saturating_duration_since(Instant::now()))
}
