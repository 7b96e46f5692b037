//! What a confined server cannot do, tried from inside it. Each case is a child of this program, run with one thread.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a failed call is a failed test; the child speaks by printing"
)]

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: hardening::WipingAllocator = hardening::WipingAllocator;

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::{AsRawFd as _, OwnedFd};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use hardening::{Grants, Measure, Report, Standing, confine_process, confine_server};

    const ROLE: &str = "PROEFTUIN_HARDENING_TEST_ROLE";
    const FOLDER: &str = "PROEFTUIN_HARDENING_TEST_FOLDER";
    const PORT: &str = "PROEFTUIN_HARDENING_TEST_PORT";

    pub(super) fn main() {
        match std::env::var(ROLE).as_deref() {
            Ok("confined") => confined(&Grants { write: vec![folder()], inet: false }),
            Ok("inet") => confined(&Grants { write: vec![folder()], inet: true }),
            Ok("late") => late(),
            Ok("missing") => {
                told(&confine_server(&Grants { write: vec![folder().join("missing")], inet: false }));
            }
            Ok("wiped") => wiped(),
            Ok("locked") => locked(),
            _ => {
                let cases: [(&str, fn()); 6] = [
                    ("a confined server keeps to itself", a_confined_server_keeps_to_itself),
                    ("sockets that were granted are said to be open", sockets_that_were_granted_are_said),
                    ("with two threads nothing is called held", with_two_threads_nothing_is_called_held),
                    ("a folder that is not there is named", a_folder_that_is_not_there_is_named),
                    ("freed memory is wiped", freed_memory_is_wiped),
                    ("memory is locked whole or not at all", memory_is_locked_whole_or_not_at_all),
                ];
                for (name, case) in cases {
                    case();
                    println!("{name}: ok");
                }
            }
        }
    }

    fn folder() -> PathBuf {
        PathBuf::from(std::env::var_os(FOLDER).unwrap())
    }

    fn told(lines: &[hardening::Line]) {
        lines.iter().for_each(|line| println!("report: {line}"));
    }

    /// What a call came to: `ok`, or the error's number.
    fn tried<T>(what: &str, result: std::io::Result<T>) {
        match result {
            Ok(_) => println!("{what}: ok"),
            Err(error) => println!("{what}: {}", error.raw_os_error().map_or(-1, |number| number)),
        }
    }

    fn called(what: &str, result: libc::c_long) {
        tried(what, if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) });
    }

    fn confined(grants: &Grants) {
        let elsewhere = folder().with_extension("elsewhere");
        let port: u16 = std::env::var(PORT).unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        confine_process();
        told(&confine_server(grants));
        tried("read", fs::read("/proc/self/stat"));
        tried("write state", fs::write(folder().join("file"), "x"));
        tried("rename state", fs::rename(folder().join("file"), folder().join("other")));
        tried("admin socket", UnixListener::bind(folder().join("admin.sock")));
        tried("link state", std::os::unix::fs::symlink("/", folder().join("root")));
        tried("write elsewhere", fs::write(&elsewhere, "x"));
        tried("remove elsewhere", fs::remove_file(folder().with_extension("keep")));
        tried("connect", TcpStream::connect(("127.0.0.1", port)));
        tried("datagram", UdpSocket::bind("127.0.0.1:0"));
        tried("pair", UnixStream::pair());
        tried("program", Command::new("/bin/true").stdin(Stdio::null()).spawn());
        // A thread that comes later has it all as well.
        std::thread::spawn(move || tried("thread connects", TcpStream::connect(("127.0.0.1", port))))
            .join()
            .unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        tried("answer a client", accepted.write_all(b"x"));
        reconnect(OwnedFd::from(accepted), port);
        raw_calls();
        drop(client);
    }

    /// What an accepted socket could be made to do: forget its client, and call somebody else.
    #[allow(unsafe_code, reason = "the calls that are refused have no safe wrapper here")]
    fn reconnect(socket: OwnedFd, port: u16) {
        let nobody = libc::sockaddr { sa_family: 0, sa_data: [0; 14] };
        let address = libc::sockaddr_in {
            sin_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap(),
            sin_port: port.to_be(),
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
            sin_zero: [0; 8],
        };
        let fd = socket.as_raw_fd();
        // SAFETY: both addresses live through the calls, and their lengths are their own.
        unsafe {
            called("reconnect", libc::connect(fd, &raw const nobody, 16).into());
            let sent = libc::sendto(
                fd,
                b"x".as_ptr().cast(),
                1,
                libc::MSG_FASTOPEN,
                (&raw const address).cast(),
                16,
            );
            called("fast open", sent.try_into().unwrap());
        }
    }

    #[allow(unsafe_code, reason = "the calls that are refused have no safe wrapper here")]
    fn raw_calls() {
        // SAFETY: a filter refuses these by number; where it did not, null and −1 would make each an error or harmless.
        unsafe {
            called("ptrace", libc::syscall(libc::SYS_ptrace, libc::PTRACE_ATTACH, -1, 0, 0));
            called("process_vm_readv", libc::syscall(libc::SYS_process_vm_readv, -1, 0, 0, 0, 0, 0));
            called("io_uring", libc::syscall(libc::SYS_io_uring_setup, 0, 0));
            called("bpf", libc::syscall(libc::SYS_bpf, -1, 0, 0));
            called("keyctl", libc::syscall(libc::SYS_keyctl, -1, 0, 0));
            called("mount", libc::syscall(libc::SYS_mount, 0, 0, 0, 0, 0));
            called("perf", libc::syscall(libc::SYS_perf_event_open, 0, 0, 0, -1, 0));
        }
    }

    fn late() {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || receiver.recv().is_err());
        told(&confine_server(&Grants::default()));
        drop(sender);
        other.join().unwrap();
        tried("datagram", UdpSocket::bind("127.0.0.1:0"));
    }

    fn child(role: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.with_extension("keep"), "x").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, role)
            .env(FOLDER, &folder)
            .env(PORT, listener.local_addr().unwrap().port().to_string())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(folder.with_extension("keep").is_file() || !text.contains("report: files: held"), "{text}");
        text
    }

    #[track_caller]
    fn expect(text: &str, rows: &[&str]) {
        for row in rows {
            assert!(text.lines().any(|line| line == *row), "no line `{row}` in\n{text}");
        }
    }

    fn a_confined_server_keeps_to_itself() {
        let text = child("confined");
        let allowed = ["read: ok", "write state: ok", "rename state: ok", "admin socket: ok", "pair: ok"];
        expect(&text, &allowed);
        expect(&text, &["answer a client: ok"]);
        if text.contains("report: files: held") {
            expect(&text, &["write elsewhere: 13", "remove elsewhere: 13", "link state: 13"]);
        } else {
            println!("this kernel has no Landlock: what it would keep is not tested\n{text}");
        }
        if !text.contains("report: system calls: held") {
            println!("this kernel takes no filter: what it would refuse is not tested\n{text}");
            return;
        }
        let refused =
            ["connect", "thread connects", "datagram", "program", "reconnect", "fast open", "ptrace"];
        let refused =
            refused.iter().chain(&["process_vm_readv", "io_uring", "bpf", "keyctl", "mount", "perf"]);
        refused.for_each(|call| expect(&text, &[&format!("{call}: 1")]));
        expect(&text, &["report: egress: held (opening a socket was tried and refused)"]);
        expect(&text, &["report: new privileges: held (NoNewPrivs 1)"]);
    }

    fn sockets_that_were_granted_are_said() {
        let text = child("inet");
        expect(&text, &["connect: ok", "datagram: ok"]);
        assert!(text.contains("report: egress: NOT HELD (sockets are granted"), "{text}");
    }

    fn with_two_threads_nothing_is_called_held() {
        let text = child("late");
        assert_eq!(text.matches("NOT HELD (not asked for: 2 threads run already)").count(), 4, "{text}");
        expect(&text, &["datagram: ok"]);
    }

    fn a_folder_that_is_not_there_is_named() {
        let text = child("missing");
        let row = text.lines().find(|line| line.starts_with("report: files: ")).unwrap();
        assert!(
            row.contains("NOT HELD") && (row.contains("state/missing") || row.contains("no Landlock")),
            "{row}"
        );
    }

    /// The text that is looked for, made anew each time so that it lies nowhere in the program.
    fn secret() -> String {
        (0..24_u8).map(|i| char::from(b'a' + (i * 7 + 3) % 26)).collect()
    }

    fn wiped() {
        println!("observed: {}", hardening::observe_wiping());
        // Grows, and is moved while it grows.
        let mut text = String::new();
        for _ in 0..2000 {
            text.push_str(&secret());
        }
        println!("before: {}", found_in_memory() >= 2000);
        drop(text);
        let boxed: Vec<Box<str>> = (0..500).map(|_| secret().into_boxed_str()).collect();
        println!("boxed: {}", found_in_memory() >= 500);
        drop(boxed);
        println!("after: {}", found_in_memory());
    }

    /// How often the secret lies on the heap of this process. The needle lies there too, so it is kept turned around.
    fn found_in_memory() -> usize {
        let needle: Vec<u8> = secret().bytes().map(|byte| !byte).collect();
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let mut memory = fs::File::open("/proc/self/mem").unwrap();
        let mut found = 0;
        for row in maps.lines().filter(|row| row.contains(" rw-p ")) {
            if row.ends_with("[stack]") {
                continue;
            }
            let (from, to) = row.split(' ').next().unwrap().split_once('-').unwrap();
            let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
            let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
            memory.seek(SeekFrom::Start(from)).unwrap();
            if memory.read_exact(&mut bytes).is_err() {
                continue;
            }
            bytes.iter_mut().for_each(|byte| *byte = !*byte);
            found += bytes.windows(needle.len()).filter(|window| *window == needle.as_slice()).count();
            bytes.fill(0);
        }
        found
    }

    fn freed_memory_is_wiped() {
        let text = child("wiped");
        expect(&text, &["observed: freed memory: held (a freed block was wiped)"]);
        expect(&text, &["before: true", "boxed: true", "after: 0"]);
    }

    fn locked() {
        let tried = hardening::try_lock_memory();
        println!("tried: {} {}", tried.standing, locked_kib());
        let report = Report::default().with([hardening::lock_memory()]);
        println!("locked: {} {}", report.standing(Measure::LockedMemory).unwrap(), locked_kib() > 0);
        if report.standing(Measure::LockedMemory) == Some(Standing::NotHeld) {
            println!("{report}");
        }
    }

    fn locked_kib() -> u64 {
        let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap();
        let row = status.lines().find_map(|row| row.strip_prefix("VmLck:")).unwrap();
        row.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn memory_is_locked_whole_or_not_at_all() {
        let text = child("locked");
        if text.contains("tried: held") {
            expect(&text, &["tried: held 0", "locked: held true"]);
        } else {
            expect(&text, &["tried: NOT HELD 0", "locked: NOT HELD false"]);
            assert!(text.contains("memory lock: NOT HELD"), "{text}");
        }
    }
}
