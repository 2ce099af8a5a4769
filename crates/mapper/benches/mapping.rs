//! The mapping alone, beside only parsing the record: `cargo bench -p logferry-mapper`.

#![allow(missing_docs, clippy::expect_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use logferry_kondado::{Record, Stream};
use logferry_mapper::{Mapper, Selection, Settings};

const RECORD: &str = r#"{"id":5181910,"client_id":1,"pipeline_id":702,"execution_time_seconds":"0.486988","has_deltas":false,"pipeline_name":"Kondado - Blog - wp_options","row_count":"256","createdAt":"2020-09-17T00:03:48.108Z","updatedAt":"2020-09-17T00:03:48.108Z","initial_savepoint":"2020-09-16T00:00:00Z","new_savepoint":"2020-09-17T00:00:00Z","external_ip":"3.220.239.218","is_billable":true,"raw_row_count":"123","mb_estimate":"0.00231"}"#;

fn parse_and_map(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one record");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Record::parse(black_box(RECORD)).expect("a record"));
    });

    let four = ["sync_start", "records_modified", "update_state", "sync_end"];
    for (name, events) in [
        ("parse and map to four events", Selection::of(four).expect("events")),
        ("parse and map to all eight events", Selection::ALL),
    ] {
        let mapper = Mapper::new(Settings {
            events,
            ..Settings::default()
        });
        let (mut worker, mut out) = (mapper.worker(), Vec::new());
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let record = Record::parse(black_box(RECORD)).expect("a record");
                out.clear();
                worker
                    .map(Stream::PipelineLogs, &record, &mut out, |_, _| {})
                    .expect("events");
                black_box(out.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parse_and_map);
criterion_main!(benches);
