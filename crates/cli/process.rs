//! What this process is kept from, and what is true of it, for the controls that stand behind the measures of a use case.

use std::path::PathBuf;

use gateway::Device;
use hardening::{Grants, Line, Measure, Report, Standing};
use ledger::QuotaStore;
use server::Address;

use crate::places::Places;

/// Confines this process as a server is confined, for good, and says what holds. It must have one thread.
///
/// Nothing is asked for that is not there: folders that are to be written must exist before.
pub(crate) fn confine(places: &Places, device: Device) -> anyhow::Result<Vec<Line>> {
    let mut write = vec![places.state.clone(), places.log()];
    if !matches!(device, Device::Cpu | Device::Reference) {
        write.extend(accelerators());
    }
    write.retain(|path| path.exists());
    let mut lines = hardening::confine_server(&Grants { write, inet: false });
    if let (QuotaStore::Postgres(postgres), Some(egress)) =
        (places.quota_store()?, lines.iter_mut().find(|line| line.measure == Measure::Egress))
    {
        egress
            .found
            .push_str(&format!("; a broker connects to {} alone", postgres.destinations().join(", ")));
    }
    lines.push(hardening::observe_wiping());
    Ok(lines)
}

/// The device files of accelerators, which are talked to by writing.
fn accelerators() -> Vec<PathBuf> {
    let Ok(devices) = std::fs::read_dir("/dev") else { return Vec::new() };
    let is_one = |name: &str| name.starts_with("nvidia") || name == "dri" || name == "shm";
    let named = devices.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_one));
    named.map(|entry| entry.path()).collect()
}

/// Whether somebody may be reached who is not on this machine, by a broker's hand.
pub(crate) fn reaches_elsewhere(places: &Places) -> anyhow::Result<bool> {
    Ok(matches!(places.quota_store()?, QuotaStore::Postgres(postgres) if !postgres.is_local()))
}

/// Reads it from what the system said, from the addresses that are really listened on, and from whom a broker may reach.
pub(crate) fn found(report: &Report, listening: &[Address], reaches_elsewhere: bool) -> policy::Process {
    let held = |measure: Measure| match report.standing(measure) {
        Some(Standing::Held) => Some(true),
        Some(Standing::NotHeld) => Some(false),
        // The system has no such thing, does not tell, or tells without a verdict: not known.
        _ => None,
    };
    policy::Process {
        core_files_off: held(Measure::CoreFiles),
        dumps_off: held(Measure::Dumpable),
        memory_locked: held(Measure::LockedMemory),
        egress_closed: held(Measure::Egress).map(|held| held && !reaches_elsewhere),
        listens_on_loopback: Some(listening.iter().all(Address::is_local)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_system_confirms_is_known() {
        let local: Address = "127.0.0.1:80".parse().unwrap();
        let report = hardening::observe_process();
        let process = found(&report, std::slice::from_ref(&local), false);
        let held = report.standing(Measure::CoreFiles) == Some(Standing::Held);
        assert_eq!(process.core_files_off, Some(held));
        assert_eq!((process.memory_locked, process.egress_closed), (None, None), "nobody tried");
        assert_eq!(process.listens_on_loopback, Some(true));
        let open = found(&report, &[local.clone(), "[::]:80".parse().unwrap()], false);
        assert_eq!(open.listens_on_loopback, Some(false));
        let line = |measure, standing| Line { measure, standing, found: String::new() };
        for (standing, known) in [
            (Standing::Held, Some(true)),
            (Standing::NotHeld, Some(false)),
            (Standing::Unavailable, None),
            (Standing::Informative, None),
        ] {
            let lines = [line(Measure::Egress, standing), line(Measure::LockedMemory, standing)];
            let report = report.clone().with(lines);
            let process = found(&report, std::slice::from_ref(&local), false);
            assert_eq!((process.egress_closed, process.memory_locked), (known, known), "{standing}");
            let named = found(&report, std::slice::from_ref(&local), true);
            assert_eq!(named.egress_closed, known.map(|_| false), "a broker reaches somebody");
        }
    }
}
