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
    /// No page of this process goes to swap. Before locking is tried: `RLIMIT_MEMLOCK`, reported and not judged.
    LockedMemory,
    /// What is freed is wiped first.
    FreedMemory,
    /// `PR_SET_NO_NEW_PRIVS`: no program that is started gets rights that this one lacks.
    NewPrivileges,
    /// Landlock: files can be read, and written only where state is kept.
    Files,
    /// Seccomp: calls that would get around the other measures are refused.
    SystemCalls,
    /// No connection to elsewhere can be opened.
    Egress,
}

impl Measure {
    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CoreFiles => "core-files",
            Self::Dumpable => "dumps",
            Self::Umask => "file-mode-mask",
            Self::LockedMemory => "locked-memory",
            Self::FreedMemory => "freed-memory",
            Self::NewPrivileges => "new-privileges",
            Self::Files => "files",
            Self::SystemCalls => "system-calls",
            Self::Egress => "egress",
        }
    }

    /// What to do where it does not hold.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::CoreFiles => "let the service set RLIMIT_CORE to 0 (systemd: LimitCORE=0)",
            Self::Dumpable => "run on Linux, where a process can forbid that it is dumped",
            Self::Umask => "mount /proc, so that the mask can be read back",
            Self::LockedMemory => {
                "lift the limit (systemd: LimitMEMLOCK=infinity; containers: --ulimit memlock=-1), or encrypt swap or turn it off"
            }
            Self::FreedMemory => {
                "use the program as released; this one was built without the wiping allocator"
            }
            Self::NewPrivileges => "run on Linux, and mount /proc so that it can be read back",
            Self::Files => {
                "use a kernel of 5.13 or newer with Landlock on (lsm=landlock,…), in a container whose runtime lets it through"
            }
            Self::SystemCalls => {
                "use a kernel with seccomp filters, in a container whose runtime lets them through"
            }
            Self::Egress => {
                "the filter of system calls closes it; until then close the way out at the network (firewall, network policy)"
            }
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CoreFiles => "core files",
            Self::Dumpable => "dumps and debuggers",
            Self::Umask => "file mode mask",
            Self::LockedMemory => "memory lock",
            Self::FreedMemory => "freed memory",
            Self::NewPrivileges => "new privileges",
            Self::Files => "files",
            Self::SystemCalls => "system calls",
            Self::Egress => "egress",
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

    /// The same report with other lines: each takes the place of the one about its measure, or comes last.
    #[must_use]
    pub fn with(mut self, lines: impl IntoIterator<Item = Line>) -> Self {
        for line in lines {
            match self.lines.iter_mut().find(|old| old.measure == line.measure) {
                Some(old) => *old = line,
                None => self.lines.push(line),
            }
        }
        self
    }

    /// What is not in force, whether this system lacks it or not.
    pub fn unmet(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| matches!(line.standing, Standing::NotHeld | Standing::Unavailable))
    }

    /// What this system could hold and does not.
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
