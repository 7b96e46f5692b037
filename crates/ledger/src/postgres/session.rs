//! One connection, and what is said over it. A transaction takes two exchanges: begin, lock and read; write and commit.

use std::time::Duration;

use futures_util::future::{try_join3, try_join4};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, Statement};

use crate::postgres::address::Postgres;
use crate::postgres::cells::{Cells, Held};
use crate::postgres::tls::Tls;
use crate::postgres::{passed, schema};
use crate::quota::Cell;

/// Bounds that the server holds. A gateway that stands still with the lock loses it before those who wait for it give up.
const BOUNDS: &str = "SET idle_in_transaction_session_timeout = '3s'; SET lock_timeout = '8s';
    SET statement_timeout = '10s'; SET default_transaction_isolation = 'read committed';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// How long anything may take altogether.
pub(super) const PATIENCE: Duration = Duration::from_secs(12);

/// Why something could not be done, in words that hold nothing but what the database and the network say.
#[derive(Debug)]
pub(super) struct Failed(pub(super) String);

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        use std::error::Error as _;
        if let Some(said) = error.as_db_error() {
            // Not its detail, which quotes rows.
            return Self(format!("{} ({})", said.message(), said.code().code()));
        }
        Self(error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}")))
    }
}

/// This gateway's row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mine {
    pub(super) holder: i64,
    pub(super) batch: i64,
    pub(super) lapsed: bool,
}

/// What is written at the end of a transaction.
pub(super) struct Signed {
    pub(super) holder: i64,
    pub(super) batch: i64,
    pub(super) latest_ms: Option<i64>,
}

pub(super) struct Session {
    pub(super) client: Client,
    gateway: String,
    mine: Statement,
    read: Statement,
    write: Statement,
    sign: Statement,
}

/// Connects and sets the bounds; says nothing of tables yet.
pub(super) async fn connect(postgres: &Postgres, gateway: &str) -> Result<Client, Failed> {
    let mut config = postgres.config.clone();
    config.application_name(format!("proeftuin {gateway}"));
    if let Some(through) = &postgres.through {
        let client = passed::connect(postgres, &config, through).await?;
        client.batch_execute(BOUNDS).await?;
        return Ok(client);
    }
    // The connection's own work is done beside ours, on the same thread.
    let client = match &postgres.tls {
        None => {
            let (client, connection) = config.connect(NoTls).await?;
            drop(tokio::spawn(connection));
            client
        }
        Some(tls) => {
            let (client, connection) = config.connect(Tls(tls.clone())).await?;
            drop(tokio::spawn(connection));
            client
        }
    };
    client.batch_execute(BOUNDS).await?;
    Ok(client)
}

impl Session {
    /// Prepares what is said often. The tables have to be there.
    pub(super) async fn prepare(client: Client, gateway: &str) -> Result<Self, Failed> {
        let mine = "SELECT holder, batch, lapsed FROM proeftuin_gateways WHERE gateway = $1";
        let read = "SELECT w.n, c.gateway = $6, c.used, c.reserved
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8[])
                WITH ORDINALITY AS w (scope_kind, scope, measure, per, start_ms, n)
            JOIN proeftuin_counters c USING (scope_kind, scope, measure, per, start_ms)";
        let write = "INSERT INTO proeftuin_counters
                (gateway, scope_kind, scope, measure, per, start_ms, used, reserved)
            SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::int8[], $8::int8[])
            ON CONFLICT (scope_kind, scope, measure, per, start_ms, gateway)
                DO UPDATE SET used = excluded.used, reserved = excluded.reserved";
        let sign =
            "UPDATE proeftuin_gateways SET batch = $3, latest_ms = greatest(latest_ms, $4), lapsed = false,
                seen_at = clock_timestamp()
            WHERE gateway = $1 AND holder = $2";
        let (mine, read, write, sign) = try_join4(
            client.prepare(mine),
            client.prepare(read),
            client.prepare(write),
            client.prepare(sign),
        )
        .await?;
        Ok(Self { client, gateway: gateway.to_owned(), mine, read, write, sign })
    }

    /// Takes the lock and reads this gateway's row. Whatever was sent on an older connection has ended by then: it holds
    /// the lock until it has.
    pub(super) async fn begin(&self) -> Result<Option<Mine>, Failed> {
        let (client, gateway): (_, [&(dyn ToSql + Sync); 1]) = (&self.client, [&self.gateway]);
        let (begun, locked, rows) = (
            client.batch_execute("BEGIN"),
            client.batch_execute(schema::LOCK),
            client.query(&self.mine, &gateway),
        );
        let ((), (), rows) = try_join3(begun, locked, rows).await?;
        mine(&rows)
    }

    /// The same, and what counters hold, in one exchange.
    pub(super) async fn begin_and_read(&self, cells: &mut Cells) -> Result<Option<Mine>, Failed> {
        let columns = Columns::of(cells.cells.iter());
        let (client, gateway): (_, [&(dyn ToSql + Sync); 1]) = (&self.client, [&self.gateway]);
        let parameters = columns.parameters(&self.gateway);
        let ((), (), own, rows) = try_join4(
            client.batch_execute("BEGIN"),
            client.batch_execute(schema::LOCK),
            client.query(&self.mine, &gateway),
            client.query(&self.read, &parameters),
        )
        .await?;
        let own = mine(&own)?;
        fill(cells, &rows)?;
        Ok(own)
    }

    /// What counters hold, for whoever decides nothing.
    pub(super) async fn read(&self, cells: &mut Cells) -> Result<(), Failed> {
        let rows = {
            let columns = Columns::of(cells.cells.iter());
            self.client.query(&self.read, &columns.parameters(&self.gateway)).await?
        };
        fill(cells, &rows)
    }

    /// Writes what changed, signs and commits, in one exchange. An error leaves open whether it was committed.
    pub(super) async fn write_and_commit(&self, cells: &Cells, signed: &Signed) -> Result<(), Failed> {
        let changed: Vec<(&Cell, Held)> = cells.changed().collect();
        let columns = Columns::of(changed.iter().map(|(cell, _)| *cell));
        let used: Vec<i64> = changed.iter().map(|(_, held)| held.used).collect();
        let reserved: Vec<i64> = changed.iter().map(|(_, held)| held.reserved).collect();
        let [kinds, scopes, measures, windows, starts, gateway] = columns.parameters(&self.gateway);
        let written: [&(dyn ToSql + Sync); 8] =
            [gateway, kinds, scopes, measures, windows, starts, &used, &reserved];
        let sign: [&(dyn ToSql + Sync); 4] =
            [&self.gateway, &signed.holder, &signed.batch, &signed.latest_ms];
        let (_, rows, ()) = try_join3(
            self.client.execute(&self.write, &written),
            self.client.execute(&self.sign, &sign),
            self.client.batch_execute("COMMIT"),
        )
        .await?;
        if rows == 1 { Ok(()) } else { Err(Failed("the gateway's row is gone".to_owned())) }
    }

    pub(super) async fn rollback(&self) -> Result<(), Failed> {
        Ok(self.client.batch_execute("ROLLBACK").await?)
    }
}

fn mine(rows: &[Row]) -> Result<Option<Mine>, Failed> {
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Mine { holder: row.try_get(0)?, batch: row.try_get(1)?, lapsed: row.try_get(2)? }))
}

fn fill(cells: &mut Cells, rows: &[Row]) -> Result<(), Failed> {
    for row in rows {
        // Counted from one.
        let number: i64 = row.try_get(0)?;
        let number = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        cells.found(number, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    }
    Ok(())
}

/// Names and windows of counters, column by column.
pub(super) struct Columns<'a> {
    kinds: Vec<&'static str>,
    scopes: Vec<&'a str>,
    measures: Vec<&'static str>,
    windows: Vec<&'static str>,
    starts: Vec<i64>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(cells: impl Iterator<Item = &'a Cell>) -> Self {
        let (mut kinds, mut scopes, mut measures) = (Vec::new(), Vec::new(), Vec::new());
        let (mut windows, mut starts) = (Vec::new(), Vec::new());
        for (counter, start_ms) in cells {
            let (kind, scope) = counter.scope.parts();
            kinds.push(kind);
            scopes.push(scope);
            measures.push(counter.measure.name());
            windows.push(counter.window.name());
            starts.push(*start_ms);
        }
        Self { kinds, scopes, measures, windows, starts }
    }

    /// The columns, and the gateway.
    pub(super) fn parameters<'b>(&'b self, gateway: &'b String) -> [&'b (dyn ToSql + Sync); 6] {
        [&self.kinds, &self.scopes, &self.measures, &self.windows, &self.starts, gateway]
    }
}
