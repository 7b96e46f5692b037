//! A form definition: which tasks there are, which are questions, when each is asked. Only ids and conditions are kept;
//! the texts of the form are not.

use std::collections::{BTreeMap, BTreeSet};

use super::forms::Requirement;
use super::yaml::{self, Node};
use crate::Error;

/// Most tasks a form may have. Also bounds recursion over them.
const TASKS_MAX: usize = 2_000;
/// Longest id of a task, in bytes.
const ID_BYTES_MAX: usize = 64;
/// An option that stands for no value: "not applicable".
pub(super) const NO_VALUE: &str = "null";

/// A form as its definition has it (`assessment-definition.v2.schema.json`).
#[derive(Debug, Clone)]
pub struct Form {
    pub(super) urn: String,
    pub(super) tasks: Vec<Task>,
    pub(super) by_id: BTreeMap<String, usize>,
    pub(super) measures: BTreeSet<usize>,
    /// The section after which the author may stop.
    pub(super) ends_after: Option<usize>,
}

/// One task: a group, or a question.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) parent: Option<usize>,
    pub(super) kind: TaskKind,
    pub(super) repeatable: bool,
    /// The answers that may be given; `None` where any may.
    pub(super) options: Option<BTreeSet<String>>,
    /// It is shown when all of these hold.
    pub(super) conditions: Vec<Condition>,
    /// It is repeated as often as this task is.
    pub(super) mapped_from: Option<usize>,
    /// Whether it has to be answered where it is shown.
    pub(super) required: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskKind {
    Group,
    Text,
    Image,
    /// One of the options.
    One,
    /// Any number of the options, none included.
    Many,
}

#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) task: usize,
    pub(super) operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operator {
    /// The answer is this.
    Equals(Expected),
    /// One of the answers is this.
    Contains(Expected),
    /// Always.
    Any,
}

/// A value as definitions write it: `true` and `"true"` are not the same to the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    Boolean(bool),
    Text(String),
}

/// A task whose references are still names.
struct Draft {
    task: Task,
    line: usize,
    conditions: Vec<(String, Operator)>,
    mapped_from: Option<String>,
}

impl Form {
    /// Parses a definition; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Assessment`] for YAML that does not parse, a task that is not one, a reference to no task, and for
    /// conditions that this program cannot judge: better no form than one that asks too little.
    pub fn parse(path: &str, text: &str) -> Result<Self, Error> {
        let root = yaml::read(path, text)?;
        let urn = text_of(path, &root, "urn")?;
        let version = text_of(path, &root, "version")?;
        let mut reader = Reader { path, drafts: Vec::new() };
        let tasks = root.get("tasks").and_then(Node::list);
        let tasks = tasks.ok_or_else(|| wrong(path, root.line, "tasks", "is missing; a form has tasks"))?;
        for task in tasks {
            reader.task(task, None, false)?;
        }
        reader.finish(format!("{urn}:{version}"))
    }

    /// The form with its version: `urn:nl:dpia:3.0`.
    #[must_use]
    pub fn urn(&self) -> &str {
        &self.urn
    }

    /// How many questions it has, shown or not.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.tasks.iter().filter(|task| task.kind != TaskKind::Group).count()
    }

    /// The answers that a question takes, in order; `None` for one that takes any, and for what is no question.
    pub fn options(&self, id: &str) -> Option<impl Iterator<Item = &str>> {
        let options = self.by_id.get(id).and_then(|&at| self.tasks.get(at))?.options.as_ref()?;
        Some(options.iter().map(String::as_str))
    }

    /// The nearest task at or above `at` that is repeatable.
    pub(super) fn repeated_by(&self, at: usize) -> Option<usize> {
        self.and_above(at).find(|&above| self.tasks.get(above).is_some_and(|task| task.repeatable))
    }

    /// `at` and every task above it.
    pub(super) fn and_above(&self, at: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(at), |&at| self.tasks.get(at)?.parent)
    }

    /// Every task at or below the one with this id.
    ///
    /// # Errors
    /// When there is no such task.
    fn at_or_below(&self, id: &str) -> Result<Vec<usize>, String> {
        let top = *self.by_id.get(id).ok_or_else(|| format!("there is no task {id} in {}", self.urn))?;
        Ok((0..self.tasks.len()).filter(|&at| self.and_above(at).any(|above| above == top)).collect())
    }

    /// Says that tasks need no answer, and which answers name measures. A group stands for all below it.
    ///
    /// # Errors
    /// What names no task.
    pub(super) fn require(&mut self, requirement: &Requirement) -> Result<(), String> {
        for id in &requirement.optional {
            for at in self.at_or_below(id)? {
                if let Some(task) = self.tasks.get_mut(at) {
                    task.required = false;
                }
            }
        }
        for id in &requirement.measures {
            self.measures.extend(self.at_or_below(id)?);
        }
        if let Some(id) = &requirement.ends_after {
            let section = |at: &usize| self.tasks.get(*at).is_some_and(|task| task.parent.is_none());
            let at = self.by_id.get(id).copied().filter(section);
            self.ends_after =
                Some(at.ok_or_else(|| format!("{}: ends_after: has no section {id}", self.urn))?);
        }
        Ok(())
    }
}

fn wrong(path: &str, line: usize, key: &str, detail: impl Into<String>) -> Error {
    Error::Assessment { place: format!("{path}:{line}"), key: key.into(), detail: detail.into() }
}

fn text_of<'n>(path: &str, node: &'n Node, key: &str) -> Result<&'n str, Error> {
    let value = node.get(key).ok_or_else(|| wrong(path, node.line, key, "is missing"))?;
    value
        .text()
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| wrong(path, value.line, key, "must be a text"))
}

/// Whether something is written as ids of tasks are: the government's own have letters in them too (`2.2A`).
pub(super) fn is_id(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    id.len() <= ID_BYTES_MAX && id.starts_with(|c: char| c.is_ascii_digit()) && id.bytes().all(fits)
}

struct Reader<'p> {
    path: &'p str,
    drafts: Vec<Draft>,
}

impl Reader<'_> {
    fn task(&mut self, node: &Node, parent: Option<usize>, action_points: bool) -> Result<(), Error> {
        let id = text_of(self.path, node, "id")?;
        let fail = |detail: &str| Err(wrong(self.path, node.line, "id", detail));
        if !is_id(id) {
            return fail(
                "is not an id of a task: it begins with a digit and has letters, digits, dots, - and _",
            );
        }
        if self.drafts.len() >= TASKS_MAX {
            return fail("is one task too many for a form");
        }
        // What an action point says is for its author; that there are none is an answer too.
        let action_points =
            action_points || node.get("action_point_group").and_then(Node::boolean) == Some(true);
        let kind = self.kind(id, node)?;
        let at = self.drafts.len();
        let mut draft = Draft {
            task: Task {
                id: id.to_owned(),
                parent,
                kind,
                repeatable: node.get("repeatable").and_then(Node::boolean) == Some(true),
                options: self.options(id, node)?,
                conditions: Vec::new(),
                mapped_from: None,
                required: required(node) && kind != TaskKind::Image && !action_points,
            },
            line: node.line,
            conditions: Vec::new(),
            mapped_from: None,
        };
        for dependency in node.get("dependencies").and_then(Node::list).unwrap_or_default() {
            self.dependency(&mut draft, dependency)?;
        }
        self.drafts.push(draft);
        for child in node.get("tasks").and_then(Node::list).unwrap_or_default() {
            self.task(child, Some(at), action_points)?;
        }
        Ok(())
    }

    fn kind(&self, id: &str, node: &Node) -> Result<TaskKind, Error> {
        let types = node.get("type").ok_or_else(|| wrong(self.path, node.line, id, "has no type"))?;
        let mut kind = TaskKind::Group;
        for name in types.list().unwrap_or(std::slice::from_ref(types)) {
            kind = match name.text() {
                Some("task_group" | "informational" | "signing") => kind,
                Some("text_input" | "open_text" | "date") => TaskKind::Text,
                Some("image") => TaskKind::Image,
                Some("radio_option" | "select_option") => TaskKind::One,
                Some("checkbox_option" | "multiselect_scrollable") => TaskKind::Many,
                _ => {
                    let detail = "has a type that this program does not know; a newer program may";
                    return Err(wrong(self.path, types.line, id, detail));
                }
            };
        }
        Ok(kind)
    }

    fn options(&self, id: &str, node: &Node) -> Result<Option<BTreeSet<String>>, Error> {
        let Some(options) = node.get("options").and_then(Node::list) else { return Ok(None) };
        let stored = |option: &Node| {
            let value = option.get("value")?;
            Some(match (value.boolean(), value.is_null()) {
                (Some(boolean), _) => boolean.to_string(),
                // The form stores what its page holds, and a page holds text.
                (None, true) => NO_VALUE.to_owned(),
                (None, false) => value.text()?.to_owned(),
            })
        };
        let values: Option<BTreeSet<String>> = options.iter().map(stored).collect();
        values.map(Some).ok_or_else(|| wrong(self.path, node.line, id, "has an option without a value"))
    }

    fn dependency(&self, draft: &mut Draft, node: &Node) -> Result<(), Error> {
        let id = draft.task.id.clone();
        let named = |key: &str| node.get(key).and_then(|part| part.get("id")).and_then(Node::text);
        let fail = |detail: &str| Err(wrong(self.path, node.line, &id, detail));
        let action = node.get("action").and_then(Node::text);
        match (node.get("type").and_then(Node::text), action) {
            (Some("source_options"), _) => draft.task.options = None,
            (Some("instance_mapping"), _) => match named("source") {
                Some(source) => draft.mapped_from = Some(source.to_owned()),
                None => return fail("is repeated after a source without an id"),
            },
            (Some("conditional"), Some("show")) => {
                let (Some(source), Some(operator)) = (named("condition"), operator(node.get("condition")))
                else {
                    return fail("is shown under a condition that this program cannot judge");
                };
                draft.conditions.push((source.to_owned(), operator));
            }
            _ => return fail("depends on another task in a way that this program does not know"),
        }
        Ok(())
    }

    fn finish(self, urn: String) -> Result<Form, Error> {
        let mut by_id = BTreeMap::new();
        for (at, draft) in self.drafts.iter().enumerate() {
            if by_id.insert(draft.task.id.clone(), at).is_some() {
                return Err(wrong(
                    self.path,
                    draft.line,
                    &draft.task.id,
                    "stands twice in the form; give one another id",
                ));
            }
        }
        let mut form = Form { urn, tasks: Vec::new(), by_id, measures: BTreeSet::new(), ends_after: None };
        let mut lines = Vec::new();
        for Draft { mut task, line, conditions, mapped_from } in self.drafts {
            let find = |name: &String| {
                let detail = || format!("depends on {name}, and there is no such task");
                form.by_id.get(name).copied().ok_or_else(|| wrong(self.path, line, &task.id, detail()))
            };
            let mapped = mapped_from.as_ref().map(find).transpose()?;
            let conditions: Result<_, Error> = conditions
                .into_iter()
                .map(|(name, operator)| Ok(Condition { task: find(&name)?, operator }))
                .collect();
            task.conditions = conditions?;
            task.mapped_from = mapped;
            form.tasks.push(task);
            lines.push(line);
        }
        match form.circular() {
            None => Ok(form),
            Some(at) => {
                let (line, id) =
                    (lines.get(at).copied().unwrap_or(1), form.tasks.get(at).map(|t| t.id.as_str()));
                Err(wrong(self.path, line, id.unwrap_or_default(), "is repeated after itself, in a circle"))
            }
        }
    }
}

/// `required_status` is the definition's own word; none of the government's forms uses it, so that every question counts.
/// A question with a default value is answered before anybody looks.
fn required(node: &Node) -> bool {
    let waived = node.get("required_status").and_then(Node::boolean) == Some(false);
    !waived && node.get("defaultValue").is_none_or(Node::is_null)
}

fn operator(condition: Option<&Node>) -> Option<Operator> {
    let condition = condition?;
    let expected = || {
        let value = condition.get("value").filter(|value| !value.is_null())?;
        Some(match value.boolean() {
            Some(boolean) => Expected::Boolean(boolean),
            None => Expected::Text(value.text()?.to_owned()),
        })
    };
    match condition.get("operator")?.text()? {
        "equals" => Some(Operator::Equals(expected()?)),
        "contains" => Some(Operator::Contains(expected()?)),
        "any" => Some(Operator::Any),
        _ => None,
    }
}

impl Form {
    /// A task whose number of repetitions depends on itself, if there is one.
    fn circular(&self) -> Option<usize> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Under,
            Done,
        }
        fn visit(form: &Form, marks: &mut [Mark], at: usize) -> bool {
            match marks.get(at) {
                Some(Mark::Under) => return false,
                Some(Mark::Done) | None => return true,
                Some(Mark::New) => {}
            }
            let mark = |marks: &mut [Mark], to| {
                if let Some(mark) = marks.get_mut(at) {
                    *mark = to;
                }
            };
            mark(marks, Mark::Under);
            let before = form.tasks.get(at).map(|task| [task.parent, task.mapped_from]);
            let sound = before.into_iter().flatten().flatten().all(|next| visit(form, marks, next));
            mark(marks, Mark::Done);
            sound
        }
        let mut marks = vec![Mark::New; self.tasks.len()];
        (0..self.tasks.len()).find(|&at| !visit(self, &mut marks, at))
    }
}

impl Expected {
    /// Whether a stored text is this value, as the form compares: `true` and `false` are read as booleans first.
    pub(super) fn is(&self, stored: &str) -> bool {
        let lower = stored.to_lowercase();
        match self {
            Self::Boolean(expected) => lower == expected.to_string(),
            Self::Text(expected) => {
                !matches!(lower.as_str(), "true" | "false")
                    && !matches!(stored, "null" | "")
                    && stored == expected
            }
        }
    }
}
