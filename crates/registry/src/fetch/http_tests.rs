//! The download against a server of a few lines that misbehaves on demand. Inside the crate, because plain HTTP to
//! loopback is permitted to tests alone.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use super::http;
use crate::store::Landing;
use crate::{Error, FetchOptions};

/// What the server does with one request.
#[derive(Clone)]
enum Turn {
    /// Serves what is asked for, honouring `Range`, and hangs up after so many bytes of body.
    Serve { bytes_max: usize },
    /// Serves everything from the start, whatever is asked for.
    Whole,
    /// Sends these bytes and hangs up.
    Raw(String),
}

/// Content, address, and the heads of the requests that came.
struct Server {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

fn serve(content: Vec<u8>, turns: impl IntoIterator<Item = Turn>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::new(Mutex::new(Vec::new()));
    let mut turns: VecDeque<_> = turns.into_iter().collect();
    let seen = Arc::clone(&heads);
    std::thread::spawn(move || {
        while let Some(turn) = turns.pop_front() {
            let (mut stream, _) = listener.accept().unwrap();
            let head = read_head(&mut stream);
            seen.lock().unwrap().push(head.clone());
            let _ = answer(&mut stream, &head, &content, &turn);
        }
    });
    Server { address, heads }
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

fn range_start(head: &str) -> Option<usize> {
    let (_, after) = head.split_once("range: bytes=")?;
    after.split('-').next()?.parse().ok()
}

fn answer(stream: &mut TcpStream, head: &str, content: &[u8], turn: &Turn) -> std::io::Result<()> {
    let (start, bytes_max) = match turn {
        Turn::Raw(text) => return stream.write_all(text.as_bytes()),
        Turn::Whole => (None, usize::MAX),
        Turn::Serve { bytes_max } => (range_start(head), *bytes_max),
    };
    let body = &content[start.unwrap_or(0)..];
    let status = match start {
        Some(start) => format!(
            "206 Partial Content\r\nContent-Range: bytes {start}-{}/{}",
            content.len() - 1,
            content.len()
        ),
        None => "200 OK".to_owned(),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body[..body.len().min(bytes_max)])
}

fn content() -> Vec<u8> {
    (0..300_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

struct Place {
    _folder: tempfile::TempDir,
    pin: weights::PinnedFile,
}

fn place(content: &[u8]) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let pin = weights::PinnedFile {
        path: folder.path().join("tulip/tulip.gguf"),
        sha256: Sha256::digest(content).into(),
        size_bytes: content.len() as u64,
    };
    Place { _folder: folder, pin }
}

impl Place {
    fn fetch(&self, url: &str, token: Option<&str>) -> Result<(), Error> {
        let mut landing = Landing::open("tulip", &self.pin)?;
        let mut options = FetchOptions::for_loopback_tests();
        options.attempts_max = 2;
        http::fetch(&mut landing, url, token, &options, &mut |_| {})?;
        landing.finish()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.pin.path.parent().unwrap()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let content = content();
    let turns = [1, 70_000, 100_000, usize::MAX].map(|bytes_max| Turn::Serve { bytes_max });
    let server = serve(content.clone(), turns);
    let place = place(&content);
    place.fetch(&format!("{}/tulip.gguf", server.address), None).unwrap();
    assert_eq!(std::fs::read(&place.pin.path).unwrap(), content);
    assert_eq!(place.names(), ["tulip.gguf"]);
    let starts: Vec<_> = server.heads.lock().unwrap().iter().map(|head| range_start(head)).collect();
    assert_eq!(starts, [None, Some(1), Some(70_001), Some(170_001)]);
}

#[test]
fn a_later_fetch_goes_on_as_well() {
    let content = content();
    let refusal = Turn::Raw("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned());
    let cut = Turn::Serve { bytes_max: 50_000 };
    let server =
        serve(content.clone(), [cut, refusal.clone(), refusal, Turn::Serve { bytes_max: usize::MAX }]);
    let place = place(&content);
    let url = format!("{}/tulip.gguf", server.address);
    let error = place.fetch(&url, None).unwrap_err().to_string();
    assert!(error.contains("503") && error.contains("50000 bytes are kept"), "{error}");
    assert!(!place.pin.path.exists());
    place.fetch(&url, None).unwrap();
    assert_eq!(std::fs::read(&place.pin.path).unwrap(), content);
    assert_eq!(range_start(server.heads.lock().unwrap().last().unwrap()), Some(50_000));
}

#[test]
fn a_server_that_cannot_resume_is_read_from_the_start() {
    let content = content();
    let server = serve(content.clone(), [Turn::Serve { bytes_max: 1000 }, Turn::Whole]);
    let place = place(&content);
    place.fetch(&server.address, None).unwrap();
    assert_eq!(std::fs::read(&place.pin.path).unwrap(), content);
}

#[test]
fn corruption_anywhere_is_refused_and_removed() {
    let content = content();
    for at in [0, 999, 1000, 150_000, content.len() - 1] {
        let mut wrong = content.clone();
        wrong[at] ^= 1;
        // The corrupt byte comes before, at, or after the place where the download was taken up again.
        let server = serve(wrong, [Turn::Serve { bytes_max: 1000 }, Turn::Serve { bytes_max: usize::MAX }]);
        let place = place(&content);
        let error = place.fetch(&server.address, None).unwrap_err();
        assert!(matches!(error, Error::WrongDownload { .. }), "{at}: {error}");
        assert!(place.names().is_empty(), "{:?}", place.names());
    }
}

#[test]
fn another_size_is_refused_before_or_while_it_comes() {
    let content = content();
    let longer = [content.as_slice(), b"more"].concat();
    let place = place(&content);
    for wrong in [&longer, &content[..content.len() - 1]] {
        let server = serve(wrong.to_vec(), [Turn::Whole]);
        assert!(matches!(place.fetch(&server.address, None), Err(Error::WrongOffer { .. })));
    }
    // No length in the answer: the excess is noticed as it comes.
    let endless = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "x".repeat(content.len() + 1));
    let server = serve(Vec::new(), [Turn::Raw(endless)]);
    assert!(matches!(place.fetch(&server.address, None), Err(Error::WrongDownload { .. })));
    assert!(place.names().is_empty());
}

#[test]
fn a_wrong_range_is_refused() {
    let content = content();
    let lie = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/{}\r\nContent-Length: 10\r\n\r\n0123456789",
        content.len()
    );
    let server = serve(content.clone(), [Turn::Serve { bytes_max: 1000 }, Turn::Raw(lie)]);
    let error = place(&content).fetch(&server.address, None).unwrap_err().to_string();
    assert!(error.contains("asked from byte 1000, got from 0"), "{error}");
}

fn redirect(to: &str) -> Turn {
    Turn::Raw(format!(
        "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ))
}

#[test]
fn redirects_lead_nowhere_but_to_https() {
    let content = content();
    let place = place(&content);
    for target in [
        "http://192.0.2.1/x",
        "http://localhost/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "//192.0.2.1/x",
    ] {
        let server = serve(content.clone(), [redirect(target)]);
        let error = place.fetch(&server.address, None).unwrap_err();
        assert!(matches!(error, Error::Source { .. }), "{target}: {error}");
    }
    let round = serve(content.clone(), vec![redirect("/again"); 7]);
    assert!(place.fetch(&round.address, None).unwrap_err().to_string().contains("more than 5 redirects"));
    let server = serve(content.clone(), [redirect("/elsewhere?x=1"), Turn::Whole]);
    place.fetch(&format!("{}/first", server.address), None).unwrap();
    assert!(server.heads.lock().unwrap()[1].starts_with("get /elsewhere?x=1 "));
}

#[test]
fn the_token_stays_with_its_host() {
    let content = content();
    let other = serve(content.clone(), [Turn::Whole]);
    let first = serve(content.clone(), [redirect(&format!("{}/blob", other.address))]);
    place(&content).fetch(&first.address, Some("secret")).unwrap();
    assert!(first.heads.lock().unwrap()[0].contains("authorization: bearer secret"));
    assert!(!other.heads.lock().unwrap()[0].contains("secret"));
}

#[test]
fn the_hub_is_asked_for_the_commit() {
    let content = content();
    let server = serve(content.clone(), [Turn::Whole]);
    let place = place(&content);
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let mut options = FetchOptions::for_loopback_tests();
    options.hf_endpoint = Some(format!("{}/", server.address));
    options.hf_token = Some("hf_secret".to_owned());
    let (url, token) = http::hub_address("owner/name", commit, "a/tulip.gguf", &options);
    place.fetch(&url, token.as_deref()).unwrap();
    let heads = server.heads.lock().unwrap();
    assert!(heads[0].starts_with(&format!("get /owner/name/resolve/{commit}/a/tulip.gguf ")), "{}", heads[0]);
    assert!(heads[0].contains("authorization: bearer hf_secret"));
}

#[test]
fn plain_http_is_refused_outside_these_tests() {
    let place = place(b"x");
    let mut landing = Landing::open("tulip", &place.pin).unwrap();
    let options = FetchOptions::from_env();
    let error = http::fetch(&mut landing, "http://127.0.0.1:9/x", None, &options, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Source { .. }), "{error}");
}

#[test]
fn two_fetches_of_one_file_do_not_mix() {
    let place = place(b"x");
    let first = Landing::open("tulip", &place.pin).unwrap();
    assert!(matches!(Landing::open("tulip", &place.pin), Err(Error::Busy { .. })));
    drop(first);
    assert!(Landing::open("tulip", &place.pin).is_ok());
}

#[test]
fn a_partial_file_larger_than_the_pin_is_thrown_away() {
    let content = content();
    let place = place(&content);
    drop(Landing::open("tulip", &place.pin).unwrap());
    let [name] = place.names().try_into().unwrap();
    std::fs::write(place.pin.path.with_file_name(name), vec![1; content.len() + 5]).unwrap();
    let server = serve(content.clone(), [Turn::Whole]);
    place.fetch(&server.address, None).unwrap();
    assert_eq!(std::fs::read(&place.pin.path).unwrap(), content);
}
