//! Running the program and what else is on the machine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::target_tmp;

/// What a finished program said.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; −1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Its standard output, if it succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.out
    }

    /// Its standard error, if it failed with exit code 1.
    #[track_caller]
    pub fn refused(self) -> String {
        assert_eq!(self.code, 1, "{}\n{}", self.out, self.err);
        self.err
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// The program under test, without the settings of whoever runs the tests.
pub fn proeftuin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proeftuin"));
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PROEFTUIN_") {
            command.env_remove(name);
        }
    }
    let nowhere = target_tmp().join("nowhere");
    command.env_remove("COLUMNS").env("HOME", &nowhere);
    for variable in ["XDG_STATE_HOME", "XDG_DATA_HOME"] {
        command.env(variable, &nowhere);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs the program with nothing but these arguments.
pub fn run(args: &[&str]) -> Ran {
    proeftuin().args(args).output().expect("the program starts").into()
}

/// Runs a command with `input` on its standard input.
pub fn finish(command: &mut Command, input: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that ends before it has read everything is judged by what it says.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends").into()
}

/// Where a program lies, if it is installed.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir: PathBuf| dir.join(name)).find(|file: &PathBuf| Path::is_file(file))
}
