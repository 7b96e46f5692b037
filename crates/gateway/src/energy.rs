//! Energy of a request: the time that was computed for it, times the power that the machine drew meanwhile.
//!
//! Power is read from the processor's own meter (RAPL, through Linux's `powercap`) where this process may read it, which
//! most systems grant to root alone since CVE-2020-8694. Elsewhere it is a stated number, and the log says so. RAPL counts
//! processor and memory, not disks, fans or what the power supply loses, and everything else that ran at the time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use provenance::EnergySource;

/// Where Linux shows the meters.
const POWERCAP: &str = "/sys/class/powercap";

/// Tells what requests took, and adds it up.
pub struct Meter {
    domains: Vec<Domain>,
    counted: Mutex<Counted>,
    stated_milliwatts: u64,
    total_millijoules: AtomicU64,
}

/// One meter: a package, or the memory beside it.
struct Domain {
    /// Kept open, so that it can be read after the process has been confined.
    file: File,
    /// Where its counter begins again, in microjoules.
    range: u64,
}

/// The counters, with what went before they began again.
struct Counted {
    last: Vec<u64>,
    microjoules: u64,
}

/// A moment on a meter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    at: Instant,
    microjoules: Option<u64>,
}

impl Meter {
    /// The machine's own meter, or `stated_milliwatts` while something is computed where that cannot be read.
    #[must_use]
    pub fn open(stated_milliwatts: u64) -> Self {
        Self::in_folder(Path::new(POWERCAP), stated_milliwatts)
    }

    /// The same, of a folder that looks like `/sys/class/powercap`.
    #[must_use]
    pub fn in_folder(folder: &Path, stated_milliwatts: u64) -> Self {
        let domains: Vec<Domain> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Domain::open(&entry.ok()?.path()))
            .collect();
        let last: Option<Vec<u64>> = domains.iter().map(Domain::read).collect();
        let (domains, last) = last.map_or_else(Default::default, |last| (domains, last));
        let counted = Mutex::new(Counted { last, microjoules: 0 });
        Self { domains, counted, stated_milliwatts, total_millijoules: AtomicU64::new(0) }
    }

    /// Where the power comes from.
    #[must_use]
    pub fn source(&self) -> EnergySource {
        if self.domains.is_empty() { EnergySource::Stated } else { EnergySource::Rapl }
    }

    /// Millijoules of all requests so far.
    #[must_use]
    pub fn total_millijoules(&self) -> u64 {
        self.total_millijoules.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self) -> Reading {
        Reading { at: Instant::now(), microjoules: self.microjoules() }
    }

    /// Millijoules of a request that began at `start` and for which `busy_ns` nanoseconds were computed, and where the
    /// power comes from; adds them to the total.
    pub(crate) fn charge(&self, start: Reading, busy_ns: u64) -> (u64, EnergySource) {
        let end = self.read();
        let elapsed_ns = end.at.duration_since(start.at).as_nanos();
        let (millijoules, source) = match (start.microjoules, end.microjoules) {
            (Some(before), Some(after)) if elapsed_ns > 0 => {
                let microjoules = u128::from(after.saturating_sub(before)).saturating_mul(busy_ns.into());
                (microjoules / elapsed_ns / 1000, EnergySource::Rapl)
            }
            _ => {
                let nanojoules = u128::from(self.stated_milliwatts).saturating_mul(busy_ns.into()) / 1000;
                (nanojoules / 1_000_000, EnergySource::Stated)
            }
        };
        let millijoules = u64::try_from(millijoules).unwrap_or(u64::MAX);
        self.total_millijoules.fetch_add(millijoules, Ordering::Relaxed);
        (millijoules, source)
    }

    /// Microjoules since the meter was opened; `None` where there is none, or it can no longer be read.
    fn microjoules(&self) -> Option<u64> {
        if self.domains.is_empty() {
            return None;
        }
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let now: Option<Vec<u64>> = self.domains.iter().map(Domain::read).collect();
        let now = now?;
        let steps = now.iter().zip(&counted.last).zip(&self.domains);
        let step = steps.map(|((now, last), domain)| domain.since(*last, *now)).fold(0, u64::saturating_add);
        counted.microjoules = counted.microjoules.saturating_add(step);
        counted.last = now;
        Some(counted.microjoules)
    }
}

impl Domain {
    /// A package, or memory; other domains are parts of a package, or contain it.
    fn open(folder: &Path) -> Option<Self> {
        let name = std::fs::read_to_string(folder.join("name")).ok()?;
        if !(name.starts_with("package-") || name.trim_end() == "dram") {
            return None;
        }
        let range = std::fs::read_to_string(folder.join("max_energy_range_uj")).ok()?;
        let domain =
            Self { file: File::open(folder.join("energy_uj")).ok()?, range: range.trim().parse().ok()? };
        domain.read()?;
        Some(domain)
    }

    fn read(&self) -> Option<u64> {
        let mut text = [0; 24];
        let read = self.file.read_at(&mut text, 0).ok()?;
        std::str::from_utf8(text.get(..read)?).ok()?.trim().parse().ok()
    }

    /// Microjoules from one reading to the next; a counter that is smaller began again, once.
    fn since(&self, last: u64, now: u64) -> u64 {
        match now.checked_sub(last) {
            Some(step) => step,
            None => self.range.saturating_sub(last).saturating_add(now),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;
    use std::time::Duration;

    fn domain(folder: &Path, id: &str, name: &str, energy: &str) {
        let folder = folder.join(id);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (file, text) in [("name", name), ("max_energy_range_uj", "1000000"), ("energy_uj", energy)] {
            std::fs::write(folder.join(file), format!("{text}\n")).expect("a file");
        }
    }

    #[test]
    fn without_a_meter_the_stated_power_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let meter = Meter::in_folder(folder.path(), 20_000);
        let start = meter.read();
        assert_eq!(meter.charge(start, 1_500_000_000), (30_000, EnergySource::Stated));
        assert_eq!(meter.charge(start, 0), (0, EnergySource::Stated));
        assert_eq!(meter.total_millijoules(), 30_000);
    }

    #[test]
    fn packages_and_memory_are_added_up_and_counters_begin_again() {
        let folder = tempfile::tempdir().expect("a folder");
        domain(folder.path(), "intel-rapl:0", "package-0", "999000");
        domain(folder.path(), "intel-rapl:0:0", "core", "5");
        domain(folder.path(), "intel-rapl:0:1", "dram", "100");
        let meter = Meter::in_folder(folder.path(), 0);
        assert_eq!(meter.source(), EnergySource::Rapl);
        let start = meter.read();
        domain(folder.path(), "intel-rapl:0", "package-0", "9000");
        domain(folder.path(), "intel-rapl:0:1", "dram", "2100");
        assert_eq!(meter.microjoules(), Some(10_000 + 2_000));
        // Half of the time was computed for this request: half of the energy.
        let start = Reading { at: start.at - Duration::from_secs(10), ..start };
        let (millijoules, source) = meter.charge(start, 5_000_000_000);
        assert_eq!(source, EnergySource::Rapl);
        assert!((5..=6).contains(&millijoules), "{millijoules}");
    }

    #[test]
    fn a_meter_that_cannot_be_read_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        domain(folder.path(), "intel-rapl:0", "package-0", "not a number");
        assert_eq!(Meter::in_folder(folder.path(), 1).source(), EnergySource::Stated);
        assert_eq!(Meter::in_folder(Path::new("/nowhere"), 1).source(), EnergySource::Stated);
    }
}
