//! Administration of a running server through a Unix socket in the state folder.
//!
//! One JSON line in, one out. The folder is private to its owner, and the peer's credentials are checked as well.
//! A running server is the only writer of its log and ledger, so a revocation is in force when the reply arrives.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gateway::{AdminCommand, AdminOutcome, Gateway};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Largest command or reply, in bytes.
const LINE_BYTES_MAX: u64 = 4 << 20;
/// How long the server waits for its peer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a command may take: some read the whole log.
const WORK: Duration = Duration::from_secs(1800);

/// Why a running server could not be administered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The socket cannot be made or reached.
    #[error("the administration socket {path}: {source}")]
    Socket {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The other side broke off or spoke another version.
    #[error("the running server gave no usable reply; it may be another version of this program")]
    Reply,
    /// The server refused.
    #[error("{0}")]
    Refused(String),
}

#[derive(Serialize, Deserialize)]
enum Reply {
    Done(AdminOutcome),
    Refused(String),
}

/// The listening socket; its file is removed when this is dropped.
pub struct AdminSocket {
    path: PathBuf,
    listener: UnixListener,
    owner: u32,
}

impl AdminSocket {
    /// Binds the socket. The caller holds the state folder's lock, so a socket file that is here already is a
    /// dead server's and is replaced. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the file cannot be replaced, bound or made private.
    pub fn bind(path: &Path) -> Result<Self, AdminError> {
        let failed = |source| AdminError::Socket { path: path.to_owned(), source };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let owner = std::fs::metadata(path).map_err(failed)?.uid();
        Ok(Self { path: path.to_owned(), listener, owner })
    }

    /// Answers administrators until the task is dropped.
    pub async fn serve(self, gateway: Arc<Gateway>) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of descriptors: wait for some to come back.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let peer = stream.peer_cred().map(|peer| peer.uid());
            if let Some(uid) = peer.ok().filter(|&uid| uid == self.owner || uid == 0) {
                let gateway = Arc::clone(&gateway);
                tokio::spawn(async move {
                    // A peer that is gone needs no reply.
                    let _ = converse(stream, &gateway, uid).await;
                });
            }
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // The next server replaces a file that stays.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse(stream: UnixStream, gateway: &Gateway, uid: u32) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Zeroizing::new(String::new());
    timeout(PATIENCE, tokio::io::BufReader::new(read.take(LINE_BYTES_MAX)).read_line(&mut line)).await??;
    let reply = match serde_json::from_str::<AdminCommand>(&line) {
        Err(_) => Reply::Refused("the command is not known to the running server".to_owned()),
        // Once begun it is not broken off, and the peer may wait for it as long as it likes.
        Ok(command) => match gateway.administer(command, uid).await {
            Ok(outcome) => Reply::Done(outcome),
            Err(error) => Reply::Refused(error.to_string()),
        },
    };
    let mut bytes = serde_json::to_vec(&reply)?;
    bytes.push(b'\n');
    let answer = async {
        write.write_all(&bytes).await?;
        write.shutdown().await
    };
    timeout(PATIENCE, answer).await?
}

/// Sends one command to the server whose socket is `path`, and waits for the outcome. `Ok(None)`: no server runs.
///
/// # Errors
/// When the socket cannot be used, the reply is not understood, or the server refuses.
pub fn ask(path: &Path, command: &AdminCommand) -> Result<Option<AdminOutcome>, AdminError> {
    let failed = |source| AdminError::Socket { path: path.to_owned(), source };
    let mut stream = match std::os::unix::net::UnixStream::connect(path) {
        Ok(stream) => stream,
        // No file, or a file nobody listens on: no server runs here.
        Err(error)
            if [std::io::ErrorKind::NotFound, std::io::ErrorKind::ConnectionRefused]
                .contains(&error.kind()) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    stream.set_read_timeout(Some(WORK)).map_err(failed)?;
    let mut bytes = Zeroizing::new(serde_json::to_vec(command).map_err(|_| AdminError::Reply)?);
    bytes.push(b'\n');
    stream.write_all(&bytes).map_err(failed)?;
    let mut line = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut line).map_err(failed)?;
    match serde_json::from_str(&line).map_err(|_| AdminError::Reply)? {
        Reply::Done(outcome) => Ok(Some(outcome)),
        Reply::Refused(why) => Err(AdminError::Refused(why)),
    }
}
