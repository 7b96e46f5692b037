//! System, model and assessment cards of the government's reporting standard, version 0.1a14, as JSON (which is YAML 1.2
//! too). A field that the record, `models.toml` and the signatures cannot fill stays out.

use policy::{Assessment, Language};
use registry::Model;
use serde::Serialize;

use crate::dossier::state;
use crate::words::{iso_date, rfc3339, safeguards, say, status, technique};
use crate::{Answers, Error, Subject, purl};

const SCHEMA_VERSION: &str = "0.1a14";

/// Which assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssessmentKind {
    /// Data-protection impact assessment.
    Dpia,
    /// Impact assessment for human rights and algorithms.
    Iama,
}

impl AssessmentKind {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dpia => "dpia",
            Self::Iama => "iama",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Dpia => "Data Protection Impact Assessment (DPIA)",
            Self::Iama => "Impact Assessment Mensenrechten en Algoritmes (IAMA)",
        }
    }
}

#[derive(Serialize)]
struct Provenance {
    timestamp: String,
}

#[derive(Serialize)]
struct Named {
    name: String,
}

#[derive(Serialize)]
struct Owner<'a> {
    organization: &'a str,
    name: &'a str,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

#[derive(Serialize)]
struct Label {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct SystemCard<'a> {
    schema_version: &'static str,
    provenance: Provenance,
    name: &'a str,
    owners: [Owner<'a>; 1],
    description: &'a str,
    labels: Vec<Label>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    begin_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<String>,
    goal_and_impact: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    considerations: Option<String>,
    risk_management: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    human_intervention: Option<&'a str>,
    legal_base: [Named; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    used_data: Option<String>,
    technical_design: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_providers: Vec<Named>,
    models: Vec<ModelCard<'a>>,
    assessments: Vec<AssessmentCard>,
}

#[derive(Serialize)]
struct License<'a> {
    license_name: &'a str,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
struct Indexed<'a> {
    name: &'a str,
    model: String,
    artifacts: Vec<Artifact>,
}

#[derive(Serialize)]
struct ModelCard<'a> {
    provenance: Provenance,
    name: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    language: &'a [String],
    license: License<'a>,
    tags: Vec<String>,
    model_index: [Indexed<'a>; 1],
}

#[derive(Serialize)]
struct Content {
    question: String,
    answer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
}

#[derive(Serialize)]
struct AssessmentCard {
    provenance: Provenance,
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    urn: Option<String>,
    date: String,
    contents: Vec<Content>,
}

/// The system card of a use case, with the cards of its models and assessments in it.
#[must_use]
pub fn system_card(subject: &Subject<'_>, language: Language) -> String {
    let case = subject.case;
    let groups = &subject.accountability.affected_groups;
    let mut goal = case.purpose.clone();
    if !groups.is_empty() {
        goal.push_str(&format!(
            "\n\n{} {}.",
            say(language, "It touches:", "Betrokkenen:"),
            groups.join(", ")
        ));
    }
    let alternatives = subject
        .account(|a| &a.alternatives)
        .map(|text| format!("{} {text}", say(language, "Alternatives:", "Alternatieven:")));
    let weighed = subject.account(|a| &a.proportionality).map(str::to_owned);
    let considerations: Vec<String> = weighed.into_iter().chain(alternatives).collect();
    let data = &subject.accountability.data_categories;
    let evidence = &case.evidence;
    let assessed =
        [(AssessmentKind::Dpia, &evidence.dpia), (AssessmentKind::Iama, &evidence.iama)].into_iter();
    let owner = Owner {
        organization: &case.organisation,
        name: &case.owner,
        role: say(language, "owner", "eigenaar"),
        email: subject.account(|a| &a.contact_email),
    };
    pretty(&SystemCard {
        schema_version: SCHEMA_VERSION,
        provenance: provenance(subject),
        name: &case.title,
        owners: [owner],
        description: &case.purpose,
        labels: labels(subject),
        status: status(case.status, language),
        begin_date: subject.began_ms().map(iso_date),
        end_date: subject.ended_ms().map(iso_date),
        goal_and_impact: goal,
        considerations: (!considerations.is_empty()).then(|| considerations.join("\n\n")),
        risk_management: safeguards(subject, language).join("\n"),
        human_intervention: subject.account(|a| &a.human_oversight),
        legal_base: [Named { name: case.legal_basis.clone() }],
        used_data: (!data.is_empty()).then(|| data.join(", ")),
        technical_design: technique(subject, language).join("\n"),
        external_providers: case.suppliers.iter().map(|one| Named { name: one.name.clone() }).collect(),
        models: subject.models.iter().filter_map(|m| m.entry).map(|entry| model(subject, entry)).collect(),
        assessments: assessed
            .filter_map(|(kind, assessment)| {
                Some(assess(subject, kind, assessment.as_ref()?, None, language))
            })
            .collect(),
    })
}

/// The model card of a model of the use case.
///
/// # Errors
/// [`Error::Model`] for one that the use case does not name, or that `models.toml` does not have.
pub fn model_card(subject: &Subject<'_>, id: &str) -> Result<String, Error> {
    let wrong = |detail| Error::Model { id: id.to_owned(), detail };
    let named = subject.models.iter().find(|model| model.id == id);
    let named = named.ok_or_else(|| wrong("is not one that the use case names"))?;
    let entry = named.entry.ok_or_else(|| wrong("is not in models.toml; pin it: proeftuin models pin"))?;
    Ok(pretty(&model(subject, entry)))
}

/// The assessment card of a DPIA or IAMA; with its answers, where the file is at hand.
///
/// # Errors
/// [`Error::NotAssessed`], and [`Error::Answers`] for a file that is not the one whose hash the record names.
pub fn assessment_card(
    subject: &Subject<'_>,
    kind: AssessmentKind,
    answers: Option<&Answers>,
    language: Language,
) -> Result<String, Error> {
    let case = subject.case;
    let found = match kind {
        AssessmentKind::Dpia => &case.evidence.dpia,
        AssessmentKind::Iama => &case.evidence.iama,
    };
    let assessment =
        found.as_ref().ok_or_else(|| Error::NotAssessed { id: case.id.clone(), name: kind.name() })?;
    if let Some(answers) = answers.filter(|answers| answers.sha256 != assessment.sha256) {
        return Err(Error::Answers {
            detail: format!(
                "their SHA-256 is {}, and evidence.{} in the record names {}",
                answers.sha256,
                kind.name(),
                assessment.sha256
            ),
        });
    }
    Ok(pretty(&assess(subject, kind, assessment, answers, language)))
}

fn provenance(subject: &Subject<'_>) -> Provenance {
    Provenance { timestamp: rfc3339(subject.made_ms) }
}

fn labels(subject: &Subject<'_>) -> Vec<Label> {
    let case = subject.case;
    let label = |name, value| Label { name, value };
    let mut labels = vec![
        label("use-case", case.id.clone()),
        label("revision", case.revision.to_string()),
        label("record-sha256", hex::encode(case.sha256)),
        label("policy-sha256", hex::encode(subject.policy_sha256)),
        label("not-before", rfc3339(case.window.not_before_ms)),
        label("not-after", rfc3339(case.window.not_after_ms)),
        label("max-data-class", case.max_data_class.name().to_owned()),
        label("runs-now", subject.standing.is_permit().to_string()),
    ];
    for evaluated in &subject.evaluations.evaluated {
        let state = state(evaluated, subject.made_ms, Language::English).text;
        let report = evaluated.report_sha256.as_deref().unwrap_or("none");
        let (suite, model) = (&evaluated.demand.suite, &evaluated.model);
        labels.push(label("evaluation", format!("{suite} of {model}: {state}; report sha256 {report}")));
    }
    if let Some(totals) = &subject.totals {
        let denied = totals.denied.values().fold(0u64, |sum, count| sum.saturating_add(*count));
        labels.push(label("requests-admitted", totals.admitted.to_string()));
        labels.push(label("requests-denied", denied.to_string()));
    }
    labels
}

fn model<'a>(subject: &Subject<'_>, entry: &'a Model) -> ModelCard<'a> {
    ModelCard {
        provenance: provenance(subject),
        name: &entry.id,
        language: &entry.limits.languages,
        license: License { license_name: &entry.license },
        tags: tags(entry),
        model_index: [Indexed {
            name: &entry.id,
            model: purl::package(entry),
            artifacts: entry.files.iter().map(|file| Artifact { uri: purl::file(entry, file) }).collect(),
        }],
    }
}

/// What the card has no field for.
fn tags(entry: &Model) -> Vec<String> {
    let mut tags = Vec::new();
    if let Some(dossier) = &entry.dossier {
        let unknown = "unknown";
        let review = dossier.legal_review.as_ref().map_or(unknown, |review| review.review_by.as_str());
        tags.extend([
            format!("weights: {}", dossier.weights.name()),
            format!("code: {}", dossier.code.name()),
            format!("training-data-openness: {}", dossier.training_data.name()),
            format!("training-data-until: {}", dossier.trained_until.as_deref().unwrap_or(unknown)),
            format!("developer: {}", dossier.developer.as_deref().unwrap_or(unknown)),
            format!("country: {}", dossier.country.as_deref().unwrap_or(unknown)),
            format!("packed-by: {}", dossier.packed_by.as_deref().unwrap_or(unknown)),
            format!("opt-outs: {}", dossier.opt_outs.name()),
            format!("legal-review-until: {review}"),
            format!("limitations: {}", dossier.limitations.as_deref().unwrap_or(unknown)),
        ]);
        let lineage = dossier.lineage.iter().flatten();
        tags.extend(lineage.map(|ancestor| format!("made-from: {} ({})", ancestor.name, ancestor.step)));
    }
    tags.push(format!("training-data: {}", entry.training_data()));
    tags.extend(entry.dossier_sha256().map(|sha256| format!("dossier-sha256: {}", hex::encode(sha256))));
    tags
}

fn assess(
    subject: &Subject<'_>,
    kind: AssessmentKind,
    assessment: &Assessment,
    answers: Option<&Answers>,
    language: Language,
) -> AssessmentCard {
    let fact = |question: &str, answer| Content { question: question.to_owned(), answer, timestamp: None };
    let mut contents = vec![
        fact(
            say(language, "Which document is this, by SHA-256?", "Welk document is dit, naar SHA-256?"),
            assessment.sha256.clone(),
        ),
        fact(
            say(language, "By when must it be reviewed?", "Wanneer moet het zijn herzien?"),
            iso_date(assessment.review_by_ms),
        ),
    ];
    for answer in answers.into_iter().flat_map(|answers| &answers.answers) {
        contents.push(Content {
            question: answer.task.clone(),
            answer: answer.text.clone(),
            timestamp: answer.edited.clone(),
        });
    }
    AssessmentCard {
        provenance: provenance(subject),
        name: kind.title(),
        urn: answers.map(|answers| answers.urn.clone()),
        date: iso_date(assessment.date_ms),
        contents,
    }
}

/// JSON for people to read.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    // Structs of texts and lists: writing them cannot fail.
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}
