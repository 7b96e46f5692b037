//! `identity`: whose tokens are taken, and by which pinned keys. Nothing here speaks to an issuer.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, bail};
use gateway::ActivePolicy;
use identity::{BLOCKED_PATH, Blocked, CONFIG_PATH, Config, Issuer, Jwk, Jwks, TOKEN_BYTES_MAX, actor_of};

use super::policy::moment;
use super::roster::identity_line;
use super::use_case::date;
use crate::args::{Identity, Who};
use crate::commands::keys::now_ms;
use crate::places::{Places, write_whole};

/// How long before the pinned keys end it is worth a line.
const SOON_MS: i64 = 30 * 24 * 3_600_000;

pub(crate) fn run(places: &Places, command: &Identity) -> anyhow::Result<ExitCode> {
    match command {
        Identity::Check => check(places),
        Identity::Explain { use_case, at } => explain(places, use_case.as_deref(), moment(at.as_deref())?),
        Identity::Pin { issuer, jwks } => pin(places, issuer, jwks),
        Identity::Block { who } => block(places, who, true),
        Identity::Unblock { who } => block(places, who, false),
    }
}

fn check(places: &Places) -> anyhow::Result<ExitCode> {
    let policy = places.policy()?;
    let identity = policy.identity();
    if identity.is_empty() {
        println!("no tokens are taken: there is no issuer in {CONFIG_PATH}");
        return Ok(ExitCode::FAILURE);
    }
    let mut usable = identity.approved();
    for (issuer, keys) in identity.issuers() {
        print_issuer(&policy, issuer, keys);
        let left_ms = issuer.keys_until_ms.saturating_sub(now_ms());
        if left_ms <= 0 {
            println!(
                "  attention the pin ended on {}: no token of this issuer is taken",
                date(issuer.keys_until_ms)
            );
            usable = false;
        } else if left_ms < SOON_MS {
            println!("  attention the pin ends on {}; pin the keys anew before", date(issuer.keys_until_ms));
        }
    }
    println!("blocked   {} persons", identity.blocked().len());
    if identity.approved() {
        println!("approved  the roster names these issuers and keys");
    } else {
        println!("approved  NO: no token is taken, as identity-not-approved");
        if let Some(line) = identity_line(policy.files()) {
            println!("{line}");
        }
    }
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_issuer(policy: &ActivePolicy, issuer: &Issuer, keys: &Jwks) {
    println!("issuer    {} {}", issuer.name, issuer.url);
    println!("  audience  {}", issuer.audience.join(", "));
    let algorithms: Vec<&str> = issuer.algorithms.iter().map(|algorithm| algorithm.name()).collect();
    println!("  signed by {}, typ {}", algorithms.join(", "), issuer.types.join(", "));
    println!(
        "  lives     at most {} s; clocks may differ by {} s",
        issuer.max_lifetime_ms / 1000,
        issuer.clock_skew_ms / 1000
    );
    println!("  person    {}", issuer.subject_claim);
    for key in keys.keys() {
        print_key(key);
    }
    for grant in &issuer.grants {
        let known = if policy.use_case(&grant.use_case).is_some() {
            ""
        } else {
            " (attention: no such use case here)"
        };
        println!(
            "  grant     {} = {}: {} as {}{known}",
            grant.claim.join("/"),
            grant.value,
            grant.use_case,
            grant.roles.join(", ")
        );
    }
    if issuer.grants.is_empty() {
        println!("  attention no grant: whoever signs in may use nothing");
    }
}

fn print_key(key: &Jwk) {
    let unfit = key.unfit().map(|unfit| format!(", {}", unfit.why())).unwrap_or_default();
    println!(
        "  key       {} {}, thumbprint sha256 {}{unfit}",
        key.label(),
        key.kind(),
        hex::encode(key.thumbprint())
    );
}

fn explain(places: &Places, use_case: Option<&str>, at_ms: i64) -> anyhow::Result<ExitCode> {
    let policy = places.policy()?;
    let mut token = String::new();
    // One more than fits, so that what is too long is seen to be, and room for the line's end.
    let most = TOKEN_BYTES_MAX as u64 + 16;
    std::io::stdin().take(most).read_to_string(&mut token).context("the token on standard input")?;
    let token = token.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    if token.is_empty() {
        bail!("give the token on standard input, so that no list of processes and no history has it");
    }
    if !identity::looks_like_token(token) {
        bail!("this is no token: a token is three parts of letters, digits, - and _ between dots");
    }
    let person = match policy.identity().verify(token, at_ms) {
        Ok(person) => person,
        Err(reason) => {
            println!("refused   {}: {}", reason.rule(), reason.remedy());
            return Ok(ExitCode::FAILURE);
        }
    };
    println!("person    {} (in the log: a pseudonym of it)", person.actor);
    println!("key       {}", person.key_id);
    println!("until     {}", jiff::Timestamp::from_millisecond(person.expires_ms)?);
    match person.assigned(use_case) {
        Ok((use_case, roles)) => {
            println!("use case  {use_case} as {}", roles.join(", "));
            if policy.use_case(&use_case).is_none() {
                println!(
                    "attention there is no use-cases/{use_case}.toml: requests are denied as use-case-unknown"
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            println!("refused   {}: {}", why.rule(), why.remedy());
            Ok(ExitCode::FAILURE)
        }
    }
}

fn pin(places: &Places, name: &str, file: &std::path::Path) -> anyhow::Result<ExitCode> {
    let dir = places.policy_dir()?;
    let issuer = issuer(places, name)?;
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let keys = Jwks::parse(&file.display().to_string(), &text)?;
    let fits = keys.keys().filter(|key| key.unfit().is_none());
    write_whole(&dir.join(&issuer.jwks), &text)?;
    println!("pinned    {} keys of {} in {}", fits.count(), issuer.url, issuer.jwks);
    keys.keys().for_each(print_key);
    println!(
        "Compare the thumbprints with the issuer's own word, and set keys_until in {CONFIG_PATH}. Then:"
    );
    if let Some(line) = identity_line(&places.policy_files()?) {
        println!("{line}");
    }
    println!("proeftuin roster sign --key FILE, and proeftuin policy reload");
    Ok(ExitCode::SUCCESS)
}

/// The issuer of this name in `identity.toml`, which may name keys that are not here yet.
pub(crate) fn issuer(places: &Places, name: &str) -> anyhow::Result<Issuer> {
    let files = places.policy_files()?;
    let text = files.text(CONFIG_PATH).with_context(|| {
        format!("there is no {CONFIG_PATH} in the policy folder; write the issuer's entry first (policy/README.md has one)")
    })?;
    let issuers = Config::parse(text)?.issuers;
    let names: Vec<String> = issuers.iter().map(|issuer| issuer.name.clone()).collect();
    let found = issuers.into_iter().find(|issuer| issuer.name == name);
    found.with_context(|| {
        format!(
            "no issuer in {CONFIG_PATH} has jwks = \"identity/{name}.jwks.json\"; there are: {}",
            names.join(", ")
        )
    })
}

fn block(places: &Places, who: &Who, block: bool) -> anyhow::Result<ExitCode> {
    let dir = places.policy_dir()?;
    let actor = match (&who.actor, &who.issuer, &who.subject) {
        (Some(actor), _, _) => actor.clone(),
        (None, Some(name), Some(subject)) => actor_of(&issuer(places, name)?.url, subject),
        _ => bail!("name the person: --issuer NAME --subject SUBJECT, or --actor oidc:…"),
    };
    let files = places.policy_files()?;
    let mut blocked = files.text(BLOCKED_PATH).map_or_else(|| Ok(Blocked::default()), Blocked::parse)?;
    let changed = if block { blocked.add(&actor) } else { blocked.remove(&actor) };
    let text = blocked.to_text();
    // An actor that was typed wrongly would block nobody.
    Blocked::parse(&text).context("--actor")?;
    if changed {
        write_whole(&dir.join(BLOCKED_PATH), &text)?;
    }
    let state = match (block, changed) {
        (true, true) => "blocked",
        (true, false) => "was blocked already",
        (false, true) => "no longer blocked",
        (false, false) => "was not blocked",
    };
    println!("{actor} {state}");
    println!("A running server goes by it after: proeftuin policy reload");
    Ok(ExitCode::SUCCESS)
}
