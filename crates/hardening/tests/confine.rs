//! What confinement does is seen from outside: each case runs this binary again as a child, because limits cannot be taken back.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed call is a failed test; the child speaks by printing"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};

use hardening::{Measure, Standing, confine_process, hide_panic_payloads, observe_process};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const ROLE: &str = "PROEFTUIN_HARDENING_TEST_ROLE";
const SECRET: &str = "burgerservicenummer 111222333";

/// Not a test of its own: the body of the children below. Without a role it has nothing to do.
#[test]
fn child_process() {
    match std::env::var(ROLE).as_deref() {
        Ok("report") => report_before_and_after(),
        Ok("create") => {
            confine_process();
            let file = tempfile::Builder::new()
                .permissions(std::fs::Permissions::from_mode(0o666))
                .tempfile()
                .unwrap();
            println!("\nmode {:o}", file.as_file().metadata().unwrap().permissions().mode() & 0o777);
        }
        Ok("abort") => {
            invite_a_core();
            confine_process();
            std::process::abort();
        }
        Ok("panic") => {
            hide_panic_payloads();
            std::thread::spawn(|| panic!("{SECRET}")).join().unwrap_err();
            std::thread::spawn(|| std::hint::black_box(Err::<(), _>(SECRET)).unwrap()).join().unwrap_err();
            std::thread::spawn(|| std::panic::panic_any(SECRET.to_owned())).join().unwrap_err();
        }
        _ => {}
    }
}

/// Raises the limit as far as the system lets us, so that confinement has something to take away.
fn invite_a_core() {
    if setrlimit(Resource::Core, Rlimit { current: None, maximum: None }).is_err() {
        let core = getrlimit(Resource::Core);
        setrlimit(Resource::Core, Rlimit { current: core.maximum, ..core }).unwrap();
    }
}

fn report_before_and_after() {
    invite_a_core();
    let before = observe_process();
    println!("\nbefore: dumpable {:?}", before.standing(Measure::Dumpable).unwrap());
    let report = confine_process();
    for line in report.lines() {
        println!("report: {line}");
    }
    println!("shortfalls: {}", report.shortfalls().count());
    println!("proc: {}", proc_row("limits", "Max core file size"));
    println!("proc: {}", proc_row("status", "Umask:"));
    println!("memlock: {}", proc_row("limits", "Max locked memory"));
    println!("again: {}", observe_process() == report);
}

fn proc_row(file: &str, key: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    text.lines().find(|row| row.starts_with(key)).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn child(role: &str) -> Output {
    child_with(role, "0")
}

fn child_with(role: &str, backtrace: &str) -> Output {
    let me = std::env::current_exe().unwrap();
    Command::new(me)
        .args(["--exact", "child_process", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env("RUST_BACKTRACE", backtrace)
        .output()
        .unwrap()
}

#[test]
fn limits_hold_and_the_report_says_so() {
    let output = child("report");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let rows: Vec<&str> = text.lines().collect();
    for expected in [
        "before: dumpable NotHeld",
        "report: core files: held (soft 0, hard 0 bytes)",
        "report: dumps and debuggers: held (PR_GET_DUMPABLE 0)",
        "report: file mode mask: held (0077)",
        "shortfalls: 0",
        "proc: Max core file size 0 0 bytes",
        "proc: Umask: 0077",
        "again: true",
    ] {
        assert!(rows.contains(&expected), "no line `{expected}` in\n{text}");
    }
    let kernel = rows.iter().find_map(|row| row.strip_prefix("memlock: Max locked memory ")).unwrap();
    let mut limits = kernel.split(' ');
    let (soft, hard) = (limits.next().unwrap(), limits.next().unwrap());
    let told = format!("report: memory lock: note (soft {soft}, hard {hard} bytes)");
    assert!(rows.contains(&told.as_str()), "no line `{told}` in\n{text}");
}

#[test]
fn a_new_file_is_the_owners_alone() {
    let output = child("create");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|row| row == "mode 600"), "{text}");
}

#[test]
fn an_abort_leaves_no_core() {
    let output = child("abort");
    assert_eq!(output.status.signal(), Some(6), "the child ends by SIGABRT");
    assert!(!output.status.core_dumped());
}

#[test]
fn a_panic_tells_its_place_and_never_its_payload() {
    let output = child("panic");
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(err.matches("internal fault at").count(), 3, "{err}");
    assert_eq!(err.matches("confine.rs:").count(), 3, "{err}");
    assert!(!err.contains("111222333") && !out.contains("111222333"), "{out}{err}");
}

#[test]
fn a_backtrace_holds_no_payload_either() {
    let err = String::from_utf8(child_with("panic", "1").stderr).unwrap();
    assert!(err.contains("child_process"), "a backtrace names its functions: {err}");
    assert!(!err.contains("111222333"), "{err}");
}

#[test]
fn a_report_that_falls_short_says_where() {
    // This process is not confined, and a test runner is dumpable.
    let report = observe_process();
    assert_eq!(report.standing(Measure::Dumpable), Some(Standing::NotHeld));
    let lines: Vec<String> = report.shortfalls().map(ToString::to_string).collect();
    assert!(
        lines.iter().any(|line| line == "dumps and debuggers: NOT HELD (PR_GET_DUMPABLE 1)"),
        "{lines:?}"
    );
}
