//! The tables. They lie in the first schema of the role's search path, so an administrator may give them a place.

use tokio_postgres::Client;

use crate::postgres::session::Failed;

/// Held by whoever decides or changes tables, until the transaction ends: "PTQUOTA" in ASCII.
pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock(22610706437198913)";

/// Migrations in order; the table of the format says how many were applied. Never edit one that was released.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE proeftuin_format (
        only_one integer NOT NULL PRIMARY KEY CHECK (only_one = 1),
        format   integer NOT NULL
    );
    -- holder: the opening that counts now. batch: the last transaction of its that was committed. lapsed: another gateway
    -- charged what was reserved. charged: how much that was, until the gateway has heard of it.
    CREATE TABLE proeftuin_gateways (
        gateway          text        NOT NULL PRIMARY KEY,
        holder           bigint      NOT NULL,
        batch            bigint      NOT NULL,
        lapsed           boolean     NOT NULL,
        tokens_charged   bigint      NOT NULL,
        requests_charged bigint      NOT NULL,
        latest_ms        bigint,
        lease_ms         bigint      NOT NULL,
        seen_at          timestamptz NOT NULL
    );
    CREATE TABLE proeftuin_counters (
        scope_kind text   NOT NULL,
        scope      text   NOT NULL,
        measure    text   NOT NULL,
        per        text   NOT NULL,
        start_ms   bigint NOT NULL,
        gateway    text   NOT NULL REFERENCES proeftuin_gateways (gateway),
        used       bigint NOT NULL CHECK (used >= 0),
        reserved   bigint NOT NULL CHECK (reserved >= 0),
        PRIMARY KEY (scope_kind, scope, measure, per, start_ms, gateway)
    ) WITH (fillfactor = 70);
    -- For forgetting alone. Of an expression, so that the planner does not take it for reading counters: all of today's
    -- begin at the same moment.
    CREATE INDEX proeftuin_counters_by_age ON proeftuin_counters ((start_ms + 0));
"];

/// The newest format known here.
pub(super) const KNOWN: i32 = MIGRATIONS.len() as i32;

/// Brings the tables up to date: one gateway at a time, all of it or nothing. Gives the format that it found newer than
/// what is known here, and changes nothing then.
pub(super) async fn migrate(client: &Client) -> Result<Option<i32>, Failed> {
    client.batch_execute("BEGIN").await?;
    client.batch_execute(LOCK).await?;
    let found = client.query_one("SELECT to_regclass('proeftuin_format') IS NOT NULL", &[]).await?;
    let found = if found.try_get(0)? {
        client.query_one("SELECT format FROM proeftuin_format", &[]).await?.try_get(0)?
    } else {
        0
    };
    if found > KNOWN {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Some(found));
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        client.batch_execute(migration).await?;
    }
    if found < KNOWN {
        let sql = "INSERT INTO proeftuin_format (only_one, format) VALUES (1, $1)
                   ON CONFLICT (only_one) DO UPDATE SET format = excluded.format";
        client.execute(sql, &[&KNOWN]).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(None)
}
