//! Which control, or which person, stands behind each measure of an assessment: `use-cases/<id>.mitigations.toml`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::completeness::Report;
use super::control::Control;
use super::output::{AssessmentKind, split_index};
use crate::Error;
use crate::error::{Place, line_at, toml_error};

/// What stands behind a measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mitigation {
    /// A control of this program, probed at each request.
    Control(Control),
    /// The organisation itself; it blocks until somebody signs off that it is in place.
    Organisation {
        /// Who did, and when (milliseconds since 1970 UTC); `None` as long as nobody has.
        signed_off: Option<(String, i64)>,
    },
}

/// A measure and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    assessment: AssessmentKind,
    task: String,
    behind: Mitigation,
}

/// The measures of one use case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mitigations {
    rows: Vec<Row>,
}

/// What a use case's measures come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measures {
    /// Controls that have to hold at each request.
    pub controls: BTreeSet<Control>,
    /// Measures behind which nothing stands yet, as `dpia 17.1.3[0]`: nobody named a control, or nobody signed off.
    pub open: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    mitigation: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    assessment: Name,
    task: Spanned<String>,
    control: Option<Control>,
    /// What the organisation does; for people, and read by nobody else.
    text: Option<String>,
    signed_off: Option<SignedOff>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Name {
    Prescan,
    Dpia,
    Iama,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedOff {
    by: Spanned<String>,
    date: Spanned<Datetime>,
}

impl Mitigations {
    /// Parses the file at `path`, inside the policy folder.
    ///
    /// # Errors
    /// [`Error::Toml`] for what does not parse (a control that this program does not have is named with those it has),
    /// [`Error::Record`] for a row that contradicts itself.
    pub fn parse(path: &str, text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| toml_error(path, text, &error))?;
        let mut rows: Vec<Row> = Vec::new();
        for entry in file.mitigation {
            let wrong = |key: &str, at: usize, detail: &str| {
                let place = Place::new(path, line_at(text, at));
                Err(Error::Record { place, key: key.into(), detail: detail.into() })
            };
            let at = entry.task.span().start;
            let task = entry.task.get_ref().clone();
            if task.trim().is_empty() {
                return wrong("task", at, "is blank; name the task or the paragraph of the assessment");
            }
            let behind = match (entry.control, entry.text, entry.signed_off) {
                (Some(control), None, None) => Mitigation::Control(control),
                (None, Some(text), signed_off) if !text.trim().is_empty() => {
                    let signed_off = match signed_off {
                        None => None,
                        Some(SignedOff { by, date }) => {
                            let time = date.get_ref().to_string().parse::<Timestamp>();
                            let (Ok(time), false) = (time, by.get_ref().trim().is_empty()) else {
                                let detail = "needs by, and date as a moment: 2026-01-31T09:00:00+01:00";
                                return wrong("signed_off", by.span().start, detail);
                            };
                            Some((by.into_inner(), time.as_millisecond()))
                        }
                    };
                    Mitigation::Organisation { signed_off }
                }
                _ => {
                    let detail = "needs one of two: control, or text with signed_off once it is in place";
                    return wrong("mitigation", at, detail);
                }
            };
            let assessment = match entry.assessment {
                Name::Prescan => AssessmentKind::Prescan,
                Name::Dpia => AssessmentKind::Dpia,
                Name::Iama => AssessmentKind::Iama,
            };
            let row = Row { assessment, task, behind };
            if rows.contains(&row) {
                return wrong("mitigation", at, "stands here twice; take one out");
            }
            rows.push(row);
        }
        Ok(Self { rows })
    }

    /// What the measures come to. `reports` are those of the forms that were filled in; of a document that is known by its
    /// hash alone nobody can say which measures it names, so only the rows count.
    #[must_use]
    pub fn measures<'a>(&self, reports: impl IntoIterator<Item = (AssessmentKind, &'a Report)>) -> Measures {
        let mut measures = Measures::default();
        let label = |kind: AssessmentKind, task: &str| format!("{} {task}", kind.name());
        for row in &self.rows {
            match &row.behind {
                Mitigation::Control(control) => {
                    measures.controls.insert(*control);
                }
                Mitigation::Organisation { signed_off: Some(_) } => {}
                Mitigation::Organisation { signed_off: None } => {
                    measures.open.insert(label(row.assessment, &row.task));
                }
            }
        }
        for (kind, report) in reports {
            for task in &report.measures {
                if !self.rows.iter().any(|row| row.assessment == kind && covers(&row.task, task)) {
                    measures.open.insert(label(kind, task));
                }
            }
        }
        measures
    }

    /// The sign-offs, as `(who, when in milliseconds since 1970 UTC)`.
    pub fn sign_offs(&self) -> impl Iterator<Item = (&str, i64)> {
        self.rows.iter().filter_map(|row| match &row.behind {
            Mitigation::Organisation { signed_off: Some((by, at)) } => Some((by.as_str(), *at)),
            Mitigation::Organisation { signed_off: None } | Mitigation::Control(_) => None,
        })
    }
}

/// A row names one repetition (`17.1.3[0]`), or a task that is not repeated. A row without a number stands for no
/// repetition: a measure that was added later would be covered before anybody saw it.
fn covers(row: &str, task: &str) -> bool {
    row == task || split_index(row).is_some_and(|row| Some(row) == split_index(task))
}
