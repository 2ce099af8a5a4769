//! A model log becomes a finished transformation.
//!
//! Kondado's `row_count` of a model is the size of its table, not rows changed, so it stands in the `info` event alone.

use std::borrow::Cow;

use logferry_kondado::{Field, Record, Stream};
use logferry_model::event::open_set::TransformationType;
use logferry_model::event::transformation;
use logferry_model::{EnvelopeTail, Kind, Time};

use crate::naming::without_nul;
use crate::{Buffers, Lines, RecordInfo, Run, Written, some};

/// A time that is written already.
fn time(text: &str) -> Option<Time<'_>> {
    some(text).map(Time)
}

/// Room for three events that rise strictly.
const SHORTEST_RUN_MILLIS: i64 = 2;

pub(crate) fn write(
    run: &Run,
    record: &Record<'_>,
    buffers: &mut Buffers,
    mut lines: Lines<'_, impl FnMut(&mut Vec<u8>, Written)>,
) {
    let id = format!("model_{}", run.job_id);
    let name = record.text(Field::ModelName);
    let name = match without_nul(&name) {
        name if name.is_empty() => Cow::Borrowed(id.as_str()),
        name => name,
    };
    let start = run.start(SHORTEST_RUN_MILLIS);
    let (start_time, end_time) = (start.to_string(), run.end.to_string());

    // As in Fivetran's own events of transformations, no connector, connection or sync is named.
    buffers.tail.prepare(&EnvelopeTail::default());
    let tail = &mut buffers.tail;

    let data = transformation::TransformationStart {
        id: some(&id),
        name: some(&name),
        start_time: time(&start_time),
        transformation_type: Some(TransformationType::KondadoModel),
        ..Default::default()
    };
    lines.write(tail, Kind::TransformationStart, start, Some(&data));

    let data = RecordInfo {
        stream: Stream::ModelLogs,
        canonical: &buffers.canonical,
    };
    lines.write(tail, Kind::Info, run.end.plus_millis(-1), Some(&data));

    let data = transformation::TransformationSucceeded {
        id: some(&id),
        name: some(&name),
        start_time: time(&start_time),
        transformation_type: Some(TransformationType::KondadoModel),
        end_time: time(&end_time),
        result: Some(transformation::RunResult {
            step_results: Some(vec![transformation::StepResult {
                step: Some(transformation::Step {
                    name: some(&name),
                    command: Some(None),
                    process_builder_command: Some(None),
                    ..Default::default()
                }),
                success: Some(true),
                start_time: time(&start_time),
                end_time: time(&end_time),
                error: Some(None),
                successful_model_runs: Some(1),
                failed_model_runs: Some(0),
                model_results: Some(vec![transformation::ModelResult {
                    name: some(&name),
                    error_category: Some(None),
                    error_data: Some(None),
                    succeeded: Some(true),
                    ..Default::default()
                }]),
                ..Default::default()
            }]),
            error: Some(None),
            description: some("Steps: successful 1, failed 0"),
            ..Default::default()
        }),
        ..Default::default()
    };
    lines.write(tail, Kind::TransformationSucceeded, run.end, Some(&data));
}
