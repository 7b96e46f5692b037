//! HTTP/1.1 with nothing in between, so that a test can hang up, read half, or send nonsense.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::PATIENCE;

/// A whole response.
pub struct Reply {
    /// Status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The body as JSON, of a 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }
}

/// A response that is still arriving, as server-sent events. Dropping it hangs up.
pub struct Events {
    /// Status and headers.
    pub head: Reply,
    body: Box<dyn BufRead + Send>,
}

impl Events {
    /// All that is left: the data of every event, the last of which is `[DONE]` in a whole stream.
    pub fn rest(self) -> Vec<String> {
        self.collect()
    }
}

/// The data of each event.
impl Iterator for Events {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            // A connection that breaks ends the stream; whoever needs `[DONE]` looks for it.
            if self.body.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            if let Some(data) = line.trim_end().strip_prefix("data: ") {
                return Some(data.to_owned());
            }
        }
    }
}

/// `GET`.
pub fn get(address: &str, path: &str, key: Option<&str>) -> Reply {
    request(address, "GET", path, key, "")
}

/// `POST` of JSON.
pub fn post(address: &str, path: &str, key: Option<&str>, body: &Value) -> Reply {
    request(address, "POST", path, key, &body.to_string())
}

/// Any request, answered whole.
pub fn request(address: &str, method: &str, path: &str, key: Option<&str>, body: &str) -> Reply {
    let (mut reply, mut rest) = send(address, method, path, key, body);
    rest.read_to_end(&mut reply.body).expect("a whole body");
    reply
}

/// `POST` of JSON, answered as a stream.
#[track_caller]
pub fn stream(address: &str, path: &str, key: &str, body: &Value) -> Events {
    let (mut head, mut body) = send(address, "POST", path, Some(key), &body.to_string());
    if head.status != 200 {
        body.read_to_end(&mut head.body).expect("a whole body");
        panic!("{}: {}", head.status, head.text());
    }
    Events { head, body: Box::new(BufReader::new(body)) }
}

fn send(
    address: &str,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &str,
) -> (Reply, Box<dyn Read + Send>) {
    let mut socket = TcpStream::connect(address).expect("the server listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{key}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket
        .write_all(head.as_bytes())
        .and_then(|()| socket.write_all(body.as_bytes()))
        .expect("a request is sent");
    let mut socket = BufReader::new(socket);
    let mut line = String::new();
    socket.read_line(&mut line).expect("a status line");
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code");
    let mut headers = Vec::new();
    loop {
        line.clear();
        socket.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let reply = Reply { status, headers, body: Vec::new() };
    let length = reply.header("content-length").map(|length| length.parse().expect("a length"));
    let body: Box<dyn Read + Send> = match length {
        Some(length) => Box::new(socket.take(length)),
        None if reply.header("transfer-encoding") == Some("chunked") => {
            Box::new(Chunked { socket, left: 0, end: false })
        }
        None => Box::new(socket),
    };
    (reply, body)
}

/// Chunked transfer coding (RFC 9112, 7.1).
struct Chunked<R> {
    socket: R,
    left: usize,
    end: bool,
}

impl<R: BufRead> Read for Chunked<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.end {
            return Ok(0);
        }
        if self.left == 0 {
            let mut line = String::new();
            self.socket.read_line(&mut line)?;
            self.left = usize::from_str_radix(line.trim_end(), 16).map_err(std::io::Error::other)?;
            self.end = self.left == 0;
        }
        let most = into.len().min(self.left);
        let read = self.socket.read(&mut into[..most])?;
        if read == 0 && most > 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        if self.left == 0 && (read > 0 || self.end) {
            let mut line = String::new();
            self.socket.read_line(&mut line)?;
        }
        Ok(read)
    }
}
