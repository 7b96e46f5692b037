//! How a server is reached, as typed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use server::{Address, Limits, Listener, Reach, Tls, Trusted, WebOrigin};

/// Where a server listens, to whom, and how long it waits for them.
#[derive(Debug, Clone, Args)]
pub struct ReachArgs {
    /// Address to listen on, or unix: and the path of a socket; may be given more than once
    #[arg(
        long,
        env = "PROEFTUIN_LISTEN",
        value_name = "ADDRESS:PORT|unix:PATH",
        value_delimiter = ',',
        default_value = "127.0.0.1:8080"
    )]
    pub listen: Vec<Address>,
    /// Certificate chain for TLS on every port, PEM, the server's own first; SIGHUP reads it again
    #[arg(long, env = "PROEFTUIN_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of that certificate, PEM
    #[arg(long, env = "PROEFTUIN_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Reverse proxy whose X-Forwarded-For is believed: an address, a network, or unix; may be given more than once. Without
    /// it a forwarded request never counts as one from this machine
    #[arg(
        long = "trusted-proxy",
        env = "PROEFTUIN_TRUSTED_PROXY",
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<Trusted>,
    /// Origin of web pages that may call the API from a browser (CORS); may be given more than once
    #[arg(long = "cors-origin", env = "PROEFTUIN_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub web_origins: Vec<WebOrigin>,
    /// Connections at once; more wait
    #[arg(long, env = "PROEFTUIN_MAX_CONNECTIONS", value_name = "N", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    /// Seconds that a client may take to send a body, or to read a next part of an answer; half of it for the head of a request
    #[arg(long, env = "PROEFTUIN_CLIENT_TIMEOUT_S", value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub client_timeout_s: u16,
}

impl ReachArgs {
    /// What each setting comes to, with the flag it has.
    #[must_use]
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let file = |path: &Option<PathBuf>| {
            path.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string())
        };
        vec![
            ("listen", listed(self.listen.iter().map(Address::to_string))),
            ("tls-cert", file(&self.tls_cert)),
            ("tls-key", file(&self.tls_key)),
            ("trusted-proxy", listed(self.trusted_proxies.iter().map(Trusted::to_string))),
            ("cors-origin", listed(self.web_origins.iter().map(WebOrigin::to_string))),
            ("max-connections", self.max_connections.to_string()),
            ("client-timeout-s", self.client_timeout_s.to_string()),
        ]
    }

    /// Binds every address and reads the certificate.
    ///
    /// # Errors
    /// When an address is taken or may not be used, or the certificate cannot be.
    pub fn open(&self) -> anyhow::Result<Reach> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Arc::new(Tls::read(certificate.clone(), key.clone())?)),
            _ => None,
        };
        let patience = Duration::from_secs(self.client_timeout_s.into());
        Ok(Reach {
            listeners: self.listen.iter().map(bind).collect::<anyhow::Result<_>>()?,
            tls,
            trusted_proxies: self.trusted_proxies.clone(),
            web_origins: self.web_origins.clone(),
            limits: Limits {
                connections: self.max_connections,
                head: patience / 2,
                body: patience,
                write: patience,
            },
        })
    }
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

fn bind(address: &Address) -> anyhow::Result<Listener> {
    address.bind().map_err(|error| match (error.kind(), address) {
        (std::io::ErrorKind::AddrInUse, Address::Port(address)) => anyhow::anyhow!(
            "port {} on {} is in use by another program; choose another with --listen {}:PORT, or 0 for any free one",
            address.port(),
            address.ip(),
            address.ip()
        ),
        (std::io::ErrorKind::AddrInUse, Address::Unix(path)) => {
            anyhow::anyhow!("another program answers at {}; choose another path with --listen", path.display())
        }
        _ => anyhow::Error::new(error).context(format!("cannot listen on {address}")),
    })
}
