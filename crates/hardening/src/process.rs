//! The process-wide calls: set, then read back, and report what was read.

use crate::report::{Line, Measure, Report, Standing};

/// Puts every process-wide protection in force and reports what the system says afterwards.
///
/// Call it first thing in `main`: files created earlier have the old mask, and a crash earlier can leave a core. It never
/// fails: a call that the system refuses shows up in [`Report::shortfalls`] with its cause, and the caller decides.
/// Children inherit the limits and the mask; the dumpable flag is set anew by `execve`, so a child calls this itself.
///
/// Memory is not locked here: weights are large and public. The limit is reported, so that whoever locks a vault knows.
pub fn confine_process() -> Report {
    let refused = system::apply();
    let mut lines = system::observe();
    for (measure, cause) in refused {
        if let Some(line) = lines.iter_mut().find(|line| line.measure == measure) {
            line.found = format!("{}; setting it failed: {cause}", line.found);
        }
    }
    Report::new(lines)
}

/// Reports what is in force now and changes nothing.
pub fn observe_process() -> Report {
    Report::new(system::observe())
}

#[cfg(unix)]
fn line(measure: Measure, holds: bool, found: String) -> Line {
    Line { measure, standing: if holds { Standing::Held } else { Standing::NotHeld }, found }
}

fn unavailable(measure: Measure, why: &str) -> Line {
    Line { measure, standing: Standing::Unavailable, found: why.to_owned() }
}

#[cfg(unix)]
mod system {
    use rustix::fs::Mode;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

    use super::{line, unavailable};
    use crate::report::{Line, Measure, Standing};

    /// Sets each measure; gives those that the system refused, with the cause.
    pub(super) fn apply() -> Vec<(Measure, String)> {
        let mut refused = Vec::new();
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        if let Err(cause) = setrlimit(Resource::Core, none) {
            refused.push((Measure::CoreFiles, cause.to_string()));
        }
        if let Err(cause) = forbid_dumping() {
            refused.push((Measure::Dumpable, cause));
        }
        umask(Mode::RWXG | Mode::RWXO);
        refused
    }

    pub(super) fn observe() -> Vec<Line> {
        vec![core_files(), dumpable(), file_mode_mask(), locked_memory()]
    }

    fn core_files() -> Line {
        let limit = getrlimit(Resource::Core);
        line(Measure::CoreFiles, limit.current == Some(0) && limit.maximum == Some(0), bytes(limit))
    }

    fn locked_memory() -> Line {
        let limit = getrlimit(Resource::Memlock);
        Line { measure: Measure::LockedMemory, standing: Standing::Informative, found: bytes(limit) }
    }

    fn bytes(limit: Rlimit) -> String {
        let show = |value: Option<u64>| value.map_or_else(|| "unlimited".to_owned(), |v| v.to_string());
        format!("soft {}, hard {} bytes", show(limit.current), show(limit.maximum))
    }

    #[cfg(target_os = "linux")]
    fn forbid_dumping() -> Result<(), String> {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|cause| cause.to_string())
    }

    #[cfg(not(target_os = "linux"))]
    fn forbid_dumping() -> Result<(), String> {
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn dumpable() -> Line {
        use rustix::process::{DumpableBehavior, dumpable_behavior};
        match dumpable_behavior() {
            Ok(found) => {
                let holds = found == DumpableBehavior::NotDumpable;
                line(Measure::Dumpable, holds, format!("PR_GET_DUMPABLE {}", found as i32))
            }
            Err(cause) => line(Measure::Dumpable, false, format!("PR_GET_DUMPABLE failed: {cause}")),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn dumpable() -> Line {
        unavailable(Measure::Dumpable, "only Linux has PR_SET_DUMPABLE")
    }

    /// The mask can only be read by setting it, for all threads at once. Linux also tells it in `/proc`.
    fn file_mode_mask() -> Line {
        let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
            return unavailable(Measure::Umask, "no /proc to read it from; confining sets it nonetheless");
        };
        match status.lines().find_map(|row| row.strip_prefix("Umask:")) {
            Some(mask) => line(Measure::Umask, mask.trim() == "0077", mask.trim().to_owned()),
            None => unavailable(
                Measure::Umask,
                "/proc/self/status does not tell it; confining sets it nonetheless",
            ),
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::unavailable;
    use crate::report::{Line, Measure};

    pub(super) fn apply() -> Vec<(Measure, String)> {
        Vec::new()
    }

    pub(super) fn observe() -> Vec<Line> {
        [Measure::CoreFiles, Measure::Dumpable, Measure::Umask, Measure::LockedMemory]
            .map(|measure| unavailable(measure, "not a Unix system"))
            .into()
    }
}
