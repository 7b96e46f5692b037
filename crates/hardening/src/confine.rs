//! Confinement of a process that is about to take prompts: what it can still do to files, to other processes and to the network.

use std::path::PathBuf;

use crate::report::{Line, Measure, Standing};

/// What a confined process may still do. The default is: read files, and use what it has open.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Folders (with what is in them) and files that may be written. Each must exist.
    pub write: Vec<PathBuf>,
    /// Sockets of the internet may be opened. For needs that no broker serves; [`Measure::Egress`] then says so.
    pub inet: bool,
}

/// Confines this thread and every thread it starts from now on, for good, and reports what the system says afterwards.
///
/// Landlock (Linux 5.13) leaves files readable and makes them unwritable but for [`Grants::write`]; from 6.12 on it also keeps
/// signals and abstract sockets inside. Seccomp refuses calls by number: sockets other than Unix ones, connecting any socket,
/// starting programs, reading other processes, io_uring, and what changes the kernel or its mounts. Each is asked for alone, so
/// that a system that lacks one still gives the other. Nothing is called held that was not seen to refuse.
///
/// Both hold for the calling thread and what descends from it, so call this before any other thread exists. With more than one
/// thread nothing is confined and every line says why.
#[must_use]
pub fn confine_server(grants: &Grants) -> Vec<Line> {
    system::confine(grants)
}

fn line(measure: Measure, standing: Standing, found: impl Into<String>) -> Line {
    Line { measure, standing, found: found.into() }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io::ErrorKind;
    use std::net::UdpSocket;

    use super::{Grants, line};
    use crate::report::{Line, Measure, Standing};
    use crate::{calls, files};

    const CONFINED: [Measure; 4] =
        [Measure::NewPrivileges, Measure::Files, Measure::SystemCalls, Measure::Egress];

    pub(super) fn confine(grants: &Grants) -> Vec<Line> {
        match status("Threads") {
            Some(threads) if threads == "1" => {}
            found => {
                let why = match found {
                    Some(threads) => format!("not asked for: {threads} threads run already"),
                    None => "not asked for: /proc/self/status cannot be read".to_owned(),
                };
                return CONFINED.map(|measure| line(measure, Standing::NotHeld, why.clone())).into();
            }
        }
        // Files first: the calls that Landlock needs are not to be in the filter's way.
        let landlock = files::restrict(&grants.write);
        let filter = calls::refuse(grants.inet);
        vec![new_privileges(), files(landlock), system_calls(filter), egress(grants.inet)]
    }

    /// One row of `/proc/self/status`, which a process that may not be dumped can still read.
    fn status(key: &str) -> Option<String> {
        let text = std::fs::read_to_string("/proc/self/status").ok()?;
        let row = text.lines().find_map(|row| row.strip_prefix(key)?.strip_prefix(':'))?;
        Some(row.trim().to_owned())
    }

    fn new_privileges() -> Line {
        match status("NoNewPrivs") {
            Some(found) if found == "1" => line(Measure::NewPrivileges, Standing::Held, "NoNewPrivs 1"),
            Some(found) => line(Measure::NewPrivileges, Standing::NotHeld, format!("NoNewPrivs {found}")),
            None => line(Measure::NewPrivileges, Standing::NotHeld, "/proc/self/status does not tell it"),
        }
    }

    /// The kernel tells nobody what Landlock forbids, so something that was never granted is tried.
    fn files(restricted: Result<String, String>) -> Line {
        let probe = std::fs::File::options().write(true).open("/dev/null");
        match (restricted, probe.map_err(|error| error.kind())) {
            (Ok(said), Err(ErrorKind::PermissionDenied)) => line(Measure::Files, Standing::Held, said),
            (Ok(said), _) => line(
                Measure::Files,
                Standing::NotHeld,
                format!("{said}; yet a file could be opened for writing"),
            ),
            (Err(why), _) => line(Measure::Files, Standing::NotHeld, why),
        }
    }

    fn system_calls(filter: Result<usize, String>) -> Line {
        match (filter, status("Seccomp")) {
            (Ok(refused), Some(mode)) if mode == "2" => {
                line(Measure::SystemCalls, Standing::Held, format!("Seccomp 2, {refused} calls refused"))
            }
            (Ok(_), mode) => {
                let mode = mode.unwrap_or_else(|| "unknown".to_owned());
                line(Measure::SystemCalls, Standing::NotHeld, format!("Seccomp {mode} after asking for 2"))
            }
            (Err(why), _) => line(Measure::SystemCalls, Standing::NotHeld, why),
        }
    }

    /// Tries to open a socket. Nothing is sent: a datagram socket on loopback is made and dropped where it can be.
    fn egress(granted: bool) -> Line {
        match UdpSocket::bind("127.0.0.1:0") {
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                line(Measure::Egress, Standing::Held, "opening a socket was tried and refused")
            }
            Ok(_) if granted => line(
                Measure::Egress,
                Standing::NotHeld,
                "sockets are granted to this process, for a service that it needs",
            ),
            Ok(_) => line(Measure::Egress, Standing::NotHeld, "opening a socket was tried and worked"),
            Err(error) => line(
                Measure::Egress,
                Standing::NotHeld,
                format!("opening a socket failed by chance: {error}"),
            ),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Grants, line};
    use crate::report::{Line, Measure, Standing};

    pub(super) fn confine(_: &Grants) -> Vec<Line> {
        [Measure::NewPrivileges, Measure::Files, Measure::SystemCalls, Measure::Egress]
            .map(|measure| line(measure, Standing::Unavailable, "only Linux has Landlock and seccomp"))
            .into()
    }
}
