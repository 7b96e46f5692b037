//! The process that opens connections for a confined server: to the destinations it was started with, and to nothing else.
//!
//! It exists only where a server has such a need, it is started before the server gives up its own, and it sees no prompt: the
//! server asks for a destination by number over a Unix socket and gets a connected socket back. It ends when the server does.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use hardening::{Grants, Standing};

/// A question: its own number and that of the destination, both little-endian.
type Question = [u8; 8];
/// An answer: the question's number, 1 where a socket comes with it, the length of a reason, and the reason.
type Answer = [u8; 256];
const REASON_AT: usize = 6;

/// How long one address may take to answer a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the broker may take: names have to be looked up, and a name may have several addresses.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// After how long a silent peer is asked whether it is there, in seconds.
const IDLE_S: u16 = 10;

/// The server's end.
pub(crate) struct Broker {
    line: Mutex<Line>,
}

struct Line {
    socket: UnixStream,
    asked: u32,
}

impl Broker {
    /// Starts the process.
    pub(crate) fn start(destinations: &[String]) -> anyhow::Result<Self> {
        let (ours, theirs) = UnixStream::pair().context("a socket for the broker")?;
        ours.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let program = std::env::current_exe().context("the program's own file")?;
        let mut command = Command::new(program);
        // What the server's environment holds is no business of it, and it looks at no folder.
        command.env_clear().args(["--state", "/", "--store", "/", "broker", "--"]).args(destinations);
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
        command.spawn().context("the process that opens connections could not be started")?;
        Ok(Self { line: Mutex::new(Line { socket: ours, asked: 0 }) })
    }
}

impl ledger::Connect for Broker {
    fn connect(&self, number: usize) -> io::Result<OwnedFd> {
        // A caller that panicked has asked or not: the number of its question tells its answer from ours.
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.ask(number)
    }
}

impl Line {
    fn ask(&mut self, number: usize) -> io::Result<OwnedFd> {
        self.asked = self.asked.wrapping_add(1);
        let id = self.asked.to_le_bytes();
        let number = u32::try_from(number).map_err(io::Error::other)?;
        self.socket.write_all(&[id, number.to_le_bytes()].concat())?;
        loop {
            let mut answer: Answer = [0; 256];
            let (count, descriptor) = hardening::receive_descriptor(self.socket.as_fd(), &mut answer)?;
            if count != answer.len() {
                return Err(io::Error::other(
                    "the process that opens connections has ended; restart the server",
                ));
            }
            // The answer to a question that nobody waits for any more; its socket is closed.
            if !answer.starts_with(&id) {
                continue;
            }
            return descriptor.ok_or_else(|| io::Error::other(reason(&answer)));
        }
    }
}

fn reason(answer: &Answer) -> String {
    let length = answer.get(REASON_AT - 1).map_or(0, |&length| usize::from(length));
    let text = answer.get(REASON_AT..).and_then(|text| text.get(..length)).unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// The process itself: answers on its standard input until the server is gone.
pub(crate) fn run(destinations: &[String]) -> anyhow::Result<ExitCode> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let lines = hardening::confine_server(&Grants { write: Vec::new(), inet: true });
    for line in lines.iter().filter(|line| line.standing != Standing::Held) {
        tracing::debug!("hardening of the broker: {line}");
    }
    serve(&socket, destinations)?;
    Ok(ExitCode::SUCCESS)
}

fn serve(mut socket: &UnixStream, destinations: &[String]) -> io::Result<()> {
    let mut question: Question = [0; 8];
    loop {
        match socket.read_exact(&mut question) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let [i0, i1, i2, i3, n0, n1, n2, n3] = question;
        let number = usize::try_from(u32::from_le_bytes([n0, n1, n2, n3])).unwrap_or(usize::MAX);
        let opened = match destinations.get(number) {
            Some(destination) => open(destination),
            None => Err(io::Error::other("there is no such destination")),
        };
        let why = opened.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let answer = answer([i0, i1, i2, i3], opened.is_ok(), &why);
        match opened {
            Ok(connected) => hardening::send_descriptor(socket.as_fd(), &answer, connected.as_fd())?,
            Err(_) => socket.write_all(&answer)?,
        }
    }
}

fn answer(id: [u8; 4], opened: bool, why: &str) -> Answer {
    let mut answer: Answer = [0; 256];
    let room = why.len().min(answer.len() - REASON_AT);
    let head = [id.as_slice(), &[u8::from(opened), u8::try_from(room).unwrap_or(u8::MAX)]].concat();
    let whole = head.iter().chain(why.as_bytes().iter().take(room));
    answer.iter_mut().zip(whole).for_each(|(to, from)| *to = *from);
    answer
}

/// Connects to `HOST:PORT` or to the Unix socket of a path.
fn open(destination: &str) -> io::Result<OwnedFd> {
    if destination.starts_with('/') {
        return UnixStream::connect(destination).map(OwnedFd::from);
    }
    let mut last = io::Error::other("the name has no address");
    for address in destination.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                hardening::notice_lost_peer(stream.as_fd(), IDLE_S)?;
                return Ok(stream.into());
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use ledger::Connect as _;

    use super::*;

    #[test]
    fn it_connects_where_it_was_told_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let destinations =
            [tcp.local_addr().unwrap().to_string(), path.display().to_string(), closed.to_string()];
        let (ours, theirs) = UnixStream::pair().unwrap();
        let process = std::thread::spawn(move || serve(&theirs, &destinations));
        // An answer that came too late for its question is passed over.
        (&ours).write_all(&[9, 9, 9, 9, 0, 0, 0, 0]).unwrap();
        let broker = Broker { line: Mutex::new(Line { socket: ours, asked: 0 }) };
        TcpStream::from(broker.connect(0).unwrap()).write_all(b"x").unwrap();
        drop(tcp.accept().unwrap());
        let mut byte = [0];
        tcp.accept().unwrap().0.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
        drop(broker.connect(1).unwrap());
        unix.accept().unwrap();
        let refused = broker.connect(2).unwrap_err().to_string();
        assert!(refused.contains("refused"), "{refused}");
        let missing = broker.connect(3).unwrap_err().to_string();
        assert!(missing.contains("no such destination"), "{missing}");
        drop(broker);
        process.join().unwrap().unwrap();
    }

    #[test]
    fn without_it_the_reason_says_what_to_do() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let broker = Broker { line: Mutex::new(Line { socket: ours, asked: 0 }) };
        assert_eq!(broker.connect(0).unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody answers");
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let said = broker.connect(0).unwrap_err().to_string();
        assert!(said.contains("restart the server"), "{said}");
    }
}
