//! The persons that requests are about: named by callers, found and erased by administrators. Everything here that is
//! written or said has a pseudonym or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use provenance::{
    AdminRead, AdminRef, DataSubject, DataSubjectRef, DataSubjectType, Leaf, Pseudonym, RequestFacts,
    RequestKey, Stage, SubjectKey, about,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::deny;
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::serving::name;

/// Most data subjects of one request.
pub const DATA_SUBJECTS_MAX: usize = 8;
/// The rule of a request whose data subjects could not be given a pseudonym.
const STORE_FAILED: &str = "subject-store-failed";

/// A person by an identifier, or what is wrong with it, without repeating it. The digits of a BSN have to hold.
///
/// # Errors
/// What the identifier must be.
pub fn data_subject(kind: DataSubjectType, id: &str) -> Result<DataSubject, &'static str> {
    let person = DataSubject::new(kind, id).map_err(|error| match error {
        provenance::Error::DataSubject { why } => why,
        _ => "is not an identifier",
    })?;
    if kind == DataSubjectType::Bsn && !redact::is_bsn(person.id()) {
        return Err("must be a BSN that passes the elfproef");
    }
    Ok(person)
}

/// What an administrator wants of somebody's records.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectCommand {
    /// What is to be done.
    pub act: SubjectAct,
    /// The person's identifier.
    pub id: Identifier,
    /// Its kind; every kind that it may be where none is said.
    pub kind: Option<DataSubjectType>,
}

/// See [`SubjectCommand`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectAct {
    /// Say under which pseudonyms the person is in the log, and how often.
    Find,
    /// The same, for whoever copies the records out.
    Export,
    /// Destroy the person's keys.
    Erase,
}

/// An identifier on its way through the administration socket: no `Debug`, wiped when dropped.
pub struct Identifier(pub Zeroizing<String>);

impl Serialize for Identifier {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Identifier {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self(Zeroizing::new(String::deserialize(d)?)))
    }
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectOutcome {
    /// The person's pseudonyms, oldest epoch first.
    Found(Vec<FoundRow>),
    /// The person's keys are destroyed.
    Erased {
        /// Keys that were destroyed; none where there were none.
        keys: u64,
        /// Requests in the log that named the person.
        records: u64,
    },
}

/// One pseudonym of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FoundRow {
    /// The kind of identifier it was made from.
    pub kind: DataSubjectType,
    /// Its epoch: the number of the 30-day period since 1970.
    pub epoch: u32,
    /// The pseudonym.
    pub pseudonym: Pseudonym,
    /// Requests in the log that have it.
    pub records: u64,
}

/// Names a request's data subjects in its record, and binds the key of its commitments to theirs. The record is sealed as
/// denied where that fails.
pub(crate) async fn name_in(
    gateway: &Gateway,
    mut record: RequestFacts,
    mut key: RequestKey,
    people: Vec<DataSubject>,
) -> Result<(RequestFacts, RequestKey), Refusal> {
    if people.is_empty() {
        return Ok((record, key));
    }
    let (ring, epoch) = (Arc::clone(gateway.ring()), record.key_epoch);
    let keys = move || {
        let key = |who: &DataSubject| Ok((who.kind(), ring.data_subject(epoch, who)?));
        let keys: Result<Vec<_>, provenance::Error> = people.iter().map(key).collect();
        keys.map_err(Refusal::closed)
    };
    let keys = match gateway.blocking(keys).await {
        Ok(keys) => keys,
        Err(why) => return Err(deny::seal_refusal(gateway, record, Stage::Enter, STORE_FAILED, why).await),
    };
    let mut seen = BTreeSet::new();
    // Whoever is named twice is one person.
    for (kind, subject) in keys.into_iter().filter(|(_, subject)| seen.insert(subject.pseudonym())) {
        let pseudonym = subject.pseudonym();
        key = key.bound_to(&subject, &record.id);
        if record.data_subject_pseudonym.is_none() {
            record.data_subject_pseudonym = Some(pseudonym);
            record.data_subject_type = Some(name(kind.as_str())?);
        } else {
            record.other_data_subjects.push(DataSubjectRef { pseudonym, r#type: kind });
        }
    }
    Ok((record, key))
}

fn invalid(reason: &str) -> Refusal {
    Refusal::Invalid { field: "the identifier".to_owned(), reason: reason.to_owned() }
}

/// Everybody whom an identifier may name.
fn people(command: &SubjectCommand) -> Result<Vec<DataSubject>, Refusal> {
    let id = &command.id.0;
    if let Some(kind) = command.kind {
        return Ok(vec![data_subject(kind, id).map_err(invalid)?]);
    }
    // What is no BSN may still be a number of a customer.
    let any = DataSubjectType::ALL.into_iter().map(|kind| data_subject(kind, id));
    let people: Vec<DataSubject> = any.filter_map(Result::ok).collect();
    if people.is_empty() {
        data_subject(DataSubjectType::Other, id).map_err(invalid)?;
    }
    Ok(people)
}

/// What an administrator may do.
impl Gateway {
    pub(crate) async fn subjects(
        &self,
        command: SubjectCommand,
        by: AdminRef,
    ) -> Result<SubjectOutcome, Refusal> {
        // One at a time: what is found is there until the answer, unless this erases it.
        let _alone = self.erasing().lock().await;
        let people = people(&command)?;
        self.finish_erasure().await?;
        match command.act {
            SubjectAct::Find => self.found(people, "subject_find", by).await,
            SubjectAct::Export => self.found(people, "subject_export", by).await,
            SubjectAct::Erase => self.erase(people, by).await,
        }
    }

    async fn found(
        &self,
        people: Vec<DataSubject>,
        what: &str,
        by: AdminRef,
    ) -> Result<SubjectOutcome, Refusal> {
        let rows = self.rows(people).await?;
        for row in &rows {
            let (records, pseudonym) = (row.records, Some(row.pseudonym));
            self.append(Leaf::AdminRead(AdminRead { by, what: name(what)?, records, pseudonym })).await?;
        }
        if rows.is_empty() {
            let nothing = AdminRead { by, what: name(what)?, records: 0, pseudonym: None };
            self.append(Leaf::AdminRead(nothing)).await?;
        }
        Ok(SubjectOutcome::Found(rows))
    }

    /// The pseudonyms that people have, and how many requests have each.
    async fn rows(&self, people: Vec<DataSubject>) -> Result<Vec<FoundRow>, Refusal> {
        let (ring, dir) = (Arc::clone(self.ring()), self.log_dir().to_owned());
        self.blocking(move || {
            let mut keys: Vec<(DataSubjectType, SubjectKey)> = Vec::new();
            for person in &people {
                let found = ring.find_data_subject(person).map_err(Refusal::closed)?;
                keys.extend(found.into_iter().map(|key| (person.kind(), key)));
            }
            let who = keys.iter().map(|(_, key)| key.pseudonym()).collect();
            let leaves =
                if keys.is_empty() { Vec::new() } else { about(&dir, &who).map_err(Refusal::closed)? };
            let naming = |pseudonym| {
                let requests = leaves.iter().filter_map(|leaf| leaf.request());
                requests.filter(|request| request.data_subjects().any(|(one, _)| one == pseudonym)).count()
                    as u64
            };
            let row = |(kind, key): &(DataSubjectType, SubjectKey)| {
                let pseudonym = key.pseudonym();
                FoundRow { kind: *kind, epoch: key.epoch, pseudonym, records: naming(pseudonym) }
            };
            let mut rows: Vec<FoundRow> = keys.iter().map(row).collect();
            rows.sort_by_key(|row| (row.epoch, row.kind));
            Ok(rows)
        })
        .await
    }

    async fn erase(&self, people: Vec<DataSubject>, by: AdminRef) -> Result<SubjectOutcome, Refusal> {
        let Some(person) = self.the_one(people).await? else {
            return Ok(SubjectOutcome::Erased { keys: 0, records: 0 });
        };
        // Counted before, because nobody can count them afterwards; a key that cannot be read is destroyed all the same.
        let rows = self.rows(vec![person.clone()]).await.unwrap_or_default();
        let records = rows.iter().map(|row| row.records).sum();
        let ring = Arc::clone(self.ring());
        let plan = move || ring.plan_erasure(&person, records, by).map_err(Refusal::closed);
        let keys = self.blocking(plan).await?.map_or(0, |plan| plan.keys());
        self.finish_erasure().await?;
        Ok(SubjectOutcome::Erased { keys, records })
    }

    /// Who of those whom the identifier may name is known here. With two of them nobody is erased by mistake.
    async fn the_one(&self, people: Vec<DataSubject>) -> Result<Option<DataSubject>, Refusal> {
        let ring = Arc::clone(self.ring());
        let known = move || {
            let mut known = Vec::new();
            for person in people {
                if ring.knows(&person).map_err(Refusal::closed)? {
                    known.push(person);
                }
            }
            Ok(known)
        };
        let mut known = self.blocking(known).await?;
        if known.len() > 1 {
            let types: Vec<&str> = known.iter().map(|person| person.kind().as_str()).collect();
            let reason = format!(
                "is known as {}, which may be different persons; say which --type is meant",
                types.join(" and ")
            );
            return Err(invalid(&reason));
        }
        Ok(known.pop())
    }

    /// Does what is left of an erasure that was decided: at once after it was, and at every start. Keys first, then the leaf,
    /// then the plan is forgotten; a failure leaves the plan.
    pub(crate) async fn finish_erasure(&self) -> Result<(), Refusal> {
        let (ring, dir) = (Arc::clone(self.ring()), self.log_dir().to_owned());
        let work = move || {
            let Some(plan) = ring.planned_erasure().map_err(unfinished)? else { return Ok(None) };
            ring.carry_out(&plan).map_err(unfinished)?;
            let sealed = provenance::erasure_sealed(&dir, &plan.id).map_err(unfinished)?;
            Ok(Some((plan, sealed)))
        };
        let Some((plan, sealed)) = self.blocking(work).await? else { return Ok(()) };
        if !sealed {
            self.append(plan.leaf()).await.map_err(unfinished)?;
        }
        let ring = Arc::clone(self.ring());
        self.blocking(move || ring.end_erasure().map_err(unfinished)).await
    }
}

fn unfinished(error: impl std::fmt::Display) -> Refusal {
    Refusal::closed(format!("an erasure was begun and is not finished ({error}); the next start finishes it"))
}
