//! Which lessons are like this one, and why. The measure can be followed by hand: seven tenths the cosine of their texts
//! as TF-IDF vectors (Salton and Buckley, 1988), three tenths the share of structured facts that they have in common
//! (weighted Jaccard). It is the same each time, and no model has a part in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::Lesson;
use crate::terms::{likeness, pieces, words};

const TEXT_SHARE: f64 = 0.7;
const FACTS_SHARE: f64 = 0.3;
/// Pairs of words that are named as reasons.
const REASONS_MAX: usize = 6;
/// Words less alike than this are not named as a pair.
const PAIR_MIN: f64 = 0.5;

/// How much one lesson is like another.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// Where it stands among those that were compared.
    pub index: usize,
    /// From 0 (nothing in common) to 1 (the same).
    pub score: f64,
    /// Of the texts alone.
    pub texts: f64,
    /// Of the structured facts alone.
    pub facts: f64,
    /// Words that count most: the one here, and the one there.
    pub words: Vec<(String, String)>,
    /// Facts that both have.
    pub shared: Vec<String>,
    /// Names of assessments, or the word contract, that are the same document, by SHA-256.
    pub same_documents: Vec<String>,
}

/// Compares `own` with each of `others`, the likest first; of equals, in their order.
#[must_use]
pub fn rank(own: &Lesson, others: &[Lesson]) -> Vec<Likeness> {
    let all: Vec<Text> = std::iter::once(own).chain(others).map(Text::of).collect();
    let rarity = rarity(&all);
    let vectors: Vec<Vector> = all.iter().map(|text| text.vector(&rarity)).collect();
    let (Some((own_text, texts)), Some((own_vector, vectors))) = (all.split_first(), vectors.split_first())
    else {
        return Vec::new();
    };
    let own_facts = facts(own);
    let mut ranked: Vec<Likeness> = others
        .iter()
        .zip(texts)
        .zip(vectors)
        .enumerate()
        .map(|(index, ((other, text), vector))| {
            let other_facts = facts(other);
            let cosine = cosine(own_vector, vector);
            let jaccard = jaccard(&own_facts, &other_facts);
            Likeness {
                index,
                score: TEXT_SHARE * cosine + FACTS_SHARE * jaccard,
                texts: cosine,
                facts: jaccard,
                words: pairs(own_text, text, own_vector, vector),
                shared: own_facts.keys().filter(|fact| other_facts.contains_key(*fact)).cloned().collect(),
                same_documents: same_documents(own, other),
            }
        })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    ranked
}

/// Pieces with their weights.
type Vector = BTreeMap<String, f64>;

/// The words of a lesson; title and purpose count twice.
struct Text {
    words: BTreeMap<String, u32>,
}

impl Text {
    fn of(lesson: &Lesson) -> Self {
        let heavy = [&lesson.title, &lesson.purpose];
        let light = [
            &lesson.legal_basis,
            &lesson.alternatives,
            &lesson.proportionality,
            &lesson.human_oversight,
            &lesson.exit_plan,
        ];
        let asked =
            lesson.advice.iter().flat_map(|advice| &advice.conditions).map(|condition| &condition.asks);
        let texts = heavy.into_iter().chain(heavy).chain(light).chain(asked);
        let mut counted: BTreeMap<String, u32> = BTreeMap::new();
        for text in texts {
            for (word, count) in words(&unmarked(text)) {
                let sum = counted.entry(word).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        Self { words: counted }
    }

    fn pieces(&self) -> BTreeMap<String, u32> {
        let mut counted: BTreeMap<String, u32> = BTreeMap::new();
        for (word, count) in &self.words {
            for piece in pieces(word) {
                let sum = counted.entry(piece).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        counted
    }

    /// Term frequency (1 + ln n) times rarity.
    fn vector(&self, rarity: &BTreeMap<String, f64>) -> Vector {
        let weigh = |(piece, count): (String, u32)| {
            let weight = (1.0 + f64::from(count).ln()) * rarity.get(&piece).copied().unwrap_or_default();
            (piece, weight)
        };
        self.pieces().into_iter().map(weigh).collect()
    }
}

/// A text without what covers names and data: `[organisation]`, `⟦BSN_1⟧`.
fn unmarked(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match c {
            '[' | '⟦' => inside = true,
            ']' | '⟧' => {
                inside = false;
                kept.push(' ');
            }
            c if !inside => kept.push(c),
            _ => {}
        }
    }
    kept
}

/// ln((N + 1) / n) for a piece that n of N texts have: what all of them have counts little, but for something.
fn rarity(all: &[Text]) -> BTreeMap<String, f64> {
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for text in all {
        for piece in text.pieces().into_keys() {
            let count = found.entry(piece).or_default();
            *count = count.saturating_add(1);
        }
    }
    let total = all.len() as f64;
    found.into_iter().map(|(piece, count)| (piece, ((total + 1.0) / f64::from(count)).ln())).collect()
}

fn cosine(one: &Vector, other: &Vector) -> f64 {
    let dot: f64 =
        one.iter().map(|(piece, weight)| weight * other.get(piece).copied().unwrap_or_default()).sum();
    let length = |vector: &Vector| vector.values().map(|weight| weight * weight).sum::<f64>().sqrt();
    let lengths = length(one) * length(other);
    if lengths > 0.0 { dot / lengths } else { 0.0 }
}

/// The words that carry most of the common weight, each with the word over there that is likest.
fn pairs(own: &Text, other: &Text, one: &Vector, two: &Vector) -> Vec<(String, String)> {
    let common = |word: &String| {
        let pieces: BTreeSet<String> = pieces(word).into_iter().collect();
        let shared = |piece: &String| Some(one.get(piece)? * two.get(piece)?);
        pieces.iter().filter_map(shared).sum::<f64>()
    };
    let mut heavy: Vec<(f64, &String)> = own.words.keys().map(|word| (common(word), word)).collect();
    heavy.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let partner = |word: &String| {
        let by_likeness = |there: &&String| likeness(word, there);
        let best =
            other.words.keys().max_by(|a, b| by_likeness(a).total_cmp(&by_likeness(b)).then(b.cmp(a)))?;
        (likeness(word, best) >= PAIR_MIN).then(|| (word.clone(), best.clone()))
    };
    heavy.into_iter().filter_map(|(_, word)| partner(word)).take(REASONS_MAX).collect()
}

/// Structured facts with their weights.
fn facts(lesson: &Lesson) -> BTreeMap<String, f64> {
    let mut facts = BTreeMap::new();
    facts.insert(format!("data class: {}", lesson.max_data_class), 1.0);
    for (sort, items) in [("data", &lesson.data_categories), ("people", &lesson.affected_groups)] {
        facts.extend(items.iter().map(|item| (format!("{sort}: {}", item.trim().to_lowercase()), 1.0)));
    }
    if let Some(action) = lesson.mitigations.get("special-categories") {
        facts.insert(format!("special categories: {action}"), 0.5);
    }
    for model in &lesson.models {
        facts.insert(format!("model: {}", model.sha256.get(..16).unwrap_or_default()), 0.5);
    }
    facts
}

fn jaccard(one: &BTreeMap<String, f64>, other: &BTreeMap<String, f64>) -> f64 {
    let shared: f64 =
        one.iter().filter(|(fact, _)| other.contains_key(*fact)).map(|(_, weight)| weight).sum();
    let all: f64 = one.values().chain(other.values()).sum::<f64>() - shared;
    if all > 0.0 { shared / all } else { 0.0 }
}

fn same_documents(own: &Lesson, other: &Lesson) -> Vec<String> {
    let there: BTreeSet<&str> = documents(other).map(|(_, sha256)| sha256).collect();
    documents(own).filter(|(_, sha256)| there.contains(sha256)).map(|(name, _)| name.to_owned()).collect()
}

/// Assessments and contracts by digest: bodies that share a framework contract hold the same one.
fn documents(lesson: &Lesson) -> impl Iterator<Item = (&str, &str)> {
    let assessed = lesson.assessments.iter().map(|one| (one.name.as_str(), one.sha256.as_str()));
    let contracts = lesson.suppliers.iter().filter_map(|one| one.contract_sha256.as_deref());
    assessed.chain(contracts.map(|sha256| ("contract", sha256)))
}
