//! Memory that must not reach a disk: all of it or none.

use crate::report::{Line, Measure, Standing};

/// Keeps the memory of this process out of swap, from now on and as it is touched, where the system lets all of it.
///
/// Prompts lie in request bodies, token ids, keys and values of attention, and stacks of every thread: there is no region to
/// pick. So it is the whole process (`mlockall`, as pages are touched) or nothing. With a limit in bytes it is nothing: a lock
/// on the future makes a later allocation fail, in the middle of somebody's answer. Call it after the weights are loaded,
/// or the file they are read from is locked with them for as long as that takes.
#[must_use]
pub fn lock_memory() -> Line {
    system::lock()
}

/// Whether [`lock_memory`] would hold, found by locking and unlocking.
#[must_use]
pub fn try_lock_memory() -> Line {
    let line = system::lock();
    system::unlock();
    line
}

fn line(standing: Standing, found: String) -> Line {
    Line { measure: Measure::LockedMemory, standing, found }
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::mm::{MlockAllFlags, mlockall, munlockall};
    use rustix::process::{Resource, getrlimit};

    use super::line;
    use crate::report::{Line, Standing};

    /// `CAP_IPC_LOCK` of `capabilities(7)`: the limit does not count for its holder.
    const CAP_IPC_LOCK: u32 = 14;

    pub(super) fn lock() -> Line {
        let limit = getrlimit(Resource::Memlock);
        if let (Some(bytes), false) = (limit.current, may_lock_anything()) {
            return line(
                Standing::NotHeld,
                format!("the limit is {bytes} bytes, too few for all; {}", swap()),
            );
        }
        match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
            Ok(()) => line(Standing::Held, "all memory is locked as it is touched".to_owned()),
            Err(cause) => line(Standing::NotHeld, format!("locking all memory failed: {cause}; {}", swap())),
        }
    }

    pub(super) fn unlock() {
        // What cannot be unlocked stays safer than asked.
        let _ = munlockall();
    }

    fn may_lock_anything() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = status.lines().find_map(|row| row.strip_prefix("CapEff:"));
        let effective = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        effective.is_some_and(|bits| bits & (1 << CAP_IPC_LOCK) != 0)
    }

    /// What is known of swap at this moment; an administrator may add some at any other.
    fn swap() -> &'static str {
        match std::fs::read_to_string("/proc/swaps") {
            Ok(table) if table.lines().count() <= 1 => "no swap is in use on this machine now",
            Ok(_) => "this machine uses swap",
            Err(_) => "whether this machine uses swap is not known",
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::line;
    use crate::report::{Line, Standing};

    pub(super) fn lock() -> Line {
        line(Standing::Unavailable, "locking a whole process as it is touched is Linux's alone".to_owned())
    }

    pub(super) fn unlock() {}
}
