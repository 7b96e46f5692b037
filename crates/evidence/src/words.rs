//! What the documents say in words, in both languages, and how they write a date.

use jiff::Timestamp;
use jiff::civil::Date;
use policy::{
    Check, DataClass, Fault, Finding, Language, Operator, Outcome, Role, Service, SpecialCategoryAction,
    Status, SupplierFault, Terms,
};
use registry::Openness;

use crate::{ConditionState, Subject};

/// One of two texts.
pub(crate) fn say(language: Language, english: &'static str, dutch: &'static str) -> &'static str {
    match language {
        Language::English => english,
        Language::Dutch => dutch,
    }
}

const MONTHS: [(&str, &str); 12] = [
    ("January", "januari"),
    ("February", "februari"),
    ("March", "maart"),
    ("April", "april"),
    ("May", "mei"),
    ("June", "juni"),
    ("July", "juli"),
    ("August", "augustus"),
    ("September", "september"),
    ("October", "oktober"),
    ("November", "november"),
    ("December", "december"),
];

fn civil(ms: i64) -> Option<Date> {
    Some(jiff::tz::Offset::UTC.to_datetime(Timestamp::from_millisecond(ms).ok()?).date())
}

/// `2026-01-31` (ISO 8601), in UTC.
pub(crate) fn iso_date(ms: i64) -> String {
    civil(ms).map_or_else(String::new, |date| date.to_string())
}

/// `2026-01`, in UTC.
pub(crate) fn iso_month(ms: i64) -> String {
    civil(ms).map_or_else(String::new, |date| format!("{:04}-{:02}", date.year(), date.month()))
}

/// `2026-01-31T09:00:00Z` (RFC 3339), in UTC.
pub(crate) fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string())
}

/// `31 January 2026`, in UTC.
pub(crate) fn long_date(ms: i64, language: Language) -> String {
    let Some(date) = civil(ms) else { return String::new() };
    format!("{} {} {}", date.day(), month_name(date.month(), language), date.year())
}

/// `January`, of 1.
pub(crate) fn month_name(month: i8, language: Language) -> &'static str {
    let name = usize::try_from(i16::from(month) - 1).ok().and_then(|at| MONTHS.get(at));
    let (english, dutch) = name.copied().unwrap_or(("", ""));
    say(language, english, dutch)
}

/// Groups of three digits.
pub(crate) fn number(value: u64, language: Language) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push_str(say(language, ",", "."));
        }
        text.push(digit);
    }
    text
}

pub(crate) fn status(status: Status, language: Language) -> &'static str {
    match status {
        Status::Draft => say(language, "draft", "concept"),
        Status::Advised => say(language, "advised", "geadviseerd"),
        Status::Pilot => say(language, "pilot", "pilot"),
        Status::Accepted => say(language, "accepted", "aanvaard"),
        Status::Suspended => say(language, "suspended", "opgeschort"),
        Status::Retired => say(language, "retired", "beëindigd"),
    }
}

pub(crate) fn data_class(class: DataClass, language: Language) -> &'static str {
    match class {
        DataClass::None => say(language, "no personal data", "geen persoonsgegevens"),
        DataClass::Personal => say(language, "personal data", "persoonsgegevens"),
        DataClass::Identifier => {
            say(language, "personal data, the BSN included", "persoonsgegevens, ook het BSN")
        }
        DataClass::Special => say(
            language,
            "personal data, special categories included",
            "persoonsgegevens, ook bijzondere categorieën",
        ),
        DataClass::Criminal => say(
            language,
            "personal data, those of a criminal nature included",
            "persoonsgegevens, ook van strafrechtelijke aard",
        ),
    }
}

pub(crate) fn verdict(verdict: Outcome, language: Language) -> &'static str {
    match verdict {
        Outcome::Positive => say(language, "positive", "positief"),
        Outcome::Conditional => say(language, "conditional", "voorwaardelijk"),
        Outcome::Negative => say(language, "negative", "negatief"),
    }
}

pub(crate) fn role(role: Role, language: Language) -> &'static str {
    match role {
        Role::Cio => "CIO",
        Role::Fg => "FG",
        Role::Owner => say(language, "owner", "eigenaar"),
        Role::Evaluator => "evaluator",
    }
}

pub(crate) fn check(check: Check, language: Language) -> &'static str {
    match check {
        Check::LoopbackOnly => {
            say(language, "used on the machine itself only", "alleen gebruikt op de machine zelf")
        }
        Check::KeysExpire => say(language, "every key has a last day", "elke sleutel heeft een laatste dag"),
        Check::NoPersonalData => {
            say(language, "no personal data in a request", "geen persoonsgegevens in een verzoek")
        }
    }
}

pub(crate) fn condition_state(state: ConditionState, language: Language) -> &'static str {
    match state {
        ConditionState::Checked => say(language, "checked at each request", "getoetst bij elk verzoek"),
        ConditionState::SignedOff => say(language, "signed off", "afgetekend"),
        ConditionState::Open => say(language, "open: it blocks", "open: het blokkeert"),
        ConditionState::NotJudged => say(language, "not judged", "niet beoordeeld"),
    }
}

/// Why a signature or the roster does not count. English has the policy's own words, which may name the part.
pub(crate) fn fault(finding: &Finding, language: Language) -> &str {
    if language == Language::English {
        return &finding.detail;
    }
    match finding.fault {
        Fault::RootMissing => "het programma is gestart zonder vertrouwensanker",
        Fault::RosterMissing => "er is geen rooster",
        Fault::RosterNotSigned => "de hoofdsleutels staan niet in voor het rooster",
        Fault::RosterRolledBack => "het rooster is ouder dan een dat al is gezien",
        Fault::NotGenuine => "de handtekening klopt niet",
        Fault::KeyUnknown => "de sleutel staat niet in het rooster",
        Fault::WrongRole => "de ondertekenaar heeft deze rol hier niet",
        Fault::OutsideTerm => "ondertekend buiten de termijn van de ondertekenaar",
        Fault::OtherUseCase => "gaat over een andere toepassing",
        Fault::RecordChanged => "het dossier is niet wat is ondertekend",
        Fault::AssessmentChanged => "een toets is niet wat is ondertekend",
        Fault::ModelChanged => "de vastgelegde hash of het dossier van een model is niet wat is ondertekend",
        Fault::RedactionChanged => "het redactieprofiel is niet wat is ondertekend",
        Fault::AdviceChanged => "het advies is niet waarop de eigenaar besloot",
        Fault::TransitionIllegal => "een stap in de besluiten bestaat niet of ontbreekt",
        Fault::StateNotDecided => "de status in het dossier is niet wat de eigenaar besloot",
        _ => &finding.detail,
    }
}

/// What the program does about risks in this use case, each a sentence. Only what it enforces is said.
pub(crate) fn safeguards(subject: &Subject<'_>, language: Language) -> Vec<String> {
    let case = subject.case;
    let limits = case.limits;
    let mut said = vec![
        format!(
            "{} {}.",
            say(
                language,
                "Personal data that are recognised in a request are handled by the redaction profile before the \
                 model gets the text; heavier data than these are refused:",
                "Persoonsgegevens die in een verzoek worden herkend, worden volgens het redactieprofiel behandeld \
                 voordat het model de tekst krijgt; zwaardere gegevens dan deze worden geweigerd:",
            ),
            data_class(case.max_data_class, language)
        ),
        special(case.special_category_action, language).to_owned(),
    ];
    said.push(format!(
        "{} {}, {}, {}.",
        say(language, "Limits:", "Grenzen:"),
        format_args!(
            "{} {}",
            number(limits.tokens_per_request, language),
            say(language, "tokens a request", "tokens per verzoek")
        ),
        format_args!(
            "{} {}",
            number(limits.requests_per_minute, language),
            say(language, "requests a minute", "verzoeken per minuut")
        ),
        format_args!(
            "{} {}",
            number(limits.tokens_per_day, language),
            say(language, "tokens a day", "tokens per dag")
        ),
    ));
    said.push(
        say(
            language,
            "Each request is entered, without its content, in a log that can only grow and that others can verify.",
            "Elk verzoek wordt, zonder inhoud, vastgelegd in een logboek dat alleen kan groeien en dat anderen \
             kunnen controleren.",
        )
        .to_owned(),
    );
    said.extend(informed(case, language));
    for asked in &subject.approvals.conditions {
        let intro = say(
            language,
            "Condition of an advice, checked at each request:",
            "Voorwaarde uit een advies, getoetst bij elk verzoek:",
        );
        said.push(format!("{intro} {}.", check(*asked, language)));
    }
    said
}

/// What happens to special categories of personal data.
fn special(action: SpecialCategoryAction, language: Language) -> &'static str {
    match action {
        SpecialCategoryAction::Refuse => say(
            language,
            "A request in which a special category of personal data is recognised is refused.",
            "Een verzoek waarin een bijzonder persoonsgegeven wordt herkend, wordt geweigerd.",
        ),
        SpecialCategoryAction::Strip => say(
            language,
            "A special category of personal data that is recognised in a request is masked before the model gets \
             the text.",
            "Een bijzonder persoonsgegeven dat in een verzoek wordt herkend, wordt gemaskeerd voordat het model de \
             tekst krijgt.",
        ),
        SpecialCategoryAction::Allow => say(
            language,
            "Special categories of personal data are authorised in this use case.",
            "Bijzondere persoonsgegevens zijn in deze toepassing toegestaan.",
        ),
    }
}

/// What is asked of users before they may use it.
fn informed(case: &policy::UseCase, language: Language) -> Vec<String> {
    let mut said = Vec::new();
    if case.informed.guidance.is_some() {
        let sentence = say(
            language,
            "Each user reads and acknowledges what may be done with it before the first request, and anew when that changes.",
            "Elke gebruiker leest en bevestigt voor het eerste verzoek wat ermee mag, en opnieuw wanneer dat verandert.",
        );
        said.push(sentence.to_owned());
    }
    if !case.informed.training.is_empty() {
        let list = case.informed.training.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let intro = say(
            language,
            "Users without these trainings, or whose training has lapsed, are refused:",
            "Gebruikers zonder deze trainingen, of wier training is verlopen, worden geweigerd:",
        );
        said.push(format!("{intro} {list}."));
    }
    said
}

/// How it works, as far as the pinned models tell.
pub(crate) fn technique(subject: &Subject<'_>, language: Language) -> Vec<String> {
    let mut said = vec![format!(
        "{}{}. {}",
        say(language, "A language model makes text from text, ", "Een taalmodel maakt tekst van tekst, "),
        where_it_runs(subject.case, language),
        say(
            language,
            "It does not learn from use: the program cannot train, and keeps no requests or answers.",
            "Het is niet zelflerend: het programma kan niet trainen, en bewaart geen vragen of antwoorden.",
        )
    )];
    for model in &subject.models {
        let Some(entry) = model.entry else {
            said.push(format!("Model {}.", model.id));
            continue;
        };
        let weights = entry.dossier.as_ref().map_or(Openness::Unknown, |dossier| dossier.weights);
        said.push(format!(
            "Model {}: {} {}, {} {}; {} {}; SHA-256 {}.",
            model.id,
            say(language, "licence", "licentie"),
            entry.license,
            say(language, "weights", "gewichten"),
            openness(weights, language),
            say(language, "training data:", "trainingsdata:"),
            training_data(entry.training_data(), language),
            hex::encode(entry.sha256()),
        ));
    }
    said
}

/// On whose machines, as the record says: where it says nothing, nothing is claimed.
fn where_it_runs(case: &policy::UseCase, language: Language) -> String {
    // Not those of upkeep, advice or a model: nothing runs with them.
    let runs = |one: &&policy::Supplier| matches!(one.service, Service::Hosting | Service::Operation);
    let names =
        case.suppliers.iter().filter(runs).map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
    match case.operated_by {
        Some(Operator::Organisation) => {
            say(language, "on machines of the organisation", "op machines van de organisatie").to_owned()
        }
        Some(Operator::Suppliers) if names.is_empty() => say(
            language,
            "run for the organisation by suppliers",
            "voor de organisatie gedraaid door leveranciers",
        )
        .to_owned(),
        Some(Operator::Suppliers) => {
            format!(
                "{} {}",
                say(language, "run for the organisation by", "voor de organisatie gedraaid door"),
                // The sentence has a full stop of its own.
                names.trim_end_matches('.')
            )
        }
        None => say(
            language,
            "on machines of which the record does not say whose they are",
            "op machines waarvan het dossier niet zegt van wie ze zijn",
        )
        .to_owned(),
    }
}

/// Who runs it.
pub(crate) fn operator(operator: Option<Operator>, language: Language) -> &'static str {
    match operator {
        None => say(language, "The record does not say.", "Het dossier zegt het niet."),
        Some(Operator::Organisation) => say(language, "The organisation itself.", "De organisatie zelf."),
        Some(Operator::Suppliers) => {
            say(language, "Suppliers, for the organisation.", "Leveranciers, voor de organisatie.")
        }
    }
}

/// What a supplier does.
pub(crate) fn service(service: Service, language: Language) -> &'static str {
    match service {
        Service::Hosting => say(language, "machines", "machines"),
        Service::Operation => say(language, "runs the program", "draait het programma"),
        Service::Maintenance => say(language, "maintenance", "onderhoud"),
        Service::Model => say(language, "a model", "een model"),
        Service::Other => say(language, "something else", "iets anders"),
    }
}

/// The terms of a contract.
pub(crate) fn terms(terms: Terms, language: Language) -> &'static str {
    match terms {
        Terms::Arbit2022 => "ARBIT 2022",
        Terms::Departmental => say(language, "departmental terms", "departementale voorwaarden"),
        Terms::Gibit => "GIBIT",
        Terms::Other => say(language, "other terms", "andere voorwaarden"),
    }
}

/// What is wrong with a supplier.
pub(crate) fn supplier_fault(fault: SupplierFault, language: Language) -> &'static str {
    match fault {
        SupplierFault::NotNamed => say(language, "none is named", "er is geen genoemd"),
        SupplierFault::ContractMissing => say(language, "no contract", "geen contract"),
        SupplierFault::ExceptionUnmotivated => {
            say(language, "the exception has no reason", "de uitzondering heeft geen reden")
        }
        SupplierFault::DocumentChanged => {
            say(language, "a document is not the one recorded", "een stuk is niet dat van het dossier")
        }
        SupplierFault::AgreementMissing => {
            say(language, "no processing agreement", "geen verwerkersovereenkomst")
        }
    }
}

/// How much of something is published.
pub(crate) fn openness(openness: Openness, language: Language) -> &'static str {
    match openness {
        Openness::Open => say(language, "open", "open"),
        Openness::Part => say(language, "published in part", "deels gepubliceerd"),
        Openness::Closed => say(language, "closed", "gesloten"),
        Openness::Unknown => say(language, "unknown", "onbekend"),
    }
}

/// `unknown` in words; anything else as `models.toml` has it.
pub(crate) fn training_data(text: &str, language: Language) -> &str {
    if text == "unknown" { say(language, "unknown", "onbekend") } else { text }
}
