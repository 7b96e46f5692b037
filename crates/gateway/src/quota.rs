//! What an administrator does about quotas: look, count again, say that the clock is right. Each act is sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::{Counter, Measure, Scope, Standing, Window};
use provenance::{AdminRead, AdminRef, ClockAccepted, Leaf, QuotaRebuilt};
use serde::{Deserialize, Serialize};

use crate::admin::AdminOutcome;
use crate::allowance;
use crate::gateway::Gateway;
use crate::recount::recount;
use crate::refusal::Refusal;
use crate::serving::name;

/// One counter as an administrator sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuotaRow {
    /// `use case`, `key` or `user`.
    pub of: String,
    /// Id; of a user the use case and the pseudonym that the log has.
    pub id: String,
    /// `requests` or `tokens`.
    pub measure: String,
    /// `minute` or `day`.
    pub window: String,
    /// Beginning of the window, milliseconds since 1970.
    pub start_ms: i64,
    /// Settled.
    pub used: u64,
    /// Reserved by running requests.
    pub reserved: u64,
    /// What the record allows, if it states that.
    pub limit: Option<u64>,
}

impl Gateway {
    /// Whether the counters of a use case can be read.
    pub(crate) async fn counts(&self, use_case: String, now_ms: i64) -> bool {
        let ledger = Arc::clone(self.ledger());
        let scope = Scope::UseCase(use_case);
        let counter = Counter { scope, measure: Measure::Requests, window: Window::Minute };
        self.blocking(move || ledger.usage(&counter, now_ms).map_err(Refusal::closed)).await.is_ok()
    }

    /// The counters of this minute and this day.
    pub(crate) async fn show_quota(&self, by: AdminRef) -> Result<AdminOutcome, Refusal> {
        let (ledger, now_ms, policy) = (Arc::clone(self.ledger()), self.now_ms(), self.policy());
        let (standings, keys) = self
            .blocking(move || {
                let keys = ledger.list_keys().map_err(Refusal::closed)?;
                Ok((ledger.standings().map_err(Refusal::closed)?, keys))
            })
            .await?;
        let use_cases: BTreeMap<String, String> =
            keys.into_iter().map(|key| (key.id, key.use_case)).collect();
        let current = |s: &Standing| s.counter.window.start_ms(now_ms) == s.start_ms;
        let rows: Vec<QuotaRow> = standings
            .into_iter()
            .filter(current)
            .map(|standing| {
                let use_case = match &standing.counter.scope {
                    Scope::UseCase(id) => Some(id.as_str()),
                    Scope::Key(id) => use_cases.get(id).map(String::as_str),
                    Scope::Actor(id) => id.split_once('/').map(|(use_case, _)| use_case),
                    _ => None,
                };
                let limits = use_case.and_then(|id| policy.use_case(id)).map(|record| record.limits);
                let limit = limits.and_then(|limits| allowance::limit(&limits, &standing.counter));
                QuotaRow::new(standing, limit)
            })
            .collect();
        let read = AdminRead { by, what: name("quota_show")?, records: rows.len() as u64, pseudonym: None };
        self.append(Leaf::AdminRead(read)).await?;
        Ok(AdminOutcome::Quota(rows))
    }

    pub(crate) async fn rebuild_quota(&self, by: AdminRef) -> Result<AdminOutcome, Refusal> {
        let _not_serving = self.counting().lock().await;
        // Running requests could not settle in the counters that take the place of theirs.
        if self.serving().is_ok() {
            return Err(Refusal::Invalid {
                field: "quota rebuild".to_owned(),
                reason: "cannot count under running requests; stop the server first".to_owned(),
            });
        }
        let (counters, changed) = self.recount(Some(by)).await?;
        Ok(AdminOutcome::QuotaRebuilt { counters, changed })
    }

    /// Counts again from the log, and seals that it did. Gives the number of counters, and of those that differ.
    pub(crate) async fn recount(&self, by: Option<AdminRef>) -> Result<(u64, u64), Refusal> {
        let (ledger, dir) = (Arc::clone(self.ledger()), self.log_dir().to_owned());
        // Pruning goes by the clock, so a clock that was set must not lead it.
        let now_ms = self.moment().unwrap_or_else(|jumped| jumped.expected_ms.min(self.now_ms()));
        let (counters, changed) = self
            .blocking(move || {
                let standings = recount(&dir).map_err(Refusal::closed)?;
                let changed = ledger.replace(standings, now_ms).map_err(Refusal::closed)?;
                Ok((ledger.standings().map_err(Refusal::closed)?.len() as u64, changed as u64))
            })
            .await?;
        self.append(Leaf::QuotaRebuilt(QuotaRebuilt { by, counters, changed })).await?;
        Ok((counters, changed))
    }

    pub(crate) async fn accept_clock(&self, by: AdminRef) -> Result<AdminOutcome, Refusal> {
        let now_ms = self.now_ms();
        let ledger = Arc::clone(self.ledger());
        self.blocking(move || ledger.accept_clock(now_ms).map_err(Refusal::closed)).await?;
        let (expected_ms, accepted_ms) = self.watch().accept();
        self.append(Leaf::ClockAccepted(ClockAccepted { by, expected_ms, accepted_ms })).await?;
        Ok(AdminOutcome::ClockAccepted { expected_ms, accepted_ms })
    }
}

impl QuotaRow {
    fn new(standing: Standing, limit: Option<u64>) -> Self {
        let Standing { counter, start_ms, usage } = standing;
        let (of, id) = match counter.scope {
            Scope::Key(id) => ("key", id),
            Scope::Actor(id) => ("user", id),
            Scope::UseCase(id) => ("use case", id),
            _ => ("other", String::new()),
        };
        Self {
            of: of.to_owned(),
            id,
            measure: if counter.measure == Measure::Tokens { "tokens" } else { "requests" }.to_owned(),
            window: if counter.window == Window::Day { "day" } else { "minute" }.to_owned(),
            start_ms,
            used: usage.used,
            reserved: usage.reserved,
            limit,
        }
    }
}
