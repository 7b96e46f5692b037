//! A place of its own for each test: state, policy, and servers that run there.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{Events, Leaves, PATIENCE, Ran, Reply, finish, policy, proeftuin, store, until};

/// A state folder, a policy folder and a model store; the first two vanish with it.
pub struct Place {
    dir: TempDir,
    store: PathBuf,
    /// Another `models.toml` than the built-in one.
    pub models: Option<PathBuf>,
    /// Whether the holder of the tests' keys has acknowledged the guidance.
    informed: AtomicBool,
}

/// A key as `keys issue` gave it.
pub struct Key {
    /// Its id.
    pub id: String,
    /// The whole key.
    pub secret: String,
}

impl Place {
    /// A place with the real model; `None` where tests may do without and it cannot be had.
    pub fn new() -> Option<Self> {
        Some(Self { store: store::store()?, ..Self::without_model() })
    }

    /// A place whose store is empty.
    pub fn without_model() -> Self {
        let dir =
            tempfile::Builder::new().prefix("place-").tempdir_in(super::target_tmp()).expect("a folder");
        policy::write(&dir.path().join("policy"), &dir.path().join("trust-root.toml"));
        Self { store: dir.path().join("store"), dir, models: None, informed: AtomicBool::new(false) }
    }

    /// The same place with a model store of its own, that has what the shared one has.
    pub fn with_own_store(mut self) -> Self {
        let own = self.root().join("store");
        let model = own.join(super::MODEL);
        std::fs::create_dir_all(&model).expect("a folder");
        for entry in std::fs::read_dir(self.store.join(super::MODEL)).expect("the shared store") {
            let from = entry.expect("an entry").path();
            let to = model.join(from.file_name().expect("a name"));
            std::fs::hard_link(&from, &to).expect("a link on one disk");
        }
        self.store = own;
        self
    }

    /// Where everything of this place lies.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.root().join("state")
    }

    /// The policy folder.
    pub fn policy(&self) -> PathBuf {
        self.root().join("policy")
    }

    /// The model store.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// The log's folder.
    pub fn log(&self) -> PathBuf {
        self.state().join("log")
    }

    /// The program, at home here.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = proeftuin();
        command.args(args).arg("--state").arg(self.state()).arg("--store").arg(&self.store);
        command.arg("--policy").arg(self.policy());
        command.arg("--trust-root").arg(self.root().join("trust-root.toml"));
        if let Some(models) = &self.models {
            command.arg("--models").arg(models);
        }
        command
    }

    /// Runs the program here.
    pub fn run(&self, args: &[&str]) -> Ran {
        finish(&mut self.command(args), "")
    }

    /// Issues a key, through the running server if there is one, to somebody who has acknowledged the guidance.
    pub fn key(&self, use_case: &str) -> Key {
        self.key_with_role(use_case, "tester")
    }

    /// The same, with another role than the use cases of the tests allow.
    pub fn key_with_role(&self, use_case: &str, role: &str) -> Key {
        let ran = self.run(&["keys", "issue", "--use-case", use_case, "--actor", "Test", "--role", role]);
        let said = ran.err.clone();
        let secret = ran.ok().trim().to_owned();
        let id = said.split_whitespace().skip_while(|word| *word != "key").nth(1);
        if !self.informed.swap(true, Ordering::SeqCst) {
            self.run(&["guidance", "acknowledge", "ambtenaren", "--actor", "Test"]).ok();
        }
        Key { id: id.expect("an id").to_owned(), secret }
    }

    /// Issues a key of `pilot-test` to somebody who has not.
    pub fn key_of(&self, actor: &str) -> String {
        let issue = ["keys", "issue", "--use-case", "pilot-test", "--role", "tester", "--actor", actor];
        self.run(&issue).ok().trim().to_owned()
    }

    /// The leaves of the log so far.
    pub fn leaves(&self) -> Leaves {
        Leaves::parse(&self.run(&["log", "show", "--count", "1000000"]).ok())
    }

    /// The log's verifier key.
    pub fn log_key(&self) -> provenance::VerifierKey {
        provenance::VerifierKey::parse(self.run(&["log", "key"]).ok().trim()).expect("a verifier key")
    }

    /// The command that serves here, on a free port.
    fn serving(&self) -> Command {
        self.command(&["serve", "--listen", "127.0.0.1:0", "--threads", "2", "--kv-mib", "256"])
    }

    /// Starts a server and waits until it says that it serves.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// The same, with more arguments.
    pub fn serve_with(&self, args: &[&str]) -> Server {
        Server::start(self.serving().args(args), self.root())
    }
}

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    /// `address:port`.
    pub address: String,
    /// What it printed until it was ready.
    pub said: String,
    errors: PathBuf,
}

impl Server {
    fn start(command: &mut Command, root: &Path) -> Self {
        let errors = root.join("server.err");
        let log = std::fs::File::options().create(true).append(true).open(&errors).expect("a file");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (sender, receiver) = mpsc::channel();
        // Reads on to the end, so that the server never waits for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let mut server = Self { child, address: String::new(), said: String::new(), errors };
        loop {
            let Ok(line) = receiver.recv_timeout(PATIENCE) else {
                panic!("the server did not come up:\n{}\n{}", server.said, server.errors());
            };
            let url = line.strip_prefix("Proeftuin serves ").and_then(|line| line.split_once("://"));
            if let Some((_, url)) = url {
                server.address = url.trim_end_matches("/v1").to_owned();
            }
            server.said.push_str(&line);
            server.said.push('\n');
            if line.trim_start().starts_with("curl ") || line.starts_with("Keys:") {
                assert!(!server.address.is_empty(), "no address in:\n{}", server.said);
                return server;
            }
        }
    }

    /// The demo key it printed.
    pub fn demo_key(&self) -> String {
        let key = self.said.lines().map(str::trim).find(|line| line.starts_with("ptk_"));
        key.expect("a demo key").to_owned()
    }

    /// What it has said on standard error.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// `POST /v1/chat/completions`.
    pub fn chat(&self, key: &str, body: &Value) -> Reply {
        super::post(&self.address, "/v1/chat/completions", Some(key), body)
    }

    /// `POST /v1/completions`.
    pub fn complete(&self, key: &str, body: &Value) -> Reply {
        super::post(&self.address, "/v1/completions", Some(key), body)
    }

    /// `POST /v1/chat/completions`, streaming.
    pub fn stream(&self, key: &str, body: &Value) -> Events {
        super::stream(&self.address, "/v1/chat/completions", key, body)
    }

    /// A number of `/metrics`.
    pub fn metric(&self, name: &str) -> u64 {
        let reply = super::get(&self.address, "/metrics", None);
        assert_eq!(reply.status, 200);
        let text = reply.text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in:\n{text}")).parse().expect("a number")
    }

    /// Its process.
    #[cfg(target_os = "linux")]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running server");
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        until("the server's end", || self.child.try_wait().expect("a child"))
    }

    /// Ends it in order.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert!(status.success(), "{status}\n{}", self.errors());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
