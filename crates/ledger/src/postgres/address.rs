//! Where the database is, from one URL. No message here repeats any of its text but names of options: whoever forgets to
//! escape a character of a password would read the rest of it in a log.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::Error;
use crate::postgres::passed::Connect;
use crate::postgres::tls;

/// How long a gateway may not be heard of before another one charges what it has reserved.
const LEASE: Duration = Duration::from_secs(30);
/// How long one host may take to answer a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long sent bytes may stay without an answer of the network.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(10);
const PORT: u16 = 5432;

/// A PostgreSQL database that several gateways share. Its `Debug` names the place alone.
#[derive(Clone)]
pub struct Postgres {
    pub(super) config: Config,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) lease: Duration,
    /// Who opens the connections, where this process may not.
    pub(super) through: Option<Arc<dyn Connect>>,
    place: String,
}

/// Options of the URL that are ours, or that we are stricter about than the client library.
#[derive(Default)]
struct Options {
    sslmode: Option<String>,
    sslrootcert: Option<String>,
    password_file: Option<String>,
    lease: Option<Duration>,
}

impl Postgres {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS`; the README of this crate has the options.
    ///
    /// # Errors
    /// [`Error::StoreAddress`], also for a host that is not this machine where TLS is turned off, and for files that
    /// cannot be read.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| {
            wrong("has no scheme of a store; write sqlite, or postgres://USER@HOST/DATABASE")
        })?;
        // A password may have a question mark in it, before the last @.
        let after_user = rest.rfind('@').map_or(0, |at| at + 1);
        let query_at = rest.get(after_user..).and_then(|tail| tail.find('?')).map(|at| after_user + at);
        let (base, query) = query_at.and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, "?"));
        let (options, kept) = Options::take(query.strip_prefix('?').unwrap_or_default())?;
        let mut config: Config = format!("postgres://{base}?{kept}").parse().map_err(|_| {
            wrong("cannot be read; it is postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS, with %40 for an @ and \
                   %3A for a : in a password, and options that the documentation names")
        })?;
        if let Some(path) = &options.password_file {
            config.password(read(path, "password_file")?.trim_end_matches(['\r', '\n']));
        }
        let place = place(&config)?;
        let tls = transport(&mut config, &options)?;
        // What is asked of a standby would fail later, and say less.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(NETWORK_TIMEOUT);
        config.keepalives_idle(NETWORK_TIMEOUT).keepalives_interval(NETWORK_TIMEOUT / 5);
        Ok(Self { config, tls, lease: options.lease.unwrap_or(LEASE), through: None, place })
    }

    /// Uses `password` where the URL has none, and names no file of one.
    #[must_use]
    pub fn or_password(mut self, password: Option<&str>) -> Self {
        if let (None, Some(password)) = (self.config.get_password(), password) {
            self.config.password(password);
        }
        self
    }

    /// Has every connection opened by somebody else: connection `n` is to the `n`th of [`Postgres::destinations`].
    #[must_use]
    pub fn through(mut self, connect: Arc<dyn Connect>) -> Self {
        self.through = Some(connect);
        self
    }

    /// Where connections may go, in the order in which they are tried: `HOST:PORT`, or the path of a Unix socket.
    #[must_use]
    pub fn destinations(&self) -> Vec<String> {
        let (hosts, ports) = (self.config.get_hosts(), self.config.get_ports());
        let addresses = self.config.get_hostaddrs();
        let destination = |(number, host): (usize, &Host)| {
            let port = ports.get(number).or(ports.first()).copied().unwrap_or(PORT);
            match (host, addresses.get(number)) {
                (Host::Tcp(_), Some(address)) => std::net::SocketAddr::new(*address, port).to_string(),
                (Host::Tcp(name), None) => match name.parse::<IpAddr>() {
                    Ok(address) => std::net::SocketAddr::new(address, port).to_string(),
                    Err(_) => format!("{name}:{port}"),
                },
                (Host::Unix(folder), _) => folder.join(format!(".s.PGSQL.{port}")).display().to_string(),
            }
        };
        hosts.iter().enumerate().map(destination).collect()
    }

    /// Whether every one of them is on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        is_local(&self.config)
    }

    /// Hosts and database, for logs and errors.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Options {
    /// Ours, and what is left for the client library.
    fn take(query: &str) -> Result<(Self, String), Error> {
        let (mut options, mut kept) = (Self::default(), Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = || {
                let text = percent_decode_str(value).decode_utf8();
                text.map(|text| text.into_owned()).map_err(|_| wrong("has an option that is not UTF-8"))
            };
            match name {
                "sslmode" => options.sslmode = Some(text()?),
                "sslrootcert" => options.sslrootcert = Some(text()?),
                "password_file" => options.password_file = Some(text()?),
                "lease_s" => {
                    let seconds = value.parse().ok().filter(|seconds| (1..=3600).contains(seconds));
                    let seconds =
                        seconds.ok_or_else(|| wrong("has a lease_s that is not 1 to 3600 seconds"))?;
                    options.lease = Some(Duration::from_secs(seconds));
                }
                _ => kept.push(pair),
            }
        }
        Ok((options, kept.join("&")))
    }
}

fn wrong(what: &str) -> Error {
    Error::StoreAddress(what.to_owned())
}

fn read(path: &str, option: &str) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::StoreAddress(format!("names a {option} that cannot be read: {error}")))
}

/// Hosts and database, if they are such that they can be shown.
fn place(config: &Config) -> Result<String, Error> {
    let (hosts, ports) = (config.get_hosts(), config.get_ports());
    if hosts.is_empty() {
        return Err(wrong("names no host; for a Unix socket write ?host=/FOLDER"));
    }
    let database = config.get_dbname().filter(|name| shown(name));
    let database = database.ok_or_else(|| wrong("names no database, or one with unusual characters"))?;
    let mut places = Vec::with_capacity(hosts.len());
    for (number, host) in hosts.iter().enumerate() {
        let host = match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        };
        if !shown(&host) {
            return Err(wrong(
                "names a host with characters that no host has; write %40 for an @ and %2F for a / in a password",
            ));
        }
        let port = ports.get(number).or(ports.first()).filter(|&&port| port != PORT);
        places.push(port.map_or(host.clone(), |port| format!("{host}:{port}")));
    }
    Ok(format!("{}/{database}", places.join(",")))
}

fn shown(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-:/".contains(c))
}

/// Whether every host is this machine.
fn is_local(config: &Config) -> bool {
    let loopback = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(loopback) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// Beyond this machine there is TLS and the server shows a certificate for its name, or there is no connection: what goes
/// over the line decides who gets in.
fn transport(config: &mut Config, options: &Options) -> Result<Option<Arc<ClientConfig>>, Error> {
    let local = is_local(config);
    let wanted = match options.sslmode.as_deref() {
        None => !local,
        Some("disable") if local => false,
        Some("disable") => {
            return Err(wrong(
                "turns TLS off for a host that is not this machine; leave sslmode out (sslrootcert=FILE names the \
                 authority of its certificate), or go through a Unix socket or a tunnel that ends on this machine",
            ));
        }
        Some("require" | "verify-ca" | "verify-full") => true,
        Some(_) => {
            return Err(wrong(
                "has an sslmode that is neither disable nor verify-full; a certificate is checked \
                              in full or not asked for",
            ));
        }
    };
    config.ssl_mode(if wanted { SslMode::Require } else { SslMode::Disable });
    if !wanted {
        return Ok(None);
    }
    if config.get_hosts().iter().any(|host| matches!(host, Host::Unix(_))) {
        return Err(wrong("asks for TLS on a Unix socket; leave sslmode out"));
    }
    tls::client(options.sslrootcert.as_deref().map(Path::new)).map(Some).map_err(Error::StoreAddress)
}
