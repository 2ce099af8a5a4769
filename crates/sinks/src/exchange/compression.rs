//! Bodies made smaller.

use std::io::{self, Write};

use bytes::Bytes;
use reqwest::RequestBuilder;
use reqwest::header::CONTENT_ENCODING;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::sink::Later;

/// How a request's body is compressed. The fastest level is used, which is what pays where a processor is shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With gzip, which every service takes.
    Gzip,
    /// With Zstandard: smaller and faster than gzip, where the service takes it.
    Zstd,
}

impl Compression {
    /// The body of a request, compressed on a thread of its own.
    pub(crate) async fn body(self, request: RequestBuilder, body: Vec<u8>) -> Result<RequestBuilder, Later> {
        let Some(encoding) = self.name() else {
            return Ok(request.body(body));
        };
        let compressed = spawn_blocking(move || self.compress(&body)).await;
        let compressed = compressed.unwrap_or_else(|error| Err(io::Error::other(error)));
        let compressed = compressed.map_err(|error| Later {
            reason: format!("the body cannot be compressed: {error}"),
            after: None,
        })?;
        Ok(request.header(CONTENT_ENCODING, encoding).body(Bytes::from(compressed)))
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        }
    }

    fn compress(self, body: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Compression::None => Ok(body.to_vec()),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Compression::Zstd => zstd::bulk::compress(body, 1),
        }
    }
}
