//! Tests of a profile: texts, and what must come of them. An administrator writes them beside the profile.

use serde::Deserialize;
use toml::Spanned;

use crate::profile::line_of;
use crate::{Action, Error, Redactor};

/// A finding that a test expects.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// The id of its kind.
    kind: String,
    /// What is found, as it stands in the text.
    text: String,
    /// What is done with it; left out: anything but to let it through.
    action: Option<Action>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireTest {
    name: String,
    text: String,
    /// The text that must come out.
    redacted: Option<String>,
    /// All that must be found, in order.
    found: Option<Vec<Expected>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    test: Vec<Spanned<WireTest>>,
}

/// The tests of one file.
///
/// ```toml
/// [[test]]
/// name = "a citizen number is replaced"
/// text = "Mijn BSN is 111222333."
/// redacted = "Mijn BSN is ⟦BSN_1⟧."
/// found = [{ kind = "bsn", text = "111222333", action = "pseudonymise" }]
/// ```
pub struct Trials {
    tests: Vec<(usize, WireTest)>,
}

/// How one test went.
pub struct Trial {
    /// The test's name.
    pub name: String,
    /// Its line in the file, from 1.
    pub line: usize,
    /// What was expected and what was found instead, a line each; empty when it holds. It quotes the test's own text.
    pub failures: Vec<String>,
}

impl Trials {
    /// Parses a file of tests.
    ///
    /// # Errors
    /// [`Error::Profile`] names the line of an unknown key, or of a test that expects nothing.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let wire: Wire = toml::from_str(text).map_err(|e| Error::Profile {
            line: e.span().map_or(0, |span| line_of(text, span.start)),
            reason: e.message().to_owned(),
        })?;
        let mut tests = Vec::with_capacity(wire.test.len());
        for test in wire.test {
            let line = line_of(text, test.span().start);
            let test = test.into_inner();
            if test.redacted.is_none() && test.found.is_none() {
                let reason = format!("test {:?} expects nothing; give it `redacted` or `found`", test.name);
                return Err(Error::Profile { line, reason });
            }
            tests.push((line, test));
        }
        Ok(Self { tests })
    }

    /// Runs them.
    ///
    /// # Errors
    /// A text that a redactor refuses to read.
    pub fn run(&self, redactor: &Redactor) -> Result<Vec<Trial>, Error> {
        self.tests.iter().map(|(line, test)| run(*line, test, redactor)).collect()
    }
}

fn run(line: usize, test: &WireTest, redactor: &Redactor) -> Result<Trial, Error> {
    let redaction = redactor.redact(&[&test.text])?;
    let mut failures = Vec::new();
    let redacted = redaction.texts.first().map(|text| text.as_str()).unwrap_or_default();
    if let Some(wanted) = test.redacted.as_deref().filter(|wanted| *wanted != redacted) {
        failures.push(format!("expected the text  {wanted}"));
        failures.push(format!("but it became      {redacted}"));
    }
    if let Some(expected) = &test.found {
        let mut found: Vec<(&str, &str, Action)> = redaction
            .findings
            .iter()
            .map(|f| (f.kind.id(), test.text.get(f.start..f.end).unwrap_or_default(), f.action))
            .collect();
        for wanted in expected {
            let fits = |(kind, text, action): &(&str, &str, Action)| {
                *kind == wanted.kind
                    && *text == wanted.text
                    && wanted.action.map_or(*action != Action::Allow, |wanted| wanted == *action)
            };
            if let Some(at) = found.iter().position(fits) {
                found.remove(at);
            } else {
                let action = wanted.action.map(|action| format!(" ({})", action.id())).unwrap_or_default();
                failures.push(format!("not found          {} {:?}{action}", wanted.kind, wanted.text));
            }
        }
        let extra = found
            .iter()
            .map(|(kind, text, action)| format!("found, not expected {kind} {text:?} ({})", action.id()));
        failures.extend(extra);
    }
    Ok(Trial { name: test.name.clone(), line, failures })
}
