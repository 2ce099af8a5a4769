//! A scrape of `/metrics`.

use std::collections::BTreeSet;

/// The samples of a scrape.
#[derive(Debug)]
pub struct Scrape(Vec<Sample>);

#[derive(Debug)]
struct Sample {
    name: String,
    /// `name="value",…`
    labels: String,
    value: f64,
}

impl Scrape {
    pub fn parse(text: &str) -> Scrape {
        assert!(text.ends_with("# EOF\n"), "{text}");
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (metric, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = metric.split_once('{').unwrap_or((metric, "}"));
            Sample {
                name: name.to_owned(),
                labels: labels.strip_suffix('}').unwrap().to_owned(),
                value: value.parse().unwrap(),
            }
        });
        Scrape(samples.collect())
    }

    /// The sum of the samples of a metric whose labels have all of these, such as `component_id="lake"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let is_meant = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|label| sample.labels.split(',').any(|found| found == *label))
        };
        self.0.iter().filter(is_meant).map(|sample| sample.value).sum()
    }

    /// Of a sink.
    pub fn sink(&self, name: &str, sink: &str) -> f64 {
        self.sum(name, &[&format!("component_id=\"{sink}\"")])
    }

    fn labels_of(&self, name: &str) -> BTreeSet<&str> {
        self.0
            .iter()
            .filter(|sample| sample.name == name)
            .map(|sample| sample.labels.as_str())
            .collect()
    }

    /// Both laws of counting hold, of every stream and every sink; gives the records and the events that were counted.
    #[track_caller]
    pub fn assert_laws(&self) -> (f64, f64) {
        let (mut records, mut events) = (0.0, 0.0);
        for labels in self.labels_of("component_received_events_total") {
            let labels: Vec<_> = labels.split(',').collect();
            let count = |name: &str| self.sum(name, &labels);
            let received = count("component_received_events_total");
            let parts = ["mapped", "dead_lettered", "deduplicated"]
                .map(|part| count(&format!("logferry_records_{part}_total")));
            assert_eq!(received, parts.iter().sum::<f64>(), "{labels:?}: {parts:?}");
            records += received;
        }
        for labels in self.labels_of("logferry_events_queued_total") {
            let labels: Vec<_> = labels.split(',').collect();
            let count = |name: &str| self.sum(name, &labels);
            let queued = count("logferry_events_queued_total");
            let parts = [
                "component_sent_events_total",
                "logferry_events_dead_lettered_total",
                "component_discarded_events_total",
                "logferry_events_in_flight",
            ];
            let parts = parts.map(count);
            assert_eq!(queued, parts.iter().sum::<f64>(), "{labels:?}: {parts:?}");
            events += queued;
        }
        (records, events)
    }
}
