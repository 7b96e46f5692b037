//! An invented municipality with its policy folder, its signers and its models.

use evidence::{Lesson, Subject, Totals};
use policy::{Advice, Check, Condition, Dossier, Outcome, PolicyFiles, PolicySet, Role, Status};
use registry::Registry;
use testkit::signers::{Folder, Signers, files, positive};

/// 2026-01-15T00:00:00Z: everybody signs.
pub const SIGNED_MS: i64 = 1_768_435_200_000;
/// 2026-06-01T00:00:00Z: the documents are made.
pub const NOW_MS: i64 = 1_780_272_000_000;
pub const ORGANISATION: &str = "Gemeente Noorderhaaks";

/// A pre-filled DPIA as the government's form exports it.
pub const ANSWERS: &str = r#"{
  "$schema": "https://github.com/MinBZK/par-dpia-form/blob/main/schemas/assessment-output.v2.schema.json",
  "metadata": { "urn": "urn:nl:dpia:3.0", "createdAt": "2025-11-03T09:00:00Z", "createdBy": { "name": "P. Ersoon" } },
  "answers": {
    "10.1": { "value": "Jaarlijks.", "lastEditedAt": "2025-11-03T09:00:00Z", "lastEditedBy": "P. Ersoon" },
    "2.1": [
      { "_index": 0, "2.1.1": { "value": ["Naam", "Adres"], "lastEditedAt": "2025-11-02T09:00:00Z" } },
      { "_index": 1, "2.1.1": { "value": null, "lastEditedAt": "2025-11-02T09:00:00Z" } }
    ],
    "0.1": { "value": "Bezwaren", "lastEditedAt": "2025-11-01T09:00:00Z" }
  }
}
"#;

const MODELS: &str = r#"
[[model]]
id = "open-model"
default = true
status = "approved"
description = "An open model for Dutch."
source = { hf = "example/open-model", revision = "0123456789abcdef0123456789abcdef01234567" }
files = [{ path = "open model.gguf", sha256 = "0707070707070707070707070707070707070707070707070707070707070707", size_bytes = 7 }]
license = "EUPL-1.2"
limits = { context_tokens = 8192, languages = ["nl", "en"] }
[model.dossier]
weights = "open"
code = "part"
training_data = "unknown"
developer = "Voorbeeld B.V."
country = "NL"
packed_by = "Voorbeeld B.V."
trained_on = "unknown"
trained_until = "2025-06"
training_kwh = 1200
opt_outs = "yes"
opt_outs_evidence = "https://example.org/opt-outs"
legal_review = { by = "Juridische Zaken", date = "2026-01-05", review_by = "2027-01-05" }
lineage = [{ name = "example/base-model", step = "afgestemd op brieven" }]
limitations = "Verzint soms een verwijzing."
"#;

/// What belongs to the documents.
pub struct House {
    pub set: PolicySet,
    pub files: PolicyFiles,
    pub registry: Registry,
}

/// The record `bezwaren`, with a text of one's own in every place that takes one.
pub fn record(id: &str, title: &str, purpose: &str, accountability: &str) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let registry = Registry::parse(&models(), "models.toml").unwrap();
    let entry = registry.entry("open-model").unwrap();
    let [pinned, dossier] = [entry.sha256(), entry.dossier_sha256().unwrap()]
        .map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    format!(
        r#"
id = "{id}"
kind = "pilot"
revision = 3
title = {}
purpose = {}
legal_basis = "AVG artikel 6, eerste lid, onder e; Algemene wet bestuursrecht, hoofdstuk 7."
organisation = "{ORGANISATION}"
owner = "Afdelingshoofd Juridische Zaken"
operated_by = "suppliers"
status = "accepted"
models = ["open-model"]
allowed_roles = ["jurist"]
max_data_class = "identifier"
redaction_profile = "default"
special_category_action = "refuse"
restore_placeholders = true
processing_activity_id = "vr-0042"
window = {{ not_before = 2026-02-01T00:00:00Z, not_after = 2027-02-01T00:00:00Z }}
limits = {{ tokens_per_request = 4096, requests_per_minute = 30, tokens_per_day = 500_000 }}
[evidence]
dpia = {{ sha256 = "{}", date = 2025-11-03T09:00:00Z, review_by = 2028-11-03T09:00:00Z }}
iama = {{ sha256 = "{}", date = 2025-11-10T09:00:00Z, review_by = 2026-05-10T09:00:00Z }}
[model_sha256]
open-model = "{pinned}"
[model_dossier_sha256]
open-model = "{dossier}"
[model_motivation]
open-model = "Geen open model kent zijn hele trainingsdata."
{accountability}
[[evaluation]]
suite = "perplexity"
suite_sha256 = "5555555555555555555555555555555555555555555555555555555555555555"
max_age_days = 365
[[evaluation]]
suite = "dutch-letters"
suite_sha256 = "5555555555555555555555555555555555555555555555555555555555555555"
needed_for = "accepted"
max_age_days = 90
{SUPPLIERS}"#,
        quoted(title),
        quoted(purpose),
        answers_sha256(),
        "2".repeat(64),
    )
}

/// One under contract, one that was taken without.
const SUPPLIERS: &str = r#"
[[supplier]]
name = "Rekenhuis <Noord> B.V."
service = "operation"
[supplier.contract]
reference = "INK-2026/17"
terms = "gibit"
sha256 = "6666666666666666666666666666666666666666666666666666666666666666"
from = 2026-01-01T00:00:00Z
until = 2027-01-01T00:00:00Z
[supplier.agreement]
sha256 = "7777777777777777777777777777777777777777777777777777777777777777"
until = 2026-05-01T00:00:00Z
[[supplier]]
name = "Modelmakers"
service = "other"
service_named = "advies over het model"
no_personal_data = "Adviseert op papier, aan j.jansen@noorderhaaks.example."
[supplier.exception]
motivation = "Te klein voor een contract, zegt Commissie Inkoop; zie INK-2026/17."
by = "Commissie Inkoop"
until = 2026-12-01T00:00:00Z
"#;

fn models() -> String {
    // A name with a space is no file name; the one here has none.
    MODELS.replace("open model.gguf", "open-model.gguf")
}

fn answers_sha256() -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(ANSWERS.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub const ACCOUNTABILITY: &str = r#"
[accountability]
alternatives = "Zonder hulpmiddel, met vaste tekstblokken; dat kost de jurist een dag per bezwaar."
proportionality = "Het model schrijft alleen een concept. Er volgt geen besluit zonder jurist."
human_oversight = "Een jurist leest elk concept en tekent het besluit zelf."
retention = "Geen tekst wordt bewaard; het logboek twee jaar."
exit_plan = "Terug naar de tekstblokken; er is niets over te zetten."
contact_email = "algoritmes@noorderhaaks.example"
affected_groups = ["indieners van bezwaar", "medewerkers"]
data_categories = ["naam en adres", "burgerservicenummer"]

[informed]
guidance = "ambtenaren"
training = ["ai-basis"]
"#;

pub const PURPOSE: &str = "Juristen van Gemeente Noorderhaaks krijgen een concept van de beslissing op een bezwaarschrift. \
    Vragen: j.jansen@noorderhaaks.example of BSN 111222333.";

fn folder(text: &str, id: &str) -> Folder {
    let embedded = PolicyFiles::embedded().unwrap();
    let mut folder: Folder = embedded.iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    folder.insert(format!("use-cases/{id}.toml"), text.to_owned());
    let signers = Signers::new(ORGANISATION, SIGNED_MS);
    let roster = signers.roster(&folder);
    folder.insert(policy::ROSTER_PATH.into(), roster);
    let seal = policy::seal_roster(&files(&folder), &signers.root).unwrap();
    folder.extend([seal]);
    evaluate(&mut folder, &signers);
    folder
}

/// Two reports, of which the one of January is too old by June.
fn evaluate(folder: &mut Folder, signers: &Signers) {
    let registry = Registry::parse(&models(), "models.toml").unwrap();
    let pinned: String =
        registry.entry("open-model").unwrap().sha256().iter().map(|byte| format!("{byte:02x}")).collect();
    let report = testkit::evaluations::report("open-model", &pinned, SIGNED_MS);
    signers.evaluate(folder, report.clone());
    let mut other = report;
    other.suite.name = "dutch-letters".into();
    signers.evaluate(folder, other);
}

/// Signed: a positive CIO, an FG with a check and two conditions in words of which one is met, pilot, then accepted.
pub fn signed(id: &str, text: &str) -> House {
    let signers = Signers::new(ORGANISATION, SIGNED_MS);
    let mut folder = folder(text, id);
    signers.advise(&mut folder, id, Role::Cio, positive());
    let words = |id: &str, text: &str| Condition { id: id.into(), check: None, text: Some(text.into()) };
    let conditions = vec![
        Condition { id: "sleutels".into(), check: Some(Check::KeysExpire), text: None },
        words("uitleg", "Juristen krijgen uitleg van f.g voordat zij beginnen."),
        words("steekproef", "Elke maand een steekproef."),
    ];
    signers.advise(&mut folder, id, Role::Fg, Advice { verdict: Outcome::Conditional, conditions });
    let dossier = Dossier::open(&files(&folder), id).unwrap();
    folder.extend([dossier.fulfil(Role::Fg, "uitleg", signers.term, &signers.fg).unwrap()]);
    signers.decide(&mut folder, id, Status::Pilot, &[]);
    signers.decide(
        &mut folder,
        id,
        Status::Accepted,
        &[("fg", "De steekproef begint <na> de zomer & <script>.")],
    );
    house(folder)
}

/// A record that nobody signed.
pub fn unsigned(id: &str, text: &str) -> House {
    house(folder(text, id))
}

fn house(folder: Folder) -> House {
    of(files(&folder))
}

/// The house of a policy folder.
pub fn of(files: PolicyFiles) -> House {
    let root = Signers::new(ORGANISATION, SIGNED_MS).trust_root();
    let set = PolicySet::load_trusting(&files, Some(&root)).unwrap();
    House { set, files, registry: Registry::parse(&models(), "models.toml").unwrap() }
}

/// The municipality's pilot with objections.
pub fn objections() -> House {
    signed("bezwaren", &record("bezwaren", "Beslissingen op bezwaar opstellen", PURPOSE, ACCOUNTABILITY))
}

impl House {
    pub fn subject(&self, id: &str) -> Subject<'_> {
        let mut subject = Subject::gather(&self.set, &self.registry, id, NOW_MS).unwrap();
        subject.totals = Some(Totals {
            admitted: 1234,
            completed: 1200,
            denied: [("window-ended".to_owned(), 3)].into(),
            tokens_in: 1_500_000,
            tokens_out: 300_000,
            found: [("BSN".to_owned(), 17)].into(),
            span_ms: Some((SIGNED_MS, NOW_MS)),
        });
        subject
    }

    pub fn lesson(&self, id: &str) -> Lesson {
        Lesson::of(&self.subject(id), &strip).unwrap()
    }
}

/// Stands in for redaction, which is another room's: it knows one number.
pub fn strip(text: &str) -> Result<String, String> {
    Ok(text.replace("111222333", "⟦BSN_1⟧"))
}
