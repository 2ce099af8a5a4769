//! TLS: whom to trust, and how to show who asks.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, ClientBuilder, Identity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OpenError, Problem};

/// The `tls` table of a sink.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificates of authorities to trust beside those of the system, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificate that shows who asks, with its chain, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crt_file: Option<PathBuf>,
    /// The key of that certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Whether the service's certificate is checked. Without it, anybody on the way can read and change what is sent.
    pub verify_certificate: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Tls {
            ca_file: None,
            crt_file: None,
            key_file: None,
            verify_certificate: true,
        }
    }
}

impl Tls {
    /// What is wrong with the settings.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        match (&self.crt_file, &self.key_file) {
            (Some(_), None) => vec![Problem::new(
                "tls.crt_file",
                "`tls.key_file` is missing: a certificate shows nothing without its key",
            )],
            (None, Some(_)) => vec![Problem::new(
                "tls.key_file",
                "`tls.crt_file` is missing: a key shows nothing without its certificate",
            )],
            _ => Vec::new(),
        }
    }

    pub(super) fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, OpenError> {
        if let Some(path) = &self.ca_file {
            let pem = read("tls.ca_file", path)?;
            let wrong = |reason: &str| OpenError::new(format!("tls.ca_file: {}", path.display()), reason);
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&super::words_of(error)))?;
            if certificates.is_empty() {
                return Err(wrong("no certificate in PEM is in it"));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        if let (Some(crt_file), Some(key_file)) = (&self.crt_file, &self.key_file) {
            let mut pem = read("tls.crt_file", crt_file)?;
            pem.push(b'\n');
            pem.extend(read("tls.key_file", key_file)?);
            let identity = Identity::from_pem(&pem).map_err(|error| {
                let files = format!(
                    "tls.crt_file {} and tls.key_file {}",
                    crt_file.display(),
                    key_file.display()
                );
                OpenError::new(files, super::words_of(error))
            })?;
            builder = builder.identity(identity);
        }
        if !self.verify_certificate {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        Ok(builder)
    }
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, OpenError> {
    fs::read(path).map_err(|error| OpenError::new(format!("{key}: {}", path.display()), error))
}
