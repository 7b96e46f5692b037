//! A throwaway PostgreSQL server, for the tests of what may be kept in one. Where this machine has none, they say so and
//! do without.

mod proxy;

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use proxy::CuttingProxy;

/// The user that the server runs as where the tests run as root, as which it refuses to: nobody.
const NOBODY: u32 = 65_534;
const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "a p@ss/word?";
const PASSWORD_IN_URL: &str = "a%20p%40ss%2Fword%3F";

/// A server in a temporary folder, on a free port of this machine and on a Unix socket. It ends with the process.
pub struct PostgresServer {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// A shell that ends the server when this process ends, however it does, and then takes the folder away.
    keeper: Mutex<Option<Child>>,
    databases: AtomicU64,
}

impl PostgresServer {
    /// The server that the tests of one program share; `None`, after saying so, where there is none to be had.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<PostgresServer>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref().or_else(|| {
            println!("skipped: no PostgreSQL server on this machine (Debian: apt-get install postgresql)");
            None
        })
    }

    /// One of its own, for a test that stops it.
    pub fn start() -> Option<Self> {
        Self::start_with("", &[])
    }

    /// The same, with more lines in its configuration and files beside it that only the server may read.
    pub fn start_with(configuration: &str, files: &[(&str, &[u8])]) -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("pg-").tempdir_in("/tmp").expect("a folder");
        let port = free_port();
        let server = Self { folder, programs, port, keeper: Mutex::new(None), databases: AtomicU64::new(0) };
        if is_root() {
            chown(server.folder.path(), Some(NOBODY), Some(NOBODY)).expect("a folder of one's own");
        }
        server.initialise(configuration);
        for (name, bytes) in files {
            let path = server.data().join(name);
            std::fs::write(&path, bytes).expect("a file");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a file");
            if is_root() {
                chown(&path, Some(NOBODY), Some(NOBODY)).expect("a file of one's own");
            }
        }
        server.resume();
        Some(server)
    }

    /// Where files of the server lie, and its Unix socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A new database, by its URL.
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name, self.port)
    }

    /// The URL of a database, through a port.
    pub fn url(&self, database: &str, port: u16) -> String {
        format!("postgres://tester:{PASSWORD_IN_URL}@127.0.0.1:{port}/{database}")
    }

    /// The same URL over the Unix socket, where no password is asked.
    pub fn socket_url(&self, url: &str) -> String {
        let database = url.rsplit('/').next().expect("a database");
        format!("postgres://tester@/{database}?host={}&port={}", self.folder().display(), self.port)
    }

    /// What a statement says, a line a row.
    #[track_caller]
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let mut command = self.program("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "tester", "-d", database]);
        command.arg("-h").arg(self.folder()).args(["-p", &self.port.to_string(), "-c", statement]);
        run(&mut command)
    }

    /// Ends it at once, as a crash of its machine does but for the files.
    pub fn crash(&self) {
        let mut keeper = self.keeper.lock().expect("one thread");
        if let Some(mut keeper) = keeper.take() {
            // A line, or the end of its input, is what it waits for; after a line the files stay.
            if let Some(mut input) = keeper.stdin.take() {
                let _ = input.write_all(b"crash\n");
            }
            let _ = keeper.wait();
        }
    }

    /// Starts it again on the same files.
    pub fn resume(&self) {
        let script = "\"$0\" -D \"$1\" >\"$1.log\" 2>&1 & server=$!; read -r end; said=$?
            kill -QUIT $server; wait $server; cd /; [ $said = 0 ] || rm -rf \"$2\"";
        let mut command = self.unprivileged("/bin/sh");
        command.args(["-c", script]).arg(self.programs.join("postgres")).arg(self.data()).arg(self.folder());
        let child = command.stdin(Stdio::piped()).spawn().expect("a shell");
        *self.keeper.lock().expect("one thread") = Some(child);
        let begun = Instant::now();
        let mut ready = self.program("pg_isready");
        ready.arg("-q").arg("-h").arg(self.folder()).args(["-p", &self.port.to_string()]);
        while !ready.status().expect("pg_isready").success() {
            let log = std::fs::read_to_string(self.folder().join("data.log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "the server did not come up:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn initialise(&self, configuration: &str) {
        let password = self.folder().join("password");
        std::fs::write(&password, PASSWORD).expect("a file");
        let mut command = self.program("initdb");
        command.args(["-U", "tester", "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8"]);
        command.args(["--no-locale", "--no-sync"]).arg("--pwfile").arg(password).arg("-D").arg(self.data());
        run(&mut command);
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nmax_connections = 60\n\
             shared_buffers = '16MB'\n{configuration}\n",
            self.port,
            self.folder().display()
        );
        let file = std::fs::File::options().append(true).open(self.data().join("postgresql.conf"));
        file.expect("its configuration").write_all(settings.as_bytes()).expect("its configuration");
    }

    fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    fn program(&self, name: &str) -> Command {
        self.unprivileged(self.programs.join(name))
    }

    fn unprivileged(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.crash();
    }
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().expect("a program of PostgreSQL");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
}

/// Whether this process is root: who owns its entry says so.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}

/// The folder of the newest server's programs, in the path or where Debian and Fedora keep them.
fn programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    let version = |folder: &PathBuf| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() };
    folders.sort_by_key(version);
    folders.reverse();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.push("/usr/pgsql/bin".into());
    folders
        .into_iter()
        .find(|folder| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).exists()))
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address").port()
}
