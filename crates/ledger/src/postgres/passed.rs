//! Connections that another process opens: a confined server has no way to open one itself.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls};

use crate::postgres::address::Postgres;
use crate::postgres::session::Failed;
use crate::postgres::tls::Tls;

/// Opens connections to the destinations of a database, and to nothing else.
pub trait Connect: Send + Sync {
    /// A connected stream to destination `number`, counted from zero in [`Postgres::destinations`]. It may block.
    ///
    /// # Errors
    /// When there is no such destination or nobody answers there.
    fn connect(&self, number: usize) -> io::Result<OwnedFd>;
}

/// Tries each host in turn, as the client library does, and takes the first that can be written to.
pub(super) async fn connect(
    postgres: &Postgres,
    config: &Config,
    through: &Arc<dyn Connect>,
) -> Result<Client, Failed> {
    let mut last = Failed("the address names no host".to_owned());
    for (number, host) in config.get_hosts().iter().enumerate() {
        match to_host(postgres, config, through, number, host).await {
            Ok(client) => return Ok(client),
            Err(failed) => last = failed,
        }
    }
    Err(last)
}

async fn to_host(
    postgres: &Postgres,
    config: &Config,
    through: &Arc<dyn Connect>,
    number: usize,
    host: &Host,
) -> Result<Client, Failed> {
    let wrong = |error: io::Error| Failed(format!("connecting: {error}"));
    let opener = Arc::clone(through);
    let opened = tokio::task::spawn_blocking(move || opener.connect(number)).await;
    // What a task panicked with is not shown.
    let descriptor = opened.map_err(|_| Failed("connecting was interrupted".to_owned()))?.map_err(wrong)?;
    let client = match host {
        Host::Tcp(name) => {
            let stream = std::net::TcpStream::from(descriptor);
            stream.set_nonblocking(true).map_err(wrong)?;
            let stream = TcpStream::from_std(stream).map_err(wrong)?;
            match &postgres.tls {
                None => plain(config, stream).await?,
                Some(tls) => {
                    let named = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut Tls(tls.clone()), name)
                        .map_err(|error| Failed(format!("the host's name: {error}")))?;
                    let (client, connection) = config.connect_raw(stream, named).await?;
                    drop(tokio::spawn(connection));
                    client
                }
            }
        }
        Host::Unix(_) => {
            let stream = std::os::unix::net::UnixStream::from(descriptor);
            stream.set_nonblocking(true).map_err(wrong)?;
            plain(config, UnixStream::from_std(stream).map_err(wrong)?).await?
        }
    };
    let rows =
        client.query("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'", &[]);
    let standby = rows.await?.first().map_or(Ok(true), |row| row.try_get::<_, bool>(0))?;
    if standby { Err(Failed("this host takes no writes".to_owned())) } else { Ok(client) }
}

async fn plain<S>(config: &Config, stream: S) -> Result<Client, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) = config.connect_raw(stream, NoTls).await?;
    drop(tokio::spawn(connection));
    Ok(client)
}
