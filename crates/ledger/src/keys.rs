//! Keys: issued once, found by hash, rotated, revoked. All of them are held in memory beside the table, since
//! this process is the only writer; finding one touches no disk, and a revocation holds at once.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Transaction, params};
use zeroize::Zeroizing;

use crate::Error;
use crate::error::poisoned;
use crate::fault::Point;
use crate::ledger::Ledger;
use crate::secret::{self, Fresh};

/// What a new key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The one use case it belongs to.
    pub use_case: String,
    /// Pseudonym of the person or system that will hold it.
    pub actor: String,
    /// Roles it carries.
    pub roles: Vec<String>,
    /// When it ends, milliseconds since 1970 UTC.
    pub expires_ms: Option<i64>,
    /// A note for the administrator.
    pub label: String,
}

/// A key at the one moment its secret is known. No `Debug`, so that it is not printed by accident.
#[must_use = "the secret is shown once and stored nowhere"]
pub struct IssuedKey {
    /// Id, for the log and for revoking.
    pub id: String,
    /// Public part of the key.
    pub prefix: String,
    /// The whole key: `ptk_<prefix>_<secret>`.
    pub secret: Zeroizing<String>,
}

/// What may be said of one secret of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its public part.
    pub prefix: String,
    /// When it was made, milliseconds since 1970 UTC.
    pub created_ms: i64,
    /// When it ends because a newer one replaces it, milliseconds since 1970 UTC.
    pub ends_ms: Option<i64>,
}

/// What may be said of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRecord {
    /// Id.
    pub id: String,
    /// The use case it belongs to.
    pub use_case: String,
    /// Pseudonym of its holder.
    pub actor: String,
    /// Roles in order of name.
    pub roles: Vec<String>,
    /// The administrator's note.
    pub label: String,
    /// When it was issued, milliseconds since 1970 UTC.
    pub created_ms: i64,
    /// When it ends, milliseconds since 1970 UTC.
    pub expires_ms: Option<i64>,
    /// When it was revoked, milliseconds since 1970 UTC.
    pub revoked_ms: Option<i64>,
    /// Held in memory only: it ends with the process.
    pub ephemeral: bool,
    /// Its secrets, newest last; more than one after rotation.
    pub secrets: Vec<SecretRecord>,
}

/// What a presented key turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStatus {
    /// Good.
    Valid(KeyRecord),
    /// Was good, and was revoked.
    Revoked(KeyRecord),
    /// Was good; the key or this secret of it has ended.
    Expired(KeyRecord),
    /// Not a key of this ledger.
    Unknown,
}

/// One secret as it is looked up.
struct Lookup {
    key_id: String,
    sha256: [u8; 32],
    ends_ms: Option<i64>,
}

/// All keys in memory.
#[derive(Default)]
pub(crate) struct KeyIndex {
    keys: BTreeMap<String, KeyRecord>,
    by_prefix: HashMap<String, Lookup>,
    /// The latest moment seen: an expired key does not revive when the clock is set back.
    latest_ms: i64,
}

impl KeyIndex {
    /// Reads all keys; `latest_ms` is the latest moment an earlier opening has seen.
    pub(crate) fn load(connection: &Connection, latest_ms: Option<i64>) -> Result<Self, Error> {
        let mut index = Self { latest_ms: latest_ms.unwrap_or(i64::MIN), ..Self::default() };
        let mut statement = connection
            .prepare("SELECT id, use_case, actor, label, created_ms, expires_ms, revoked_ms FROM keys")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let record = KeyRecord {
                id: row.get(0)?,
                use_case: row.get(1)?,
                actor: row.get(2)?,
                roles: Vec::new(),
                label: row.get(3)?,
                created_ms: row.get(4)?,
                expires_ms: row.get(5)?,
                revoked_ms: row.get(6)?,
                ephemeral: false,
                secrets: Vec::new(),
            };
            index.keys.insert(record.id.clone(), record);
        }
        index.load_roles(connection)?;
        index.load_secrets(connection)?;
        Ok(index)
    }

    /// Takes `now_ms` for the latest moment, though it was later before.
    pub(crate) fn set_latest_ms(&mut self, now_ms: i64) {
        self.latest_ms = now_ms;
    }

    fn load_roles(&mut self, connection: &Connection) -> Result<(), Error> {
        let mut statement = connection.prepare("SELECT key_id, role FROM key_roles ORDER BY key_id, role")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(key) = self.keys.get_mut(&row.get::<_, String>(0)?) {
                key.roles.push(row.get(1)?);
            }
        }
        Ok(())
    }

    fn load_secrets(&mut self, connection: &Connection) -> Result<(), Error> {
        let mut statement = connection.prepare(
            "SELECT key_id, prefix, sha256, created_ms, ends_ms FROM key_secrets ORDER BY created_ms, prefix",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key_id: String = row.get(0)?;
            let record = SecretRecord { prefix: row.get(1)?, created_ms: row.get(3)?, ends_ms: row.get(4)? };
            self.add_secret(&key_id, record, row.get(2)?);
        }
        Ok(())
    }

    fn add_secret(&mut self, key_id: &str, record: SecretRecord, sha256: [u8; 32]) {
        let lookup = Lookup { key_id: key_id.to_owned(), sha256, ends_ms: record.ends_ms };
        self.by_prefix.insert(record.prefix.clone(), lookup);
        if let Some(key) = self.keys.get_mut(key_id) {
            key.secrets.push(record);
        }
    }

    /// By id, or by the prefix of any of its secrets.
    fn resolve(&self, id_or_prefix: &str) -> Result<&KeyRecord, Error> {
        let id = self.by_prefix.get(id_or_prefix).map_or(id_or_prefix, |lookup| lookup.key_id.as_str());
        self.keys.get(id).ok_or_else(|| Error::NoSuchKey(shown(id_or_prefix)))
    }

    fn find(&mut self, text: &str, now_ms: i64) -> KeyStatus {
        self.latest_ms = self.latest_ms.max(now_ms);
        let Some((prefix, secret)) = secret::split(text) else { return KeyStatus::Unknown };
        let sha256 = secret::hash(secret);
        // An unknown prefix is compared too, so that it takes as long as a wrong secret.
        let lookup = self.by_prefix.get(prefix);
        let stored = lookup.map_or([0; 32], |lookup| lookup.sha256);
        let equal = secret::equal(&stored, &sha256);
        let (true, Some(lookup)) = (equal, lookup) else { return KeyStatus::Unknown };
        let Some(key) = self.keys.get(&lookup.key_id) else { return KeyStatus::Unknown };
        if key.revoked_ms.is_some() {
            return KeyStatus::Revoked(key.clone());
        }
        let ended = |end: Option<i64>| end.is_some_and(|end| self.latest_ms >= end);
        if ended(key.expires_ms) || ended(lookup.ends_ms) {
            return KeyStatus::Expired(key.clone());
        }
        KeyStatus::Valid(key.clone())
    }

    /// Ends all secrets of a key at `ends_ms`, unless they end sooner.
    fn end_secrets(&mut self, key_id: &str, ends_ms: i64) {
        let sooner = |end: Option<i64>| Some(end.map_or(ends_ms, |end| end.min(ends_ms)));
        if let Some(key) = self.keys.get_mut(key_id) {
            for secret in &mut key.secrets {
                secret.ends_ms = sooner(secret.ends_ms);
                if let Some(lookup) = self.by_prefix.get_mut(&secret.prefix) {
                    lookup.ends_ms = secret.ends_ms;
                }
            }
        }
    }
}

/// What was typed, cut before a secret: an administrator may paste a whole key where a prefix is asked.
fn shown(id_or_prefix: &str) -> String {
    match secret::split(id_or_prefix) {
        Some((prefix, _)) => format!("ptk_{prefix}_…"),
        None => id_or_prefix.chars().take(24).collect(),
    }
}

fn check(new: &NewKey, now_ms: i64) -> Result<(), Error> {
    let wrong = |field, reason| Err(Error::NewKey { field, reason });
    if new.use_case.trim().is_empty() {
        return wrong("use_case", "is blank; name the use case the key belongs to");
    }
    if new.actor.trim().is_empty() {
        return wrong("actor", "is blank; give a pseudonym");
    }
    if new.roles.iter().any(|role| role.trim().is_empty()) {
        return wrong("roles", "has a blank role; leave it out");
    }
    if new.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
        return wrong("expires_ms", "lies in the past; choose a later moment");
    }
    Ok(())
}

impl Ledger {
    /// Issues a key and stores its hash. When this returns, the key survives a crash.
    ///
    /// # Errors
    /// [`Error::NewKey`], [`Error::Database`], [`Error::Random`].
    pub fn issue_key(&self, new: NewKey, now_ms: i64) -> Result<IssuedKey, Error> {
        self.issue(new, now_ms, false)
    }

    /// Issues a key for this run: it is held in memory only and ends with the process.
    ///
    /// # Errors
    /// [`Error::NewKey`], [`Error::Random`].
    pub fn issue_ephemeral_key(&self, new: NewKey, now_ms: i64) -> Result<IssuedKey, Error> {
        self.issue(new, now_ms, true)
    }

    fn issue(&self, new: NewKey, now_ms: i64, ephemeral: bool) -> Result<IssuedKey, Error> {
        check(&new, now_ms)?;
        let mut roles = new.roles;
        roles.sort();
        roles.dedup();
        let record = KeyRecord {
            id: secret::draw_id()?,
            use_case: new.use_case,
            actor: new.actor,
            roles,
            label: new.label,
            created_ms: now_ms,
            expires_ms: new.expires_ms,
            revoked_ms: None,
            ephemeral,
            secrets: Vec::new(),
        };
        let mut index = self.keys.write().map_err(poisoned)?;
        let fresh = draw_unused(&index)?;
        if !ephemeral {
            let (record, prefix, sha256) = (record.clone(), fresh.prefix.clone(), fresh.sha256);
            self.transaction(move |transaction| {
                insert_key(transaction, &record)?;
                insert_secret(transaction, &record.id, &prefix, sha256, now_ms)
            })?;
        }
        let id = record.id.clone();
        index.keys.insert(id.clone(), record);
        Ok(adopt(&mut index, id, fresh, now_ms))
    }

    /// A new secret for a key; the old ones hold for another `overlap_ms`, so that clients can change over.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`]; [`Error::KeyEnded`] for a key that is revoked or expired; [`Error::Database`].
    pub fn rotate_key(&self, id_or_prefix: &str, overlap_ms: u32, now_ms: i64) -> Result<IssuedKey, Error> {
        let mut index = self.keys.write().map_err(poisoned)?;
        let key = index.resolve(id_or_prefix)?.clone();
        let latest_ms = index.latest_ms.max(now_ms);
        if key.revoked_ms.is_some() || key.expires_ms.is_some_and(|end| latest_ms >= end) {
            return Err(Error::KeyEnded(key.id));
        }
        let fresh = draw_unused(&index)?;
        let ends_ms = now_ms.saturating_add(overlap_ms.into());
        if !key.ephemeral {
            let (id, prefix, sha256) = (key.id.clone(), fresh.prefix.clone(), fresh.sha256);
            self.transaction(move |transaction| {
                transaction.execute(
                    "UPDATE key_secrets SET ends_ms = min(coalesce(ends_ms, ?2), ?2) WHERE key_id = ?1",
                    params![id, ends_ms],
                )?;
                insert_secret(transaction, &id, &prefix, sha256, now_ms)
            })?;
        }
        index.end_secrets(&key.id, ends_ms);
        Ok(adopt(&mut index, key.id, fresh, now_ms))
    }

    /// What a presented key is, in microseconds and without touching the disk.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn find_key(&self, presented: &str, now_ms: i64) -> Result<KeyStatus, Error> {
        self.faults.at(Point::Keys)?;
        Ok(self.keys.write().map_err(poisoned)?.find(presented, now_ms))
    }

    /// Revokes a key with all its secrets. When this returns, it holds, also after a crash. Revoking twice
    /// keeps the first moment.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::Database`].
    pub fn revoke_key(&self, id_or_prefix: &str, now_ms: i64) -> Result<KeyRecord, Error> {
        let mut index = self.keys.write().map_err(poisoned)?;
        let key = index.resolve(id_or_prefix)?.clone();
        // Memory first: if the disk then fails, the key is refused by this process all the same.
        let revoked_ms = key.revoked_ms.unwrap_or(now_ms);
        if let Some(key) = index.keys.get_mut(&key.id) {
            key.revoked_ms = Some(revoked_ms);
        }
        if !key.ephemeral {
            let id = key.id.clone();
            self.transaction(move |transaction| {
                transaction.execute(
                    "UPDATE keys SET revoked_ms = coalesce(revoked_ms, ?2) WHERE id = ?1",
                    params![id, revoked_ms],
                )?;
                Ok(())
            })?;
        }
        Ok(KeyRecord { revoked_ms: Some(revoked_ms), ..key })
    }

    /// All keys, oldest first, ephemeral ones included.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn list_keys(&self) -> Result<Vec<KeyRecord>, Error> {
        let index = self.keys.read().map_err(poisoned)?;
        let mut keys: Vec<KeyRecord> = index.keys.values().cloned().collect();
        keys.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
        Ok(keys)
    }
}

/// A secret whose prefix no other has; forty random bits collide seldom, so a few draws are plenty.
fn draw_unused(index: &KeyIndex) -> Result<Fresh, Error> {
    loop {
        let fresh = secret::draw()?;
        if !index.by_prefix.contains_key(&fresh.prefix) {
            return Ok(fresh);
        }
    }
}

fn adopt(index: &mut KeyIndex, id: String, fresh: Fresh, now_ms: i64) -> IssuedKey {
    let record = SecretRecord { prefix: fresh.prefix.clone(), created_ms: now_ms, ends_ms: None };
    index.add_secret(&id, record, fresh.sha256);
    IssuedKey { id, prefix: fresh.prefix, secret: fresh.text }
}

fn insert_key(transaction: &Transaction<'_>, key: &KeyRecord) -> Result<(), Error> {
    transaction.execute(
        "INSERT INTO keys (id, use_case, actor, label, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![key.id, key.use_case, key.actor, key.label, key.created_ms, key.expires_ms],
    )?;
    for role in &key.roles {
        transaction.execute("INSERT INTO key_roles (key_id, role) VALUES (?1, ?2)", params![key.id, role])?;
    }
    Ok(())
}

fn insert_secret(
    transaction: &Transaction<'_>,
    key_id: &str,
    prefix: &str,
    sha256: [u8; 32],
    now_ms: i64,
) -> Result<(), Error> {
    transaction.execute(
        "INSERT INTO key_secrets (prefix, key_id, sha256, created_ms) VALUES (?1, ?2, ?3, ?4)",
        params![prefix, key_id, sha256, now_ms],
    )?;
    Ok(())
}
