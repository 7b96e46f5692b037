//! How a server is reached: TLS, Unix sockets, proxies, pages of other origins, and clients that are slow, loud or broken.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use server::{Address, Limits, Listener, Reach, Tls};
use testkit::{House, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use crate::http::{Reply, Site, chat};

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";

async fn site(reach: Reach) -> Site {
    Site::reached(House::builder().saying("Goedendag.").start().await, reach)
}

async fn hurried() -> Site {
    let limits = Limits {
        head: Duration::from_secs(2),
        body: Duration::from_secs(2),
        write: Duration::from_secs(2),
        ..Limits::default()
    };
    site(Reach { limits, ..Reach::default() }).await
}

/// Whatever comes until the server closes.
async fn rest(mut stream: impl AsyncReadExt + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A connection that is cut ends in an error, after what was said.
    let _ = within(stream.read_to_end(&mut bytes)).await;
    bytes
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tls").join(name)
}

/// Copies a certificate and its key to where the server reads them.
fn put(folder: &Path, name: &str) {
    for kind in ["pem", "key"] {
        std::fs::copy(golden(&format!("{name}.{kind}")), folder.join(format!("server.{kind}"))).unwrap();
    }
}

/// A connection that trusts the certificate `name` alone.
async fn secure(site: &Site, name: &str) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(golden(&format!("{name}.pem"))).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(site.address).await.unwrap();
    let server = ServerName::try_from("localhost").unwrap();
    within(tokio_rustls::TlsConnector::from(Arc::new(config)).connect(server, stream)).await
}

#[tokio::test]
async fn tls_and_a_new_certificate_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "first");
    let (pem, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    let tls = Arc::new(Tls::read(pem.clone(), key.clone()).unwrap());
    let site = site(Reach { tls: Some(Arc::clone(&tls)), ..Reach::default() }).await;

    let mut first = secure(&site, "first").await.unwrap();
    first.write_all(HEALTH).await.unwrap();
    assert!(rest(first).await.starts_with(b"HTTP/1.1 200"));
    assert!(secure(&site, "second").await.is_err(), "it shows another certificate");
    // Who speaks no TLS gets nothing to read.
    let mut plain = TcpStream::connect(site.address).await.unwrap();
    plain.write_all(HEALTH).await.unwrap();
    assert!(!rest(plain).await.starts_with(b"HTTP"));

    let mut running = secure(&site, "first").await.unwrap();
    put(folder.path(), "second");
    tls.reload().unwrap();
    secure(&site, "second").await.unwrap();
    running.write_all(HEALTH).await.unwrap();
    assert!(rest(running).await.starts_with(b"HTTP/1.1 200"), "running connections go on");

    // What cannot be used changes nothing, and says which file it is.
    std::fs::copy(golden("first.key"), &key).unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("server.pem"), "{error}");
    std::fs::write(&pem, "no certificate").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("server.pem") && error.contains("certificate"), "{error}");
    secure(&site, "second").await.unwrap();
}

#[tokio::test]
async fn a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let address = Address::Unix(path.clone());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a dead server's socket is replaced");
    let listener = address.bind().unwrap();
    assert!(address.bind().is_err(), "a living one's is not");
    let _site = site(Reach::on(listener)).await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(rest(stream).await.starts_with(b"HTTP/1.1 200"), "it is this machine's");

    let file = folder.path().join("kept.txt");
    std::fs::write(&file, "kept").unwrap();
    assert!(Address::Unix(file.clone()).bind().is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
}

#[tokio::test]
async fn what_was_forwarded_is_not_from_this_machine() {
    let metrics =
        async |site: &Site, headers: &[(&str, &str)]| site.send("GET", "/metrics", headers, b"").await.status;
    let unnamed = site(Reach::default()).await;
    assert_eq!(metrics(&unnamed, &[]).await, 200);
    assert_eq!(metrics(&unnamed, &[("x-forwarded-for", "127.0.0.1")]).await, 403);
    let named = site(Reach { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..Reach::default() }).await;
    assert_eq!(metrics(&named, &[("x-forwarded-for", "127.0.0.1")]).await, 200);
    assert_eq!(metrics(&named, &[("x-forwarded-for", "203.0.113.9")]).await, 403);
}

#[tokio::test]
async fn pages_of_named_origins_may_call() {
    let page = "https://intranet.example.nl";
    let site = site(Reach { web_origins: vec![page.parse().unwrap()], ..Reach::default() }).await;
    let asks = [
        ("origin", page),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,x-stainless-lang"),
    ];
    let reply = site.send("OPTIONS", "/v1/chat/completions", &asks, b"").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some(page)));
    assert_eq!(
        reply.header("access-control-allow-headers"),
        Some("authorization,content-type,x-stainless-lang")
    );
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    let mut other = asks;
    other[0].1 = "https://elsewhere.example";
    let reply = site.send("OPTIONS", "/v1/chat/completions", &other, b"").await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
    let key = site.bearer("pilot");
    let reply = site.send("GET", "/v1/models", &[("authorization", &key), ("origin", page)], b"").await;
    assert_eq!((reply.status, reply.header("access-control-expose-headers")), (200, Some("*")));
    // Where nobody is named, nobody is let in.
    let closed = Site::saying("Goedendag.").await;
    let reply = closed.send("OPTIONS", "/v1/chat/completions", &asks, b"").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (405, None));
}

#[tokio::test]
async fn requests_have_an_id() {
    let site = Site::saying("Goedendag.").await;
    let reply = site.chat(&chat("Dag.")).await;
    assert_eq!(reply.header("x-request-id"), reply.header("x-proeftuin-receipt"));
    assert!(reply.header("x-request-id").is_some());
    let own = [("authorization", &*site.bearer("pilot")), ("x-request-id", "run-7")];
    let reply = site.send("GET", "/v1/models", &own, b"").await;
    assert_eq!(reply.header("x-request-id"), None, "a client's own could hold anything");
}

#[tokio::test]
async fn slow_writers_are_told_or_cut_and_harm_nobody() {
    let site = hurried().await;
    // A head that never ends.
    let mut head = TcpStream::connect(site.address).await.unwrap();
    head.write_all(b"GET /healthz HTTP/1.1\r\nx-slow: ").await.unwrap();
    // A body of which a byte comes now and then.
    let mut body =
        site.open("POST", "/v1/completions", &[("authorization", &site.bearer("pilot"))], b"").await;
    drop(rest(&mut body).await);
    let mut body = TcpStream::connect(site.address).await.unwrap();
    body.write_all(b"POST /v1/completions HTTP/1.1\r\nhost: test\r\ncontent-length: 400\r\n\r\n")
        .await
        .unwrap();
    let (reading, mut writing) = body.into_split();
    let drip = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    // An idle connection.
    let idle = TcpStream::connect(site.address).await.unwrap();
    assert_eq!(site.chat(&chat("Dag.")).await.status, 200, "others are served meanwhile");
    let told = String::from_utf8(rest(reading).await).unwrap();
    assert!(told.starts_with("HTTP/1.1 408") && told.contains("body_too_slow"), "{told}");
    let cut = String::from_utf8(rest(head).await).unwrap();
    assert!(cut.is_empty() || cut.starts_with("HTTP/1.1 408"), "{cut}");
    assert!(rest(idle).await.is_empty());
    drip.abort();
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_while_it_still_comes() {
    let site = site(Reach::default()).await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    let bytes = 100_usize << 20;
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let part = vec![b' '; 1 << 20];
    for _ in 0..100 {
        stream.write_all(&part).await.unwrap();
    }
    let told = String::from_utf8(rest(stream).await).unwrap();
    assert!(told.starts_with("HTTP/1.1 413") && told.contains("body_too_large"), "{told}");
    // The same when nobody says how long it will be.
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    stream.write_all(b"POST /v1/completions HTTP/1.1\r\nhost: test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
    for _ in 0..8 {
        stream.write_all(b"100000\r\n").await.unwrap();
        stream.write_all(&part).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert!(rest(stream).await.starts_with(b"HTTP/1.1 413"));
}

#[tokio::test]
async fn heads_that_are_no_heads() {
    let site = site(Reach::default()).await;
    let flood: String = (0..101).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x-long: {}\r\n", "y".repeat(200 << 10));
    for (status, lines) in [
        ("431", flood.as_str()),
        ("431", &long),
        ("400", "no colon\r\n"),
        ("400", "content-length: 1\r\ncontent-length: 2\r\n"),
    ] {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        let _ =
            stream.write_all(format!("GET /healthz HTTP/1.1\r\nhost: test\r\n{lines}\r\n").as_bytes()).await;
        let told = String::from_utf8_lossy(&rest(stream).await).into_owned();
        assert!(told.starts_with(&format!("HTTP/1.1 {status}")), "{status} for {}: {told}", lines.len());
    }
    assert_eq!(site.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn half_a_request_then_silence() {
    let site = site(Reach::default()).await;
    for sent in [
        &b"POST /v1/completions HT"[..],
        b"POST /v1/completions HTTP/1.1\r\nhost: test\r\ncontent-length: 400\r\n\r\n{\"mo",
    ] {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        stream.shutdown().await.unwrap();
        let told = String::from_utf8(rest(stream).await).unwrap();
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 400"), "{told}");
    }
    assert_eq!(site.chat(&chat("Dag.")).await.status, 200);
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn who_stops_reading_is_cut_and_sealed_as_aborted() {
    let limits = Limits { write: Duration::from_millis(300), ..Limits::default() };
    // The system buffers little, so that not all of the answer is under way before anybody reads.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let narrow = socket.listen(16).unwrap().into_std().unwrap();
    let address = narrow.local_addr().unwrap();
    let wide = [("tokens_per_request = 4096", "tokens_per_request = 200_000")];
    let house = House::builder().pilot("wide", &wide).places(64).saying(&"woord ".repeat(1500)).start().await;
    let site =
        Site::reached(house, Reach { listeners: vec![Listener::Port(narrow)], limits, ..Reach::default() });
    let body =
        json!({"model": "tiny", "prompt": vec!["a"; 32], "stream": true, "max_tokens": 1500}).to_string();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let key = site.bearer("wide");
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: test\r\nauthorization: {key}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    testkit::until(|| site.house.leaves_text().contains("aborted")).await;
    assert_eq!(site.chat(&chat("Dag.")).await.status, 200, "others are served");
    drop(stream);
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn more_connections_than_places_wait() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let site = site(Reach { limits, ..Reach::default() }).await;
    let holding = TcpStream::connect(site.address).await.unwrap();
    // It has the place once the server took it; until then the next could come first.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut waiting = TcpStream::connect(site.address).await.unwrap();
    waiting.write_all(HEALTH).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(200), waiting.read(&mut byte)).await;
    assert!(early.is_err(), "it is not served yet");
    drop(holding);
    assert!(rest(waiting).await.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_port_and_a_socket_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let listener: Listener = Address::Unix(path.clone()).bind().unwrap();
    let site = site(Reach::on(listener)).await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(HEALTH).await.unwrap();
    let reply: Vec<u8> = rest(stream).await;
    assert!(reply.starts_with(b"HTTP/1.1 200"));
    let reply: Reply = site.get("/healthz").await;
    assert_eq!(reply.status, 200);
}
