//! What this program can hold of a measure: a closed list of controls, each with a probe of what is really so.

use serde::Deserialize;

/// A control that this program has. Anything else is a measure of the organisation's, which people sign off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Control {
    /// The redaction profile that the record names is loaded and looks at this request.
    RedactionProfileLoaded,
    /// Special categories of personal data are looked for, and a request that holds any is refused.
    SpecialCategoriesRefused,
    /// Placeholders stay in the answer: the originals are not put back.
    PlaceholdersNotRestored,
    /// Answers are searched for personal data that the model was not given.
    OutputScreened,
    /// The server listens on the loopback interface only, and this request came over it.
    LoopbackOnly,
    /// The key of this request expires.
    KeysExpire,
    /// The model in memory is, byte for byte, the one that was pinned.
    ModelPinned,
    /// Cached prompts are shared within the use case and with nobody else.
    PrefixCacheSalted,
    /// The provenance log takes records: nothing is generated without one.
    LogDurable,
    /// Requests and tokens of the use case are counted against its allowance.
    QuotaInForce,
    /// A crash leaves no core file, and no debugger of the same user may attach.
    NoCoreDumps,
    /// Memory that holds prompts is not swapped out.
    MemoryLocked,
    /// The process can open no connection to elsewhere.
    EgressClosed,
    /// Whoever holds the key has acknowledged the present guidance.
    GuidanceAcknowledged,
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// It is in force.
    Holds,
    /// It is not.
    Off {
        /// What is so instead.
        why: &'static str,
    },
    /// Nobody looked, or nobody could: as good as not in force.
    Unknown {
        /// What would have had to be known.
        why: &'static str,
    },
}

/// What is true of the process, found when it starts. `None` is what could not be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Process {
    /// The limit on core files is zero.
    pub core_files_off: Option<bool>,
    /// Neither crash handler nor debugger gets at the memory.
    pub dumps_off: Option<bool>,
    /// Memory with prompts in it is locked.
    pub memory_locked: Option<bool>,
    /// The process can open no socket to elsewhere.
    pub egress_closed: Option<bool>,
    /// Every address it listens on is a loopback address.
    pub listens_on_loopback: Option<bool>,
}

/// What is true now, for one request of one use case. `None` is what nobody looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Live {
    /// Of the process.
    pub process: Process,
    /// The connection came over the loopback interface.
    pub came_by_loopback: Option<bool>,
    /// The key has a day on which it expires.
    pub key_expires: Option<bool>,
    /// The profile that the record names is loaded.
    pub redaction_profile_loaded: Option<bool>,
    /// A detector of special categories looks at every request.
    pub special_categories_detected: Option<bool>,
    /// The record has a request refused in which one is found.
    pub special_categories_refused: Option<bool>,
    /// Answers pass the screen.
    pub output_screened: Option<bool>,
    /// Originals are put back into the answer.
    pub placeholders_restored: Option<bool>,
    /// Pinned and loaded hash of the model are the same.
    pub model_pinned: Option<bool>,
    /// The cache is keyed by a secret of the use case.
    pub prefix_cache_salted: Option<bool>,
    /// The log takes records.
    pub log_open: Option<bool>,
    /// The allowance was read for this request.
    pub quota_counted: Option<bool>,
    /// The holder of the key has acknowledged the guidance.
    pub guidance_acknowledged: Option<bool>,
}

impl Live {
    /// Everything as it should be: for questions about records and rules, where there is no process to look at.
    #[must_use]
    pub fn in_force() -> Self {
        let yes = Some(true);
        let process = Process {
            core_files_off: yes,
            dumps_off: yes,
            memory_locked: yes,
            egress_closed: yes,
            listens_on_loopback: yes,
        };
        Self {
            process,
            came_by_loopback: yes,
            key_expires: yes,
            redaction_profile_loaded: yes,
            special_categories_detected: yes,
            special_categories_refused: yes,
            output_screened: yes,
            placeholders_restored: Some(false),
            model_pinned: yes,
            prefix_cache_salted: yes,
            log_open: yes,
            quota_counted: yes,
            guidance_acknowledged: yes,
        }
    }
}

impl Control {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::RedactionProfileLoaded,
        Self::SpecialCategoriesRefused,
        Self::PlaceholdersNotRestored,
        Self::OutputScreened,
        Self::LoopbackOnly,
        Self::KeysExpire,
        Self::ModelPinned,
        Self::PrefixCacheSalted,
        Self::LogDurable,
        Self::QuotaInForce,
        Self::NoCoreDumps,
        Self::MemoryLocked,
        Self::EgressClosed,
        Self::GuidanceAcknowledged,
    ];

    /// Its name in files and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RedactionProfileLoaded => "redaction-profile-loaded",
            Self::SpecialCategoriesRefused => "special-categories-refused",
            Self::PlaceholdersNotRestored => "placeholders-not-restored",
            Self::OutputScreened => "output-screened",
            Self::LoopbackOnly => "loopback-only",
            Self::KeysExpire => "keys-expire",
            Self::ModelPinned => "model-pinned",
            Self::PrefixCacheSalted => "prefix-cache-salted",
            Self::LogDurable => "log-durable",
            Self::QuotaInForce => "quota-in-force",
            Self::NoCoreDumps => "no-core-dumps",
            Self::MemoryLocked => "memory-locked",
            Self::EgressClosed => "egress-closed",
            Self::GuidanceAcknowledged => "guidance-acknowledged",
        }
    }

    /// Whether it is in force in this state.
    #[must_use]
    pub fn holds(self, live: &Live) -> Probe {
        let process = &live.process;
        match self {
            Self::RedactionProfileLoaded => {
                all(&[(live.redaction_profile_loaded, "the redaction profile of the record is loaded")])
            }
            Self::SpecialCategoriesRefused => all(&[
                (live.special_categories_detected, "a detector looks for special categories"),
                (live.special_categories_refused, "the record refuses special categories"),
            ]),
            Self::PlaceholdersNotRestored => {
                let stay = live.placeholders_restored.map(|restored| !restored);
                all(&[(stay, "placeholders stay in the answer")])
            }
            Self::OutputScreened => all(&[(live.output_screened, "answers are screened")]),
            Self::LoopbackOnly => all(&[
                (process.listens_on_loopback, "the server listens on loopback addresses only"),
                (live.came_by_loopback, "the request came over the loopback interface"),
            ]),
            Self::KeysExpire => all(&[(live.key_expires, "the key expires")]),
            Self::ModelPinned => all(&[(live.model_pinned, "the loaded model is the pinned one")]),
            Self::PrefixCacheSalted => {
                all(&[(live.prefix_cache_salted, "the cache is keyed by a secret of the use case")])
            }
            Self::LogDurable => all(&[(live.log_open, "the provenance log takes records")]),
            Self::QuotaInForce => all(&[(live.quota_counted, "the allowance is counted")]),
            Self::NoCoreDumps => all(&[
                (process.core_files_off, "the limit on core files is zero"),
                (process.dumps_off, "the process cannot be dumped or debugged"),
            ]),
            Self::MemoryLocked => all(&[(process.memory_locked, "memory with prompts is locked")]),
            Self::EgressClosed => all(&[(process.egress_closed, "no connection to elsewhere can be opened")]),
            Self::GuidanceAcknowledged => {
                all(&[(live.guidance_acknowledged, "the guidance was acknowledged")])
            }
        }
    }
}

/// Holds when everything is so; otherwise what is not so counts before what is not known.
fn all(claims: &[(Option<bool>, &'static str)]) -> Probe {
    if let Some((_, why)) = claims.iter().find(|(fact, _)| *fact == Some(false)) {
        return Probe::Off { why };
    }
    match claims.iter().find(|(fact, _)| fact.is_none()) {
        Some((_, why)) => Probe::Unknown { why },
        None => Probe::Holds,
    }
}
