//! TLS to a server with a certificate of an authority of its own, made by `openssl` where that is there.

use std::path::Path;
use std::process::{Command, Stdio};

use ledger::{Faults, Ledger, QuotaStore};
use testkit::PostgresServer;

fn openssl(folder: &Path, arguments: &str) -> Option<()> {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().ok()?.success().then_some(())
}

/// An authority, and a server's key and certificate for `address`.
fn certificates(folder: &Path, address: &str) -> Option<()> {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("req -x509 {key} -subj /CN=Authority -days 2 -keyout ca.key -out ca.pem"))?;
    openssl(folder, &format!("req {key} -subj /CN=Server -keyout server.key -out server.csr"))?;
    std::fs::write(folder.join("names"), format!("subjectAltName = IP:{address}\n")).unwrap();
    openssl(
        folder,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    )
}

pub(crate) fn server(address: &str) -> Option<(tempfile::TempDir, PostgresServer)> {
    let folder = tempfile::tempdir().unwrap();
    let Some(()) = certificates(folder.path(), address) else {
        println!("skipped: no openssl on this machine");
        return None;
    };
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let files: [(&str, &[u8]); 2] =
        [("server.crt", &read("server.pem")), ("server.key", &read("server.key"))];
    let server = PostgresServer::start_with("ssl = on", &files);
    if server.is_none() {
        println!("skipped: no PostgreSQL server on this machine");
    }
    Some((folder, server?))
}

fn open(url: &str) -> Result<Ledger, String> {
    let folder = tempfile::tempdir().unwrap();
    let store = QuotaStore::parse(url).map_err(|error| error.to_string())?;
    Ledger::open_with(folder.path().join("ledger.db"), store, Faults::default())
        .map_err(|error| error.to_string())
}

#[test]
fn a_certificate_is_checked_in_full() {
    let Some((folder, postgres)) = server("127.0.0.1") else { return };
    let url = postgres.database();
    let root = folder.path().join("ca.pem");
    let with = |root: &Path| format!("{url}?sslmode=verify-full&sslrootcert={}", root.display());
    let ledger = open(&with(&root)).unwrap();
    assert!(ledger.standings().unwrap().is_empty());
    let name = url.rsplit('/').next().unwrap();
    let secured = postgres.sql(name, "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND version LIKE 'TLSv1.%'");
    assert_eq!(secured, "1");
    // Another authority, and none.
    let other = tempfile::tempdir().unwrap();
    certificates(other.path(), "127.0.0.1").unwrap();
    let refused = open(&with(&other.path().join("ca.pem"))).map(|_| ()).unwrap_err();
    assert!(refused.contains("TLS") && refused.contains("certificate"), "{refused}");
    // A server without TLS where it is asked for.
    if let Some(plain) = PostgresServer::shared() {
        let url = format!("{}?sslmode=require&sslrootcert={}", plain.database(), root.display());
        let refused = open(&url).map(|_| ()).unwrap_err();
        assert!(refused.contains("server does not support TLS"), "{refused}");
    }
}

#[test]
fn a_certificate_for_another_address_is_refused() {
    let Some((folder, postgres)) = server("192.0.2.1") else { return };
    let root = folder.path().join("ca.pem");
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", postgres.database(), root.display());
    let refused = open(&url).map(|_| ()).unwrap_err();
    assert!(refused.contains("not valid for name"), "{refused}");
}
