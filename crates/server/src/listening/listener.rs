//! Addresses to listen on, bound: a port or a Unix socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// What a Unix socket's name begins with.
const UNIX: &str = "unix:";
/// Its owner and group may connect; who else is to is for its folder and its group to say.
const UNIX_MODE: u32 = 0o660;

/// An address to listen on: `127.0.0.1:8080`, `[::1]:0` or `unix:/run/proeftuin.sock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An address and a port; port 0 is any free one.
    Port(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// Why a text is no [`Address`].
#[derive(Debug, Error)]
#[error("must be ADDRESS:PORT, as in 127.0.0.1:8080, or unix: and the absolute path of a socket")]
pub struct NotAnAddress;

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        match text.strip_prefix(UNIX) {
            Some(path) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(_) => Err(NotAnAddress),
            None => text.parse().map(Self::Port).map_err(|_| NotAnAddress),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl Address {
    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Port(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// Listens, with no runtime yet: a server does so before it confines itself.
    ///
    /// # Errors
    /// When the address is taken, or may not be used. A socket file that nobody answers at is a dead server's, and is replaced.
    pub fn bind(&self) -> io::Result<Listener> {
        match self {
            Self::Port(address) => std::net::TcpListener::bind(address).map(Listener::Port),
            Self::Unix(path) => {
                if std::os::unix::net::UnixStream::connect(path).is_ok() {
                    return Err(io::ErrorKind::AddrInUse.into());
                }
                if let Ok(found) = std::fs::symlink_metadata(path) {
                    if !found.file_type().is_socket() {
                        return Err(io::Error::new(
                            io::ErrorKind::AlreadyExists,
                            "it is there and is no socket",
                        ));
                    }
                    std::fs::remove_file(path)?;
                }
                let listener = std::os::unix::net::UnixListener::bind(path)?;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(UNIX_MODE))?;
                Ok(Listener::Unix(listener, path.clone()))
            }
        }
    }
}

/// An [`Address`] that is listened on.
#[derive(Debug)]
pub enum Listener {
    /// A port.
    Port(std::net::TcpListener),
    /// A Unix socket and its path.
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

impl Listener {
    /// The address, with the port that was free.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<Address> {
        match self {
            Self::Port(listener) => listener.local_addr().map(Address::Port),
            Self::Unix(_, path) => Ok(Address::Unix(path.clone())),
        }
    }

    /// The same within a runtime.
    pub(super) fn open(self) -> io::Result<Open> {
        match self {
            Self::Port(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Open::Port)
            }
            Self::Unix(listener, _) => {
                listener.set_nonblocking(true)?;
                UnixListener::from_std(listener).map(Open::Unix)
            }
        }
    }
}

pub(super) enum Open {
    Port(TcpListener),
    Unix(UnixListener),
}

/// One who came, and how to talk with them.
pub(super) enum Arrival {
    Port(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Open {
    pub(super) async fn accept(&self) -> io::Result<Arrival> {
        match self {
            Self::Port(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Tokens are small and each is wanted at once.
                stream.set_nodelay(true)?;
                Ok(Arrival::Port(stream, peer.ip().to_canonical()))
            }
            Self::Unix(listener) => Ok(Arrival::Unix(listener.accept().await?.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_written() {
        for text in ["127.0.0.1:8080", "[::1]:0", "unix:/run/proeftuin.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "8080", "localhost:8080", "unix:", "unix:run/x.sock", "http://127.0.0.1:80"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        assert!(!"0.0.0.0:80".parse::<Address>().unwrap().is_local());
    }
}
