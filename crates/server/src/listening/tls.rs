//! TLS at the server's own port: a certificate chain and its key, read anew when the files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file that cannot be read, or holds no PEM of that sort.
    #[error("{path}: no {what} could be read from it ({why})")]
    File {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What was wrong; never bytes of it.
        why: String,
    },
    /// Certificate and key do not belong together, or are of a sort that is not supported.
    #[error("the certificate of {path} cannot be used: {why}")]
    Pair {
        /// The certificate's file.
        path: PathBuf,
        /// What was wrong.
        why: rustls::Error,
    },
}

/// A certificate and its key, in force until others are read.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads a PEM chain, the server's own certificate first, and its PEM key. TLS 1.2 and 1.3, HTTP/1.1.
    ///
    /// # Errors
    /// When either cannot be read, or they do not belong together.
    pub fn read(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let config = RwLock::new(configure(&certificate, &key)?);
        Ok(Self { certificate, key, config })
    }

    /// Reads both files again. New connections get what was read; running ones keep what they have.
    ///
    /// # Errors
    /// As [`Tls::read`]; what was in force stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = configure(&self.certificate, &self.key)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn file_error(path: &Path, what: &'static str, error: &pem::Error) -> TlsError {
    let why = match error {
        pem::Error::Io(error) => error.to_string(),
        _ => "it is not such PEM".to_owned(),
    };
    TlsError::File { path: path.to_owned(), what, why }
}

fn configure(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |error| file_error(certificate, "certificate", &error);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).map_err(wrong)?.collect();
    let chain = chain.map_err(wrong)?;
    if chain.is_empty() {
        return Err(wrong(pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| file_error(key, "private key", &error))?;
    let pair = |why| TlsError::Pair { path: certificate.to_owned(), why };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
