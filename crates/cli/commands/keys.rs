//! `keys`: through the running server if there is one, so that a revocation holds at once; on the state itself if not.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::bail;
use gateway::{AdminCommand, AdminOutcome};

use crate::args::Keys;
use crate::office;
use crate::places::Places;

const HOUR_MS: u32 = 3_600_000;

pub(crate) fn run(places: &Places, keys: Keys) -> anyhow::Result<ExitCode> {
    let command = match keys {
        Keys::Issue { use_case, actor, roles, days, label } => AdminCommand::IssueKey {
            use_case,
            actor,
            roles,
            expires_ms: Some(
                now_ms().saturating_add(i64::from(days).saturating_mul(24 * i64::from(HOUR_MS))),
            ),
            label,
        },
        Keys::List => AdminCommand::ListKeys,
        Keys::Rotate { key, overlap_hours } => {
            let Some(overlap_ms) = overlap_hours.checked_mul(HOUR_MS) else {
                bail!("the overlap is longer than a key may live; give fewer hours")
            };
            AdminCommand::RotateKey { key, overlap_ms }
        }
        Keys::Revoke { key } => AdminCommand::RevokeKey { key },
    };
    print(administer(places, command)?);
    Ok(ExitCode::SUCCESS)
}

/// Said where the reply of a running server is none of those that a command has.
pub(crate) const OTHER_VERSION: &str =
    "the running server is another version of this program; use its own command";

/// Sends the command to the running server, or opens the state folder and does it here.
pub(crate) fn administer(places: &Places, command: AdminCommand) -> anyhow::Result<AdminOutcome> {
    if let Some(outcome) = server::ask(&places.admin_socket(), &command)? {
        return Ok(outcome);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let purpose = office::Use {
            places: 1,
            milliwatts: 0,
            settings: "administration".to_owned(),
            isa: "none".to_owned(),
            classifiers: None,
        };
        let (gateway, _) = office::open(places, purpose).await?;
        let outcome = gateway.administer(command, rustix::process::getuid().as_raw()).await;
        gateway.stop("command").await;
        Ok(outcome?)
    })
}

fn print(outcome: AdminOutcome) {
    match outcome {
        AdminOutcome::Issued { id, prefix, secret } => {
            println!("{secret}");
            eprintln!(
                "key {id} ({prefix}): this is the only time it is shown; keep it as you keep a password"
            );
        }
        AdminOutcome::Keys(rows) => {
            println!(
                "{:<14} {:<8} {:<24} {:<20} {:<20} PREFIX",
                "ID", "STATE", "USE CASE", "HOLDER", "EXPIRES"
            );
            for row in rows {
                let expires =
                    if row.ephemeral { "with the process".to_owned() } else { date(row.expires_ms) };
                println!(
                    "{:<14} {:<8} {:<24} {:<20} {:<20} {}",
                    row.id,
                    row.state,
                    row.use_case,
                    row.actor,
                    expires,
                    row.prefixes.join(" ")
                );
            }
        }
        AdminOutcome::Revoked { id } => println!("key {id} is revoked"),
        AdminOutcome::Checkpoint(text) => print!("{text}"),
        _ => println!("done"),
    }
}

/// A moment as people read it, in UTC.
pub(crate) fn date(ms: Option<i64>) -> String {
    ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| "never".to_owned(), |at| at.strftime("%Y-%m-%d %H:%MZ").to_string())
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
