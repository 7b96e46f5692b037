//! `use-case card|export|import|similar`: documents about a use case, and what others learned.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use evidence::{
    Answers, AssessmentKind, Bundle, Lesson, Likeness, PublicationCategory, Subject, Totals, assessment_card,
    dossier, model_card, rank, register_entry, system_card,
};
use provenance::{Leaf, Name};
use redact::{Profile, Redactor};
use registry::Registry;

use crate::args::{AssessmentName, Card, CardKind, Category, Evidence};
use crate::commands::keys::now_ms;
use crate::places::{Places, write_whole};

/// Below this, two use cases are not called alike.
const LIKENESS_MIN: f64 = 0.1;

pub(crate) fn run(places: &Places, command: &Evidence) -> anyhow::Result<ExitCode> {
    match command {
        Evidence::Card(card) => self::card(places, card),
        Evidence::Export { id, out } => export(places, id, out.as_deref()),
        Evidence::Import { file } => import(places, file),
        Evidence::Similar { what, most } => similar(places, what, *most),
    }
}

/// What is read to speak of use cases.
struct Desk {
    set: gateway::ActivePolicy,
    registry: Registry,
    redactor: Redactor,
}

impl Desk {
    fn open(places: &Places) -> anyhow::Result<Self> {
        Ok(Self {
            set: places.policy()?,
            registry: places.registry()?,
            // Whatever a use case allows itself, to others every kind is covered.
            redactor: Redactor::new(Profile::default())?,
        })
    }

    fn subject(&self, id: &str) -> anyhow::Result<Subject<'_>> {
        Ok(Subject::gather(&self.set, &self.registry, id, now_ms())?)
    }

    fn lesson(&self, id: &str) -> anyhow::Result<Lesson> {
        let redact = |text: &str| {
            let redaction = self.redactor.redact(&[text]).map_err(|error| error.to_string())?;
            let redacted = redaction.texts.first().ok_or("nothing came back")?;
            Ok(redacted.to_string())
        };
        Ok(Lesson::of(&self.subject(id)?, &redact)?)
    }

    /// The bundles under `shared/`.
    fn shared(&self) -> anyhow::Result<Vec<(String, Bundle)>> {
        let files = self.set.files().iter().filter(|(path, _)| path.starts_with("shared/"));
        files
            .map(|(path, text)| {
                let bundle = Bundle::parse(text).with_context(|| format!("policy/{path}"))?;
                Ok((path.to_owned(), bundle))
            })
            .collect()
    }
}

fn card(places: &Places, card: &Card) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(places)?;
    let mut subject = desk.subject(&card.id)?;
    subject.totals = totals(places, &card.id)?;
    let language = card.lang.into();
    let text = match card.kind {
        CardKind::Register => register_entry(&subject, category(card.category)?)?,
        CardKind::System => system_card(&subject, language),
        CardKind::Model => model_card(&subject, model(&subject, card.model.as_deref())?)?,
        CardKind::Assessment => {
            let kind = match card.assessment.context("say which assessment: --assessment dpia or iama")? {
                AssessmentName::Dpia => AssessmentKind::Dpia,
                AssessmentName::Iama => AssessmentKind::Iama,
            };
            let answers = card.answers.as_deref().map(answers).transpose()?;
            assessment_card(&subject, kind, answers.as_ref(), language)?
        }
        CardKind::Dossier => dossier(&subject, language),
    };
    write(card.out.as_deref(), &text)?;
    if card.kind == CardKind::Register {
        warn_of_personal_data(&desk.redactor, &subject, &text)?;
    }
    if !subject.standing.is_permit() {
        eprintln!("note: {} does not run now; proeftuin use-case check {0} says why", card.id);
    }
    Ok(ExitCode::SUCCESS)
}

/// The register is public. The address for the public belongs there, and what else is found is told.
fn warn_of_personal_data(redactor: &Redactor, subject: &Subject<'_>, text: &str) -> anyhow::Result<()> {
    let contact = subject.accountability.contact_email.trim();
    let text = text.replace(contact, "");
    let found: BTreeSet<&str> = redactor.scan(&text)?.iter().map(|finding| finding.kind.id()).collect();
    if !found.is_empty() {
        let kinds: Vec<&str> = found.into_iter().collect();
        eprintln!(
            "note: the entry will be public, and holds what looks like personal data: {}",
            kinds.join(", ")
        );
    }
    Ok(())
}

fn category(category: Option<Category>) -> anyhow::Result<PublicationCategory> {
    Ok(
        match category.context("say which publication category: --category high-risk, impactful or other")? {
            Category::HighRisk => PublicationCategory::HighRisk,
            Category::Impactful => PublicationCategory::Impactful,
            Category::Other => PublicationCategory::Other,
        },
    )
}

fn model<'a>(subject: &Subject<'a>, asked: Option<&'a str>) -> anyhow::Result<&'a str> {
    match (asked, subject.models.as_slice()) {
        (Some(id), _) => Ok(id),
        (None, [only]) => Ok(only.id),
        (None, several) => {
            let ids: Vec<&str> = several.iter().map(|model| model.id).collect();
            bail!("say which model: --model {}", ids.join(" or "))
        }
    }
}

fn answers(path: &Path) -> anyhow::Result<Answers> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Answers::parse(&text).with_context(|| path.display().to_string())
}

fn write(out: Option<&Path>, text: &str) -> anyhow::Result<()> {
    match out {
        Some(path) => std::fs::write(path, text).with_context(|| path.display().to_string()),
        None => Ok(std::io::stdout().write_all(text.as_bytes())?),
    }
}

/// What the log says of a use case; `None` where there is no log yet.
fn totals(places: &Places, id: &str) -> anyhow::Result<Option<Totals>> {
    if !places.log().is_dir() {
        return Ok(None);
    }
    let mut totals = Totals::default();
    // Outcomes name their intent, and intents the use case.
    let mut ours = BTreeSet::new();
    provenance::show(&places.log(), |leaf| {
        let about =
            |case: &Option<provenance::UseCaseRef>| case.as_ref().is_some_and(|c| c.id.as_str() == id);
        let counted = match &leaf.entry.leaf {
            Leaf::Intent(intent) if about(&intent.request.use_case) => {
                ours.insert(leaf.index);
                totals.admitted += 1;
                let tokens = intent.request.input.as_ref().map_or(0, |input| input.tokens);
                totals.tokens_in += u64::from(tokens);
                for (kind, count) in intent.request.redaction.iter().flat_map(|redaction| &redaction.counts) {
                    *totals.found.entry(kind.as_str().to_owned()).or_default() += u64::from(*count);
                }
                true
            }
            Leaf::Outcome(outcome) if ours.remove(&outcome.intent_seq) => {
                totals.completed += u64::from(outcome.facts.status == provenance::Status::Completed);
                totals.tokens_out += outcome.facts.choices.iter().map(|c| u64::from(c.tokens)).sum::<u64>();
                true
            }
            Leaf::Denied(denied) if about(&denied.request.use_case) => {
                let rule = denied.request.decision.rule.as_ref().map_or("", Name::as_str);
                *totals.denied.entry(rule.to_owned()).or_default() += 1;
                true
            }
            _ => false,
        };
        if counted {
            let at = leaf.entry.ts_ms;
            let (first, _) = totals.span_ms.unwrap_or((at, at));
            totals.span_ms = Some((first, at));
        }
        true
    })?;
    Ok(Some(totals))
}

fn export(places: &Places, id: &str, out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let bundle = Bundle::seal(Desk::open(places)?.lesson(id)?)?;
    write(out, &bundle.to_text())?;
    eprintln!(
        "sha256 {}; read it before you share it: a name that neither record nor roster holds may still stand in it",
        bundle.sha256()
    );
    Ok(ExitCode::SUCCESS)
}

fn import(places: &Places, file: &Path) -> anyhow::Result<ExitCode> {
    let dir = places.policy_dir()?;
    let bundle = read_bundle(file)?;
    write_whole(&dir.join(bundle.path()), &bundle.to_text())?;
    println!("{}: {}", bundle.path(), one_line(&bundle.lesson().title));
    println!(
        "a lesson and no use case: nothing of it runs until you write a draft of your own in use-cases/"
    );
    Ok(ExitCode::SUCCESS)
}

fn read_bundle(path: &Path) -> anyhow::Result<Bundle> {
    let said = || path.display().to_string();
    let size = std::fs::metadata(path).with_context(said)?.len();
    if size > evidence::BUNDLE_BYTES_MAX as u64 {
        bail!("{} has {size} bytes, and a bundle has at most {}", said(), evidence::BUNDLE_BYTES_MAX);
    }
    let text = std::fs::read_to_string(path).with_context(said)?;
    Bundle::parse(&text).with_context(said)
}

fn similar(places: &Places, what: &str, most: usize) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(places)?;
    let known = desk.set.use_case(what).is_some();
    let (own, own_sha256) = if known {
        (desk.lesson(what)?, None)
    } else if Path::new(what).exists() {
        let bundle = read_bundle(Path::new(what))?;
        (bundle.lesson().clone(), Some(bundle.sha256().to_owned()))
    } else {
        bail!("{what} is neither a use case of the policy nor a file");
    };
    let (mut places_of, mut lessons) = (Vec::new(), Vec::new());
    for case in desk.set.use_cases().filter(|case| case.id != what && case.kind != policy::Kind::Demo) {
        places_of.push(format!("use-cases/{}.toml", case.id));
        lessons.push(desk.lesson(&case.id)?);
    }
    for (path, bundle) in desk.shared()? {
        if own_sha256.as_deref() != Some(bundle.sha256()) {
            places_of.push(path);
            lessons.push(bundle.lesson().clone());
        }
    }
    let ranked = rank(&own, &lessons);
    let alike: Vec<&Likeness> = ranked
        .iter()
        .filter(|likeness| likeness.score >= LIKENESS_MIN || !likeness.same_documents.is_empty())
        .take(most)
        .collect();
    if alike.is_empty() {
        println!("nothing here is like it; {} use cases were compared", lessons.len());
    }
    for likeness in alike {
        let (Some(place), Some(lesson)) = (places_of.get(likeness.index), lessons.get(likeness.index)) else {
            continue;
        };
        tell(likeness, place, lesson);
    }
    Ok(ExitCode::SUCCESS)
}

/// A title of another's stays on its line.
fn one_line(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn tell(likeness: &Likeness, place: &str, lesson: &Lesson) {
    println!("{:.2}  {place}: {} ({})", likeness.score, one_line(&lesson.title), lesson.status.name());
    println!("      texts {:.2}, facts {:.2}", likeness.texts, likeness.facts);
    let words = likeness.words.iter();
    let words: Vec<String> = words
        .map(|(here, there)| if here == there { here.clone() } else { format!("{here} ~ {there}") })
        .collect();
    if !words.is_empty() {
        println!("      words: {}", words.join(", "));
    }
    if !likeness.shared.is_empty() {
        println!("      both: {}", likeness.shared.join(", "));
    }
    if !likeness.same_documents.is_empty() {
        println!("      the same document, by SHA-256: {}", likeness.same_documents.join(", "));
    }
}
