//! What an administrator does to a running gateway, or to the same state while none runs. Each act is sealed.

use ledger::{KeyRecord, NewKey};
use provenance::{AdminRead, AdminRef, KeyIssued, KeyRevoked, Leaf};
use serde::{Deserialize, Serialize};

use crate::active::Reloaded;
use crate::gateway::Gateway;
use crate::informed::{GuidanceCommand, GuidanceOutcome};
use crate::quota::QuotaRow;
use crate::record;
use crate::refusal::Refusal;
use crate::serving::name;
use crate::subjects::{SubjectCommand, SubjectOutcome};
use crate::upkeep::{ExportRange, PrunedLeaves};

/// One act.
#[derive(Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AdminCommand {
    /// Issue a key.
    IssueKey {
        /// For this use case of the policy.
        use_case: String,
        /// To this person or system.
        actor: String,
        /// With these roles.
        roles: Vec<String>,
        /// Until then, milliseconds since 1970.
        expires_ms: Option<i64>,
        /// A note.
        label: String,
    },
    /// List keys.
    ListKeys,
    /// Replace a key's secret.
    RotateKey {
        /// Key id or prefix.
        key: String,
        /// How long the old secret works on, in milliseconds.
        overlap_ms: u32,
    },
    /// Revoke a key, at once.
    RevokeKey {
        /// Key id or prefix.
        key: String,
    },
    /// Read the policy anew and put it in force.
    ReloadPolicy,
    /// Show what quotas hold now.
    ShowQuota,
    /// Count quotas again from the log; not while a model is served.
    RebuildQuota,
    /// Take the clock as it stands for right.
    AcceptClock,
    /// Enter, withdraw or list what people acknowledged and learnt.
    Guidance(GuidanceCommand),
    /// Find, export or erase what there is about a person.
    Subject(SubjectCommand),
    /// Bring tiles and checkpoint up to date and give the checkpoint.
    Checkpoint,
    /// Say in the log that it is exported.
    SealExport(ExportRange),
    /// Publish a checkpoint that a witness cosigned.
    AddCosigned {
        /// The checkpoint with its signatures.
        note: String,
        /// The witness's key.
        witness: String,
    },
    /// Remove the oldest epochs of the log.
    PruneLog {
        /// Only leaves from before this moment, milliseconds since 1970.
        before_ms: i64,
        /// Leaves younger than the least time to keep them may go as well.
        waive_minimum: bool,
    },
}

/// What came of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AdminOutcome {
    /// A key or a new secret of one; shown this once.
    Issued {
        /// Id.
        id: String,
        /// Public part.
        prefix: String,
        /// The whole key.
        secret: String,
    },
    /// All keys.
    Keys(Vec<KeyRow>),
    /// The key is dead.
    Revoked {
        /// Id.
        id: String,
    },
    /// The policy was read anew.
    PolicyReloaded {
        /// SHA-256 of the policy in force, hexadecimal.
        sha256: String,
        /// Whether it is another than before.
        changed: bool,
    },
    /// What quotas hold.
    Quota(Vec<QuotaRow>),
    /// Quotas were counted again.
    QuotaRebuilt {
        /// Counters there are now.
        counters: u64,
        /// Those that stood otherwise before.
        changed: u64,
    },
    /// The clock is taken for right.
    ClockAccepted {
        /// The time it had to be, milliseconds since 1970.
        expected_ms: i64,
        /// The time it is, milliseconds since 1970.
        accepted_ms: i64,
    },
    /// What people acknowledged and learnt.
    Guidance(GuidanceOutcome),
    /// What there is, or was, about a person.
    Subject(SubjectOutcome),
    /// A signed checkpoint.
    Checkpoint(String),
    /// The log says so.
    ExportSealed,
    /// The cosigned checkpoint is published.
    Cosigned,
    /// Leaves were pruned.
    LogPruned(PrunedLeaves),
    /// No whole epoch was old enough.
    NothingPruned {
        /// What there is instead.
        why: String,
    },
}

/// One key as an administrator sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyRow {
    /// Id.
    pub id: String,
    /// Public parts of its secrets, newest last.
    pub prefixes: Vec<String>,
    /// Use case.
    pub use_case: String,
    /// Holder.
    pub actor: String,
    /// Roles.
    pub roles: Vec<String>,
    /// The administrator's note.
    pub label: String,
    /// `valid`, `expired` or `revoked`.
    pub state: String,
    /// When it ends, milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// It ends with the process.
    pub ephemeral: bool,
}

impl Gateway {
    /// Does what an administrator asks. `uid` is the peer's by the kernel's word.
    ///
    /// # Errors
    /// When the policy knows no such use case, no such key exists, or log or ledger do not take it.
    pub async fn administer(&self, command: AdminCommand, uid: u32) -> Result<AdminOutcome, Refusal> {
        let by = AdminRef { uid };
        match command {
            AdminCommand::IssueKey { use_case, actor, roles, expires_ms, label } => {
                self.issue_key(NewKey { use_case, actor, roles, expires_ms, label }, Some(by)).await
            }
            AdminCommand::ListKeys => self.list_keys(by).await,
            AdminCommand::RotateKey { key, overlap_ms } => self.rotate_key(&key, overlap_ms, by).await,
            AdminCommand::RevokeKey { key } => self.revoke_key(&key, by).await,
            AdminCommand::ReloadPolicy => {
                let Reloaded { sha256, changed } = self.reload_policy(Some(by)).await?;
                Ok(AdminOutcome::PolicyReloaded { sha256: hex::encode(sha256), changed })
            }
            AdminCommand::ShowQuota => self.show_quota(by).await,
            AdminCommand::RebuildQuota => self.rebuild_quota(by).await,
            AdminCommand::AcceptClock => self.accept_clock(by).await,
            AdminCommand::Guidance(command) => self.people(command, by).await.map(AdminOutcome::Guidance),
            AdminCommand::Subject(command) => self.subjects(command, by).await.map(AdminOutcome::Subject),
            AdminCommand::Checkpoint => {
                self.log().publish().await.map_err(Refusal::closed)?;
                Ok(AdminOutcome::Checkpoint(self.log().checkpoint()))
            }
            AdminCommand::SealExport(range) => self.seal_export(range, by).await,
            AdminCommand::AddCosigned { note, witness } => self.add_cosigned(note, &witness).await,
            AdminCommand::PruneLog { before_ms, waive_minimum } => {
                self.prune_log(before_ms, waive_minimum, by).await
            }
        }
    }

    /// A key for this run only, for the demonstration use case of the policy; `None` where it has none. Nothing of it
    /// is written but its leaf.
    ///
    /// # Errors
    /// When the log is closed.
    pub async fn mint_demo_key(&self) -> Result<Option<AdminOutcome>, Refusal> {
        let policy = self.policy();
        let Some(demo) = policy.use_cases().find(|use_case| use_case.kind == policy::Kind::Demo) else {
            return Ok(None);
        };
        let new = NewKey {
            use_case: demo.id.clone(),
            actor: "demo".to_owned(),
            roles: demo.allowed_roles.iter().cloned().collect(),
            expires_ms: None,
            label: "demo key of this run".to_owned(),
        };
        self.issue_key(new, None).await.map(Some)
    }

    async fn issue_key(&self, new: NewKey, by: Option<AdminRef>) -> Result<AdminOutcome, Refusal> {
        // Checked before the key exists, so that no key is made that the log cannot name.
        if self.policy().use_case(&new.use_case).is_none() {
            return Err(Refusal::Invalid {
                field: "use case".to_owned(),
                reason: "is not in policy/use-cases; add its record first".to_owned(),
            });
        }
        for role in &new.roles {
            name(role)?;
        }
        let now_ms = self.now_ms();
        let ledger = self.ledger().clone();
        let ephemeral = by.is_none();
        let issued = self
            .blocking(move || {
                let issue = if ephemeral {
                    ledger.issue_ephemeral_key(new, now_ms)
                } else {
                    ledger.issue_key(new, now_ms)
                };
                issue.map_err(Refusal::closed)
            })
            .await?;
        if let Err(closed) = self.seal_issue(&issued.id, by, now_ms).await {
            // A key the log does not know of must not work. If this fails too, the closed log refuses all requests.
            let _ = self.ledger().revoke_key(&issued.id, now_ms);
            return Err(closed);
        }
        Ok(AdminOutcome::Issued {
            id: issued.id,
            prefix: issued.prefix,
            secret: issued.secret.as_str().to_owned(),
        })
    }

    /// Seals that a key, or a new secret of it, was issued.
    async fn seal_issue(&self, id: &str, by: Option<AdminRef>, now_ms: i64) -> Result<(), Refusal> {
        let keys = self.ledger().list_keys().map_err(Refusal::closed)?;
        let record = keys.into_iter().find(|record| record.id == id);
        let record = record.ok_or_else(|| Refusal::closed("the key is not in the ledger"))?;
        self.append(self.key_issued(&record, by, now_ms)?).await.map(drop)
    }

    async fn rotate_key(&self, key: &str, overlap_ms: u32, by: AdminRef) -> Result<AdminOutcome, Refusal> {
        let (ledger, now_ms, wanted) = (self.ledger().clone(), self.now_ms(), key.to_owned());
        let issued = self
            .blocking(move || ledger.rotate_key(&wanted, overlap_ms, now_ms).map_err(Refusal::closed))
            .await?;
        // A new secret is an issue of the same key: the same leaf says so.
        self.seal_issue(&issued.id, Some(by), now_ms).await?;
        Ok(AdminOutcome::Issued {
            id: issued.id,
            prefix: issued.prefix,
            secret: issued.secret.as_str().to_owned(),
        })
    }

    /// The leaf of a key as the ledger holds it.
    fn key_issued(&self, key: &KeyRecord, by: Option<AdminRef>, now_ms: i64) -> Result<Leaf, Refusal> {
        let policy = self.policy();
        let use_case = policy.use_case(&key.use_case).ok_or_else(|| Refusal::Invalid {
            field: "use case".to_owned(),
            reason: "is not in policy/use-cases; add its record first".to_owned(),
        })?;
        let subject = self.ring().actor(provenance::epoch_of(now_ms), &key.actor).map_err(Refusal::closed)?;
        Ok(Leaf::KeyIssued(KeyIssued {
            key_id: name(&key.id)?,
            use_case: record::reference(use_case)?,
            actor_pseudonym: subject.pseudonym(),
            key_epoch: subject.epoch,
            roles: key.roles.iter().map(|role| name(role)).collect::<Result<_, _>>()?,
            expires_ms: key.expires_ms,
            by,
        }))
    }

    async fn revoke_key(&self, key: &str, by: AdminRef) -> Result<AdminOutcome, Refusal> {
        let (ledger, now_ms, wanted) = (self.ledger().clone(), self.now_ms(), key.to_owned());
        let record =
            self.blocking(move || ledger.revoke_key(&wanted, now_ms).map_err(Refusal::closed)).await?;
        self.append(Leaf::KeyRevoked(KeyRevoked { key_id: name(&record.id)?, by: Some(by) })).await?;
        Ok(AdminOutcome::Revoked { id: record.id })
    }

    async fn list_keys(&self, by: AdminRef) -> Result<AdminOutcome, Refusal> {
        let keys = self.ledger().list_keys().map_err(Refusal::closed)?;
        let read = AdminRead { by, what: name("keys_list")?, records: keys.len() as u64, pseudonym: None };
        self.append(Leaf::AdminRead(read)).await?;
        let now_ms = self.now_ms();
        Ok(AdminOutcome::Keys(keys.into_iter().map(|key| KeyRow::new(key, now_ms)).collect()))
    }
}

impl KeyRow {
    fn new(key: KeyRecord, now_ms: i64) -> Self {
        let state = if key.revoked_ms.is_some() {
            "revoked"
        } else if key.expires_ms.is_some_and(|end| now_ms >= end) {
            "expired"
        } else {
            "valid"
        };
        Self {
            id: key.id,
            prefixes: key.secrets.into_iter().map(|secret| secret.prefix).collect(),
            use_case: key.use_case,
            actor: key.actor,
            roles: key.roles,
            label: key.label,
            state: state.to_owned(),
            expires_ms: key.expires_ms,
            ephemeral: key.ephemeral,
        }
    }
}
