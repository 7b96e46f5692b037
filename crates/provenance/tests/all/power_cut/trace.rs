//! The calls of a child that change files, in the order in which they were done.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// One call, or something that the child was told.
#[derive(Debug, Clone)]
pub enum Op {
    Ack(String),
    MakeFolder(PathBuf),
    Create(PathBuf),
    Write(PathBuf, Vec<u8>),
    Truncate(PathBuf, usize),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

const CALLS: &str = "trace=openat,write,pwrite64,writev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,\
    unlink,unlinkat,rmdir";

/// Runs one test of this program as a child on `dir`; what it did below `dir`. `None` where nothing can be traced.
pub fn record(test: &str, variable: &str, dir: &Path) -> Option<Vec<Op>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let ran = Command::new("strace")
        .args(["-f", "-q", "-y", "-xx", "-s", "16777216", "-e", CALLS, "-e", "signal=none", "-o"])
        .arg(file.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(variable, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !ran.ok()?.success() {
        return None;
    }
    let text = std::fs::read_to_string(file.path()).unwrap();
    let calls = whole_calls(&text);
    Some(calls.iter().filter_map(|call| parse(call)).filter(|op| below(op, dir)).collect())
}

/// Calls that another thread interrupted are put together, at the place where they ended. What is said counts from where it
/// began: whoever hears it may hear it then.
fn whole_calls(text: &str) -> Vec<String> {
    let (mut begun, mut calls) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(start) = call.strip_suffix(" <unfinished ...>") {
            if start.starts_with("write(1<") {
                calls.push(format!("{start}) = 1000000"));
            } else {
                begun.insert(thread, start);
            }
        } else if let Some((_, end)) = call.split_once(" resumed>") {
            calls.extend(begun.remove(thread).map(|start: &str| format!("{start}{end}")));
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}

fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

/// What stands between `open` and `close`, decoded; everything in there is hexadecimal.
fn between(call: &str, open: char, close: char) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = call;
    while let Some((_, after)) = rest.split_once(open) {
        let Some((inside, after)) = after.split_once(close) else { break };
        found.push(unhex(inside));
        rest = after;
    }
    found
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::str::from_utf8(bytes).unwrap())
}

fn parse(call: &str) -> Option<Op> {
    let (name, _) = call.split_once('(')?;
    let (arguments, result) = call.rsplit_once(" = ")?;
    let digits: String = result.chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
    let result: i64 = digits.parse().ok().filter(|result| *result >= 0)?;
    let (texts, files) = (between(arguments, '"', '"'), between(arguments, '<', '>'));
    // Relative to the folder that the call names; an absolute path stays.
    let place = |at: usize| -> PathBuf {
        files.get(at).map(|folder| path(folder)).unwrap_or_default().join(path(&texts[at]))
    };
    let file = || path(&files[0]);
    match name {
        "write" if arguments.starts_with("write(1<") => {
            let text = String::from_utf8_lossy(&texts[0]).into_owned();
            text.lines().find_map(|line| line.strip_prefix("ack ")).map(|words| Op::Ack(words.to_owned()))
        }
        "write" => {
            let mut bytes = texts.into_iter().next()?;
            bytes.truncate(usize::try_from(result).unwrap());
            Some(Op::Write(path(&files[0]), bytes))
        }
        "openat" if arguments.contains("O_CREAT") => Some(Op::Create(place(0))),
        "ftruncate" => {
            let len = arguments.rsplit_once(", ")?.1.trim_end_matches(')');
            Some(Op::Truncate(file(), len.parse().unwrap()))
        }
        "fsync" | "fdatasync" => Some(Op::Sync(file())),
        "mkdir" | "mkdirat" => Some(Op::MakeFolder(place(0))),
        "unlink" | "unlinkat" | "rmdir" => Some(Op::Remove(place(0))),
        "rename" | "renameat" | "renameat2" => Some(Op::Rename(place(0), place(1))),
        "openat" => None,
        other => {
            // A way to write that this does not know would look like nothing written.
            let inside = files.iter().any(|file| path(file).is_absolute() && !path(file).starts_with("/dev"));
            assert!(!inside, "{other} is not understood");
            None
        }
    }
}

fn below(op: &Op, dir: &Path) -> bool {
    match op {
        Op::Ack(_) => true,
        Op::MakeFolder(path)
        | Op::Create(path)
        | Op::Write(path, _)
        | Op::Truncate(path, _)
        | Op::Sync(path)
        | Op::Rename(_, path)
        | Op::Remove(path) => path.starts_with(dir),
    }
}
