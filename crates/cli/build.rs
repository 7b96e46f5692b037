//! What this build is made of, for the program to tell: its commit and every crate in it.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "so a build script talks to cargo")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// The commit, where git is not there to say it: in a source archive.
const COMMIT: &str = "PROEFTUIN_COMMIT";

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let root = std::env::var("CARGO_MANIFEST_DIR")?;
    let root = Path::new(&root);
    for file in ["Cargo.lock", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(file).display());
    }
    println!("cargo::rerun-if-env-changed={COMMIT}");
    println!("cargo::rustc-env=PROEFTUIN_BUILD_COMMIT={}", commit(root)?);
    println!("cargo::rustc-env=PROEFTUIN_BUILD_PROFILE={}", std::env::var("PROFILE")?);
    println!("cargo::rustc-env=PROEFTUIN_BUILD_TARGET={}", std::env::var("TARGET")?);
    println!("cargo::rustc-env=PROEFTUIN_BUILD_RUSTC={}", rustc()?);
    let crates = crates(root)?;
    let out = Path::new(&std::env::var("OUT_DIR")?).join("crates.json");
    std::fs::write(out, serde_json::to_vec(&crates)?)?;
    Ok(())
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn rustc() -> Done<String> {
    let rustc = std::env::var("RUSTC")?;
    said(Command::new(rustc).arg("--version")).ok_or_else(|| "rustc does not tell its version".into())
}

/// The commit, with `-changed` where the checkout has more than that. A debug build does not ask, so that not every commit
/// builds the program anew.
fn commit(root: &Path) -> Done<String> {
    if let Ok(commit) = std::env::var(COMMIT) {
        return Ok(commit);
    }
    if std::env::var("PROFILE")? != "release" {
        return Ok(String::new());
    }
    let git = |args: &[&str]| said(Command::new("git").arg("-C").arg(root).args(args));
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return Ok(String::new()) };
    // In a worktree this lies elsewhere than in `.git`; it changes with every commit and checkout.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={}", root.join(log).display());
    }
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|said| !said.is_empty());
    Ok(if changed { format!("{commit}-changed") } else { commit })
}

/// The features that the root package is built with, as cargo tells them: `CUDA` for `cuda`.
fn features() -> String {
    let set =
        std::env::vars().filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_").map(str::to_lowercase));
    set.map(|name| name.replace('_', "-")).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
}

/// Every crate that is linked into the program on this platform with these features. Those that only build or test it are not
/// in it, and need not even be here.
fn crates(root: &Path) -> Done<Value> {
    let target = std::env::var("TARGET")?;
    let mut command = Command::new(std::env::var("CARGO")?);
    command.current_dir(root).args([
        "tree",
        "--locked",
        "--offline",
        "--color",
        "never",
        "--package",
        "proeftuin",
    ]);
    command.args(["--edges", "normal,no-proc-macro", "--target", &target, "--features", &features()]);
    command.args(["--no-default-features", "--prefix", "depth", "--format", "{p}|{l}"]);
    let tree = said(&mut command).ok_or("cargo tree cannot list the crates of this build")?;
    let checksums = checksums(&std::fs::read_to_string(root.join("Cargo.lock"))?);
    let mut found: BTreeMap<String, Row> = BTreeMap::new();
    // The crates from the root to the line at hand.
    let mut path: Vec<String> = Vec::new();
    for line in tree.lines() {
        let row =
            Row::parse(line).ok_or_else(|| format!("cargo tree says what is not understood: {line}"))?;
        path.truncate(row.depth);
        if let Some(parent) = path.last().and_then(|parent| found.get_mut(parent)) {
            parent.depends.insert(row.id());
        }
        path.push(row.id());
        found.entry(row.id()).or_insert(row);
    }
    let told = |(id, row): (&String, &Row)| {
        json!({"name": row.name, "version": row.version, "license": row.license, "sha256": checksums.get(id),
               "depends": row.depends})
    };
    Ok(found.iter().map(told).collect())
}

/// A line of `cargo tree`: `2name v1.2.3 (where)|licence (*)`, the last where its own lines came before.
struct Row {
    depth: usize,
    name: String,
    version: String,
    license: String,
    depends: BTreeSet<String>,
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let digits = line.find(|c: char| !c.is_ascii_digit())?;
        let (depth, rest) = line.split_at_checked(digits)?;
        let (package, license) = rest.split_once('|')?;
        let (name, rest) = package.split_once(" v")?;
        let version = rest.split(' ').next()?;
        // An older way to write it, from before licences were expressions.
        let license = license.trim_end_matches(" (*)").replace('/', " OR ");
        Some(Self {
            depth: depth.parse().ok()?,
            name: name.to_owned(),
            version: version.to_owned(),
            license,
            depends: BTreeSet::new(),
        })
    }

    fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// The SHA-256 of every crate's archive, from the lock file: blocks of `key = "value"` lines.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let value = |block: &str, key: &str| -> Option<String> {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
        line.strip_suffix('"').map(str::to_owned)
    };
    let blocks = lock.split("[[package]]");
    let row = |block: &str| {
        let name = format!("{}@{}", value(block, "name")?, value(block, "version")?);
        Some((name, value(block, "checksum")?))
    };
    blocks.filter_map(row).collect()
}
