//! Informed users: what people acknowledged and learnt, given to the gate, shown to whoever asks about themselves, and
//! changed by them or by an administrator. Every change is sealed.
//!
//! What grants something is sealed before it is kept, and what takes something away is kept before it is sealed: a crash
//! in between leaves somebody who has to say it again, never somebody who gets in without the log knowing why.

use ledger::{Acknowledgement as Given, Attestation, Person};
use policy::{Acknowledged, Acknowledgement, Guidance, InformedFacts, Language, PolicySet, Principal};
use provenance::{
    AdminRead, AdminRef, Digest, GuidanceAcknowledged, GuidanceWithdrawn, Leaf, SubjectKey, TrainingAttested,
    TrainingWithdrawn,
};
use serde::{Deserialize, Serialize};

use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::serving::name;

/// The rule of a request whose person could not be looked up.
pub(crate) const STORE_FAILED: &str = "informed-store-failed";

/// How soon somebody can have the same acknowledgement kept, and sealed, again. Until then saying it again changes nothing,
/// so that nobody fills the log with it.
const AGAIN_MS: i64 = 3_600_000;

/// One act of an administrator.
#[derive(Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum GuidanceCommand {
    /// Enter that somebody acknowledged a guidance as it now reads, otherwise than by their key: on paper, say.
    Acknowledge {
        /// The person, as keys have it.
        actor: String,
        /// Id of the guidance.
        guidance: String,
    },
    /// Enter that somebody followed a training.
    Attest {
        /// The person, as keys have it.
        actor: String,
        /// Id of the training.
        training: String,
        /// Who says so.
        given_by: String,
        /// Until when it counts, milliseconds since 1970.
        until_ms: i64,
    },
    /// Have an acknowledgement or training count no longer, at once.
    Withdraw {
        /// The person, as keys have it.
        actor: String,
        /// Which.
        from: WithdrawnFrom,
    },
    /// List what people acknowledged and learnt.
    List,
}

/// What is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawnFrom {
    /// The acknowledgement of this guidance.
    Guidance(String),
    /// This training.
    Training(String),
}

/// What came of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GuidanceOutcome {
    /// It is kept, and counts from now on.
    Kept {
        /// Until when it counts, milliseconds since 1970; `None` for as long as the guidance stays the same.
        until_ms: Option<i64>,
    },
    /// It no longer counts.
    Withdrawn,
    /// Everybody of whom anything is kept.
    People(Vec<PersonRow>),
}

/// One acknowledgement or training of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRow {
    /// The person.
    pub actor: String,
    /// Whether it is a training; else an acknowledgement.
    pub training: bool,
    /// Id of the guidance or training.
    pub id: String,
    /// Version of the guidance, or who attested the training.
    pub detail: String,
    /// When it was given, milliseconds since 1970.
    pub at_ms: i64,
    /// Until when it counts, milliseconds since 1970; `None` for as long as the guidance stays the same.
    pub until_ms: Option<i64>,
    /// `current`, `older`, `expired`, or `no-guidance` where the policy has it no more.
    pub state: String,
}

/// A guidance in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuidanceText {
    /// Its title.
    pub title: String,
    /// Its text, Markdown.
    pub text: String,
}

/// A training that the use case asks for, and where the caller stands with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingRow {
    /// Its id.
    pub id: String,
    /// What the guidance says of it.
    pub about: Option<String>,
    /// Until when it counts, milliseconds since 1970; `None` where nobody recorded it.
    pub until_ms: Option<i64>,
    /// `missing`, `expired` or `current`.
    pub state: &'static str,
}

/// What the caller has to read, and where they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuidancePage {
    /// The caller, as an administrator names them.
    pub person: String,
    /// Id of the guidance.
    pub id: String,
    /// Its version, as people call it.
    pub version: String,
    /// SHA-256 of version, titles and texts, hexadecimal: what is acknowledged.
    pub sha256: String,
    /// The guidance in the language asked for.
    pub told: GuidanceText,
    /// Where the caller's acknowledgement stands.
    pub acknowledgement: Acknowledgement,
    /// Trainings that the use case asks for.
    pub training: Vec<TrainingRow>,
}

impl GuidancePage {
    /// Whether the guidance, as it now reads, is acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> bool {
        matches!(self.acknowledgement, Acknowledgement::Current { .. })
    }

    /// When something of it was acknowledged last, milliseconds since 1970.
    #[must_use]
    pub fn acknowledged_ms(&self) -> Option<i64> {
        match self.acknowledgement {
            Acknowledgement::Older { at_ms }
            | Acknowledgement::Expired { at_ms }
            | Acknowledgement::Current { at_ms, .. } => Some(at_ms),
            _ => None,
        }
    }

    /// Until when that counts, milliseconds since 1970; `None` for as long as the guidance stays the same.
    #[must_use]
    pub fn until_ms(&self) -> Option<i64> {
        match self.acknowledgement {
            Acknowledgement::Current { until_ms, .. } => until_ms,
            _ => None,
        }
    }
}

/// What is kept of whoever asks, as the policy takes it. Touches memory only.
pub(crate) fn known(gateway: &Gateway, principal: &Principal) -> Result<InformedFacts, Refusal> {
    Ok(facts(gateway.ledger().person(&principal.actor).map_err(Refusal::closed)?))
}

fn facts(person: Person) -> InformedFacts {
    let acknowledged = person.acknowledgements.into_iter();
    InformedFacts {
        acknowledged: acknowledged
            .map(|(id, Given { sha256, at_ms, .. })| (id, Acknowledged { sha256, at_ms }))
            .collect(),
        training: person.attestations.into_iter().map(|(id, given)| (id, given.until_ms)).collect(),
    }
}

/// What the caller themselves may do.
impl Gateway {
    /// What the caller has to read for their use case, and where they stand. Whoever has a key may ask, informed or not.
    ///
    /// # Errors
    /// `NoGuidance`; a closed gate, also where the policy has not the guidance that the record names.
    pub fn guidance(&self, caller: &Caller, language: Language) -> Result<GuidancePage, Refusal> {
        let (policy, now_ms) = (self.policy(), self.now_ms());
        let guidance = named(&policy, &caller.principal)?;
        let known = known(self, &caller.principal)?;
        let acknowledgement = Acknowledgement::of(guidance, known.acknowledged.get(&guidance.id), now_ms);
        let use_case = policy.use_case(&caller.principal.use_case);
        let asked = use_case.map(|case| &case.informed.training).into_iter().flatten();
        Ok(GuidancePage {
            person: caller.principal.actor.clone(),
            id: guidance.id.clone(),
            version: guidance.version.clone(),
            sha256: hex::encode(guidance.sha256),
            told: GuidanceText {
                title: guidance.title(language).to_owned(),
                text: guidance.text(language).to_owned(),
            },
            acknowledgement,
            training: asked.map(|id| training_row(guidance, id, &known, language, now_ms)).collect(),
        })
    }

    /// Keeps that the caller acknowledged the guidance of their use case: sealed first, then in force for the next request.
    ///
    /// # Errors
    /// `OtherGuidance` where `sha256` is not that of the guidance as it now reads; `NoGuidance`; a closed gate.
    pub async fn acknowledge(&self, caller: &Caller, sha256: [u8; 32]) -> Result<(), Refusal> {
        let now_ms = self.moment().map_err(Refusal::closed)?;
        let policy = self.policy();
        let guidance = named(&policy, &caller.principal)?;
        if guidance.sha256 != sha256 {
            return Err(Refusal::OtherGuidance);
        }
        let kept = known(self, &caller.principal)?.acknowledged.get(&guidance.id).copied();
        let recent = kept.is_some_and(|kept| {
            kept.sha256 == sha256 && (0..AGAIN_MS).contains(&now_ms.saturating_sub(kept.at_ms))
        });
        if recent {
            return Ok(());
        }
        let key_id = Some(name(&caller.principal.key_id)?);
        self.keep_acknowledgement(&caller.principal.actor, guidance, (key_id, None), now_ms).await
    }

    async fn keep_acknowledgement(
        &self,
        actor: &str,
        guidance: &Guidance,
        (key_id, by): (Option<provenance::Name>, Option<AdminRef>),
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let subject = self.person_key(actor, now_ms)?;
        self.append(Leaf::GuidanceAcknowledged(GuidanceAcknowledged {
            actor_pseudonym: subject.pseudonym(),
            key_epoch: subject.epoch,
            guidance: name(&guidance.id)?,
            version: name(&guidance.version)?,
            sha256: Digest(guidance.sha256),
            key_id,
            by,
        }))
        .await?;
        let given = Given { version: guidance.version.clone(), sha256: guidance.sha256, at_ms: now_ms };
        let (ledger, actor, id) = (self.ledger().clone(), actor.to_owned(), guidance.id.clone());
        self.blocking(move || ledger.acknowledge(&actor, &id, given).map_err(refused)).await
    }

    fn person_key(&self, actor: &str, now_ms: i64) -> Result<SubjectKey, Refusal> {
        self.ring().actor(provenance::epoch_of(now_ms), actor).map_err(Refusal::closed)
    }
}

/// What an administrator may do.
impl Gateway {
    pub(crate) async fn people(
        &self,
        command: GuidanceCommand,
        by: AdminRef,
    ) -> Result<GuidanceOutcome, Refusal> {
        match command {
            GuidanceCommand::Acknowledge { actor, guidance } => {
                let (policy, now_ms) = (self.policy(), self.moment().map_err(Refusal::closed)?);
                let found = policy.guidance().find(|known| known.id == guidance);
                let guidance = found.ok_or_else(|| Refusal::Invalid {
                    field: "guidance".to_owned(),
                    reason: "is not in policy/guidance; proeftuin guidance show lists what is".to_owned(),
                })?;
                filled("actor", &actor)?;
                self.keep_acknowledgement(&actor, guidance, (None, Some(by)), now_ms).await?;
                let until_ms = guidance.valid_ms.map(|valid_ms| now_ms.saturating_add(valid_ms));
                Ok(GuidanceOutcome::Kept { until_ms })
            }
            GuidanceCommand::Attest { actor, training, given_by, until_ms } => {
                self.attest(&actor, &training, Attestation { given_by, at_ms: 0, until_ms }, by).await
            }
            GuidanceCommand::Withdraw { actor, from } => self.withdraw(actor, from, by).await,
            GuidanceCommand::List => self.list_people(by).await,
        }
    }

    async fn attest(
        &self,
        actor: &str,
        training: &str,
        given: Attestation,
        by: AdminRef,
    ) -> Result<GuidanceOutcome, Refusal> {
        let now_ms = self.moment().map_err(Refusal::closed)?;
        let given = Attestation { at_ms: now_ms, ..given };
        filled("actor", actor)?;
        filled("by", &given.given_by)?;
        // Whoever asks whether somebody is trained does not answer it.
        if given.given_by.trim() == actor.trim() {
            return Err(invalid("by", "is the person who was trained; somebody else says that they were"));
        }
        if given.until_ms <= now_ms {
            return Err(invalid("until", "lies in the past; choose a later day"));
        }
        let policy = self.policy();
        let asked = policy.use_cases().any(|case| case.informed.training.contains(training));
        if !asked && !policy.guidance().any(|guidance| guidance.trainings().any(|id| id == training)) {
            return Err(invalid(
                "training",
                "is asked by no use case and described in no guidance; check its id",
            ));
        }
        let training_name = name(training)?;
        let (subject, attester) =
            (self.person_key(actor, now_ms)?, self.person_key(&given.given_by, now_ms)?);
        self.append(Leaf::TrainingAttested(TrainingAttested {
            actor_pseudonym: subject.pseudonym(),
            key_epoch: subject.epoch,
            training: training_name,
            until_ms: given.until_ms,
            attested_by: attester.pseudonym(),
            by,
        }))
        .await?;
        let until_ms = Some(given.until_ms);
        let (ledger, actor, training) = (self.ledger().clone(), actor.to_owned(), training.to_owned());
        self.blocking(move || ledger.attest(&actor, &training, given).map_err(refused)).await?;
        Ok(GuidanceOutcome::Kept { until_ms })
    }

    async fn withdraw(
        &self,
        actor: String,
        from: WithdrawnFrom,
        by: AdminRef,
    ) -> Result<GuidanceOutcome, Refusal> {
        let subject = self.person_key(&actor, self.now_ms())?;
        let (actor_pseudonym, key_epoch) = (subject.pseudonym(), subject.epoch);
        let leaf = match &from {
            WithdrawnFrom::Guidance(id) => Leaf::GuidanceWithdrawn(GuidanceWithdrawn {
                actor_pseudonym,
                key_epoch,
                guidance: name(id)?,
                by,
            }),
            WithdrawnFrom::Training(id) => Leaf::TrainingWithdrawn(TrainingWithdrawn {
                actor_pseudonym,
                key_epoch,
                training: name(id)?,
                by,
            }),
        };
        let ledger = self.ledger().clone();
        let taken = self
            .blocking(move || {
                match &from {
                    WithdrawnFrom::Guidance(id) => ledger.withdraw_acknowledgement(&actor, id),
                    WithdrawnFrom::Training(id) => ledger.withdraw_attestation(&actor, id),
                }
                .map_err(refused)
            })
            .await;
        if let Ok(false) = taken {
            return Err(invalid(
                "actor",
                "has nothing of that to withdraw; proeftuin guidance list shows what there is",
            ));
        }
        // It no longer counts in this process, even where the disk failed: the log says so either way.
        self.append(leaf).await?;
        taken.map(|_| GuidanceOutcome::Withdrawn)
    }

    async fn list_people(&self, by: AdminRef) -> Result<GuidanceOutcome, Refusal> {
        let people = self.ledger().people().map_err(Refusal::closed)?;
        let (policy, now_ms) = (self.policy(), self.now_ms());
        let rows: Vec<PersonRow> =
            people.into_iter().flat_map(|(actor, person)| rows(&policy, &actor, person, now_ms)).collect();
        let read =
            AdminRead { by, what: name("guidance_list")?, records: rows.len() as u64, pseudonym: None };
        self.append(Leaf::AdminRead(read)).await?;
        Ok(GuidanceOutcome::People(rows))
    }
}

/// The guidance that the record of the caller's use case names.
fn named<'a>(policy: &'a PolicySet, principal: &Principal) -> Result<&'a Guidance, Refusal> {
    if let Some(guidance) = policy.guidance_of(&principal.use_case) {
        return Ok(guidance);
    }
    let use_case = policy.use_case(&principal.use_case);
    Err(match use_case.and_then(|case| case.informed.guidance.as_ref()) {
        None => Refusal::NoGuidance,
        Some(_) => Refusal::closed("the guidance that the record names is not in policy/guidance"),
    })
}

fn training_row(
    guidance: &Guidance,
    id: &str,
    known: &InformedFacts,
    language: Language,
    now_ms: i64,
) -> TrainingRow {
    let until_ms = known.training.get(id).copied();
    let state = match until_ms {
        None => "missing",
        Some(until_ms) if now_ms >= until_ms => "expired",
        Some(_) => "current",
    };
    let about = guidance.training(id, language).map(str::to_owned);
    TrainingRow { id: id.to_owned(), about, until_ms, state }
}

/// One row for each thing that is kept of somebody.
fn rows(policy: &PolicySet, actor: &str, person: Person, now_ms: i64) -> Vec<PersonRow> {
    let mut rows = Vec::new();
    for (id, given) in person.acknowledgements {
        let kept = Acknowledged { sha256: given.sha256, at_ms: given.at_ms };
        let guidance = policy.guidance().find(|known| known.id == id);
        let standing = guidance.map_or(Acknowledgement::NoGuidance, |guidance| {
            Acknowledgement::of(guidance, Some(&kept), now_ms)
        });
        rows.push(PersonRow {
            actor: actor.to_owned(),
            training: false,
            id,
            detail: given.version,
            at_ms: given.at_ms,
            until_ms: match standing {
                Acknowledgement::Current { until_ms, .. } => until_ms,
                _ => None,
            },
            state: standing.name().to_owned(),
        });
    }
    for (id, given) in person.attestations {
        rows.push(PersonRow {
            actor: actor.to_owned(),
            training: true,
            id,
            detail: given.given_by,
            at_ms: given.at_ms,
            until_ms: Some(given.until_ms),
            state: if now_ms >= given.until_ms { "expired" } else { "current" }.to_owned(),
        });
    }
    rows
}

/// Before the log takes it for said: the ledger would refuse to keep it.
fn filled(field: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
        return Err(invalid(field, "takes 1 to 256 bytes without control characters"));
    }
    Ok(())
}

fn invalid(field: &str, reason: &str) -> Refusal {
    Refusal::Invalid { field: field.to_owned(), reason: reason.to_owned() }
}

/// What the ledger refused to keep.
fn refused(error: ledger::Error) -> Refusal {
    match error {
        ledger::Error::Informed { field, reason } => invalid(field, reason),
        other => Refusal::closed(other),
    }
}
