//! Counters in the ledger's own file.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::Error;
use crate::counters::{KEPT_MS, Recovered, Standing, differing};
use crate::quota::{Cell, Counter, Demand, Measure, Reservation, Reserve, Taken, Usage};
use crate::store::{CounterStore, Opened};
use crate::writer::Writer;

/// Counters that this process has for itself.
struct SqliteCounters {
    writer: Arc<Writer>,
    /// Tells reservations of this opening from older ones.
    opening: u64,
}

/// Ends what a lost process had reserved.
pub(crate) fn open(writer: &Arc<Writer>, opening: u64, moved: bool) -> Result<Opened, Error> {
    let recovered = Recovered { moved, ..writer.transaction(recover)? };
    let store = Box::new(SqliteCounters { writer: Arc::clone(writer), opening });
    Ok(Opened { store, recovered, latest_ms: None })
}

/// All that was reserved counts as taken, so that a crash never opens a fresh allowance.
fn recover(transaction: &Transaction<'_>) -> Result<Recovered, Error> {
    // Each request reserves in several counters; the largest sum over one kind of counter is what there was.
    let sum = |measure: Measure| -> Result<u64, Error> {
        let sum: i64 = transaction.query_row(
            "SELECT coalesce(max(total), 0) FROM (SELECT sum(reserved) AS total FROM counters
             WHERE measure = ?1 GROUP BY scope_kind, window)",
            [measure.name()],
            |row| row.get(0),
        )?;
        Ok(u64::try_from(sum).unwrap_or(0))
    };
    let (tokens_charged, requests_charged) = (sum(Measure::Tokens)?, sum(Measure::Requests)?);
    transaction.execute(
        "UPDATE counters SET reserved = 0,
             used = CASE WHEN used > 9223372036854775807 - reserved THEN 9223372036854775807
                         ELSE used + reserved END
         WHERE reserved > 0",
        [],
    )?;
    Ok(Recovered { tokens_charged, requests_charged, moved: false })
}

/// The latest moment that was seen.
pub(crate) fn latest_ms(connection: &Connection) -> Result<Option<i64>, Error> {
    Ok(connection.query_row("SELECT latest_ms FROM clock", [], |row| row.get(0)).optional()?)
}

/// Remembers that it has been `now_ms`.
fn see(transaction: &Transaction<'_>, now_ms: i64) -> Result<(), Error> {
    transaction
        .prepare_cached(
            "INSERT INTO clock (only, latest_ms) VALUES (1, ?1)
             ON CONFLICT DO UPDATE SET latest_ms = max(latest_ms, excluded.latest_ms)",
        )?
        .execute([now_ms])?;
    Ok(())
}

/// Remembers that it is `now_ms`, though it was later.
pub(crate) fn set_clock(transaction: &Transaction<'_>, now_ms: i64) -> Result<(), Error> {
    transaction.execute("DELETE FROM clock", [])?;
    see(transaction, now_ms)
}

/// Where this gateway counted last, and what it is called where several count together.
pub(crate) fn gateway(connection: &Connection) -> Result<Option<(String, String)>, Error> {
    let row = connection
        .query_row("SELECT gateway, place FROM quota_store", [], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?)
}

/// Names this gateway, which counted in `place` so far.
pub(crate) fn name_gateway(connection: &Connection, gateway: &str, place: &str) -> Result<(), Error> {
    let sql = "INSERT INTO quota_store (only, gateway, place) VALUES (1, ?1, ?2)";
    connection.execute(sql, params![gateway, place])?;
    Ok(())
}

/// From here on this gateway counts in `place`.
pub(crate) fn moved_to(transaction: &Transaction<'_>, place: &str) -> Result<(), Error> {
    transaction.execute("UPDATE quota_store SET place = ?1", [place])?;
    Ok(())
}

/// Forgets windows long past, unless something in them is still reserved.
fn prune(transaction: &Transaction<'_>, now_ms: i64) -> Result<(), Error> {
    for (window, kept_ms) in KEPT_MS {
        transaction.execute(
            "DELETE FROM counters WHERE window = ?1 AND start_ms < ?2 AND reserved = 0",
            params![window.name(), now_ms.saturating_sub(kept_ms)],
        )?;
    }
    Ok(())
}

impl CounterStore for SqliteCounters {
    fn reserve(&self, demands: &[Demand], now_ms: i64) -> Result<Reserve, Error> {
        let (demands, opening) = (demands.to_vec(), self.opening);
        self.writer.transaction_if(move |transaction| {
            see(transaction, now_ms)?;
            let mut taken = Vec::with_capacity(demands.len());
            for demand in &demands {
                match take(transaction, demand, now_ms)? {
                    Ok(one) => taken.push(one),
                    Err(usage) => {
                        return Ok((Reserve::Exceeded(demand.exceeded(usage, now_ms)), false));
                    }
                }
            }
            Ok((Reserve::Granted(Reservation { opening, taken }), true))
        })
    }

    fn give_back(&self, reservation: Reservation, tokens: Option<u64>) -> Result<(), Error> {
        if reservation.opening != self.opening {
            return Err(Error::StaleReservation);
        }
        self.writer.transaction(move |transaction| {
            // `used` saturates: an impossible sum must not become a negative one.
            let mut update = transaction.prepare_cached(
                "UPDATE counters SET reserved = reserved - ?6,
                     used = CASE WHEN used > 9223372036854775807 - ?7 THEN 9223372036854775807
                                 ELSE used + ?7 END
                 WHERE scope_kind = ?1 AND scope = ?2 AND measure = ?3 AND window = ?4 AND start_ms = ?5",
            )?;
            for taken in &reservation.taken {
                let (kind, scope) = taken.counter.scope.parts();
                let (measure, window) = (taken.counter.measure.name(), taken.counter.window.name());
                let (start_ms, actual) = (taken.start_ms, taken.actual(tokens));
                update.execute(params![kind, scope, measure, window, start_ms, taken.amount, actual])?;
            }
            Ok(())
        })
    }

    fn read(&self, cells: Vec<Cell>) -> Result<Vec<Usage>, Error> {
        self.writer.transaction(move |transaction| {
            cells.iter().map(|(counter, start_ms)| read(transaction, counter, *start_ms)).collect()
        })
    }

    fn standings(&self) -> Result<Vec<Standing>, Error> {
        self.writer.transaction(|transaction| {
            let mut statement = transaction.prepare(
                "SELECT scope_kind, scope, measure, window, start_ms, used, reserved FROM counters",
            )?;
            let mut rows = statement.query([])?;
            let mut standings = Vec::new();
            while let Some(row) = rows.next()? {
                let (kind, scope, measure, window): (String, String, String, String) =
                    (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                // A kind that this program does not know was written by a newer one, whose format it would have
                // refused: nothing is left out here.
                let Some(counter) = Counter::read(&kind, scope, &measure, &window) else { continue };
                let usage = Usage { used: count(row.get(5)?), reserved: count(row.get(6)?) };
                standings.push(Standing { counter, start_ms: row.get(4)?, usage });
            }
            standings.sort();
            Ok(standings)
        })
    }

    fn replace(&self, standings: Vec<Standing>, now_ms: i64) -> Result<usize, Error> {
        self.prune(now_ms)?;
        let before = self.standings()?;
        self.writer.transaction(move |transaction| {
            let sql = "SELECT count(*) FROM counters WHERE reserved > 0";
            if transaction.query_row::<i64, _, _>(sql, [], |row| row.get(0))? > 0 {
                return Err(Error::Reserved);
            }
            transaction.execute("DELETE FROM counters", [])?;
            let mut insert = transaction.prepare(
                "INSERT INTO counters (scope_kind, scope, measure, window, start_ms, used, reserved)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for Standing { counter, start_ms, usage } in &standings {
                let (kind, scope) = counter.scope.parts();
                let (measure, window) = (counter.measure.name(), counter.window.name());
                let (used, reserved) = (number(usage.used), number(usage.reserved));
                insert.execute(params![kind, scope, measure, window, start_ms, used, reserved])?;
            }
            prune(transaction, now_ms)
        })?;
        Ok(differing(before, self.standings()?))
    }

    fn prune(&self, now_ms: i64) -> Result<(), Error> {
        self.writer.transaction(move |transaction| prune(transaction, now_ms))
    }

    fn accept_clock(&self, _: i64) -> Result<(), Error> {
        // The clock of the file, which has the keys too, is set by the ledger.
        Ok(())
    }
}

/// A count as a database has it.
pub(crate) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count as it is.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn read(transaction: &Transaction<'_>, counter: &Counter, start_ms: i64) -> Result<Usage, Error> {
    let (kind, scope) = counter.scope.parts();
    let row: Option<(i64, i64)> = transaction
        .prepare_cached(
            "SELECT used, reserved FROM counters
             WHERE scope_kind = ?1 AND scope = ?2 AND measure = ?3 AND window = ?4 AND start_ms = ?5",
        )?
        .query_row(params![kind, scope, counter.measure.name(), counter.window.name(), start_ms], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let usage = |(used, reserved)| Usage { used: count(used), reserved: count(reserved) };
    Ok(row.map_or(Usage::default(), usage))
}

/// Meets one demand, or gives what its counter holds.
fn take(transaction: &Transaction<'_>, demand: &Demand, now_ms: i64) -> Result<Result<Taken, Usage>, Error> {
    let counter = &demand.counter;
    let start_ms = counter.window.start_ms(now_ms);
    let usage = read(transaction, counter, start_ms)?;
    let (Some(_), Ok(amount)) = (demand.after(usage), demand.amount.try_into()) else {
        return Ok(Err(usage));
    };
    let (kind, scope) = counter.scope.parts();
    transaction
        .prepare_cached(
            "INSERT INTO counters (scope_kind, scope, measure, window, start_ms, used, reserved)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)
             ON CONFLICT DO UPDATE SET reserved = reserved + excluded.reserved",
        )?
        .execute(params![kind, scope, counter.measure.name(), counter.window.name(), start_ms, amount])?;
    Ok(Ok(Taken { counter: counter.clone(), start_ms, amount, before: usage }))
}
