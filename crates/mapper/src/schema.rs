//! Schemas of what the mapper takes: the two kinds of records.

use logferry_kondado::{Field, Stream};
use logferry_model::Time;
use logferry_model::payload::described;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A JSON number of zero or more in a string, blanks around it allowed. Whether it is whole is not told.
const QUOTED_ID: &str = "^[ \\t\\n\\r]*(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?[ \\t\\n\\r]*$";

/// The name of the schema of a stream's records.
pub fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::PipelineLogs => "kondado_pipeline_log",
        Stream::ModelLogs => "kondado_model_log",
    }
}

/// The schema of a stream's records. It asks for what the mapping needs, and leaves open what Kondado's answers vary in: numbers
/// come bare and quoted, and anything but the ids and `createdAt` may be missing, null or something else.
pub fn record(stream: Stream, generator: &mut SchemaGenerator) -> Schema {
    let fields = Field::ALL.iter().filter(|field| field.is_in(stream));
    let properties = fields.map(|field| {
        let schema = described(field_schema(*field, stream, generator), &[field.description()]);
        (field.name().to_owned(), schema.into())
    });
    let mut properties: serde_json::Map<_, _> = properties.collect();
    let lower_case = described(
        Time::json_schema(generator),
        &["`createdAt`, as some exports spell it."],
    );
    properties.insert("createdat".to_owned(), lower_case.into());

    json_schema!({
        "description": match stream {
            Stream::PipelineLogs => "A row of Kondado's pipeline logs: one finished run of a pipeline.",
            Stream::ModelLogs => "A row of Kondado's model logs: one finished run of a model.",
        },
        "type": "object",
        "required": [Field::Id.name(), stream.job_id().name()],
        "anyOf": [{"required": [Field::CreatedAt.name()]}, {"required": ["createdat"]}],
        "properties": properties,
    })
}

fn field_schema(field: Field, stream: Stream, generator: &mut SchemaGenerator) -> Schema {
    match field {
        Field::CreatedAt => Time::json_schema(generator),
        field if field == Field::Id || field == stream.job_id() => json_schema!({
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": QUOTED_ID},
            ],
        }),
        // The mapping takes them in every form, and a value that it cannot use for an unknown one.
        _ => Schema::default(),
    }
}
