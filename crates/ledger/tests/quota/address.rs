//! What a URL may say, and what is never said of it.

use ledger::QuotaStore;
use proptest::prelude::*;

fn place(url: &str) -> String {
    QuotaStore::parse(url).map_or_else(|error| panic!("{error}"), |store| store.place())
}

#[track_caller]
fn refused(url: &str, why: &str) {
    let error = QuotaStore::parse(url).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn what_it_is_called() {
    assert_eq!(place("sqlite"), "sqlite");
    assert_eq!(place("postgres://me:secret@127.0.0.1/quota"), "postgres 127.0.0.1/quota");
    assert_eq!(place("postgresql://me@localhost:5433/quota?lease_s=5"), "postgres localhost:5433/quota");
    assert_eq!(place("postgres://me@/quota?host=/run/postgresql"), "postgres /run/postgresql/quota");
    assert_eq!(place("postgres://a%40b:p%2F%3A%3F@[::1]/quota"), "postgres ::1/quota");
    assert_eq!(place("postgres://me:why?@127.0.0.1/quota?lease_s=5"), "postgres 127.0.0.1/quota");
}

#[test]
fn what_is_refused() {
    refused("mysql://db/quota", "no scheme");
    refused("", "no scheme");
    refused("postgres:///quota", "no host");
    refused("postgres://me@127.0.0.1", "no database");
    refused("postgres://me:two@signs@127.0.0.1/quota", "%40");
    refused("postgres://me@127.0.0.1/quota?colour=red", "cannot be read");
    refused("postgres://me@127.0.0.1/quota?lease_s=0", "lease_s");
    refused("postgres://me@127.0.0.1/quota?password_file=/no/such/file", "password_file");
    refused("postgres://me@127.0.0.1/quota?sslmode=prefer", "sslmode");
    refused("postgres://me@/quota?host=/run/postgresql&sslmode=verify-full", "Unix socket");
}

#[test]
fn beyond_this_machine_there_is_tls() {
    refused("postgres://me@db.example/quota?sslmode=disable", "TLS");
    refused("postgres://me@127.0.0.1,db.example/quota?sslmode=disable", "TLS");
    refused("postgres://me@localhost/quota?hostaddr=192.0.2.1&sslmode=disable", "TLS");
    refused("postgres://me@db.example/quota?sslrootcert=/no/such/file", "sslrootcert");
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    refused(&format!("postgres://me@db.example/quota?sslrootcert={}", empty.display()), "authority");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// However it is written, whatever comes of it: a password is not shown, and nothing panics.
    #[test]
    fn a_password_is_never_shown(
        password in "[a-z]{1,3}[@:/?#%&= ]{0,2}hunter2[@:/?#%&= ]{0,2}[a-z]{0,3}",
        tail in "(/quota)?([?][a-z_]{0,9}=[a-z0-9]{0,5})?",
    ) {
        let said = match QuotaStore::parse(&format!("postgres://me:{password}@127.0.0.1{tail}")) {
            Ok(store) => format!("{store:?} {}", store.place()),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!said.contains("hunter2"), "{}", said);
    }

    #[test]
    fn any_text_is_an_address_or_an_error(text in "(postgres://)?.{0,60}") {
        let _ = QuotaStore::parse(&text);
    }
}
