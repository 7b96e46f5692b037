//! The administration socket: the round trip, what is no command, and revocation at once.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gateway::{AdminCommand, AdminOutcome};
use server::{AdminError, AdminSocket, ask};
use testkit::{until, within};

use crate::http::{Site, chat};

async fn socket(site: &Site) -> (PathBuf, tokio::task::JoinHandle<()>) {
    let path = site.house.folder().join("admin.sock");
    let socket = AdminSocket::bind(&path).unwrap();
    let task = tokio::spawn(socket.serve(Arc::clone(&site.house.gateway)));
    (path, task)
}

async fn send(path: &Path, command: AdminCommand) -> Result<Option<AdminOutcome>, AdminError> {
    let path = path.to_owned();
    within(tokio::task::spawn_blocking(move || ask(&path, &command))).await.unwrap()
}

fn issue(use_case: &str) -> AdminCommand {
    AdminCommand::IssueKey {
        use_case: use_case.to_owned(),
        actor: "someone".to_owned(),
        roles: vec!["writer".to_owned()],
        expires_ms: None,
        label: "a test".to_owned(),
    }
}

#[tokio::test]
async fn a_key_lives_from_issue_to_revocation() {
    let site = Site::saying("Goedendag.").await;
    let (path, task) = socket(&site).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let Ok(Some(AdminOutcome::Issued { id, prefix, secret })) = send(&path, issue("pilot")).await else {
        panic!("not issued");
    };
    let bearer = format!("Bearer {secret}");
    let body = chat("Dag.").to_string();
    let headers = [("authorization", &*bearer)];
    let post = || site.send("POST", "/v1/chat/completions", &headers, body.as_bytes());
    assert_eq!(post().await.status, 200);
    let Ok(Some(AdminOutcome::Keys(keys))) = send(&path, AdminCommand::ListKeys).await else {
        panic!("no list")
    };
    let row = keys.iter().find(|row| row.id == id).unwrap();
    assert_eq!(
        (row.state.as_str(), row.prefixes[0].as_str(), row.label.as_str()),
        ("valid", &*prefix, "a test")
    );
    let revoked = send(&path, AdminCommand::RevokeKey { key: prefix }).await;
    assert!(matches!(revoked, Ok(Some(AdminOutcome::Revoked { id: other })) if other == id));
    let refused = post().await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (401, &serde_json::json!("key-revoked")));
    let Ok(Some(AdminOutcome::Checkpoint(note))) = send(&path, AdminCommand::Checkpoint).await else {
        panic!("no checkpoint");
    };
    assert!(note.starts_with("proeftuin.invalid/log/test\n"));
    let leaves = site.house.leaves_text();
    for event in ["key_issued", "key_revoked", "admin_read"] {
        assert!(leaves.contains(&format!("\"event\":\"{event}\"")), "{event} is not in the log");
    }
    assert!(!leaves.contains(&secret) && !leaves.contains("someone"));
    task.abort();
    until(|| !path.exists()).await;
    assert!(matches!(send(&path, AdminCommand::ListKeys).await, Ok(None)), "nobody listens any more");
    site.house.stop_and_verify().await;
}

#[tokio::test]
async fn what_the_gateway_refuses_is_told() {
    let site = Site::saying("Goedendag.").await;
    let (path, _task) = socket(&site).await;
    let Err(AdminError::Refused(why)) = send(&path, issue("nobody")).await else { panic!("issued") };
    assert_eq!(why, "use case: is not in policy/use-cases; add its record first");
    let unknown = AdminCommand::RevokeKey { key: "nothing".to_owned() };
    assert!(matches!(send(&path, unknown).await, Err(AdminError::Refused(_))));
}

/// Sends bytes and gives the reply.
async fn raw(path: &Path, bytes: Vec<u8>) -> String {
    let path = path.to_owned();
    let talk = move || {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.write_all(&bytes).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    };
    within(tokio::task::spawn_blocking(talk)).await.unwrap()
}

#[tokio::test]
async fn what_is_no_command_is_refused_and_the_socket_lives_on() {
    let site = Site::saying("Goedendag.").await;
    let (path, _task) = socket(&site).await;
    let refused = "{\"Refused\":\"the command is not known to the running server\"}\n";
    for line in [
        "geheim\n",
        "\n",
        "{}\n",
        "{\"verb\":\"revoke_key\",\"key\":\"a\",\"geheim\":1}\n",
        "{\"verb\":\"drop_log\"}\n",
        "[\"geheim\"]\n",
    ] {
        assert_eq!(raw(&path, line.as_bytes().to_vec()).await, refused, "{line}");
    }
    assert_eq!(raw(&path, vec![b'x'; 4 << 20]).await, refused, "oversized");
    let Ok(Some(AdminOutcome::Keys(keys))) = send(&path, AdminCommand::ListKeys).await else {
        panic!("it died")
    };
    assert_eq!(keys.len(), 2);
}
