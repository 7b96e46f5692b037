//! A model of names that is given to the redactor: what it finds, what gives way to what, and what closes the request.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use redact::{Error, Finder, Found, Kind, Profile, Redactor};

const MODEL: &str = "a-model";

/// Finds words it was told of, wherever they stand.
struct Words {
    labels: Vec<String>,
    /// Word, label, probability.
    words: Vec<(&'static str, usize, f32)>,
    sha256: [u8; 32],
    /// What it gives besides.
    also: Vec<Found>,
    fails: bool,
}

impl Words {
    fn new(words: &[(&'static str, usize, f32)]) -> Self {
        let labels = ["PER", "LOC", "ORG", "MISC"].map(str::to_owned).to_vec();
        Self { labels, words: words.to_vec(), sha256: [1; 32], also: Vec::new(), fails: false }
    }
}

impl Finder for Words {
    fn model(&self) -> &str {
        MODEL
    }

    fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn find(&self, text: &str) -> Result<Vec<Found>, String> {
        if self.fails {
            return Err("the window was too small".to_owned());
        }
        let word = |&(word, label, probability): &(&str, usize, f32)| {
            text.match_indices(word)
                .map(|(start, word)| Found { start, end: start + word.len(), label, probability })
                .collect::<Vec<_>>()
        };
        Ok(self.words.iter().flat_map(word).chain(self.also.clone()).collect())
    }
}

fn profile(more: &str) -> Profile {
    Profile::from_toml(&format!("names_model = \"{MODEL}\"\n{more}")).unwrap()
}

fn redactor(profile_more: &str, finder: Words) -> Redactor {
    Redactor::with_finder(profile(profile_more), Arc::new(finder)).unwrap()
}

fn stripped(more: &str, words: &[(&'static str, usize, f32)], text: &str) -> String {
    redactor(more, Words::new(words)).redact(&[text]).unwrap().texts[0].to_string()
}

#[test]
fn what_it_finds_is_cut_under_one_placeholder_and_comes_back() {
    let redactor = redactor("", Words::new(&[("Qadir", 0, 0.9), ("qadir", 0, 0.9), ("Xilo", 1, 0.9)]));
    let redaction = redactor.redact(&["Qadir uit Xilo.", "Groet, qadir"]).unwrap();
    let texts: Vec<&str> = redaction.texts.iter().map(|text| text.as_str()).collect();
    assert_eq!(texts, ["⟦PERSOON_1⟧ uit ⟦PLAATS_1⟧.", "Groet, ⟦PERSOON_1b⟧"]);
    assert_eq!(redaction.counts[&Kind::Person], 2);
    let mut restorer = redaction.vault.restorer(&redact::RestorePolicy::all());
    assert_eq!(restorer.push(texts[1]) + &restorer.finish(), "Groet, qadir");
}

#[test]
fn a_place_is_somebodys_where_somebody_is() {
    let words = [("Xilo", 1, 0.9), ("Qadir", 0, 0.9)];
    assert_eq!(stripped("", &words, "Weer in Xilo."), "Weer in Xilo.");
    assert_eq!(stripped("", &words, "Qadir in Xilo."), "⟦PERSOON_1⟧ in ⟦PLAATS_1⟧.");
    assert_eq!(stripped("", &words, "BSN 111222333 in Xilo."), "BSN ⟦BSN_1⟧ in ⟦PLAATS_1⟧.");
}

#[test]
fn organisations_are_looked_for_where_the_profile_has_a_rule() {
    let words = [("Acmex", 2, 0.9)];
    assert_eq!(stripped("", &words, "Bij Acmex."), "Bij Acmex.");
    assert_eq!(stripped("[kinds.organisation]\n", &words, "Bij Acmex."), "Bij ⟦ORGANISATIE_1⟧.");
    let labelled = "[labels]\nORG = { kind = \"organisation\" }\n";
    assert_eq!(stripped(labelled, &words, "Bij Acmex."), "Bij ⟦ORGANISATIE_1⟧.");
}

#[test]
fn a_number_or_an_address_comes_first_and_a_name_keeps_the_rest() {
    // It takes a BSN and an e-mail address for parts of names.
    let words = [
        ("Qadir, bsn 111222333", 0, 0.99),
        ("jan@voorbeeld.nl van Qadir", 0, 0.99),
        ("zaak 2024-12345", 0, 0.99),
    ];
    assert_eq!(stripped("", &words, "Van Qadir, bsn 111222333."), "Van ⟦PERSOON_1⟧ ⟦BSN_1⟧.");
    assert_eq!(stripped("", &words, "jan@voorbeeld.nl van Qadir"), "⟦E-MAIL_1⟧ ⟦PERSOON_1⟧");
}

#[test]
fn its_word_names_a_union_with_what_the_lists_say() {
    // The lists know a person, the model an organisation that the name is part of.
    let more = "names = true\n[kinds.organisation]\n";
    let text = "De heer Jan de Vries Bouw belde.";
    assert_eq!(stripped("names = true\n", &[], text), "De heer ⟦PERSOON_1⟧ belde.");
    assert_eq!(stripped(more, &[("Vries Bouw", 2, 0.61)], text), "De heer ⟦ORGANISATIE_1⟧ belde.");
    // What is special of people is not the model's to say.
    let text = "Mevrouw Jansen heeft kanker.";
    let found = redactor("names = true\n", Words::new(&[("kanker", 0, 0.99)])).redact(&[text]).unwrap();
    assert_eq!(found.counts.get(&Kind::Health), Some(&1));
}

#[test]
fn thresholds_are_those_of_the_kind_unless_the_label_has_its_own() {
    let text = "Van Qadir.";
    let cut = "Van ⟦PERSOON_1⟧.";
    assert_eq!(stripped("", &[("Qadir", 0, 0.60)], text), cut);
    assert_eq!(stripped("", &[("Qadir", 0, 0.59)], text), text);
    assert_eq!(stripped("[kinds.person]\nthreshold = 90\n", &[("Qadir", 0, 0.89)], text), text);
    let low = "[labels]\nPER = { kind = \"person\", threshold = 30 }\n";
    assert_eq!(stripped(low, &[("Qadir", 0, 0.30)], text), cut);
    assert_eq!(stripped(low, &[("Qadir", 0, 0.29)], text), text);
    let high = "[labels]\nPER = { kind = \"person\", threshold = 80 }\n";
    let found = redactor(high, Words::new(&[("Qadir", 0, 0.79)])).redact(&[text]).unwrap();
    assert_eq!(found.texts[0].as_str(), text);
    assert_eq!(found.unresolved.get(&Kind::Person), Some(&1));
}

#[test]
fn a_look_alike_letter_hides_nothing_from_it() {
    // A soft hyphen within the name.
    assert_eq!(stripped("", &[("Qadir", 0, 0.9)], "Van Qa\u{ad}dir."), "Van ⟦PERSOON_1⟧.");
}

#[test]
fn what_fails_or_gives_what_cannot_be_closes_the_request() {
    let span = |start, end, label, probability| Found { start, end, label, probability };
    let wrong = [
        span(0, 4, 0, 0.9),
        span(4, 9, 0, 0.9),
        span(0, 99, 0, 0.9),
        span(3, 1, 0, 0.9),
        span(2, 2, 0, 0.9),
        span(0, 1, 4, 0.9),
        span(0, 1, 0, 1.1),
        span(0, 1, 0, -0.1),
        span(0, 1, 0, f32::NAN),
    ];
    for found in wrong {
        let redactor = redactor("", Words { also: vec![found], ..Words::new(&[]) });
        // The fourth byte is within the é.
        let outcome = redactor.redact(&["José belt."]);
        assert!(matches!(outcome, Err(Error::Finder { .. })), "{found:?}");
    }
    let failing = redactor("", Words { fails: true, ..Words::new(&[]) });
    let Err(error) = failing.redact(&["Geheim"]) else { panic!("went on without it") };
    assert!(error.to_string().contains("the window was too small") && !error.to_string().contains("Geheim"));
    // Where there is no letter there is no name, and keys and tools have no sentence.
    assert!(failing.redact(&["12 34"]).is_ok());
    assert!(failing.scan_fixed("zoek_persoon").is_ok());
    assert!(failing.read(&["Geheim"]).is_err());
    assert!(failing.stripping_special().redact(&["Geheim"]).is_err());
    assert!(failing.redact_json("{\"a\": \"Geheim\"}").is_err());
}

#[test]
fn a_profile_that_names_a_model_works_with_it_alone() {
    assert!(matches!(Redactor::new(profile("")), Err(Error::FinderMissing { model }) if model == MODEL));
    let shown = Redactor::for_show(profile("")).unwrap();
    assert!(matches!(shown.redact(&["Dag"]), Err(Error::Finder { .. })));
    let other = Redactor::with_finder(Profile::default(), Arc::new(Words::new(&[])));
    assert!(matches!(other, Err(Error::OtherFinder { .. })));
}

#[test]
fn labels_that_nothing_is_known_of_are_refused() {
    let with = |labels: &[&str], more: &str| {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let made = Redactor::with_finder(profile(more), Arc::new(Words { labels, ..Words::new(&[]) }));
        made.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(with(&["PER", "given_name", "TELEPHONENUM", "MISC"], ""), Ok(()));
    let error = with(&["PER", "LABEL_3"], "").unwrap_err();
    assert!(error.contains("LABEL_3") && error.contains("[labels]"), "{error}");
    assert_eq!(with(&["PER", "LABEL_3"], "[labels]\nLABEL_3 = { kind = \"place\" }\n"), Ok(()));
    let error = with(&["PER"], "[labels]\nPERS = { kind = \"person\" }\n").unwrap_err();
    assert!(error.contains("no such label"), "{error}");
    assert!(with(&[], "").is_err());
}

#[test]
fn a_profile_says_its_labels_right_or_not_at_all() {
    for (text, line, said) in [
        ("[labels]\nPER = { kind = \"person\" }\n", 1, "names_model"),
        ("names_model = \"a\"\n[labels]\nPER = { kind = \"persona\" }\n", 3, "persona"),
        ("names_model = \"a\"\n[labels]\nPER = { kind = \"person\", from = 3 }\n", 3, "from"),
        ("names_model = \"a\"\n[labels]\nPER = { kind = \"person\", threshold = 101 }\n", 2, "threshold"),
        ("names_model = \"a\"\n[labels]\nPER = { kind = \"none\", threshold = 10 }\n", 2, "none"),
        ("names_model = \"../a\"\n", 1, "models.toml"),
        ("names_model = \"\"\n", 1, "models.toml"),
    ] {
        match Profile::from_toml(text) {
            Err(Error::Profile { line: found, reason }) => {
                assert!(found == line && reason.contains(said), "{text}: line {found}: {reason}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn the_digest_is_of_the_model_and_the_labels_too() {
    let of = |sha256, more: &str| redactor(more, Words { sha256, ..Words::new(&[]) }).digest();
    let low = "[labels]\nPER = { kind = \"person\", threshold = 30 }\n";
    assert_eq!(of([1; 32], ""), of([1; 32], ""));
    assert_ne!(of([1; 32], ""), of([2; 32], ""));
    assert_ne!(of([1; 32], ""), of([1; 32], low));
    assert_ne!(of([1; 32], ""), Redactor::new(Profile::default()).unwrap().digest());
}
