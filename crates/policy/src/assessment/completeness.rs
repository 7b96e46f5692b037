//! Whether a filled-in form is complete: every question that the form would show, with these answers, is answered.
//!
//! The forms say when a question is shown and how often it is repeated; none says that a question may be left open. So all
//! count, except images, action points, and what the organisation names in `forms/requirements.toml`.

use std::collections::{BTreeMap, BTreeSet};

use super::form::{Condition, Form, NO_VALUE, Operator, Task, TaskKind};
use super::output::{Answer, Index, Output};

/// Where a filled-in form stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Everything that is asked is answered.
    Complete,
    /// Something is not: [`Report::missing`].
    Incomplete,
    /// The form is here in other versions only; these.
    OtherVersion(Vec<String>),
    /// The form is not here.
    NoForm,
}

impl Standing {
    /// Its name in rules.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::OtherVersion(_) => "other-version",
            Self::NoForm => "no-form",
        }
    }
}

/// What can be said of a filled-in form. Ids and dates, never an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Where it stands.
    pub standing: Standing,
    /// Questions that are shown now and have to be answered.
    pub asked: usize,
    /// Those that are not answered, in the order of the form: `2.1.3`, or `2.1.3[0]` where it is repeated.
    pub missing: Vec<String>,
    /// Answers to tasks that the form does not have; often left over from an older version. They make nothing incomplete.
    pub unknown: Vec<String>,
    /// Sections that the author has not marked as done. They make nothing incomplete.
    pub unmarked: Vec<String>,
    /// Measures that were written down: tasks whose answers the organisation has to carry out.
    pub measures: Vec<String>,
    /// The youngest answer, milliseconds since 1970 UTC.
    pub last_edited_ms: Option<i64>,
}

impl Report {
    /// Of an output whose form is not here.
    pub(super) fn without_form(output: &Output, versions: Vec<String>) -> Self {
        let standing = if versions.is_empty() { Standing::NoForm } else { Standing::OtherVersion(versions) };
        Self {
            standing,
            asked: 0,
            missing: Vec::new(),
            unknown: Vec::new(),
            unmarked: Vec::new(),
            measures: Vec::new(),
            last_edited_ms: output.last_edited_ms(),
        }
    }
}

/// Judges an output against its own form.
#[must_use]
pub(super) fn completeness(form: &Form, output: &Output) -> Report {
    let page = Page::new(form, output);
    let mut report = Report::without_form(output, Vec::new());
    for (at, task) in form.tasks.iter().enumerate().filter(|(_, task)| task.kind != TaskKind::Group) {
        for &index in page.instances.get(at).into_iter().flatten() {
            let answered = page.answered(at, task, index);
            if answered && form.measures.contains(&at) {
                report.measures.push(label(&task.id, index));
            }
            if task.required && !page.left_off(at) && page.shown(at, index) {
                report.asked = report.asked.saturating_add(1);
                if !answered {
                    report.missing.push(label(&task.id, index));
                }
            }
        }
    }
    let strange = |(id, _): &&(String, Index)| !form.by_id.contains_key(id);
    report.unknown = output.answers.keys().filter(strange).map(|(id, index)| label(id, *index)).collect();
    let roots = form.tasks.iter().filter(|task| task.parent.is_none());
    report.unmarked = roots.map(|task| task.id.clone()).filter(|id| !output.done.contains(id)).collect();
    report.standing = if report.missing.is_empty() { Standing::Complete } else { Standing::Incomplete };
    report
}

fn label(id: &str, index: Index) -> String {
    index.map_or_else(|| id.to_owned(), |index| format!("{id}[{index}]"))
}

/// The form as its program would show it, with these answers.
struct Page<'a> {
    form: &'a Form,
    output: &'a Output,
    /// For each task, its repetitions.
    instances: Vec<BTreeSet<Index>>,
}

impl<'a> Page<'a> {
    fn new(form: &'a Form, output: &'a Output) -> Self {
        let present = present(form, output);
        let mut known: Vec<Option<BTreeSet<Index>>> = vec![None; form.tasks.len()];
        for at in 0..form.tasks.len() {
            repetitions(form, &present, &mut known, at);
        }
        Self { form, output, instances: known.into_iter().map(Option::unwrap_or_default).collect() }
    }

    /// Whether the task and all above it are shown.
    fn shown(&self, at: usize, index: Index) -> bool {
        let Some(task) = self.form.tasks.get(at) else { return false };
        if !task.conditions.iter().all(|condition| self.holds(at, index, condition)) {
            return false;
        }
        let Some(parent) = task.parent else { return true };
        let above = self.instances.get(parent);
        // A repetition carries the number of the one it was made with; one that was added later has a number of its own,
        // and the file does not say where it belongs.
        match above {
            Some(above) if above.contains(&index) => self.shown(parent, index),
            Some(above) => above.iter().any(|&index| self.shown(parent, index)),
            None => false,
        }
    }

    /// Whether the author stopped before this task, as the form allows: the section that is always asked lies before it,
    /// and its own is marked as done.
    fn left_off(&self, at: usize) -> bool {
        let section = self.form.and_above(at).last();
        let marked = section.and_then(|section| self.form.tasks.get(section));
        self.form.ends_after.is_some_and(|last| section.is_some_and(|section| section > last))
            && marked.is_some_and(|section| self.output.done.contains(&section.id))
    }

    /// Whether a condition holds. One on another group's repetitions has nothing to be compared with: the form shows the
    /// task then, and so do we.
    fn holds(&self, at: usize, index: Index, condition: &Condition) -> bool {
        let index = match self.form.repeated_by(condition.task) {
            None => None,
            Some(owner) if self.form.and_above(at).any(|above| above == owner) => index,
            Some(_) => return true,
        };
        let stored = self.form.tasks.get(condition.task);
        let stored = stored.and_then(|task| self.output.answers.get(&(task.id.clone(), index)));
        match (&condition.operator, stored) {
            (Operator::Any, _) => true,
            (Operator::Equals(expected) | Operator::Contains(expected), Some(Answer::Text(text))) => {
                expected.is(text)
            }
            (Operator::Contains(expected), Some(Answer::Many(items))) => {
                items.iter().any(|item| expected.is(item))
            }
            _ => false,
        }
    }

    fn answered(&self, at: usize, task: &Task, index: Index) -> bool {
        let fits = |text: &String| match &task.options {
            Some(options) => options.contains(text),
            None => !text.trim().is_empty(),
        };
        match (task.kind, self.output.answers.get(&(task.id.clone(), index))) {
            (TaskKind::Many, Some(Answer::Many(items))) => items.iter().all(fits),
            // Nothing ticked leaves no trace in the file. In a section marked as done it means: none of these.
            (TaskKind::Many, None) => {
                let section = self.form.and_above(at).last().and_then(|root| self.form.tasks.get(root));
                section.is_some_and(|section| self.output.done.contains(&section.id))
            }
            (TaskKind::Many | TaskKind::One | TaskKind::Text, Some(Answer::Text(text))) => fits(text),
            // The form shows such an option as chosen until another is.
            (TaskKind::One, None | Some(Answer::Nothing)) => {
                task.options.as_ref().is_some_and(|options| options.contains(NO_VALUE))
            }
            (TaskKind::Image, Some(Answer::Image)) => true,
            _ => false,
        }
    }
}

/// For each repeatable task, the repetitions that the file has answers for or lists as empty.
fn present(form: &Form, output: &Output) -> BTreeMap<usize, BTreeSet<u32>> {
    let mut present: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
    let answered = output.answers.keys().filter_map(|(id, index)| Some((id, (*index)?)));
    let empty = output.empty.iter().map(|(id, index)| (id, *index));
    for (id, index) in answered.chain(empty) {
        let owner = form.by_id.get(id).and_then(|&at| form.repeated_by(at));
        if let Some(owner) = owner {
            present.entry(owner).or_default().insert(index);
        }
    }
    present
}

/// The repetitions of a task, computed once. The form was found free of circles.
fn repetitions(
    form: &Form,
    present: &BTreeMap<usize, BTreeSet<u32>>,
    known: &mut Vec<Option<BTreeSet<Index>>>,
    at: usize,
) -> BTreeSet<Index> {
    if let Some(Some(found)) = known.get(at) {
        return found.clone();
    }
    let Some(task) = form.tasks.get(at) else { return BTreeSet::new() };
    let above = match task.parent {
        Some(parent) => repetitions(form, present, known, parent),
        None => BTreeSet::from([None]),
    };
    let found = match task.mapped_from {
        Some(source) => {
            let source = repetitions(form, present, known, source);
            if task.repeatable { numbered(source) } else { above.intersection(&source).copied().collect() }
        }
        None if task.repeatable => own_repetitions(&above, present.get(&at)),
        None => above,
    };
    if let Some(slot) = known.get_mut(at) {
        *slot = Some(found.clone());
    }
    found
}

/// The first repetition is there before anybody adds one.
fn numbered(indices: BTreeSet<Index>) -> BTreeSet<Index> {
    indices.into_iter().map(|index| index.or(Some(0))).collect()
}

/// Those in the file, and one for each repetition above that has none of its own. Those with a number that nothing above
/// has were added to one of them; the file does not say to which, so each stands for one.
fn own_repetitions(above: &BTreeSet<Index>, present: Option<&BTreeSet<u32>>) -> BTreeSet<Index> {
    let present: BTreeSet<Index> = present.into_iter().flatten().map(|&index| Some(index)).collect();
    let above = numbered(above.clone());
    let added = present.difference(&above).count();
    let bare: Vec<Index> = above.difference(&present).copied().skip(added).collect();
    present.into_iter().chain(bare).collect()
}
