//! Connections that somebody else opens, as for a server that is confined.

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ledger::{Connect, Faults, Ledger, Postgres, QuotaStore};
use testkit::PostgresServer;

/// Opens what it was told, and counts.
struct Opener {
    destinations: Vec<String>,
    asked: Mutex<Vec<usize>>,
    refuses: AtomicUsize,
}

impl Connect for Opener {
    fn connect(&self, number: usize) -> io::Result<OwnedFd> {
        self.asked.lock().unwrap().push(number);
        if self.refuses.load(Ordering::SeqCst) > number {
            return Err(io::Error::other("nobody is there"));
        }
        TcpStream::connect(&self.destinations[number]).map(OwnedFd::from)
    }
}

fn opener(url: &str) -> Arc<Opener> {
    let destinations = Postgres::parse(url).unwrap().destinations();
    Arc::new(Opener { destinations, asked: Mutex::default(), refuses: AtomicUsize::new(0) })
}

fn open(url: &str, opener: &Arc<Opener>) -> Result<Ledger, String> {
    let folder = tempfile::tempdir().unwrap();
    let store = QuotaStore::parse(url).unwrap().through(Arc::clone(opener) as Arc<dyn Connect>);
    Ledger::open_with(folder.path().join("ledger.db"), store, Faults::default())
        .map_err(|error| error.to_string())
}

#[test]
fn every_connection_comes_from_the_opener() {
    let Some(postgres) = PostgresServer::shared() else { return };
    let url = postgres.database();
    let through = opener(&url);
    let ledger = open(&url, &through).unwrap();
    assert!(ledger.standings().unwrap().is_empty());
    assert!(through.asked.lock().unwrap().iter().all(|&number| number == 0));
    assert!(!through.asked.lock().unwrap().is_empty());
    drop(ledger);
    // Nothing is opened behind its back.
    through.refuses.store(1, Ordering::SeqCst);
    let refused = open(&url, &through).map(|_| ()).unwrap_err();
    assert!(refused.contains("nobody is there"), "{refused}");
}

#[test]
fn the_next_host_is_tried_where_one_does_not_answer() {
    let Some(postgres) = PostgresServer::shared() else { return };
    let url = postgres.database();
    let at = url.rfind('@').unwrap() + 1;
    let (port_at, name_at) = (url.rfind(':').unwrap(), url.rfind('/').unwrap());
    let (host, port) = (&url[at..port_at], &url[port_at + 1..name_at]);
    let two = format!("{}{host}:1,{host}:{port}{}", &url[..at], &url[name_at..]);
    let through = opener(&two);
    assert!(open(&two, &through).unwrap().standings().unwrap().is_empty());
    assert!(through.asked.lock().unwrap().starts_with(&[0, 1]), "{:?}", through.asked.lock().unwrap());
}

#[test]
fn a_certificate_is_checked_over_a_passed_connection_too() {
    let Some((folder, postgres)) = crate::tls::server("127.0.0.1") else { return };
    let root = folder.path().join("ca.pem");
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", postgres.database(), root.display());
    assert!(open(&url, &opener(&url)).unwrap().standings().unwrap().is_empty());
    let Some((folder, postgres)) = crate::tls::server("192.0.2.1") else { return };
    let root = folder.path().join("ca.pem");
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", postgres.database(), root.display());
    let refused = open(&url, &opener(&url)).map(|_| ()).unwrap_err();
    assert!(refused.contains("not valid for name"), "{refused}");
}

#[test]
fn destinations_are_told_as_they_are_connected_to() {
    for (url, destinations) in [
        ("postgres://u@127.0.0.1/d", &["127.0.0.1:5432"][..]),
        ("postgres://u@127.0.0.1:7,localhost:8/d", &["127.0.0.1:7", "localhost:8"]),
        ("postgres://u@[::1]:7/d", &["[::1]:7"]),
        ("postgres://u@localhost:7/d?hostaddr=127.0.0.2", &["127.0.0.2:7"]),
        ("postgres://u@/d?host=/run/postgresql", &["/run/postgresql/.s.PGSQL.5432"]),
    ] {
        let postgres = Postgres::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(postgres.destinations(), destinations, "{url}");
        assert!(postgres.is_local(), "{url}");
    }
}
