//! A signer's side: from the folder of a record to a signature. It needs no rules, no trust root and no clock.

use std::collections::BTreeMap;

use super::covers::Covers;
use super::judge::{Finding, Letter, Trust, letters, trust};
use super::key::{PublicKey, SigningKey};
use super::roster::{Roster, TrustRoot};
use super::statement::{Act, Advice, Decision, Fulfilment, Moment, Role, Signed, Statement};
use crate::Error;
use crate::files::PolicyFiles;
use crate::record;
use crate::use_case::{Kind, Outcome, Status, UseCase};

/// From when until when a signature counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// When it is signed.
    pub date: Moment,
    /// From when it no longer counts.
    pub expires: Moment,
}

/// A file to write: path inside the policy folder, and text.
pub type SignatureFile = (String, String);

/// One use case as it lies before a signer.
pub struct Dossier {
    case: UseCase,
    covers: Covers,
    roster_version: u32,
    letters: Vec<Letter>,
}

impl Dossier {
    /// Opens the record `id`. Of the folder it reads the record, its redaction profile, its signatures, the roster.
    ///
    /// # Errors
    /// [`Error`] for what does not parse, [`Error::Unsignable`] for what is not complete enough to sign.
    pub fn open(files: &PolicyFiles, id: &str) -> Result<Self, Error> {
        let path = format!("use-cases/{id}.toml");
        let text = files.text(&path).ok_or_else(|| Error::MissingFile { path: path.clone() })?;
        let case = record::parse(&path, text)?;
        let wrong = |detail: String| Error::Unsignable { id: id.into(), detail };
        if case.kind == Kind::Demo {
            return Err(wrong("it is a demo, and a demo takes no signatures".into()));
        }
        if let Some(model) = case.models.iter().find(|model| !case.model_sha256.contains_key(*model)) {
            let detail = "under [model_sha256] in the record write its hash from models.toml";
            return Err(wrong(format!("model {model} is not pinned; {detail}")));
        }
        if let Some(model) = case.models.iter().find(|model| !case.model_dossier_sha256.contains_key(*model))
        {
            let detail =
                "under [model_dossier_sha256] in the record write what `proeftuin models show` prints";
            return Err(wrong(format!("of model {model} the dossier is not named; {detail}")));
        }
        let profile = format!("redaction/{}.toml", case.redaction_profile);
        if files.text(&profile).is_none() {
            return Err(Error::MissingFile { path: profile });
        }
        let roster =
            Roster::of(files)?.ok_or_else(|| Error::MissingFile { path: super::ROSTER_PATH.into() })?;
        let (covers, letters) = (Covers::of(&case, files)?, letters(id, files)?);
        Ok(Self { case, covers, roster_version: roster.version, letters })
    }

    /// The record.
    #[must_use]
    pub fn use_case(&self) -> &UseCase {
        &self.case
    }

    /// What a signature would cover.
    #[must_use]
    pub fn covers(&self) -> &Covers {
        &self.covers
    }

    /// The statements that lie there; whether they hold is not judged here.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.letters.iter().map(|letter| &letter.signed.statement)
    }

    /// The state that the decisions so far have led to; `advised` before the first.
    #[must_use]
    pub fn state(&self) -> Status {
        self.last_decision().map_or(Status::Advised, |decision| decision.to)
    }

    /// Signs an advice.
    ///
    /// # Errors
    /// [`Error::Signature`] for an advice that contradicts itself.
    pub fn advise(
        &self,
        role: Role,
        advice: Advice,
        term: Term,
        key: &SigningKey,
    ) -> Result<SignatureFile, Error> {
        self.sign(role, Act::Advice(advice), term, key)
    }

    /// Signs the decision that the use case becomes, or stays, `to`.
    ///
    /// # Errors
    /// [`Error::Unsignable`] for a step that does not exist, for an advice that is missing, and for a negative one
    /// from which nobody says why the owner deviates.
    pub fn decide(
        &self,
        to: Status,
        deviations: BTreeMap<String, String>,
        term: Term,
        key: &SigningKey,
    ) -> Result<SignatureFile, Error> {
        let from = self.state();
        if !(from.may_become(to) || from == to && to.runs()) {
            return Err(self.wrong(format!("no use case goes from {} to {}", from.name(), to.name())));
        }
        let mut advice = BTreeMap::new();
        for role in [Role::Cio, Role::Fg] {
            let found = self.advice(role);
            if let Some((letter, given)) = found {
                advice.insert(role.name().to_owned(), letter.signed.statement_sha256());
                let motivated = deviations.get(role.name()).is_some_and(|why| !why.trim().is_empty());
                if to.runs() && given.verdict == Outcome::Negative && !motivated {
                    let role = role.name();
                    let detail =
                        format!("{role} advised against it; say why you deviate: --deviate {role}=TEXT");
                    return Err(self.wrong(detail));
                }
            } else if to.runs() {
                return Err(self.wrong(format!("{} has not advised yet", role.name())));
            }
        }
        let number = self.last_decision().map_or(0, |decision| decision.number).saturating_add(1);
        let decision = Decision { number, from, to, advice, deviations };
        self.sign(Role::Owner, Act::Decision(decision), term, key)
    }

    /// Signs off the condition `id` of the advice of `role`.
    ///
    /// # Errors
    /// [`Error::Unsignable`] when there is no such condition, or the software checks it.
    pub fn fulfil(&self, role: Role, id: &str, term: Term, key: &SigningKey) -> Result<SignatureFile, Error> {
        let none = || self.wrong(format!("the advice of {} has no condition {id}", role.name()));
        let (letter, advice) = self.advice(role).ok_or_else(none)?;
        let condition = advice.conditions.iter().find(|condition| condition.id == id).ok_or_else(none)?;
        if condition.check.is_some() {
            return Err(
                self.wrong(format!("condition {id} is checked at each request; it needs no signature"))
            );
        }
        let met = Fulfilment { advice: letter.signed.statement_sha256(), condition: id.to_owned() };
        self.sign(role, Act::Fulfilment(met), term, key)
    }

    fn advice(&self, role: Role) -> Option<(&Letter, &Advice)> {
        self.letters.iter().find_map(|letter| Some((letter, letter.advice(role)?)))
    }

    fn last_decision(&self) -> Option<&Decision> {
        self.letters.iter().filter_map(Letter::decision).max_by_key(|decision| decision.number)
    }

    fn sign(&self, role: Role, act: Act, term: Term, key: &SigningKey) -> Result<SignatureFile, Error> {
        let statement = Statement {
            use_case: self.case.id.clone(),
            role,
            covers: self.covers.clone(),
            roster_version: self.roster_version,
            date: term.date,
            expires: term.expires,
            act,
        };
        let path = format!("use-cases/{}.signatures/{}", self.case.id, statement.file_name());
        Ok((path, Signed::new(statement, key)?.to_text()?))
    }

    fn wrong(&self, detail: String) -> Error {
        Error::Unsignable { id: self.case.id.clone(), detail }
    }
}

/// Why the roster of a folder is not to be believed, if it is not.
///
/// # Errors
/// [`Error`] for a roster or seal that does not parse.
pub fn roster_finding(files: &PolicyFiles, root: &TrustRoot) -> Result<Option<Finding>, Error> {
    Ok(match trust(files, Some(root))? {
        Trust::Roster(_) => None,
        Trust::None(finding) => Some(finding),
    })
}

/// Who may sign, one line a role, for people.
///
/// # Errors
/// [`Error`] for a roster that does not parse.
pub fn roster_lines(files: &PolicyFiles) -> Result<Vec<String>, Error> {
    let roster = Roster::of(files)?.ok_or_else(|| Error::MissingFile { path: super::ROSTER_PATH.into() })?;
    Ok(roster.signers.iter().map(ToString::to_string).collect())
}

/// Signs the roster of a folder with a root key.
///
/// # Errors
/// [`Error`] when there is none, or it does not parse.
pub fn seal_roster(files: &PolicyFiles, key: &SigningKey) -> Result<SignatureFile, Error> {
    let roster = Roster::of(files)?.ok_or_else(|| Error::MissingFile { path: super::ROSTER_PATH.into() })?;
    let path = format!("roster.signatures/{}.json", key.public().short());
    Ok((path, Signed::new(roster.seal(), key)?.to_text()?))
}

/// The statements that lie with the use case `id`, in order of date, and of one date first advice, then what was signed
/// off, then decisions by number; whether they hold is not judged here.
///
/// # Errors
/// [`Error`] for a signature that does not parse.
pub fn signed_statements(files: &PolicyFiles, id: &str) -> Result<Vec<Signed<Statement>>, Error> {
    let mut signed: Vec<_> = letters(id, files)?.into_iter().map(|letter| letter.signed).collect();
    signed.sort_by_key(|signed| {
        let order = match &signed.statement.act {
            Act::Advice(_) => (0, 0),
            Act::Fulfilment(_) => (1, 0),
            Act::Decision(decision) => (2, decision.number),
        };
        (signed.statement.date, order)
    });
    Ok(signed)
}

/// The people of the roster with their keys, as the file says it; none where there is no roster.
///
/// # Errors
/// [`Error`] for a roster that does not parse.
pub fn roster_people(files: &PolicyFiles) -> Result<Vec<(PublicKey, String)>, Error> {
    let signers = Roster::of(files)?.map(|roster| roster.signers).unwrap_or_default();
    Ok(signers.into_iter().map(|signer| (signer.key, signer.person)).collect())
}
