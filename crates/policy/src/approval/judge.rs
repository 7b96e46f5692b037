//! What of the signatures holds: a pure function of the folder and the trust root, without a clock.

use std::collections::{BTreeMap, BTreeSet};

use super::ROSTER_PATH;
use super::covers::Covers;
use super::roster::{Roster, RosterSeal, Signer, TrustRoot};
use super::statement::{Act, Advice, Check, Decision, Role, Signed, Statement};
use crate::Error;
use crate::files::{FileKind, PolicyFiles};
use crate::use_case::{Kind, Outcome, Status, UseCase};

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)*) => {
        /// What can be wrong with trust or a signature. A rule speaks of each by its code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Fault { $($(#[$doc])* $variant,)* }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in rules and tables.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

faults! {
    /// The program runs without a trust root.
    RootMissing = "trust-root-missing",
    /// The folder has no roster.
    RosterMissing = "roster-missing",
    /// The root keys do not vouch for the roster as it is.
    RosterNotSigned = "roster-not-signed",
    /// The roster is older than one that was seen.
    RosterRolledBack = "roster-rolled-back",
    /// The signature does not verify.
    NotGenuine = "not-genuine",
    /// The key is not in the roster.
    KeyUnknown = "key-unknown",
    /// The roster does not give the key this role for this use case.
    WrongRole = "wrong-role",
    /// The statement bears a date outside the signer's term.
    OutsideTerm = "outside-term",
    /// The statement is about another use case.
    OtherUseCase = "other-use-case",
    /// The record is not what was signed.
    RecordChanged = "record-changed",
    /// An assessment is not what was signed.
    AssessmentChanged = "assessment-changed",
    /// A pinned model is not what was signed.
    ModelChanged = "model-changed",
    /// The redaction profile is not what was signed.
    RedactionChanged = "redaction-changed",
    /// The owner decided on another advice.
    AdviceChanged = "advice-changed",
    /// The chain of decisions takes a step that does not exist, or misses one.
    TransitionIllegal = "transition-illegal",
    /// The record's status is not what the owner decided.
    StateNotDecided = "state-not-decided",
}

/// A fault with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// File inside the policy folder.
    pub path: String,
    /// What sort of fault.
    pub fault: Fault,
    /// What, in words.
    pub detail: String,
}

/// An advice that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advised {
    /// What it says.
    pub verdict: Outcome,
    /// Who signed, as the roster calls the person.
    pub by: String,
    /// When, milliseconds since 1970 UTC.
    pub date_ms: i64,
    /// From when it no longer counts, milliseconds since 1970 UTC.
    pub expires_ms: i64,
}

/// A decision that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The state it decides.
    pub state: Status,
    /// Who signed, as the roster calls the person.
    pub by: String,
    /// When, milliseconds since 1970 UTC.
    pub date_ms: i64,
    /// From when it no longer counts, milliseconds since 1970 UTC.
    pub expires_ms: i64,
    /// Roles from whose advice it deviates with a motivation.
    pub deviates_from: BTreeSet<String>,
}

/// The conditions in free text that were signed off, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignOffs {
    /// When the last was signed, milliseconds since 1970 UTC.
    pub last_ms: i64,
    /// From when the first no longer counts, milliseconds since 1970 UTC.
    pub expires_ms: i64,
}

/// What holds of the signatures of one use case: the only source of the facts that rules get of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvals {
    /// Version, first and last moment of the roster, once the root keys vouch for it.
    pub roster: Option<(u32, i64, i64)>,
    /// Advice of the CIO.
    pub cio_advice: Option<Advised>,
    /// Advice of the data-protection officer (FG).
    pub fg_advice: Option<Advised>,
    /// The last decision of the owner.
    pub owner_decision: Option<Decided>,
    /// Conditions that the rules check at each request.
    pub conditions: BTreeSet<Check>,
    /// Conditions in free text that nobody signed off, as `role/id`.
    pub open_conditions: BTreeSet<String>,
    /// Those that were signed off.
    pub sign_offs: Option<SignOffs>,
    /// Pinned hash of each model that the owner decided on.
    pub models: BTreeMap<String, String>,
    /// SHA-256 of the dossier of each model that the owner decided on.
    pub dossiers: BTreeMap<String, String>,
    /// What does not hold.
    pub findings: Vec<Finding>,
}

/// Whether there is a roster to believe.
pub(crate) enum Trust {
    Roster(Roster),
    None(Finding),
}

/// Judges the roster of a folder. A roster or seal that does not parse is an error, as any file is.
pub(crate) fn trust(files: &PolicyFiles, root: Option<&TrustRoot>) -> Result<Trust, Error> {
    let roster = Roster::of(files)?;
    let mut seals = Vec::new();
    for (path, text) in files.of_kind(FileKind::RosterSeal) {
        seals.push((path.to_owned(), Signed::<RosterSeal>::parse(path, text)?));
    }
    let none = |fault, detail: String| Ok(Trust::None(Finding { path: ROSTER_PATH.into(), fault, detail }));
    let Some(root) = root else {
        return none(Fault::RootMissing, "this program was started without a trust root".into());
    };
    let Some(roster) = roster else {
        return none(Fault::RosterMissing, "there is no roster".into());
    };
    if let Err(detail) = root.vouches(&roster, &seals) {
        return none(Fault::RosterNotSigned, detail);
    }
    if roster.version < root.roster_version_min() {
        let detail = format!("version {} is older than {}", roster.version, root.roster_version_min());
        return none(Fault::RosterRolledBack, detail);
    }
    Ok(Trust::Roster(roster))
}

/// Judges the signatures of one use case.
pub(crate) fn approvals(case: &UseCase, files: &PolicyFiles, trust: &Trust) -> Result<Approvals, Error> {
    let mut letters = letters(&case.id, files)?;
    // A demo takes no signatures: the rules keep it where it needs none.
    if case.kind == Kind::Demo {
        return Ok(Approvals::default());
    }
    let roster = match trust {
        Trust::Roster(roster) => roster,
        Trust::None(finding) => {
            return Ok(Approvals { findings: vec![finding.clone()], ..Approvals::default() });
        }
    };
    let mut judge = Judge { case, covers: Covers::of(case, files)?, roster, findings: Vec::new() };
    letters.retain_mut(|letter| judge.admits(letter));
    let mut approvals = Approvals {
        roster: Some((roster.version, roster.issued_ms, roster.expires_ms)),
        cio_advice: judge.advice(Role::Cio, &letters),
        fg_advice: judge.advice(Role::Fg, &letters),
        owner_decision: judge.decision(&letters),
        ..Approvals::default()
    };
    if approvals.owner_decision.is_some() {
        approvals.models = case.model_sha256.clone();
        approvals.dossiers = case.model_dossier_sha256.clone();
    }
    judge.conditions(&letters, &mut approvals);
    approvals.findings = judge.findings;
    Ok(approvals)
}

/// A signature with its place and, once admitted, its signer.
pub(super) struct Letter {
    path: String,
    pub(super) signed: Signed<Statement>,
    person: String,
}

impl Letter {
    fn sha256(&self) -> String {
        self.signed.statement_sha256()
    }

    pub(super) fn advice(&self, role: Role) -> Option<&Advice> {
        match &self.signed.statement {
            Statement { role: signed_as, act: Act::Advice(advice), .. } if *signed_as == role => Some(advice),
            _ => None,
        }
    }

    pub(super) fn decision(&self) -> Option<&Decision> {
        match &self.signed.statement.act {
            Act::Decision(decision) => Some(decision),
            _ => None,
        }
    }
}

/// The signatures that lie with a use case; each must be the file of its name.
pub(super) fn letters(id: &str, files: &PolicyFiles) -> Result<Vec<Letter>, Error> {
    let folder = format!("use-cases/{id}.signatures/");
    let mut letters = Vec::new();
    for (path, text) in files.of_kind(FileKind::Signature) {
        let Some(name) = path.strip_prefix(&folder) else { continue };
        let signed = Signed::<Statement>::parse(path, text)?;
        let wanted = signed.statement.file_name();
        if wanted != name {
            return Err(Error::Signature { path: path.into(), detail: format!("its name must be {wanted}") });
        }
        letters.push(Letter { path: path.into(), signed, person: String::new() });
    }
    Ok(letters)
}

struct Judge<'a> {
    case: &'a UseCase,
    covers: Covers,
    roster: &'a Roster,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    fn note(&mut self, letter: &Letter, fault: Fault, detail: impl Into<String>) {
        self.findings.push(Finding { path: letter.path.clone(), fault, detail: detail.into() });
    }

    /// Whether somebody who may has signed this, about this use case. Names the signer.
    fn admits(&mut self, letter: &mut Letter) -> bool {
        match self.signer(&letter.signed) {
            Ok(person) => {
                letter.person = person;
                true
            }
            Err((fault, detail)) => {
                self.note(letter, fault, detail);
                false
            }
        }
    }

    fn signer(&self, signed: &Signed<Statement>) -> Result<String, (Fault, String)> {
        let statement = &signed.statement;
        if !signed.is_genuine() {
            return Err((Fault::NotGenuine, "the signature does not verify".into()));
        }
        if statement.use_case != self.case.id {
            return Err((Fault::OtherUseCase, format!("it is about {}", statement.use_case)));
        }
        if statement.roster_version > self.roster.version {
            let detail = format!(
                "it was signed under roster version {}, and the one here is {}",
                statement.roster_version, self.roster.version
            );
            return Err((Fault::RosterRolledBack, detail));
        }
        let lines: Vec<&Signer> = self.roster.signers.iter().filter(|line| line.key == signed.key).collect();
        let Some(first) = lines.first() else {
            return Err((Fault::KeyUnknown, format!("{} is not in the roster", signed.key)));
        };
        let role = statement.role;
        let mut held =
            lines.iter().filter(|l| l.holds(role, &self.case.organisation, &self.case.id)).peekable();
        if held.peek().is_none() {
            let detail = format!("{} may not sign as {} here", first.person, role.name());
            return Err((Fault::WrongRole, detail));
        }
        let at = statement.date.0;
        let in_term = held.find(|line| line.from_ms <= at && at < line.until_ms);
        in_term.map(|line| line.person.clone()).ok_or_else(|| {
            (Fault::OutsideTerm, format!("{} was not {} at its date", first.person, role.name()))
        })
    }

    /// Whether everything that was signed is as it was.
    fn covers(&mut self, letter: &Letter) -> bool {
        let changed = letter.signed.statement.covers.changed(&self.covers);
        for (fault, part) in &changed {
            self.note(letter, *fault, format!("{part} is not what was signed"));
        }
        changed.is_empty()
    }

    fn advice(&mut self, role: Role, letters: &[Letter]) -> Option<Advised> {
        let letter = letters.iter().find(|letter| letter.advice(role).is_some())?;
        let statement = &letter.signed.statement;
        self.covers(letter).then(|| Advised {
            verdict: letter.advice(role).map_or(Outcome::Negative, |advice| advice.verdict),
            by: letter.person.clone(),
            date_ms: statement.date.0,
            expires_ms: statement.expires.0,
        })
    }

    /// The last decision, if the whole chain of them holds, and it decides what the record says.
    fn decision(&mut self, letters: &[Letter]) -> Option<Decided> {
        let mut chain: Vec<(&Letter, &Decision)> =
            letters.iter().filter_map(|letter| Some((letter, letter.decision()?))).collect();
        chain.sort_by_key(|(_, decision)| decision.number);
        if let Some((letter, detail)) = broken_step(&chain) {
            self.note(letter, Fault::TransitionIllegal, detail);
            return None;
        }
        let (letter, decision) = chain.last()?;
        if self.case.status.runs() && self.case.status != decision.to {
            let detail = format!(
                "the owner decided {}, the record says {}",
                decision.to.name(),
                self.case.status.name()
            );
            self.note(letter, Fault::StateNotDecided, detail);
            return None;
        }
        let heard = |role: Role| {
            let advice = letters.iter().find(|letter| letter.advice(role).is_some()).map(Letter::sha256);
            decision.advice.get(role.name()) == advice.as_ref()
        };
        let stranger = decision.advice.keys().any(|role| role != Role::Cio.name() && role != Role::Fg.name());
        if stranger || !heard(Role::Cio) || !heard(Role::Fg) {
            self.note(letter, Fault::AdviceChanged, "the advice is not what the owner decided on");
            return None;
        }
        let statement = &letter.signed.statement;
        let motivated = decision.deviations.iter().filter(|(_, why)| !why.trim().is_empty());
        self.covers(letter).then(|| Decided {
            state: decision.to,
            by: letter.person.clone(),
            date_ms: statement.date.0,
            expires_ms: statement.expires.0,
            deviates_from: motivated.map(|(role, _)| role.clone()).collect(),
        })
    }

    /// The conditions of both advices: checks, and texts with or without the sign-off of their author.
    fn conditions(&self, letters: &[Letter], approvals: &mut Approvals) {
        for role in [Role::Cio, Role::Fg] {
            let advices = letters.iter().filter_map(|letter| Some((letter, letter.advice(role)?)));
            for (letter, advice) in advices {
                let sha256 = letter.sha256();
                for condition in &advice.conditions {
                    let met = |other: &&Letter| {
                        let said = matches!(&other.signed.statement.act, Act::Fulfilment(met)
                            if met.advice == sha256 && met.condition == condition.id);
                        said && other.signed.statement.role == role && other.person == letter.person
                    };
                    match (condition.check, letters.iter().find(met)) {
                        (Some(check), _) => {
                            approvals.conditions.insert(check);
                        }
                        (None, Some(sign_off)) => approvals.sign_off(&sign_off.signed.statement),
                        (None, None) => {
                            approvals.open_conditions.insert(format!("{}/{}", role.name(), condition.id));
                        }
                    }
                }
            }
        }
    }
}

impl Approvals {
    fn sign_off(&mut self, statement: &Statement) {
        let (date_ms, expires_ms) = (statement.date.0, statement.expires.0);
        let so_far = self.sign_offs.unwrap_or(SignOffs { last_ms: date_ms, expires_ms });
        self.sign_offs = Some(SignOffs {
            last_ms: so_far.last_ms.max(date_ms),
            expires_ms: so_far.expires_ms.min(expires_ms),
        });
    }

    /// The codes of all faults.
    pub(crate) fn fault_codes(&self) -> BTreeSet<&'static str> {
        self.findings.iter().map(|finding| finding.fault.code()).collect()
    }
}

/// The first decision that does not follow from the one before it, and why.
fn broken_step<'a>(chain: &[(&'a Letter, &Decision)]) -> Option<(&'a Letter, String)> {
    // Before the owner has decided anything, the use case is on its desk or with its advisers.
    let mut state = None;
    let mut date_ms = i64::MIN;
    for ((letter, decision), number) in chain.iter().zip(1u32..) {
        let (from, to) = (decision.from, decision.to);
        let begins = state.map_or(matches!(from, Status::Draft | Status::Advised), |state| state == from);
        let detail = if decision.number != number {
            format!("decision {number} is missing or doubled")
        } else if !begins {
            format!("it starts from {}, and the use case was not there", from.name())
        } else if !(from.may_become(to) || from == to && to.runs()) {
            format!("no use case goes from {} to {}", from.name(), to.name())
        } else if letter.signed.statement.date.0 < date_ms {
            "it is dated before the decision that it follows".to_owned()
        } else {
            (state, date_ms) = (Some(to), letter.signed.statement.date.0);
            continue;
        };
        return Some((letter, detail));
    }
    None
}
