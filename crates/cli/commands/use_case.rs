//! `use-case`: signatures under advice and decision, and what of them holds.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use policy::{
    Advice, Approvals, Check, Condition, Dossier, EntryRequest, Footing, ModelFacts, Moment, Outcome,
    PolicySet, Processing, SigningKey, Status, SupplierFinding, Term,
};
use zeroize::Zeroizing;

use crate::args::{Role, Sign, State, UseCase, Verdict};
use crate::commands::keys::now_ms;
use crate::places::{Places, write_whole};

pub(crate) const DAY_MS: i64 = 24 * 3_600_000;

pub(crate) fn run(places: &Places, command: &UseCase) -> anyhow::Result<ExitCode> {
    match command {
        UseCase::New(new) => super::use_case_new::run(places, new),
        UseCase::Keygen { file } => keygen(file),
        UseCase::Sign(sign) => self::sign(places, sign),
        UseCase::Status { id } => status(places, id),
        UseCase::Check { id, at } => check(places, id.as_deref(), at.as_deref()),
        UseCase::Evidence(evidence) => super::evidence::run(places, evidence),
    }
}

fn keygen(path: &Path) -> anyhow::Result<ExitCode> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    let key = SigningKey::from_seed(&seed);
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file =
        file.with_context(|| format!("the key file {}; an old one is never written over", path.display()))?;
    file.write_all(key.to_secret_text().as_bytes())?;
    file.sync_all()?;
    println!("{}", key.public());
    eprintln!("{} is secret: whoever has it signs in your name; keep it offline", path.display());
    Ok(ExitCode::SUCCESS)
}

/// Reads a key file.
pub(crate) fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.with_context(|| format!("the key file {}", path.display()))?;
    SigningKey::parse(&text).with_context(|| format!("the key file {}", path.display()))
}

fn sign(places: &Places, sign: &Sign) -> anyhow::Result<ExitCode> {
    let dir = places.policy_dir()?;
    let dossier = Dossier::open(&places.policy_files()?, &sign.id)?;
    let key = read_key(&sign.key)?;
    // Whole seconds: what is signed is read by people.
    let date = now_ms().div_euclid(1000).saturating_mul(1000);
    let expires = date.saturating_add(i64::from(sign.days).saturating_mul(DAY_MS));
    let term = Term { date: Moment(date), expires: Moment(expires) };
    let role = role(sign.role);
    let (path, text) = match (sign.role, sign.verdict, &sign.met, sign.to) {
        (Role::Owner, None, None, Some(to)) => dossier.decide(state(to), deviations(sign)?, term, &key)?,
        (Role::Cio | Role::Fg, Some(verdict), None, None) => {
            let conditions = sign.conditions.iter().map(|text| condition(text)).collect::<Result<_, _>>()?;
            dossier.advise(role, Advice { verdict: outcome(verdict), conditions }, term, &key)?
        }
        (Role::Cio | Role::Fg, None, Some(id), None) => dossier.fulfil(role, id, term, &key)?,
        (Role::Owner, ..) => bail!("an owner decides: --to STATE, perhaps with --deviate"),
        _ => {
            bail!("cio and fg advise: --verdict VERDICT, perhaps with --condition; or sign one off: --met ID")
        }
    };
    write_whole(&dir.join(&path), &text)?;
    println!("signed {path}");
    println!("  record      sha256 {}", dossier.covers().record);
    for (name, sha256) in &dossier.covers().assessments {
        println!("  {name:<11} sha256 {sha256}");
    }
    for (name, sha256) in &dossier.covers().models {
        println!("  model       sha256 {sha256}  {name}");
    }
    for (name, sha256) in &dossier.covers().dossiers {
        println!("  dossier     sha256 {sha256}  {name}");
    }
    println!("  redaction   sha256 {}", dossier.covers().redaction);
    if let Some(to) = sign.to.map(state).filter(|to| *to != dossier.use_case().status) {
        println!("now set status = \"{}\" in use-cases/{}.toml", to.name(), sign.id);
    }
    Ok(ExitCode::SUCCESS)
}

fn role(role: Role) -> policy::Role {
    match role {
        Role::Cio => policy::Role::Cio,
        Role::Fg => policy::Role::Fg,
        Role::Owner => policy::Role::Owner,
    }
}

fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Positive => Outcome::Positive,
        Verdict::Conditional => Outcome::Conditional,
        Verdict::Negative => Outcome::Negative,
    }
}

fn state(state: State) -> Status {
    match state {
        State::Draft => Status::Draft,
        State::Pilot => Status::Pilot,
        State::Accepted => Status::Accepted,
        State::Suspended => Status::Suspended,
        State::Retired => Status::Retired,
    }
}

/// `ID=check:NAME` or `ID=TEXT`.
fn condition(typed: &str) -> anyhow::Result<Condition> {
    let (id, what) = typed.split_once('=').context("a condition is written ID=check:NAME or ID=TEXT")?;
    let id = id.trim().to_owned();
    let Some(name) = what.strip_prefix("check:") else {
        return Ok(Condition { id, check: None, text: Some(what.trim().to_owned()) });
    };
    let check = Check::ALL.into_iter().find(|check| check.name() == name.trim());
    let names = Check::ALL.map(Check::name).join(", ");
    let check = check.with_context(|| format!("there is no check {name}; there are {names}"))?;
    Ok(Condition { id, check: Some(check), text: None })
}

fn deviations(sign: &Sign) -> anyhow::Result<BTreeMap<String, String>> {
    let one = |typed: &String| {
        let (role, why) = typed
            .split_once('=')
            .filter(|(role, _)| ["cio", "fg"].contains(role))
            .with_context(|| "a deviation is written cio=WHY or fg=WHY".to_owned())?;
        Ok((role.to_owned(), why.trim().to_owned()))
    };
    sign.deviations.iter().map(one).collect()
}

fn status(places: &Places, id: &str) -> anyhow::Result<ExitCode> {
    let set = places.policy()?;
    let case = set.use_case(id).with_context(|| format!("there is no use-cases/{id}.toml in the policy"))?;
    println!("{id}: {} (revision {}), {}", case.title, case.revision, case.status.name());
    if case.kind == policy::Kind::Demo {
        println!("a demo: no signatures, loopback only, the default model only, no personal data");
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(approvals) = set.approvals(id) {
        signatures(approvals);
    }
    if let Some(assessments) = set.assessments(id) {
        super::assess::tell_of(assessments);
    }
    informed(&set, case);
    suppliers(&set, case);
    for evaluated in set.evaluations(id).into_iter().flat_map(|evaluations| &evaluations.evaluated) {
        evaluation(evaluated, case.status);
    }
    let models = super::policy::models(places)?;
    Ok(if runs(&set, case, &models, now_ms()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What its users read and learn first.
fn informed(set: &PolicySet, case: &policy::UseCase) {
    match (&case.informed.guidance, set.guidance_of(&case.id)) {
        (None, _) => println!("guidance  none is named"),
        (Some(id), None) => println!("guidance  {id}, which is not in policy/guidance"),
        (Some(id), Some(guidance)) => println!(
            "guidance  {id} version {}, acknowledged by each user before the first request",
            guidance.version
        ),
    }
    for id in &case.informed.training {
        println!("training  {id}, attested of each user");
    }
}

/// Who runs it, on what footing, and what does not hold of that.
fn suppliers(set: &PolicySet, case: &policy::UseCase) {
    match case.operated_by {
        None => println!("operator  nobody says who runs it: operated_by"),
        Some(operator) => println!("operator  {}", operator.name()),
    }
    for supplier in &case.suppliers {
        let service = supplier.service_named.as_deref().unwrap_or(supplier.service.name());
        let footing = match &supplier.footing {
            Footing::Missing => "no contract".to_owned(),
            Footing::Contract(contract) => format!(
                "contract {} ({}), {} until {}",
                contract.reference,
                contract.terms_named.as_deref().unwrap_or(contract.terms.name()),
                date(contract.from_ms),
                date(contract.until_ms)
            ),
            Footing::Exception(exception) => {
                format!("no contract, by exception of {} until {}", exception.by, date(exception.until_ms))
            }
        };
        let processing = match &supplier.processing {
            Processing::NotSaid => "no processing agreement".to_owned(),
            Processing::NoPersonalData(why) => format!("no personal data: {why}"),
            Processing::Agreement { until_ms, .. } => {
                format!("processing agreement until {}", date(*until_ms))
            }
        };
        println!("supplier  {}, {service}: {footing}; {processing}", supplier.name);
    }
    for finding in set.suppliers(&case.id).into_iter().flat_map(|suppliers| &suppliers.findings) {
        if finding.counts(case) {
            println!("void      {}", told(finding));
        }
    }
}

/// What is wrong with a supplier, in one line.
pub(crate) fn told(finding: &SupplierFinding) -> String {
    match &finding.supplier {
        Some(supplier) => format!("{supplier}: {}", finding.detail),
        None => finding.detail.clone(),
    }
}

fn signatures(approvals: &Approvals) {
    if let Some((version, _, expires_ms)) = approvals.roster {
        println!("roster    version {version}, until {}", date(expires_ms));
    }
    let advices = [("cio", &approvals.cio_advice), ("fg", &approvals.fg_advice)];
    for (role, advice) in advices {
        match advice {
            Some(a) => println!(
                "{role:<9} {} by {} on {}, until {}",
                a.verdict.name(),
                a.by,
                date(a.date_ms),
                date(a.expires_ms)
            ),
            None => println!("{role:<9} no advice that holds"),
        }
    }
    match &approvals.owner_decision {
        Some(d) => {
            println!(
                "{:<9} {} by {} on {}, until {}",
                "owner",
                d.state.name(),
                d.by,
                date(d.date_ms),
                date(d.expires_ms)
            );
        }
        None => println!("owner     no decision that holds"),
    }
    for check in &approvals.conditions {
        println!("condition {}, checked at each request", check.name());
    }
    for open in &approvals.open_conditions {
        println!("condition {open} is not signed off");
    }
    for finding in &approvals.findings {
        println!("void      {}: {}", finding.path, finding.detail);
    }
}

fn evaluation(evaluated: &policy::Evaluated, status: Status) {
    let policy::Evaluated { demand, model, by, signed_ms, faults, .. } = evaluated;
    let needed = if demand.is_needed(status) { "" } else { ", needed once accepted" };
    let path = evaluated.path.as_deref().unwrap_or("evaluations/");
    for (fault, detail) in faults {
        println!("evaluation {} of {model}{needed}: void, {}: {path}: {detail}", demand.suite, fault.code());
    }
    if let (true, Some(by), Some(signed_ms)) = (faults.is_empty(), by, signed_ms) {
        let until = evaluated.expires_ms.into_iter().chain(evaluated.too_old_ms).min().unwrap_or_default();
        let (on, until) = (date(*signed_ms), date(until));
        println!("evaluation {} of {model}{needed}: by {by} on {on}, until {until}", demand.suite);
    }
}

pub(crate) fn date(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}

fn check(places: &Places, id: Option<&str>, at: Option<&str>) -> anyhow::Result<ExitCode> {
    let set = places.policy()?;
    let (models, now_ms) = (super::policy::models(places)?, super::policy::moment(at)?);
    if let Some(id) = id {
        set.use_case(id).with_context(|| format!("there is no use-cases/{id}.toml in the policy"))?;
    }
    let mut code = ExitCode::SUCCESS;
    for case in set.use_cases() {
        if id.map_or(case.status.runs() && case.kind != policy::Kind::Demo, |id| id == case.id)
            && !runs(&set, case, &models, now_ms)
        {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// What the policy answers to somebody who may use it, on this machine, for each of its models.
fn runs(set: &PolicySet, case: &policy::UseCase, models: &[ModelFacts], now_ms: i64) -> bool {
    let mut all = true;
    for id in &case.models {
        let known = models.iter().find(|model| model.id == *id).cloned();
        let model = known.unwrap_or_else(|| ModelFacts::unknown(id));
        let roles = case.allowed_roles.iter().cloned();
        let request = EntryRequest { model: Some(model), ..EntryRequest::supposed(&case.id, roles, now_ms) };
        let decision = set.enter(&request);
        if decision.is_permit() {
            println!("{}: runs with {id}", case.id);
        } else {
            print!("{}: does not run with {id}. {}", case.id, decision.explain(policy::Language::English));
            all = false;
        }
    }
    all
}
