//! What has a transaction to itself: taking the gateway's row, the heartbeat, charging, listing, replacing, forgetting.

use tokio_postgres::types::ToSql;

use crate::Error;
use crate::counters::{KEPT_MS, Recovered, Standing, differing};
use crate::postgres::keeper::Desk;
use crate::postgres::session::{Columns, Failed, Session};
use crate::postgres::{Outcome, Whole, schema};
use crate::quota::{Cell, Counter, Usage};
use crate::sqlite::{count, number};

/// All counters, or those of one gateway. Sums are cut to what fits.
const STANDINGS: &str = "SELECT scope_kind, scope, measure, per, start_ms,
        least(sum(used), 9223372036854775807)::int8, least(sum(reserved), 9223372036854775807)::int8
    FROM proeftuin_counters WHERE $1::text IS NULL OR gateway = $1
    GROUP BY scope_kind, scope, measure, per, start_ms";

impl Desk {
    /// Takes this gateway's row for this opening, and charges what an earlier one had reserved. Gives what has been charged
    /// since the gateway last heard of it, its last transaction, and the latest moment.
    pub(super) async fn take_row(&self, session: &Session) -> Result<(Recovered, i64, Option<i64>), Failed> {
        let lease_ms = i64::try_from(self.postgres.lease.as_millis()).unwrap_or(i64::MAX);
        let found = session.begin().await?;
        let (client, gateway) = (&session.client, &self.gateway);
        if found.is_none() {
            let insert =
                "INSERT INTO proeftuin_gateways VALUES ($1, $2, 0, false, 0, 0, NULL, $3, clock_timestamp())";
            client.execute(insert, &[gateway, &self.holder, &lease_ms]).await?;
            client.batch_execute("COMMIT").await?;
            return Ok((Recovered { moved: true, ..Recovered::default() }, 0, None));
        }
        charge(session, gateway).await?;
        let read = "SELECT tokens_charged, requests_charged, batch, latest_ms FROM proeftuin_gateways WHERE gateway = $1";
        let row = client.query_one(read, &[gateway]).await?;
        let recovered = Recovered {
            tokens_charged: count(row.try_get(0)?),
            requests_charged: count(row.try_get(1)?),
            moved: false,
        };
        let take =
            "UPDATE proeftuin_gateways SET holder = $2, lease_ms = $3, lapsed = false, tokens_charged = 0,
            requests_charged = 0, seen_at = clock_timestamp() WHERE gateway = $1";
        client.execute(take, &[gateway, &self.holder, &lease_ms]).await?;
        client.batch_execute("COMMIT").await?;
        Ok((recovered, row.try_get(2)?, row.try_get(3)?))
    }

    /// This gateway lives. Those whose lease has lapsed, by the database's one clock, do not: what they had reserved counts
    /// as taken, and what they may yet come and settle does not count twice.
    pub(super) async fn beat(&self, session: &Session) -> Result<(), Failed> {
        let client = &session.client;
        let alive =
            "UPDATE proeftuin_gateways SET seen_at = clock_timestamp() WHERE gateway = $1 AND holder = $2";
        client.execute(alive, &[&self.gateway, &self.holder]).await?;
        let lapsed = "SELECT gateway FROM proeftuin_gateways WHERE gateway <> $1 AND NOT lapsed
            AND seen_at + lease_ms * interval '1 millisecond' < clock_timestamp()";
        if client.query(lapsed, &[&self.gateway]).await?.is_empty() {
            return Ok(());
        }
        client.batch_execute("BEGIN").await?;
        client.batch_execute(schema::LOCK).await?;
        // Once more: one of them may have come back before the lock was had.
        for row in client.query(lapsed, &[&self.gateway]).await? {
            charge(session, row.try_get(0)?).await?;
        }
        Ok(client.batch_execute("COMMIT").await?)
    }

    pub(super) async fn whole(&mut self, whole: &Whole) -> Result<Outcome, Error> {
        self.faults_at_begin()?;
        let session = self.session().await?;
        let outcome = match whole {
            Whole::Standings => standings(&session, None).await.map(Outcome::Standings),
            Whole::Prune(now_ms) => prune(&session, &self.gateway, *now_ms).await.map(|()| Outcome::Done),
            Whole::AcceptClock(now_ms) => {
                let sql = "UPDATE proeftuin_gateways SET latest_ms = $2 WHERE gateway = $1";
                let done = session.client.execute(sql, &[&self.gateway, now_ms]).await;
                done.map(|_| Outcome::Done).map_err(Failed::from)
            }
            Whole::Replace(standings, now_ms) => {
                let replaced = self.replace(&session, standings, *now_ms).await;
                match replaced {
                    Ok(replaced) => Ok(Outcome::Changed(replaced?)),
                    Err(failed) => Err(failed),
                }
            }
        };
        let outcome = outcome.map_err(|failed| self.lost(&failed))?;
        self.keep(session);
        Ok(outcome)
    }

    /// The inner error leaves the transaction to the end of the connection.
    async fn replace(
        &mut self,
        session: &Session,
        new: &[Standing],
        now_ms: i64,
    ) -> Result<Result<usize, Error>, Failed> {
        let (client, gateway) = (&session.client, self.gateway.clone());
        prune(session, &gateway, now_ms).await?;
        let before = standings(session, Some(&gateway)).await?;
        let mine = session.begin().await?;
        if let Err(error) = self.check(mine) {
            return Ok(Err(error));
        }
        let reserved = "SELECT EXISTS (SELECT FROM proeftuin_counters WHERE gateway = $1 AND reserved > 0)";
        if client.query_one(reserved, &[&gateway]).await?.try_get(0)? {
            return Ok(Err(Error::Reserved));
        }
        client.execute("DELETE FROM proeftuin_counters WHERE gateway = $1", &[&gateway]).await?;
        let cells: Vec<Cell> = new.iter().map(|s| (s.counter.clone(), s.start_ms)).collect();
        let used: Vec<i64> = new.iter().map(|s| number(s.usage.used)).collect();
        let reserved: Vec<i64> = new.iter().map(|s| number(s.usage.reserved)).collect();
        let columns = Columns::of(cells.iter());
        let [kinds, scopes, measures, windows, starts, gateway_too] = columns.parameters(&gateway);
        let values: [&(dyn ToSql + Sync); 8] =
            [gateway_too, kinds, scopes, measures, windows, starts, &used, &reserved];
        let insert = "INSERT INTO proeftuin_counters
                (gateway, scope_kind, scope, measure, per, start_ms, used, reserved)
            SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::int8[], $8::int8[])";
        client.execute(insert, &values).await?;
        prune(session, &gateway, now_ms).await?;
        client.batch_execute("COMMIT").await?;
        Ok(Ok(differing(before, standings(session, Some(&gateway)).await?)))
    }
}

/// All that `gateway` had reserved counts as taken, and is remembered until it hears of it. Inside a transaction that has
/// the lock.
async fn charge(session: &Session, gateway: &str) -> Result<(), Failed> {
    let client = &session.client;
    // Each request reserves in several counters; the largest sum over one kind of counter is what there was.
    let sums = "SELECT
            least(coalesce(max(total) FILTER (WHERE measure = 'tokens'), 0), 9223372036854775807)::int8,
            least(coalesce(max(total) FILTER (WHERE measure = 'requests'), 0), 9223372036854775807)::int8
        FROM (SELECT measure, sum(reserved) AS total FROM proeftuin_counters
              WHERE gateway = $1 AND reserved > 0 GROUP BY measure, scope_kind, per) AS sums";
    let sums = client.query_one(sums, &[&gateway]).await?;
    let (tokens, requests): (i64, i64) = (sums.try_get(0)?, sums.try_get(1)?);
    let take = "UPDATE proeftuin_counters SET reserved = 0,
            used = CASE WHEN used > 9223372036854775807 - reserved THEN 9223372036854775807 ELSE used + reserved END
        WHERE gateway = $1 AND reserved > 0";
    client.execute(take, &[&gateway]).await?;
    let note = "UPDATE proeftuin_gateways SET lapsed = true,
            tokens_charged = least(tokens_charged::numeric + $2::int8, 9223372036854775807)::int8,
            requests_charged = least(requests_charged::numeric + $3::int8, 9223372036854775807)::int8
        WHERE gateway = $1";
    client.execute(note, &[&gateway, &tokens, &requests]).await?;
    Ok(())
}

async fn standings(session: &Session, gateway: Option<&str>) -> Result<Vec<Standing>, Failed> {
    let mut standings = Vec::new();
    for row in session.client.query(STANDINGS, &[&gateway]).await? {
        let (kind, measure, window): (&str, &str, &str) = (row.try_get(0)?, row.try_get(2)?, row.try_get(3)?);
        // A name that this program does not know is of a newer one, whose format it would have refused.
        let Some(counter) = Counter::read(kind, row.try_get(1)?, measure, window) else { continue };
        let usage = Usage { used: count(row.try_get(5)?), reserved: count(row.try_get(6)?) };
        standings.push(Standing { counter, start_ms: row.try_get(4)?, usage });
    }
    standings.sort();
    Ok(standings)
}

/// Forgets this gateway's part of windows long past: the others' clocks may stand otherwise.
async fn prune(session: &Session, gateway: &str, now_ms: i64) -> Result<(), Failed> {
    let sql = "DELETE FROM proeftuin_counters WHERE per = $1 AND start_ms + 0 < $2 AND gateway = $3 AND reserved = 0";
    for (window, kept_ms) in KEPT_MS {
        let before_ms = now_ms.saturating_sub(kept_ms);
        session.client.execute(sql, &[&window.name(), &before_ms, &gateway]).await?;
    }
    Ok(())
}
