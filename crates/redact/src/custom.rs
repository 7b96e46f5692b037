//! Recognizers that a profile defines: a pattern, words around it, a check.
//!
//! A pattern has a greatest length and no anchors, so that what it finds does not depend on where a text begins, and streams can
//! hold back enough. The engine is a finite automaton of bounded size: time grows with the text and no faster.

use std::borrow::Cow;

use aho_corasick::AhoCorasick;
use regex_automata::{Input, meta::Regex, util::syntax};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::checks::{dutch, luhn, mod_11_10, mod_97};
use crate::context::{back, forward};
use crate::cues::Cues;
use crate::finding::Reason;
use crate::kind::CustomKind;
use crate::profile::{default_threshold, default_unresolved};
use crate::recognizers::{Candidate, Recognizer, Scan, because, compact};
use crate::view::View;
use crate::{Action, Error, Group, Kind, KindRule};

/// Longest value that a pattern may match, in bytes; a stream holds back for it.
pub(crate) const MATCH_BYTES_MAX: usize = 64;
/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 512;
/// Most cue words of one recognizer, and most examples of either sort.
const WORDS_MAX: usize = 64;
/// Largest automaton of one pattern, in bytes.
const AUTOMATON_BYTES_MAX: usize = 1 << 20;

/// Arithmetic that a match must satisfy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Check {
    /// The pattern says enough.
    #[default]
    None,
    /// Luhn over the digits (ISO/IEC 7812-1).
    Luhn,
    /// The Dutch elfproef: the digits times n … 2, the last times -1, divisible by 11.
    Mod11,
    /// ISO 7064 mod 11,10 over the digits.
    #[serde(rename = "mod11-10")]
    Mod1110,
    /// ISO 7064 mod 97-10 over letters and digits.
    Mod97,
}

impl Check {
    fn holds(self, value: &str) -> bool {
        let digits =
            || -> Zeroizing<String> { Zeroizing::new(value.chars().filter(char::is_ascii_digit).collect()) };
        match self {
            Self::None => true,
            Self::Luhn => luhn(&digits()),
            Self::Mod11 => {
                let digits = digits();
                digits.len() > 1 && dutch::eleven(&digits) == Some(0)
            }
            Self::Mod1110 => mod_11_10(&digits()),
            Self::Mod97 => mod_97(compact(value).as_str().bytes()) == Some(1),
        }
    }
}

/// `[[custom]]`, as written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    id: String,
    label: String,
    description: String,
    pattern: String,
    #[serde(default)]
    cues: Vec<String>,
    #[serde(default)]
    cues_required: bool,
    #[serde(default = "default_boost")]
    boost: u8,
    #[serde(default)]
    check: Check,
    #[serde(default = "default_score")]
    score: u8,
    #[serde(default = "default_group")]
    group: Group,
    #[serde(default = "default_action")]
    action: Action,
    #[serde(default = "default_threshold")]
    threshold: u8,
    #[serde(default = "default_unresolved")]
    unresolved: u8,
    examples: Vec<String>,
    #[serde(default)]
    counter_examples: Vec<String>,
}

const fn default_boost() -> u8 {
    30
}
const fn default_score() -> u8 {
    70
}
const fn default_group() -> Group {
    Group::Case
}
const fn default_action() -> Action {
    Action::Pseudonymise
}

/// A recognizer of a profile, checked against its own examples.
#[derive(Clone, Debug)]
pub(crate) struct Custom {
    pub(crate) kind: Kind,
    spec: Spec,
    regex: Regex,
    cues: Option<AhoCorasick>,
}

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Eq for Custom {}

impl Custom {
    /// Compiles a recognizer and tries its examples; the error says which key is wrong and what to do.
    pub(crate) fn new(spec: Spec) -> Result<Self, String> {
        limits(&spec)?;
        let kind = Kind::Custom(CustomKind::new(&spec.id, &spec.label, spec.group)?);
        let regex = compile(&spec.pattern)?;
        let words: Vec<&str> = spec.cues.iter().map(|word| word.trim_end_matches('*')).collect();
        let cues = if words.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder().ascii_case_insensitive(true).build(words);
            Some(built.map_err(|_| "`cues` cannot be built; use fewer words".to_owned())?)
        };
        let custom = Self { kind, spec, regex, cues };
        custom.try_examples()?;
        Ok(custom)
    }

    pub(crate) const fn rule(&self) -> KindRule {
        let Spec { action, threshold, unresolved, .. } = self.spec;
        KindRule { action, threshold, unresolved }
    }

    /// All that a result depends on, for the digest.
    pub(crate) fn canonical(&self) -> String {
        format!("custom {:?}\n", self.spec)
    }

    fn try_examples(&self) -> Result<(), String> {
        for (key, examples, wanted) in [
            ("examples", &self.spec.examples, true),
            ("counter_examples", &self.spec.counter_examples, false),
        ] {
            for (number, example) in (1..).zip(examples) {
                let score = self.best(example).map_err(|error| error.to_string())?;
                if (score >= self.spec.threshold) != wanted {
                    let found = if wanted { "is not found" } else { "is found" };
                    return Err(format!(
                        "number {number} of `{key}` {found} (score {score}, threshold {}); mend the pattern, the cues or the example",
                        self.spec.threshold
                    ));
                }
            }
        }
        Ok(())
    }

    /// The highest score in an example; 0 without a match.
    fn best(&self, text: &str) -> Result<u8, Error> {
        let view = View::new(text)?;
        let scan = Scan::new(view.text(), Cues::all()?, None);
        let mut best = 0;
        self.candidates(&scan, &mut |candidate| {
            let total: i32 = candidate.reasons.iter().map(|reason| i32::from(reason.points)).sum();
            best = best.max(u8::try_from(total.clamp(0, 100)).unwrap_or(0));
        });
        Ok(best)
    }

    /// The cue word near `start..end`, or in the key that the text stands under.
    fn cue(&self, scan: &Scan<'_>, start: usize, end: usize) -> Option<&str> {
        let cues = self.cues.as_ref()?;
        let window = |from: usize, to: usize| self.word(cues, scan.slice(from, to));
        window(back(scan.text, start), start)
            .or_else(|| scan.label.and_then(|label| self.word(cues, label)))
            .or_else(|| window(end, forward(scan.text, end)))
    }

    /// The first cue that is a word of its own in `text`.
    fn word(&self, cues: &AhoCorasick, text: &str) -> Option<&str> {
        cues.find_overlapping_iter(text).find_map(|hit| {
            let word = self.spec.cues.get(hit.pattern().as_usize())?;
            let before = text.get(..hit.start()).and_then(|t| t.chars().next_back());
            let after = text.get(hit.end()..).and_then(|t| t.chars().next());
            let ends = word.ends_with('*') || !after.is_some_and(char::is_alphabetic);
            (ends && !before.is_some_and(char::is_alphanumeric)).then_some(word.as_str())
        })
    }
}

impl Recognizer for Custom {
    fn kinds(&self) -> Vec<Kind> {
        vec![self.kind]
    }

    fn version(&self) -> u32 {
        1
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        let mut at = 0;
        // Every place where the pattern can begin, and not only those that do not overlap: which those are would depend on where
        // the text began.
        while let Some(found) = self.regex.find(Input::new(scan.text).range(at..)) {
            scan.step();
            let (start, end) = (found.start(), found.end());
            let next = scan.text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            at = start.saturating_add(next);
            let value = scan.slice(start, end);
            let inside = |edge: Option<char>| edge.is_some_and(char::is_alphanumeric);
            if (inside(value.chars().next()) && scan.attached_before(start))
                || (inside(value.chars().next_back()) && scan.attached_after(end))
                || !self.spec.check.holds(value)
            {
                continue;
            }
            let mut reasons = vec![because("the profile's pattern", i16::from(self.spec.score))];
            match self.cue(scan, start, end) {
                Some(word) => {
                    let what = Cow::Owned(format!("cue \"{word}\""));
                    reasons.push(Reason { what, points: i16::from(self.spec.boost) });
                }
                None if self.spec.cues_required => continue,
                None => {}
            }
            let (kind, canonical) = (self.kind, compact(value));
            sink(Candidate { kind, start, end, canonical, reasons, judged: true });
        }
    }
}

fn limits(spec: &Spec) -> Result<(), String> {
    if spec.description.trim().is_empty() {
        return Err("`description` says in a sentence what is found; it is empty".to_owned());
    }
    if [spec.score, spec.threshold, spec.unresolved, spec.boost].iter().any(|&score| score > 100) {
        return Err("`score`, `boost`, `threshold` and `unresolved` must lie between 0 and 100".to_owned());
    }
    if spec.action == Action::Generalise {
        return Err(crate::profile::no_generalisation(&spec.id));
    }
    if spec.examples.is_empty() {
        return Err("`examples` must hold at least one text in which it is found".to_owned());
    }
    for (key, list) in
        [("cues", &spec.cues), ("examples", &spec.examples), ("counter_examples", &spec.counter_examples)]
    {
        if list.len() > WORDS_MAX {
            return Err(format!("`{key}` holds more than {WORDS_MAX} entries"));
        }
    }
    let short = |word: &String| !(1..=40).contains(&word.trim_end_matches('*').chars().count());
    if spec.cues.iter().any(short) {
        return Err("a word of `cues` must have 1 to 40 characters".to_owned());
    }
    if spec.cues_required && spec.cues.is_empty() {
        return Err("`cues_required` needs words in `cues`".to_owned());
    }
    Ok(())
}

/// The automaton of a pattern whose matches have a greatest length, wherever the text begins.
fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("`pattern` has more than {PATTERN_BYTES_MAX} bytes"));
    }
    let hir =
        syntax::parse(pattern).map_err(|error| format!("`pattern` is no regular expression: {error}"))?;
    let seen = hir.properties();
    if seen.look_set().contains_anchor() {
        return Err(
            "`pattern` may not have ^, $, \\A or \\z: texts are read in pieces; \\b is allowed".to_owned()
        );
    }
    match (seen.minimum_len(), seen.maximum_len()) {
        (Some(2..), Some(longest)) if longest <= MATCH_BYTES_MAX => {}
        (None | Some(0 | 1), _) => return Err("`pattern` must match at least 2 bytes".to_owned()),
        _ => {
            return Err(format!(
                "`pattern` may match at most {MATCH_BYTES_MAX} bytes; write {{1,8}} instead of + or *, and [0-9] instead of \\d"
            ));
        }
    }
    let config = Regex::config().nfa_size_limit(Some(AUTOMATON_BYTES_MAX)).utf8_empty(true);
    Regex::builder()
        .configure(config)
        .build_from_hir(&hir)
        .map_err(|_| "`pattern` needs too large an automaton; make its repetitions smaller".to_owned())
}
