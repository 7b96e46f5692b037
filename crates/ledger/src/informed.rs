//! What people acknowledged and learnt: the last of each, by person. Held in memory beside the tables, as keys are, so
//! that looking somebody up touches no disk, and what is withdrawn no longer counts at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, RwLock};

use rusqlite::{Connection, params};

use crate::Error;
use crate::error::poisoned;
use crate::fault::Point;
use crate::ledger::Ledger;

/// Longest name of a person, a guidance, a training or a version, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// A version of a guidance that somebody acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The version, as people call it.
    pub version: String,
    /// SHA-256 of what was read.
    pub sha256: [u8; 32],
    /// When, milliseconds since 1970 UTC.
    pub at_ms: i64,
}

/// A training that somebody followed, by the word of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// Who says so.
    pub given_by: String,
    /// When it was recorded, milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// Until when it counts, milliseconds since 1970 UTC.
    pub until_ms: i64,
}

/// What is kept of one person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// What was acknowledged last, by the guidance's id.
    pub acknowledgements: BTreeMap<String, Acknowledgement>,
    /// What was attested last, by the training's id.
    pub attestations: BTreeMap<String, Attestation>,
}

impl Person {
    fn is_nobody(&self) -> bool {
        self.acknowledgements.is_empty() && self.attestations.is_empty()
    }
}

/// Everybody, by the actor of their keys.
type Kept = BTreeMap<String, Person>;

/// Everybody in memory.
#[derive(Default)]
pub(crate) struct People {
    kept: RwLock<Kept>,
    /// Held by whoever changes memory and disk, so that both change in the same order. Requests wait for no disk: they
    /// read `kept`, which is locked for the moment of a change only.
    changing: Mutex<()>,
}

impl People {
    /// Reads both tables.
    pub(crate) fn load(connection: &Connection) -> Result<Self, Error> {
        let mut kept = Kept::new();
        let mut statement =
            connection.prepare("SELECT actor, guidance, version, sha256, at_ms FROM acknowledgements")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let given = Acknowledgement { version: row.get(2)?, sha256: row.get(3)?, at_ms: row.get(4)? };
            kept.entry(row.get(0)?).or_default().acknowledgements.insert(row.get(1)?, given);
        }
        let mut statement =
            connection.prepare("SELECT actor, training, given_by, at_ms, until_ms FROM attestations")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let given = Attestation { given_by: row.get(2)?, at_ms: row.get(3)?, until_ms: row.get(4)? };
            kept.entry(row.get(0)?).or_default().attestations.insert(row.get(1)?, given);
        }
        Ok(Self { kept: RwLock::new(kept), changing: Mutex::default() })
    }

    fn give(&self, actor: &str, give: impl FnOnce(&mut Person)) -> Result<(), Error> {
        give(self.kept.write().map_err(poisoned)?.entry(actor.to_owned()).or_default());
        Ok(())
    }

    /// Takes something away from somebody, and the person when nothing is left; whether there was anything.
    fn take(&self, actor: &str, take: impl FnOnce(&mut Person) -> bool) -> Result<bool, Error> {
        let mut kept = self.kept.write().map_err(poisoned)?;
        let Some(person) = kept.get_mut(actor) else { return Ok(false) };
        let taken = take(person);
        if person.is_nobody() {
            kept.remove(actor);
        }
        Ok(taken)
    }
}

impl Ledger {
    /// What is kept of somebody, without touching the disk; nothing of somebody unknown.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn person(&self, actor: &str) -> Result<Person, Error> {
        self.faults.at(Point::Informed)?;
        Ok(self.people.kept.read().map_err(poisoned)?.get(actor).cloned().unwrap_or_default())
    }

    /// Everybody of whom anything is kept, in order of name.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn people(&self) -> Result<Vec<(String, Person)>, Error> {
        let kept = self.people.kept.read().map_err(poisoned)?;
        Ok(kept.iter().map(|(actor, person)| (actor.clone(), person.clone())).collect())
    }

    /// Keeps that `actor` acknowledged a guidance, in the place of what they acknowledged of it before. When this returns,
    /// it survives a crash; until then it does not count.
    ///
    /// # Errors
    /// [`Error::Informed`], [`Error::Database`]: what was kept before stays.
    pub fn acknowledge(&self, actor: &str, guidance: &str, given: Acknowledgement) -> Result<(), Error> {
        check(&[("actor", actor), ("guidance", guidance), ("version", &given.version)])?;
        let (who, what, row) = (actor.to_owned(), guidance.to_owned(), given.clone());
        let _changing = self.people.changing.lock().map_err(poisoned)?;
        self.transaction(move |transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO acknowledgements (actor, guidance, version, sha256, at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![who, what, row.version, row.sha256, row.at_ms],
            )?;
            Ok(())
        })?;
        self.people.give(actor, |person| drop(person.acknowledgements.insert(guidance.to_owned(), given)))
    }

    /// Keeps that somebody says that `actor` followed a training, in the place of what was said of it before.
    ///
    /// # Errors
    /// [`Error::Informed`], also for an end that has passed; [`Error::Database`]: what was kept before stays.
    pub fn attest(&self, actor: &str, training: &str, given: Attestation) -> Result<(), Error> {
        check(&[("actor", actor), ("training", training), ("by", &given.given_by)])?;
        if given.until_ms <= given.at_ms {
            return Err(Error::Informed { field: "until", reason: "lies in the past; choose a later day" });
        }
        let (who, what, row) = (actor.to_owned(), training.to_owned(), given.clone());
        let _changing = self.people.changing.lock().map_err(poisoned)?;
        self.transaction(move |transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO attestations (actor, training, given_by, at_ms, until_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![who, what, row.given_by, row.at_ms, row.until_ms],
            )?;
            Ok(())
        })?;
        self.people.give(actor, |person| drop(person.attestations.insert(training.to_owned(), given)))
    }

    /// Forgets that `actor` acknowledged a guidance; whether anything was kept. It no longer counts at once: if the disk
    /// then fails, this process holds to that all the same.
    ///
    /// # Errors
    /// [`Error::Database`]: the next opening may find it again.
    pub fn withdraw_acknowledgement(&self, actor: &str, guidance: &str) -> Result<bool, Error> {
        let _changing = self.people.changing.lock().map_err(poisoned)?;
        let known = self.people.take(actor, |person| person.acknowledgements.remove(guidance).is_some())?;
        let (who, what) = (actor.to_owned(), guidance.to_owned());
        // Also where memory has none: an earlier withdrawal may have failed on disk.
        let rows = self.transaction(move |transaction| {
            let sql = "DELETE FROM acknowledgements WHERE actor = ?1 AND guidance = ?2";
            Ok(transaction.execute(sql, params![who, what])?)
        })?;
        Ok(known || rows > 0)
    }

    /// The same, of a training.
    ///
    /// # Errors
    /// As [`Ledger::withdraw_acknowledgement`].
    pub fn withdraw_attestation(&self, actor: &str, training: &str) -> Result<bool, Error> {
        let _changing = self.people.changing.lock().map_err(poisoned)?;
        let known = self.people.take(actor, |person| person.attestations.remove(training).is_some())?;
        let (who, what) = (actor.to_owned(), training.to_owned());
        let rows = self.transaction(move |transaction| {
            let sql = "DELETE FROM attestations WHERE actor = ?1 AND training = ?2";
            Ok(transaction.execute(sql, params![who, what])?)
        })?;
        Ok(known || rows > 0)
    }
}

fn check(names: &[(&'static str, &str)]) -> Result<(), Error> {
    for (field, name) in names {
        if name.trim().is_empty() {
            return Err(Error::Informed { field, reason: "is blank; fill it in" });
        }
        if name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(Error::Informed {
                field,
                reason: "takes at most 256 bytes without control characters",
            });
        }
    }
    Ok(())
}
