//! The forms of an organisation: `forms/*.yaml`, and what it asks of them beyond what they say: `forms/requirements.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::completeness::{Report, completeness};
use super::form::Form;
use super::output::Output;
use crate::Error;
use crate::error::{Place, line_at, toml_error};

/// Path of the requirements inside the policy folder.
const REQUIREMENTS: &str = "forms/requirements.toml";

/// Form definitions by URN with version.
#[derive(Debug, Clone, Default)]
pub struct Forms {
    forms: BTreeMap<String, Form>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirements {
    #[serde(default)]
    form: Vec<Requirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Requirement {
    urn: Spanned<String>,
    /// Tasks that need no answer; a group stands for all below it.
    #[serde(default)]
    pub(super) optional: Vec<String>,
    /// Tasks whose answers name a measure that somebody has to take.
    #[serde(default)]
    pub(super) measures: Vec<String>,
    /// The section after which the author may stop, by marking the others as done.
    #[serde(default)]
    pub(super) ends_after: Option<String>,
}

impl Forms {
    /// Reads the definitions among `(path, text)` pairs, `forms/NAME.yaml`, and `forms/requirements.toml`. Other files are
    /// left alone. A requirement for a form that is not there waits until it is.
    ///
    /// # Errors
    /// [`Error`] for what does not parse, for two definitions of one form, and for a requirement about a task that its
    /// form does not have.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut forms = BTreeMap::new();
        let mut requirements = None;
        for (path, text) in files {
            if path == REQUIREMENTS {
                requirements = Some(text);
            } else if path.starts_with("forms/") && (path.ends_with(".yaml") || path.ends_with(".yml")) {
                let form = Form::parse(path, text)?;
                let urn = form.urn().to_owned();
                if forms.insert(urn.clone(), form).is_some() {
                    let detail = format!("defines {urn}, and so does another file; keep one of the two");
                    return Err(Error::Assessment { place: path.into(), key: "urn".into(), detail });
                }
            }
        }
        let mut forms = Self { forms };
        requirements.map_or(Ok(()), |text| forms.require(text))?;
        Ok(forms)
    }

    fn require(&mut self, text: &str) -> Result<(), Error> {
        let requirements: Requirements =
            toml::from_str(text).map_err(|error| toml_error(REQUIREMENTS, text, &error))?;
        for requirement in requirements.form {
            let Some(form) = self.forms.get_mut(requirement.urn.get_ref()) else { continue };
            form.require(&requirement).map_err(|detail| {
                let line = line_at(text, requirement.urn.span().start);
                Error::Record { place: Place::new(REQUIREMENTS, line), key: "form".into(), detail }
            })?;
        }
        Ok(())
    }

    /// The forms, in order of URN.
    pub fn iter(&self) -> impl Iterator<Item = &Form> {
        self.forms.values()
    }

    /// Judges an output against the form of its own version.
    #[must_use]
    pub fn judge(&self, output: &Output) -> Report {
        match self.forms.get(output.urn()) {
            Some(form) => completeness(form, output),
            None => {
                let of_kind = |urn: &&String| {
                    urn.rsplit_once(':').map(|(name, _)| name)
                        == output.urn().rsplit_once(':').map(|(name, _)| name)
                };
                Report::without_form(output, self.forms.keys().filter(of_kind).cloned().collect())
            }
        }
    }
}
