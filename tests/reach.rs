//! A server that is confined is still reached by TLS and by a Unix socket, and takes a new certificate.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::harness::{Place, checkout, finish, until};

/// Asks for `/healthz` over TLS and trusts the certificate of a file alone; prints the status.
const ASK: &str = "\
import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
host, port = sys.argv[1].split(':')
connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=30)
connection.request('GET', '/healthz')
print(connection.getresponse().status)
";

fn put(root: &Path, name: &str) {
    for kind in ["pem", "key"] {
        let golden = checkout().join("crates/server/tests/golden/tls").join(format!("{name}.{kind}"));
        std::fs::copy(golden, root.join(format!("server.{kind}"))).unwrap();
    }
}

#[test]
fn tls_a_unix_socket_and_a_new_certificate_at_a_hangup() {
    let Some(place) = Place::new() else { return };
    put(place.root(), "first");
    let file = |name: &str| place.root().join(name).to_str().unwrap().to_owned();
    let socket = file("api.sock");
    let server = place.serve_with(&[
        "--tls-cert",
        &file("server.pem"),
        "--tls-key",
        &file("server.key"),
        "--listen",
        &format!("unix:{socket}"),
    ]);
    assert!(
        server.said.contains(" at https://127.0.0.1:") && server.said.contains("and at unix:"),
        "{}",
        server.said
    );
    let ask = |name: &str| {
        let trusted = checkout().join("crates/server/tests/golden/tls").join(format!("{name}.pem"));
        let ran = finish(Command::new("python3").args(["-c", ASK, &server.address]).arg(trusted), "");
        ran.code == 0 && ran.out.trim() == "200"
    };
    assert!(ask("first") && !ask("second"));

    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");

    put(place.root(), "second");
    server.signal(Signal::HUP);
    until("the second certificate", || ask("second").then_some(()));
    assert!(!ask("first"));
    server.stop();
    place.run(&["log", "verify"]).ok();
}

#[test]
fn what_cannot_be_used_is_said_before_anything_else() {
    let place = Place::without_model();
    let file = |name: &str| place.root().join(name).to_str().unwrap().to_owned();
    let with = |args: &[&str]| place.run(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
    let said = with(&["--tls-cert", &file("none.pem"), "--tls-key", &file("none.key")]).refused();
    assert!(said.contains("none.pem"), "{said}");
    assert_eq!(with(&["--tls-cert", &file("none.pem")]).code, 2, "a certificate is no use without its key");
    for (flag, value) in
        [("--trusted-proxy", "proxy.example"), ("--cors-origin", "*"), ("--listen", "localhost:80")]
    {
        let ran = with(&[flag, value]);
        assert!(ran.code == 2 && ran.err.contains("must be"), "{}", ran.err);
    }
}
