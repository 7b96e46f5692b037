//! An entry for the Algoritmeregister, publication standard 1.0. The register is Dutch, and so is what is added here.

use policy::{Language, Service, Status, Supplier};
use serde::Serialize;

use crate::words::{data_class, iso_month, safeguards, technique};
use crate::{Error, Subject};

const DOCUMENT: &str = "the Algoritmeregister";

/// What the law makes of the algorithm: people decide that, following the register's own guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum PublicationCategory {
    /// A: a high-risk AI system in the sense of the AI Act.
    #[serde(rename = "Hoog-risico AI-systeem")]
    HighRisk,
    /// B: one that touches people.
    #[serde(rename = "Impactvolle algoritmes")]
    Impactful,
    /// C: any other.
    #[serde(rename = "Overige algoritmes")]
    Other,
}

/// Only the fields that the record and the signatures can fill; the others stay out.
#[derive(Serialize)]
struct Entry {
    name: String,
    description_short: String,
    organization: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    begin_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<String>,
    contact_email: String,
    publication_category: PublicationCategory,
    goal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    proportionality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    human_intervention: Option<String>,
    risks: String,
    lawful_basis: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_index_url: Option<String>,
    impacttoetsen_grouping: Vec<ImpactAssessment>,
    source_data: String,
    methods_and_models: String,
    lang: &'static str,
    standard_version: &'static str,
    source_id: String,
}

#[derive(Serialize)]
struct ImpactAssessment {
    title: &'static str,
}

/// The entry as JSON.
///
/// # Errors
/// [`Error::Missing`] for what the register needs and the record does not say, [`Error::TooLong`].
pub fn register_entry(subject: &Subject<'_>, category: PublicationCategory) -> Result<String, Error> {
    let case = subject.case;
    let fit = Fit { id: &case.id };
    let contact = subject.account(|a| &a.contact_email);
    let missing = |key| Error::Missing { id: case.id.clone(), key, document: DOCUMENT };
    let contact = contact.ok_or_else(|| missing("accountability.contact_email"))?;
    let groups = listing("Betrokkenen:", &subject.accountability.affected_groups);
    let alternatives = subject.account(|a| &a.alternatives).map(|text| format!("Alternatieven: {text}"));
    let weighed = subject.account(|a| &a.proportionality).map(str::to_owned);
    let categories = listing("Soorten gegevens:", &subject.accountability.data_categories);
    let class = format!("In een verzoek: {}.", data_class(case.max_data_class, Language::Dutch));
    let entry = Entry {
        name: fit.plain("title", &case.title, 100)?,
        description_short: short(&fit, &case.purpose)?,
        organization: fit.plain("organisation", &case.organisation, 100)?,
        status: match case.status {
            Status::Draft | Status::Advised => "In ontwikkeling",
            Status::Pilot | Status::Accepted => "In gebruik",
            Status::Suspended | Status::Retired => "Buiten gebruik",
        },
        begin_date: subject.began_ms().map(iso_month),
        end_date: subject.ended_ms().map(iso_month),
        contact_email: fit.plain("accountability.contact_email", contact, 500)?,
        publication_category: category,
        goal: fit.rich("purpose", [Some(case.purpose.clone()), groups], 2500)?.unwrap_or_default(),
        proportionality: fit.rich("accountability.proportionality", [weighed, alternatives], 2500)?,
        human_intervention: fit.rich(
            "accountability.human_oversight",
            [subject.account(|a| &a.human_oversight).map(str::to_owned)],
            2500,
        )?,
        risks: fit
            .rich("limits", safeguards(subject, Language::Dutch).into_iter().map(Some), 2500)?
            .unwrap_or_default(),
        lawful_basis: fit.rich("legal_basis", [Some(case.legal_basis.clone())], 2500)?.unwrap_or_default(),
        provider: provider(&fit, subject)?,
        process_index_url: Some(&case.processing_activity_id)
            .filter(|id| id.starts_with("https://") && id.chars().count() <= 500)
            .cloned(),
        impacttoetsen_grouping: impact_assessments(subject),
        source_data: fit
            .rich("accountability.data_categories", [categories, Some(class)], 2500)?
            .unwrap_or_default(),
        methods_and_models: fit
            .rich("models", technique(subject, Language::Dutch).into_iter().map(Some), 5000)?
            .unwrap_or_default(),
        lang: "nld",
        standard_version: "1.0",
        source_id: fit.plain("id", &case.id, 100)?,
    };
    Ok(crate::cards::pretty(&entry))
}

/// Who delivers the algorithm: the suppliers that run it or bring the model; not those of machines or upkeep.
fn provider(fit: &Fit<'_>, subject: &Subject<'_>) -> Result<Option<String>, Error> {
    let delivers = |supplier: &&Supplier| matches!(supplier.service, Service::Operation | Service::Model);
    let named = subject.case.suppliers.iter().filter(delivers);
    let names: Vec<&str> = named.map(|supplier| supplier.name.as_str()).collect();
    if names.is_empty() {
        return Ok(None);
    }
    fit.rich("supplier.name", [Some(names.join(", "))], 200)
}

fn listing(intro: &str, items: &[String]) -> Option<String> {
    let items: Vec<&str> = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()).collect();
    (!items.is_empty()).then(|| format!("{intro} {}.", items.join(", ")))
}

/// Titles as the register recommends them.
fn impact_assessments(subject: &Subject<'_>) -> Vec<ImpactAssessment> {
    let evidence = &subject.case.evidence;
    let dpia = evidence.dpia.as_ref().map(|_| "Data Protection Impact Assessment (DPIA)");
    let iama = evidence.iama.as_ref().map(|_| "Impact Assessment Mensenrechten en Algoritmes (IAMA)");
    [dpia, iama].into_iter().flatten().map(|title| ImpactAssessment { title }).collect()
}

/// As many whole sentences of the purpose as fit 400 characters.
fn short(fit: &Fit<'_>, purpose: &str) -> Result<String, Error> {
    const CHARS_MAX: usize = 400;
    let purpose = purpose.trim();
    if purpose.chars().count() <= CHARS_MAX {
        return Ok(purpose.to_owned());
    }
    let head: String = purpose.chars().take(CHARS_MAX).collect();
    let end = head.rfind(['.', '!', '?']).and_then(|at| head.get(..=at));
    match end {
        Some(sentences) => Ok(sentences.to_owned()),
        None => fit.plain("purpose", purpose, CHARS_MAX),
    }
}

/// Fits texts of one record into fields.
struct Fit<'a> {
    id: &'a str,
}

impl Fit<'_> {
    /// A field that takes text.
    fn plain(&self, key: &'static str, text: &str, chars_max: usize) -> Result<String, Error> {
        let text = text.trim();
        let chars = text.chars().count();
        if chars > chars_max {
            return Err(Error::TooLong { id: self.id.to_owned(), key, chars, chars_max, document: DOCUMENT });
        }
        Ok(text.to_owned())
    }

    /// A field that takes HTML: the texts are escaped, and each is a paragraph where there are several.
    fn rich(
        &self,
        key: &'static str,
        texts: impl IntoIterator<Item = Option<String>>,
        chars_max: usize,
    ) -> Result<Option<String>, Error> {
        let texts: Vec<String> =
            texts.into_iter().flatten().map(|text| crate::html::escape(text.trim())).collect();
        let text = match texts.as_slice() {
            [] => return Ok(None),
            [one] => one.clone(),
            several => several.iter().map(|text| format!("<p>{text}</p>")).collect(),
        };
        self.plain(key, &text, chars_max).map(Some)
    }
}
