//! The assessments of one use case, as they lie beside its record.

use std::collections::BTreeMap;

use super::forms::Forms;
use super::mitigation::{Measures, Mitigations};
use super::output::{AssessmentKind, Output};
use super::{Assessed, Report};
use crate::Error;
use crate::files::PolicyFiles;
use crate::use_case::UseCase;

/// Standing of a filled-in form that is not the one whose hash the record has.
pub(crate) const CHANGED: &str = "changed";

/// What the assessments and measures of a use case come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assessments {
    /// Where each assessment stands: the name of a [`crate::Standing`], `document`, or `changed`. Absent where there is none.
    pub standings: BTreeMap<AssessmentKind, String>,
    /// What is said of the forms that lie there, filled in.
    pub reports: BTreeMap<AssessmentKind, Report>,
    /// Controls that have to hold, and measures that are open.
    pub measures: Measures,
}

/// Reads `use-cases/<id>.assessments/{prescan,dpia,iama}.json` and `use-cases/<id>.mitigations.toml`. An assessment of
/// which only the record's hash is there is a document.
///
/// # Errors
/// [`Error`] for what does not parse, and for a form under another one's name.
pub(crate) fn assessments(case: &UseCase, files: &PolicyFiles, forms: &Forms) -> Result<Assessments, Error> {
    let mut found = Assessments::default();
    for kind in AssessmentKind::ALL {
        let recorded = match kind {
            AssessmentKind::Dpia => case.evidence.dpia.as_ref().map(|assessment| assessment.sha256.clone()),
            AssessmentKind::Iama => case.evidence.iama.as_ref().map(|assessment| assessment.sha256.clone()),
            AssessmentKind::Prescan => None,
        };
        let path = format!("use-cases/{}.assessments/{}.json", case.id, kind.name());
        let Some(text) = files.text(&path) else {
            let document = recorded.map(|sha256| Assessed::Document { sha256 }.standing(forms).to_owned());
            found.standings.extend(document.map(|standing| (kind, standing)));
            continue;
        };
        let output = Output::parse(&path, text)?;
        if output.kind() != kind {
            let detail = format!("is a {}; give the file that one's name", output.kind().title());
            return Err(Error::Assessment { place: path, key: "metadata.urn".into(), detail });
        }
        let report = forms.judge(&output);
        let same = recorded.is_none_or(|sha256| sha256 == hex::encode(output.sha256()));
        let standing = if same { report.standing.name() } else { CHANGED };
        found.standings.insert(kind, standing.to_owned());
        found.reports.insert(kind, report);
    }
    let path = format!("use-cases/{}.mitigations.toml", case.id);
    let mitigations = files.text(&path).map(|text| Mitigations::parse(&path, text)).transpose()?;
    let reports = found.reports.iter().map(|(kind, report)| (*kind, report));
    found.measures = mitigations.unwrap_or_default().measures(reports);
    Ok(found)
}
