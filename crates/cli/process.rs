//! What is true of this process, for the controls that stand behind the measures of a use case.

use std::net::SocketAddr;

use hardening::{Measure, Report, Standing};

/// Reads it from what the system said, and from the addresses that are really listened on.
pub(crate) fn found(report: &Report, listening: &[SocketAddr]) -> policy::Process {
    let held = |measure: Measure| match report.standing(measure) {
        Some(Standing::Held) => Some(true),
        Some(Standing::NotHeld) => Some(false),
        // The system has no such thing, does not tell, or tells without a verdict: not known.
        _ => None,
    };
    policy::Process {
        core_files_off: held(Measure::CoreFiles),
        dumps_off: held(Measure::Dumpable),
        // That memory may be locked is known, that it is locked is not.
        memory_locked: held(Measure::LockedMemory),
        // The process is not confined yet.
        egress_closed: None,
        listens_on_loopback: Some(listening.iter().all(|address| address.ip().is_loopback())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_system_confirms_is_known() {
        let local = "127.0.0.1:80".parse().unwrap();
        let process = found(&hardening::observe_process(), &[local]);
        let report = hardening::observe_process();
        let held = report.standing(Measure::CoreFiles) == Some(Standing::Held);
        assert_eq!(process.core_files_off, Some(held));
        assert_eq!((process.memory_locked, process.egress_closed), (None, None));
        assert_eq!(process.listens_on_loopback, Some(true));
        let open = found(&report, &[local, "[::]:80".parse().unwrap()]);
        assert_eq!(open.listens_on_loopback, Some(false));
    }
}
