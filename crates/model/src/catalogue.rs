//! The one table of documented events.
//!
//! To add an event: a row here, and an object in [`crate::event`]. Its name, parsing, writing and severity follow.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::event::{sync, table, transformation};
use crate::json::Json;
use crate::payload::{DATA_KEY, Data, ObjectWriter, ToJson};
use crate::severity::Severity;

/// The part of Fivetran's documentation that an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// "Connector log events".
    Connector,
    /// "Dashboard activity log events".
    Dashboard,
    /// "REST API call log events".
    Api,
    /// "Audit Trail log events".
    Audit,
    /// "Transformation".
    Transformation,
}

macro_rules! events {
    ($(
        $(#[$meta:meta])*
        $name:literal => $Kind:ident($($Payload:ident)::+), $group:ident, $severity:ident $(, by $severity_of:expr)?;
    )*) => {
        /// The documented events, in the order of the documentation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $( $(#[$meta])* $Kind, )*
        }

        impl Kind {
            /// Every documented event.
            pub const ALL: &'static [Kind] = &[$( Kind::$Kind ),*];

            /// The name in the envelope's `event`.
            pub fn name(self) -> &'static str {
                match self { $( Kind::$Kind => $name, )* }
            }

            /// How the text of such an event begins.
            pub(crate) fn head(self) -> &'static str {
                match self { $( Kind::$Kind => concat!("{\"event\":\"", $name, "\""), )* }
            }

            /// The documented event of this name.
            pub fn from_name(name: &str) -> Option<Kind> {
                match name {
                    $( $name => Some(Kind::$Kind), )*
                    _ => None,
                }
            }

            /// The part of the documentation it belongs to.
            pub fn group(self) -> Group {
                match self { $( Kind::$Kind => Group::$group, )* }
            }

            /// The severity it usually has; [`Payload::severity`] knows more.
            pub fn usual_severity(self) -> Severity {
                match self { $( Kind::$Kind => Severity::$severity, )* }
            }
        }

        /// An event's name and data.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Payload<'a> {
            $( $(#[$meta])* $Kind(Data<'a, $($Payload)::+<'a>>), )*
            /// An event that the catalogue does not know, kept whole.
            Unknown {
                /// The event's name.
                name: Cow<'a, str>,
                /// Its data, if it has any, token for token.
                data: Option<Json<'a>>,
            },
        }

        impl<'a> Payload<'a> {
            /// Which documented event it is.
            pub fn kind(&self) -> Option<Kind> {
                match self {
                    $( Payload::$Kind(_) => Some(Kind::$Kind), )*
                    Payload::Unknown { .. } => None,
                }
            }

            /// How serious it is.
            pub fn severity(&self) -> Severity {
                match self {
                    $(
                        $( Payload::$Kind(Data::Typed(payload)) => $severity_of(payload), )?
                        Payload::$Kind(_) => Severity::$severity,
                    )*
                    Payload::Unknown { .. } => Severity::Info,
                }
            }

            pub(crate) fn read(name: Cow<'a, str>, data: Option<&'a RawValue>) -> Self {
                match name.as_ref() {
                    $( $name => Payload::$Kind(Data::read(data)), )*
                    _ => Payload::Unknown { name, data: data.map(Json::from) },
                }
            }

            pub(crate) fn write_data(&self, envelope: &mut ObjectWriter<'_>) {
                match self {
                    $( Payload::$Kind(data) => data.write_member(envelope), )*
                    Payload::Unknown { data: Some(data), .. } => data.write(envelope.literal_key(DATA_KEY)),
                    Payload::Unknown { data: None, .. } => {}
                }
            }
        }
    };
}

events! {
    /// What was read from the source.
    "extract_summary" => ExtractSummary(sync::ExtractSummary), Connector, Info;
    /// Information during a sync.
    "info" => Info(sync::Info), Connector, Info;
    /// Rows changed in a destination table by one operation.
    "records_modified" => RecordsModified(table::RecordsModified), Connector, Info;
    /// A sync came to its end.
    "sync_end" => SyncEnd(sync::SyncEnd), Connector, Info, by sync::SyncEnd::severity;
    /// A connection started to sync.
    "sync_start" => SyncStart(sync::SyncStart), Connector, Info;
    /// The connector's cursor after the sync.
    "update_state" => UpdateState(sync::UpdateState), Connector, Info;
    /// Writing to a destination table ended.
    "write_to_table_end" => WriteToTableEnd(table::WriteToTableEnd), Connector, Info;
    /// Writing to a destination table began.
    "write_to_table_start" => WriteToTableStart(table::WriteToTableStart), Connector, Info;
    /// A job run failed.
    "transformation_failed" => TransformationFailed(transformation::TransformationFailed), Transformation, Severe;
    /// A job run began.
    "transformation_start" => TransformationStart(transformation::TransformationStart), Transformation, Info;
    /// A job run ended well.
    "transformation_succeeded" => TransformationSucceeded(transformation::TransformationSucceeded), Transformation, Info;
}

impl Payload<'_> {
    /// The event's name.
    pub fn name(&self) -> &str {
        match (self, self.kind()) {
            (Payload::Unknown { name, .. }, _) => name,
            (_, kind) => kind.map_or("", Kind::name),
        }
    }
}
