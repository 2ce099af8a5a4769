//! The connections that pipelines become, each kept for the next record of its pipeline.

use logferry_model::{EnvelopeTail, ToJson as _};

use crate::naming::Names;
use crate::settings::PipelineSettings;
use crate::{Settings, some, text};

/// How many connections are kept. (An account has hundreds of pipelines, and a pipeline runs many times.)
const KEPT: usize = 2048;

/// A longer name is not kept, so that what is kept stays small.
const LONGEST_KEPT_NAME: usize = 256;

/// What the events of a pipeline's runs share.
#[derive(Debug, Default)]
pub struct Connection {
    pipeline_id: u64,
    /// The pipeline's name, schema, table and tail in one piece: what lies together is fetched together.
    text: Vec<u8>,
    name_end: usize,
    schema_end: usize,
    table_end: usize,
}

impl Connection {
    fn is_of(&self, pipeline_id: u64, pipeline_name: &str) -> bool {
        self.pipeline_id == pipeline_id
            && self.text[..self.name_end] == *pipeline_name.as_bytes()
            && !self.text.is_empty()
    }

    /// Destination schema.
    pub fn schema(&self) -> &str {
        text(&self.text[self.name_end..self.schema_end])
    }

    /// Destination table.
    pub fn table(&self) -> &str {
        text(&self.text[self.schema_end..self.table_end])
    }

    /// The envelope's keys behind `created`, but for the id of the sync, as [`logferry_model::TailText`] takes them.
    pub fn tail(&self) -> &[u8] {
        &self.text[self.table_end..]
    }
}

/// The connections that were seen last.
#[derive(Debug, Default)]
pub struct Connections {
    /// By the pipeline's id, one for each remainder of it.
    kept: Vec<Connection>,
    not_kept: Connection,
    names: Names,
}

impl Connections {
    /// The connection of a pipeline. The settings must be the same at every call.
    pub fn of(&mut self, settings: &Settings, pipeline_id: u64, pipeline_name: &str) -> &Connection {
        let connection = if pipeline_name.len() > LONGEST_KEPT_NAME {
            &mut self.not_kept
        } else {
            let place = usize::try_from(pipeline_id % KEPT as u64).unwrap_or(0);
            if self.kept.len() <= place {
                self.kept.resize_with(place + 1, Connection::default);
            }
            &mut self.kept[place]
        };
        if !connection.is_of(pipeline_id, pipeline_name) {
            self.names.set(pipeline_name, pipeline_id);
            connection.set(settings, pipeline_id, pipeline_name, &self.names);
        }
        connection
    }

    /// Gives back the memory that a large record took.
    pub fn shrink(&mut self) {
        self.not_kept = Connection::default();
        self.names = Names::default();
    }
}

impl Connection {
    fn set(&mut self, settings: &Settings, pipeline_id: u64, pipeline_name: &str, names: &Names) {
        let own = settings.pipelines.get(&pipeline_id);
        let set = |pick: fn(&PipelineSettings) -> &Option<String>| own.and_then(|own| pick(own).as_deref());

        self.pipeline_id = pipeline_id;
        self.text.clear();
        self.text.extend_from_slice(pipeline_name.as_bytes());
        self.name_end = self.text.len();
        let schema = set(|own| &own.schema).unwrap_or(names.schema());
        self.text.extend_from_slice(schema.as_bytes());
        self.schema_end = self.text.len();
        let table = set(|own| &own.table).unwrap_or(names.table());
        self.text.extend_from_slice(table.as_bytes());
        self.table_end = self.text.len();
        let connection_name = set(|own| &own.connection_name).unwrap_or(names.connection_name());
        let tail = EnvelopeTail {
            connector_type: some(set(|own| &own.connector_type).unwrap_or(&settings.connector_type)),
            connector_id: some(names.connection_id()),
            connector_name: some(connection_name),
            connection_id: some(names.connection_id()),
            connection_name: some(connection_name),
            ..EnvelopeTail::default()
        };
        tail.write(&mut self.text);
    }
}
