//! Sentences made from templates and lists.

use std::collections::BTreeMap;

use super::{Gold, Label, Random, Sentence};

/// Fills templates.
pub struct Synthesis<'a> {
    templates: Vec<&'a str>,
    /// Words by the name of their list.
    words: BTreeMap<&'a str, Vec<&'a str>>,
    random: Random,
}

impl<'a> Synthesis<'a> {
    /// From templates (lines that begin with `@` are lists of words) and the lists of names, with a seed.
    #[must_use]
    pub fn new(templates: &'a str, given: &'a str, surnames: &'a str, places: &'a str, seed: u64) -> Self {
        let own = templates.lines().filter_map(|line| line.strip_prefix('@')?.split_once(' '));
        let own = own.map(|(name, words)| (name, words.split("; ").collect()));
        let listed = [("all-given", given), ("all-surnames", surnames), ("all-places", places)];
        let listed = listed.map(|(name, text)| (name, text.lines().collect()));
        let sentences = templates.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '@']));
        Self { templates: sentences.collect(), words: own.chain(listed).collect(), random: Random::new(seed) }
    }

    /// A word of a list.
    fn word(&mut self, list: &str) -> &'a str {
        let words = self.words.get(list).map(Vec::as_slice).unwrap_or_default();
        self.random.pick(words).copied().unwrap_or_default()
    }

    fn one(&mut self, items: &[&'a str]) -> &'a str {
        self.random.pick(items).copied().unwrap_or_default()
    }

    /// A sentence from some template, perhaps written carelessly.
    pub fn sentence(&mut self) -> Sentence {
        let template = self.random.pick(&self.templates).copied().unwrap_or_default();
        let mut sentence = self.fill(template);
        if self.random.chance(0.03) {
            // A value alone under a key, as in JSON.
            let key =
                self.random.pick(&["naam", "klantNaam", "name", "aanvrager", "contactpersoon", "voornaam"]);
            let text = self.person();
            let spans = vec![(0, text.len(), Gold::Name(Label::Person))];
            return Sentence { text, spans, label: key.map(|&key| key.to_owned()) };
        }
        match self.random.below(100) {
            0..13 => recase(&mut sentence, |c| c.to_lowercase().collect()),
            13..16 => recase(&mut sentence, |c| c.to_uppercase().collect()),
            _ => {}
        }
        sentence
    }

    fn fill(&mut self, template: &str) -> Sentence {
        let mut sentence = Sentence { text: String::new(), spans: Vec::new(), label: None };
        let mut rest = template;
        while let Some(at) = rest.find(['{', '[', '\\']) {
            let (before, after) = rest.split_at(at);
            sentence.text.push_str(before);
            if let Some(tail) = after.strip_prefix("\\n") {
                sentence.text.push('\n');
                rest = tail;
            } else if let Some((slot, tail)) =
                after.strip_prefix('{').and_then(|a| a.split_once('}')).filter(|(slot, _)| slot.len() == 1)
            {
                self.slot(slot, &mut sentence);
                rest = tail;
            } else if let Some((choices, tail)) = choice(after) {
                let choices: Vec<&str> = choices;
                let chosen = self.random.pick(&choices).copied().unwrap_or_default();
                let inner = self.fill(chosen);
                let offset = sentence.text.len();
                sentence.text.push_str(&inner.text);
                sentence.spans.extend(inner.spans.iter().map(|&(a, b, gold)| (a + offset, b + offset, gold)));
                rest = tail;
            } else {
                let mut chars = after.chars();
                sentence.text.extend(chars.next());
                rest = chars.as_str();
            }
        }
        sentence.text.push_str(rest);
        sentence
    }

    fn slot(&mut self, slot: &str, sentence: &mut Sentence) {
        // A small letter: the same, written small.
        let small = slot.chars().all(char::is_lowercase);
        let slot = slot.to_uppercase();
        let (text, gold) = match slot.as_str() {
            "P" => (self.person(), Some(Gold::Name(Label::Person))),
            "F" => (format!("{} {}", self.given_name(), self.surname()), Some(Gold::Name(Label::Person))),
            "S" => (self.surname(), Some(Gold::Name(Label::Person))),
            "G" => (self.given_name(), Some(Gold::Name(Label::Person))),
            "I" => (self.initials(), Some(Gold::Name(Label::Person))),
            "L" => (self.place(), Some(Gold::Name(Label::Place))),
            "A" => (self.address(), Some(Gold::Name(Label::Address))),
            "O" => (self.organisation(), Some(Gold::Organisation)),
            "D" => (self.date(), None),
            "T" => (
                format!(
                    "{}{}{:02}",
                    self.random.below(24),
                    if self.random.chance(0.5) { ":" } else { "." },
                    self.random.below(60)
                ),
                None,
            ),
            "E" => (format!("€ {},{:02}", self.random.below(5000), self.random.below(100)), None),
            "M" => (self.mail(), None),
            "H" => (self.code(), None),
            "W" => (self.word("word").to_owned(), None),
            "R" => (self.word("role").to_owned(), None),
            "X" => (self.word("thing").to_owned(), None),
            "U" => (self.surname().to_uppercase(), Some(Gold::Name(Label::Person))),
            "J" => (
                format!("{}.", char::from(b'A' + self.random.below(26) as u8)),
                Some(Gold::Name(Label::Person)),
            ),
            _ => (self.number(), None),
        };
        let person = gold == Some(Gold::Name(Label::Person));
        let text = match self.random.below(100) {
            _ if small => text.to_lowercase(),
            0..5 if person => text.to_lowercase(),
            5..9 if person => text.to_uppercase(),
            _ => text,
        };
        let start = sentence.text.len();
        sentence.text.push_str(&text);
        if let Some(gold) = gold {
            sentence.spans.push((start, sentence.text.len(), gold));
        }
    }

    fn person(&mut self) -> String {
        let surname = self.surname();
        match self.random.below(100) {
            0..36 => format!("{} {surname}", self.given_name()),
            36..62 => format!("{} {surname}", self.initials()),
            62..70 => format!("{} {} {surname}", self.given_name(), self.given_name()),
            70..75 => format!("{} {} {surname}", self.given_name(), self.initials()),
            75..82 => format!("{surname}, {}", self.initials()),
            82..86 => format!("{surname}, {}", self.given_name()),
            86..92 => surname,
            92..97 => self.given_name(),
            _ => format!("{} {surname}", self.initials().replace('.', " ").trim_end()),
        }
    }

    fn given_name(&mut self) -> String {
        let list = if self.random.chance(0.35) { "given" } else { "all-given" };
        let name = self.word(list);
        let mut name = self.made_up(name);
        if self.random.chance(0.04) {
            name = format!("{name}-{}", self.word("given"));
        }
        name
    }

    fn surname(&mut self) -> String {
        let name = self.bare_surname();
        let mut name =
            if self.random.chance(0.38) { format!("{} {name}", self.word("particle")) } else { name };
        if self.random.chance(0.09) {
            let second = self.bare_surname();
            let joint = if self.random.chance(0.7) { "-" } else { " - " };
            name = format!("{name}{joint}{second}");
        }
        name
    }

    fn bare_surname(&mut self) -> String {
        let list = if self.random.chance(0.35) { "surname" } else { "all-surnames" };
        let name = self.word(list);
        self.made_up(name)
    }

    /// Now and then a name that nobody has: the head of one and the tail of another.
    fn made_up(&mut self, name: &str) -> String {
        if !self.random.chance(0.12) || name.contains(' ') {
            return name.to_owned();
        }
        let other = self.word("all-surnames").to_lowercase();
        let (head, tail) = (name.chars().count().div_ceil(2), other.chars().count() / 2);
        name.chars().take(head).chain(other.chars().skip(tail)).collect()
    }

    fn initials(&mut self) -> String {
        let count = [1, 1, 1, 2, 2, 3].get(self.random.below(6)).copied().unwrap_or(1);
        let joint = if self.random.chance(0.15) { ". " } else { "." };
        let letters: Vec<String> =
            (0..count).map(|_| char::from(b'A' + self.random.below(26) as u8).to_string()).collect();
        format!("{}.", letters.join(joint))
    }

    fn place(&mut self) -> String {
        let list = if self.random.chance(0.4) { "place" } else { "all-places" };
        self.word(list).to_owned()
    }

    fn address(&mut self) -> String {
        let street = match self.random.below(10) {
            0..2 => self.word("street").to_owned(),
            2..4 => format!(
                "{} {}{}",
                self.one(&[
                    "Nieuwe",
                    "Oude",
                    "Lange",
                    "Korte",
                    "Eerste",
                    "Van",
                    "Prins",
                    "Burgemeester",
                    "Dr.",
                    "Sint",
                    "Grote",
                    "Kleine",
                    "Pastoor"
                ]),
                self.bare_surname(),
                self.word("street-end")
            ),
            4..5 => format!(
                "{} {}",
                self.one(&["Laan van", "Hof van", "Weg naar", "Plein van de", "Op de"]),
                self.place()
            ),
            _ => format!("{}{}", self.bare_surname(), self.word("street-end")),
        };
        let number = self.random.below(420) + 1;
        let addition = match self.random.below(12) {
            0 => "a",
            1 => "-2",
            2 => " bis",
            3 => "B",
            4 => " hs",
            5 => " II",
            6 => " A",
            7 => "-C",
            _ => "",
        };
        format!("{street} {number}{addition}")
    }

    fn organisation(&mut self) -> String {
        match self.random.below(13) {
            // What is named after a thing, or after somebody long dead.
            10 => {
                let kind = self.word("facility");
                let name = self.word("word");
                let article = self.one(&["De", "De", "Het", "'t", "De Oude", "De Nieuwe"]);
                format!("{kind} {article} {}", capitalised(name))
            }
            11 => {
                let lead = self.one(&["", "", "Prins ", "Koningin ", "Sint ", "Dr. "]);
                format!("{lead}{}{}", self.bare_surname(), self.word("building-end"))
            }
            12 => {
                let (kind, name) = (self.word("facility"), self.word("all-surnames"));
                let name = if self.random.chance(0.5) { format!("de {name}") } else { name.to_owned() };
                format!("{kind} {name}")
            }
            0 => format!("gemeente {}", self.place()),
            1 => format!(
                "{} {}",
                self.one(&[
                    "Rechtbank",
                    "GGD",
                    "Politie",
                    "Woonstichting",
                    "Regio",
                    "Gemeente",
                    "ROC",
                    "Universiteit"
                ]),
                self.place()
            ),
            2 => format!(
                "{} {}",
                self.bare_surname(),
                self.one(&[
                    "B.V.",
                    "BV",
                    "Advocaten",
                    "Bouw",
                    "Transport",
                    "& Zonen",
                    "Makelaardij",
                    "Groep",
                    "VOF"
                ])
            ),
            3 => format!(
                "{} {}",
                self.one(&[
                    "Bakkerij",
                    "Garage",
                    "Stichting",
                    "Autobedrijf",
                    "Restaurant",
                    "Apotheek",
                    "Basisschool",
                    "Huisartsenpraktijk"
                ]),
                self.bare_surname()
            ),
            _ => self.word("organisation").to_owned(),
        }
    }

    fn mail(&mut self) -> String {
        let surname = self.bare_surname().to_lowercase();
        let name = match self.random.below(4) {
            0 => format!("{}.{surname}", self.initials().to_lowercase().trim_end_matches('.')),
            1 => format!("{}.{surname}", self.given_name().to_lowercase()),
            2 => self.word("word").to_owned(),
            _ => format!("{}{}", self.given_name().to_lowercase(), self.random.below(99)),
        };
        let domains = [
            "gmail.com",
            "ziggo.nl",
            "kpnmail.nl",
            "gemeente-ede.nl",
            "example.org",
            "hotmail.com",
            "minbzk.nl",
        ];
        format!("{}@{}", name.replace(' ', ""), self.one(&domains))
    }

    /// What programs write: hexadecimal, base64, identifiers.
    fn code(&mut self) -> String {
        let alphabets =
            ["0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"];
        let alphabet: Vec<char> = self.one(&alphabets).chars().collect();
        let length = [8, 12, 20, 32, 40, 64].get(self.random.below(6)).copied().unwrap_or(8);
        let code: String = (0..length).filter_map(|_| self.random.pick(&alphabet).copied()).collect();
        if length == 20 { format!("{code}==") } else { code }
    }

    fn date(&mut self) -> String {
        let (day, month, year) =
            (self.random.below(28) + 1, self.random.below(12), self.random.below(90) + 1940);
        match self.random.below(4) {
            0 => format!("{day} {} {year}", self.word("month")),
            1 => format!("{day:02}-{:02}-{year}", month + 1),
            2 => format!("{day}/{}/{year}", month + 1),
            _ => format!("{day} {}", self.word("month")),
        }
    }

    fn number(&mut self) -> String {
        match self.random.below(6) {
            0 => format!(
                "{} {}{}",
                self.random.below(9000) + 1000,
                char::from(b'A' + self.random.below(26) as u8),
                char::from(b'A' + self.random.below(26) as u8)
            ),
            1 => format!("06-{:08}", self.random.below(100_000_000)),
            2 => format!("{}", self.random.below(1_000_000_000)),
            3 => format!("Z-{}-{}", 2015 + self.random.below(12), self.random.below(100_000)),
            _ => format!("{}", self.random.below(100)),
        }
    }
}

/// `[a|b]rest`: the choices and the rest. A bracket without a bar is text.
fn choice(text: &str) -> Option<(Vec<&str>, &str)> {
    let (inner, rest) = text.strip_prefix('[')?.split_once(']')?;
    inner.contains('|').then(|| (inner.split('|').collect(), rest))
}

/// With a capital.
fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

/// Changes the case of a text and moves its spans along.
fn recase(sentence: &mut Sentence, change: impl Fn(char) -> String) {
    let mut text = String::with_capacity(sentence.text.len());
    let mut moved = vec![0; sentence.text.len() + 1];
    for (at, c) in sentence.text.char_indices() {
        moved[at] = text.len();
        text.push_str(&change(c));
    }
    moved[sentence.text.len()] = text.len();
    for span in &mut sentence.spans {
        (span.0, span.1) = (moved[span.0], moved[span.1]);
    }
    sentence.text = text;
}
