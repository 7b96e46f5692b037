//! Rules: Cedar text with annotations → a validated Cedar policy set in which every id is an `@id`.

use std::collections::BTreeMap;

use cedar_policy::{Policy, PolicyId, PolicySet as CedarSet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

use crate::Error;
use crate::decision::{
    DenialClass, NO_RULE_PERMITS, POLICY_ERROR, RULES_NOT_APPROVED, Reason, USE_CASE_UNKNOWN,
};
use crate::error::{Place, line_at};
use crate::files::{FileKind, PolicyFiles, SCHEMA_PATH};
use crate::settled::looks_at_use_case_alone;

const ANNOTATIONS: [&str; 5] = ["id", "remedy", "remedy_nl", "class", "link"];
const WITHOUT_ID: &str = "a rule without id";

/// One rule, and how heavy it is: rules are heavier the earlier they stand.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub precedence: usize,
    pub reason: Reason,
    pub forbids: bool,
    pub text: String,
}

/// All rules, by id.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Those that each use case is judged by when it is loaded.
    pub settled: CedarSet,
    /// Those that each request is judged by.
    pub asked: CedarSet,
    pub by_id: BTreeMap<String, Rule>,
}

/// Parses the schema.
pub(crate) fn parse_schema(text: &str) -> Result<Schema, Error> {
    let wrong = |line, detail| Error::Schema { place: Place::new(SCHEMA_PATH, line), detail };
    let (schema, warnings) =
        Schema::from_cedarschema_str(text).map_err(|error| wrong(first_line(&error, text), told(&error)))?;
    match warnings.into_iter().next() {
        Some(warning) => Err(wrong(first_line(&warning, text), told(&warning))),
        None => Ok(schema),
    }
}

/// Parses all rule files and validates them strictly against the schema.
pub(crate) fn parse_rules(files: &PolicyFiles, schema: &Schema) -> Result<Rules, Error> {
    let mut rules = Rules { settled: CedarSet::new(), asked: CedarSet::new(), by_id: BTreeMap::new() };
    let validator = Validator::new(schema.clone());
    for (path, text) in files.of_kind(FileKind::Rules) {
        for statement in statements(text) {
            let (rule, policy) = parse_rule(path, statement, rules.by_id.len())?;
            let id = rule.reason.rule.clone();
            let place = Place::new(path, statement.line);
            if let Some(first) = rules.by_id.get(&id).and_then(|rule| rule.reason.place.clone()) {
                return Err(Error::DuplicateRule { id, first, second: place });
            }
            validate(&validator, &policy, statement, path)?;
            let settled = looks_at_use_case_alone(&policy);
            let part = if settled { &mut rules.settled } else { &mut rules.asked };
            part.add(policy).map_err(|error| Error::Rule {
                place,
                rule: named(&id),
                detail: error.to_string(),
            })?;
            rules.by_id.insert(id, rule);
        }
    }
    Ok(rules)
}

fn parse_rule(path: &str, statement: Statement<'_>, precedence: usize) -> Result<(Rule, Policy), Error> {
    let place = Place::new(path, statement.line);
    let policy = Policy::parse(None, statement.text).map_err(|errors| Error::Rule {
        place: Place::new(path, statement.line_of(&errors)),
        rule: WITHOUT_ID.into(),
        detail: told(&errors),
    })?;
    let id = policy.annotation("id").map(str::trim).unwrap_or_default().to_owned();
    let rule = if id.is_empty() { WITHOUT_ID.to_owned() } else { named(&id) };
    let complain = |annotation: &str, detail: &str| Error::Annotation {
        place: place.clone(),
        rule: rule.clone(),
        annotation: annotation.into(),
        detail: detail.into(),
    };
    for (annotation, _) in policy.annotations() {
        if !ANNOTATIONS.contains(&annotation) {
            return Err(complain(
                annotation,
                "is unknown; rules take @id, @remedy, @remedy_nl, @class and @link",
            ));
        }
    }
    let required = |annotation: &str| match policy.annotation(annotation).map(str::trim) {
        None => Err(complain(annotation, "is missing; every rule has one")),
        Some("") => Err(complain(annotation, "is empty; fill it in")),
        Some(text) => Ok(text.to_owned()),
    };
    let id = required("id")?;
    if !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') || id.len() > 64 {
        return Err(complain("id", "takes up to 64 lowercase letters, digits and hyphens"));
    }
    if [POLICY_ERROR, NO_RULE_PERMITS, USE_CASE_UNKNOWN, RULES_NOT_APPROVED].contains(&id.as_str()) {
        return Err(complain("id", "is built in; choose another"));
    }
    let class = match policy.annotation("class") {
        None | Some("access") => DenialClass::Access,
        Some("quota") => DenialClass::Quota,
        Some("data") => DenialClass::Data,
        Some(_) => return Err(complain("class", "is none of access, quota and data")),
    };
    let link = policy.annotation("link").map(str::to_owned);
    // It goes into a header, and to people who follow it.
    let fits = |link: &String| {
        (link.starts_with('/') || link.starts_with("https://"))
            && link.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b))
    };
    if link.as_ref().is_some_and(|link| !fits(link)) {
        return Err(complain("link", "is neither a path of the server nor an https:// address"));
    }
    let (remedy, remedy_nl) = (required("remedy")?, required("remedy_nl")?);
    let forbids = policy.effect() == cedar_policy::Effect::Forbid;
    let policy = policy.new_id(PolicyId::new(&id));
    let reason = Reason { rule: id, remedy, remedy_nl, class, link, place: Some(place) };
    Ok((Rule { precedence, reason, forbids, text: statement.text.trim().to_owned() }, policy))
}

/// Strict validation of one rule; warnings (a condition that is never true, look-alike letters) are refused too.
fn validate(
    validator: &Validator,
    policy: &Policy,
    statement: Statement<'_>,
    path: &str,
) -> Result<(), Error> {
    let rule = named(policy.id().as_ref());
    let wrong = |line, detail| Error::Rule { place: Place::new(path, line), rule: rule.clone(), detail };
    let alone = CedarSet::from_policies([policy.clone()])
        .map_err(|error| wrong(statement.line, error.to_string()))?;
    let result = validator.validate(&alone, ValidationMode::Strict);
    if let Some(error) = result.validation_errors().next() {
        return Err(wrong(statement.line_of(error), told(error)));
    }
    if let Some(warning) = result.validation_warnings().next() {
        return Err(wrong(statement.line_of(warning), told(warning)));
    }
    Ok(())
}

fn named(id: &str) -> String {
    format!("rule \"{id}\"")
}

/// One rule with the line its text begins on.
#[derive(Debug, Clone, Copy)]
struct Statement<'a> {
    text: &'a str,
    line: usize,
}

impl Statement<'_> {
    fn line_of(&self, diagnostic: &dyn Diagnostic) -> usize {
        self.line.saturating_add(first_line(diagnostic, self.text)).saturating_sub(1)
    }
}

/// Splits a file into rules. Cedar ends each with `;`, which stands nowhere else but in strings and comments;
/// one rule at a time gives each its own line and lets a rule without `@id` be named by place.
fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    let mut begin: Option<usize> = None;
    let (mut in_string, mut in_comment, mut escaped) = (false, false, false);
    let mut push = |from: usize, to: usize| {
        if let Some(rule) = text.get(from..to) {
            found.push(Statement { text: rule, line: line_at(text, from) });
        }
    };
    for (at, character) in text.char_indices() {
        if in_comment {
            in_comment = character != '\n';
        } else if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if text.get(at..).is_some_and(|rest| rest.starts_with("//")) {
            in_comment = true;
        } else if character == ';' {
            push(begin.take().unwrap_or(at), at.saturating_add(1));
        } else if !character.is_whitespace() {
            begin.get_or_insert(at);
            in_string = character == '"';
        }
    }
    if let Some(from) = begin {
        push(from, text.len());
    }
    found
}

/// Line of the first place a diagnostic points at.
fn first_line(diagnostic: &dyn Diagnostic, text: &str) -> usize {
    let offset = diagnostic.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
    line_at(text, offset)
}

/// A diagnostic in one line: what Cedar says, and its advice.
fn told(diagnostic: &dyn Diagnostic) -> String {
    let mut text = diagnostic.to_string();
    let label = diagnostic.labels().and_then(|mut labels| labels.next());
    if let Some(label) = label.as_ref().and_then(|label| label.label()) {
        text.push_str(&format!(" ({label})"));
    }
    if let Some(help) = diagnostic.help() {
        text.push_str(&format!("; {help}"));
    }
    text
}
