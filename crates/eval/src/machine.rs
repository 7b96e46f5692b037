//! Where a measurement was made and by which build, as far as the system tells.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

const UNKNOWN: &str = "unknown";

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The processor's own name.
    pub cpu: String,
    /// Logical processors that this process may use.
    pub cores: usize,
    /// Main memory, in bytes; 0 when not known.
    pub memory_bytes: u64,
    /// Operating system.
    pub os: String,
    /// Its kernel's release.
    pub kernel: String,
    /// Instruction set architecture of the build.
    pub arch: String,
}

impl Machine {
    /// Reads `/proc` where there is one.
    pub fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let trimmed =
            |text: String| if text.trim().is_empty() { UNKNOWN.to_owned() } else { text.trim().to_owned() };
        let cpuinfo = read("/proc/cpuinfo");
        let cpu = ["model name", "Model", "CPU part"].iter().find_map(|key| field(&cpuinfo, key));
        let os_release = read("/etc/os-release");
        let os = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        Machine {
            cpu: cpu.unwrap_or_else(|| UNKNOWN.to_owned()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: kib(&read("/proc/meminfo"), "MemTotal").unwrap_or_default(),
            os: os.map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned()),
            kernel: trimmed(read("/proc/sys/kernel/osrelease")),
            arch: std::env::consts::ARCH.to_owned(),
        }
    }
}

/// The build that measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Version of the package.
    pub version: String,
    /// Commit: said at build time by `PROEFTUIN_COMMIT`, else that of the checkout the program lies in, else "unknown".
    pub commit: String,
    /// `release`, or `debug` when assertions are on.
    pub profile: String,
    /// Instruction set tier of the kernels.
    pub isa: String,
}

impl Build {
    /// This program.
    pub fn own(isa: &str) -> Self {
        let commit = option_env!("PROEFTUIN_COMMIT").map(str::to_owned).or_else(commit_of_checkout);
        Build {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit.unwrap_or_else(|| UNKNOWN.to_owned()),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            isa: isa.to_owned(),
        }
    }
}

/// Most memory this process has had resident, in bytes; `None` where the system does not tell.
pub fn peak_resident_bytes() -> Option<u64> {
    kib(&std::fs::read_to_string("/proc/self/status").ok()?, "VmHWM")
}

/// The commit that is checked out where the program lies, with `-dirty` when files differ from it.
fn commit_of_checkout() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let folder: &Path = program.parent()?;
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
    let output = git.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}

/// The first `key : value` of a file of such lines.
fn field(text: &str, key: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = pairs.find(|(name, _)| name.trim() == key)?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The first `key: N kB`, in bytes.
fn kib(text: &str, key: &str) -> Option<u64> {
    field(text, key)?.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nMemTotal:   2048 kB\nbogus\n";
        assert_eq!(field(text, "model name").as_deref(), Some("Some CPU @ 2 GHz"));
        assert_eq!(kib(text, "MemTotal"), Some(2048 * 1024));
        assert_eq!((field(text, "Model"), kib(text, "processor")), (None, None));
    }

    #[test]
    fn this_machine_is_described() {
        let machine = Machine::here();
        assert!(machine.cores > 0 && !machine.cpu.is_empty() && !machine.kernel.is_empty());
        assert!(!Build::own("scalar").commit.is_empty());
    }
}
