//! A bill of materials of models: CycloneDX 1.6 (ECMA-424), as JSON. What the dossier does not know stays out of the
//! standard's own fields, and is said as `unknown` among the properties.

use registry::{Ancestor, Dossier, LegalReview, Model, ModelFile};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::cards::pretty;
use crate::purl;
use crate::words::rfc3339;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    tools: Tools,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<Organisation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manufacturer: Option<Organisation<'a>>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License<'a>>,
    purl: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pedigree: Option<Pedigree<'a>>,
    components: Vec<File<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_card: Option<ModelCard<'a>>,
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Organisation<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address<'a>>,
}

#[derive(Serialize)]
struct Address<'a> {
    country: &'a str,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct License<'a> {
    expression: &'a str,
}

#[derive(Serialize)]
struct Pedigree<'a> {
    ancestors: Vec<AncestorComponent<'a>>,
    notes: String,
}

#[derive(Serialize)]
struct AncestorComponent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct File<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    name: &'a str,
    hashes: [Hash; 1],
    purl: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelCard<'a> {
    model_parameters: Parameters<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    considerations: Option<Considerations<'a>>,
}

#[derive(Serialize)]
struct Parameters<'a> {
    task: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    datasets: Vec<Dataset<'a>>,
    inputs: [Format; 1],
    outputs: [Format; 1],
}

#[derive(Serialize)]
struct Dataset<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    description: &'a str,
}

#[derive(Serialize)]
struct Format {
    format: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Considerations<'a> {
    technical_limitations: [&'a str; 1],
}

#[derive(Serialize)]
struct Property {
    name: String,
    value: String,
}

/// The bill of `models`. The same models and moment give the same bytes: its serial number is made from its contents.
/// `made_ms` is in milliseconds since 1970 UTC, and left out where nobody says it or it is outside the calendar.
#[must_use]
pub fn ml_bom<'a>(models: impl IntoIterator<Item = &'a Model>, made_ms: Option<i64>) -> String {
    let timestamp = made_ms.map(rfc3339).filter(|time| !time.is_empty());
    let tool = Tool { kind: "application", name: "proeftuin", version: env!("CARGO_PKG_VERSION") };
    let mut bom = Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: String::new(),
        version: 1,
        metadata: Metadata { timestamp, tools: Tools { components: [tool] } },
        components: models.into_iter().map(component).collect(),
    };
    bom.serial_number = serial_number(pretty(&bom).as_bytes());
    pretty(&bom)
}

/// A UUID of version 8 (RFC 9562): the first bytes of the SHA-256.
fn serial_number(contents: &[u8]) -> String {
    let digest = hex::encode(Sha256::digest(contents));
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}

fn component(model: &Model) -> Component<'_> {
    let dossier = model.dossier.as_ref();
    let developer = dossier.and_then(|dossier| dossier.developer.as_deref());
    let country = dossier.and_then(|dossier| dossier.country.as_deref());
    let packed_by = dossier.and_then(|dossier| dossier.packed_by.as_deref());
    Component {
        kind: "machine-learning-model",
        reference: format!("model:{}", model.id),
        supplier: packed_by.map(|name| Organisation { name, address: None }),
        manufacturer: developer
            .map(|name| Organisation { name, address: country.map(|country| Address { country }) }),
        name: &model.id,
        description: model.description.as_deref(),
        // Of a model of several files nothing that CycloneDX would call a hash is over all of them.
        hashes: match model.files.as_slice() {
            [only] => vec![hash(only)],
            _ => Vec::new(),
        },
        licenses: if model.license == "unknown" {
            Vec::new()
        } else {
            vec![License { expression: &model.license }]
        },
        purl: purl::package(model),
        pedigree: dossier.and_then(|dossier| pedigree(dossier.lineage.as_deref()?)),
        components: model.files.iter().map(|file| self::file(model, file)).collect(),
        model_card: dossier.map(card),
        properties: properties(model),
    }
}

fn hash(file: &ModelFile) -> Hash {
    Hash { alg: "SHA-256", content: hex::encode(file.sha256) }
}

fn file<'a>(model: &Model, file: &'a ModelFile) -> File<'a> {
    File {
        kind: "file",
        reference: format!("model:{}/{}", model.id, file.path),
        name: &file.path,
        hashes: [hash(file)],
        purl: purl::file(model, file),
    }
}

fn pedigree(lineage: &[Ancestor]) -> Option<Pedigree<'_>> {
    let told = lineage.iter().map(|ancestor| format!("{}: {}", ancestor.name, ancestor.step));
    (!lineage.is_empty()).then(|| Pedigree {
        ancestors: lineage
            .iter()
            .map(|ancestor| AncestorComponent { kind: "machine-learning-model", name: &ancestor.name })
            .collect(),
        notes: told.collect::<Vec<_>>().join("; "),
    })
}

fn card(dossier: &Dossier) -> ModelCard<'_> {
    let dataset = |description| Dataset { kind: "dataset", name: "training data", description };
    let limitations = dossier.limitations.as_deref();
    ModelCard {
        model_parameters: Parameters {
            task: "text generation",
            datasets: dossier.trained_on.as_deref().map(dataset).into_iter().collect(),
            inputs: [Format { format: "text" }],
            outputs: [Format { format: "text" }],
        },
        considerations: limitations.map(|text| Considerations { technical_limitations: [text] }),
    }
}

/// What the standard has no field for, by names of this program.
fn properties(model: &Model) -> Vec<Property> {
    let unknown = || "unknown".to_owned();
    let mut told = vec![
        ("status", model.status.name().to_owned()),
        ("weights-sha256", hex::encode(model.sha256())),
        ("context-tokens", model.limits.context_tokens.to_string()),
        ("languages", model.limits.languages.join(", ")),
    ];
    told.extend((model.license == "unknown").then(|| ("license", unknown())));
    told.extend(model.dossier_sha256().map(|sha256| ("dossier-sha256", hex::encode(sha256))));
    told.extend(model.signature.as_ref().map(|pin| ("signature-key-sha256", pin.key.sha256_hex())));
    if let Some(dossier) = &model.dossier {
        let review =
            |review: &LegalReview| format!("{}, {}, until {}", review.by, review.date, review.review_by);
        told.extend([
            ("openness-weights", dossier.weights.name().to_owned()),
            ("openness-code", dossier.code.name().to_owned()),
            ("openness-training-data", dossier.training_data.name().to_owned()),
            ("trained-until", dossier.trained_until.clone().unwrap_or_else(unknown)),
            ("training-kwh", dossier.training_kwh.map_or_else(unknown, |kwh| kwh.to_string())),
            ("opt-outs-honoured", dossier.opt_outs.name().to_owned()),
            ("opt-outs-evidence", dossier.opt_outs_evidence.clone().unwrap_or_else(unknown)),
            ("legal-review", dossier.legal_review.as_ref().map_or_else(unknown, review)),
        ]);
    }
    told.into_iter().map(|(name, value)| Property { name: format!("proeftuin:{name}"), value }).collect()
}
