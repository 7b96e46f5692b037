//! The account of what holds: typed for a caller that wants to refuse, one line each for a person.

use std::fmt;

/// One protection of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Measure {
    /// `RLIMIT_CORE` is 0, soft and hard: the kernel writes no core file of our memory, and nobody below root can allow it again.
    CoreFiles,
    /// `PR_GET_DUMPABLE` is 0: no core to a crash handler either, and no attaching debugger of the same user.
    Dumpable,
    /// The file mode mask is 077: what we create is the owner's alone.
    Umask,
    /// `RLIMIT_MEMLOCK`: how much memory may be kept out of swap. Reported, never judged.
    LockedMemory,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CoreFiles => "core files",
            Self::Dumpable => "dumps and debuggers",
            Self::Umask => "file mode mask",
            Self::LockedMemory => "memory lock limit",
        })
    }
}

/// Whether a measure is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// In force: the value was read back from the system, not assumed.
    Held,
    /// Not in force, though this system has it.
    NotHeld,
    /// This system has no such thing, or no way to read it.
    Unavailable,
    /// A fact without a verdict.
    Informative,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Held => "held",
            Self::NotHeld => "NOT HELD",
            Self::Unavailable => "unavailable",
            Self::Informative => "note",
        })
    }
}

/// One measure, its standing, and what was found. Prints as `core files: held (soft 0, hard 0 bytes)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which protection.
    pub measure: Measure,
    /// Whether it is in force.
    pub standing: Standing,
    /// What the system answered; after a failed call also why it failed.
    pub found: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.measure, self.standing, self.found)
    }
}

/// All measures, in a fixed order. Prints one line each, without a newline at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    lines: Vec<Line>,
}

impl Report {
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        Self { lines }
    }

    /// Every line, in the order in which they print.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The standing of one measure; `None` when this report does not speak of it.
    pub fn standing(&self, measure: Measure) -> Option<Standing> {
        self.lines.iter().find(|line| line.measure == measure).map(|line| line.standing)
    }

    /// What this system could hold and does not. A server that serves people refuses to start unless this is empty.
    pub fn shortfalls(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.standing == Standing::NotHeld)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{line}")?;
        }
        Ok(())
    }
}
