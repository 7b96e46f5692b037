//! Conversations: numbers split over texts, placeholders that come back, and answers with names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is the finding"
)]

use std::sync::LazyLock;

use proptest::prelude::*;
use redact::{Action, Kind, KindRule, Profile, Redaction, Redactor, RestorePolicy, Turn};

fn plain() -> &'static Redactor {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(Profile::default()).unwrap());
    &REDACTOR
}

fn named() -> &'static Redactor {
    static REDACTOR: LazyLock<Redactor> =
        LazyLock::new(|| Redactor::new(Profile::default().with_names()).unwrap());
    &REDACTOR
}

const fn turn(author: u8, text: &str) -> Turn<'_> {
    Turn { text, parts: &[], author, quotes: false, data: false }
}

fn stripped(turns: &[Turn<'_>]) -> Vec<String> {
    let r = plain().redact_conversation(turns).unwrap();
    let texts: Vec<String> = r.texts.iter().map(|text| text.to_string()).collect();
    for (text, turn) in texts.iter().zip(turns) {
        assert_eq!(r.vault.restorer(&RestorePolicy::all()).restore_all(text), turn.text, "byte exact");
    }
    texts
}

#[test]
fn a_number_split_over_messages_is_cut_in_each() {
    for (whole, words) in [
        ("NL91ABNA0417164300", "Rekening "),
        ("NL91 ABNA 0417 1643 00", "Rekening "),
        ("111222333", "Mijn BSN is "),
        ("4111111111111111", "kaart "),
    ] {
        for at in 2..whole.len() - 2 {
            let (head, tail) = whole.split_at(at);
            let (first, last) = (format!("{words}{head}"), format!("{tail} en verder niets."));
            let texts = stripped(&[turn(1, &first), turn(1, &last)]);
            for (text, piece) in [(&texts[0], head), (&texts[1], tail)] {
                assert!(text.contains('⟦') && !text.contains(piece.trim()), "{whole} at {at}: {text}");
            }
            // With the model's turn in between, and white space around.
            let (first, last) = (format!("{words}{head}\n"), format!("  {tail}"));
            let texts = stripped(&[turn(1, &first), turn(2, "Ga verder."), turn(1, &last)]);
            assert!(texts[0].contains('⟦') && texts[2].contains('⟦'), "{whole} at {at}: {texts:?}");
            assert_eq!(texts[1], "Ga verder.");
        }
    }
    let texts = stripped(&[turn(1, "IBAN NL91"), turn(1, "ABNA0417"), turn(1, "164300")]);
    assert_eq!(texts, ["IBAN ⟦IBAN_1⟧", "⟦IBAN_1b⟧", "⟦IBAN_1c⟧"]);
}

#[test]
fn a_number_split_over_parts_of_a_message_is_cut_in_each() {
    let text = "Mijn BSN is 1112\n22333, dank.";
    let parts = [text.find('\n').unwrap() + 1];
    assert_eq!(stripped(&[Turn { parts: &parts, ..turn(1, text) }]), ["Mijn BSN is ⟦BSN_1⟧, dank."]);
    assert_eq!(
        stripped(&[turn(1, text)]),
        ["Mijn BSN is ⟦BSN_1⟧, dank."],
        "a line of one text goes on in the next"
    );
}

#[test]
fn an_answer_is_read_with_its_question() {
    for (question, answer, label) in [
        ("Wat is uw BSN?", "123456782", "BSN"),
        ("Dank u. Kunt u uw KvK-nummer geven?", "12345678", "KVK-NUMMER"),
        ("Uw geboortedatum graag.", "12-03-1971", "GEBOORTEDATUM"),
        ("Wat is uw telefoonnummer?", "6 12345678", "TELEFOON"),
    ] {
        let texts = stripped(&[turn(2, question), turn(1, answer)]);
        assert_eq!(texts[1], format!("⟦{label}_1⟧"), "{question}");
        let unasked = stripped(&[turn(2, "Waarmee kan ik u helpen?"), turn(1, answer)]);
        assert_eq!(unasked[1], answer, "{answer}");
    }
}

#[test]
fn a_number_without_a_check_goes_on_in_a_text_of_its_own() {
    let texts = stripped(&[turn(1, "mijn telefoonnummer is 06 1234"), turn(1, "5678")]);
    assert!(texts[0].contains('⟦') && texts[1].contains('⟦'), "{texts:?}");
    let texts = ["ik bel straks met 06 1234", "5678 stuks"];
    assert_eq!(stripped(&texts.map(|text| turn(1, text))), texts);
}

#[test]
fn what_meets_by_chance_is_left() {
    for texts in [
        ["Het zijn er 1112", "22333 meldingen kwamen binnen."],
        ["Zaak 12", "345678 euro was het bedrag."],
        ["mail naar jan@", "ziggo.nl is een site."],
        ["Het boek kost 41111111", "11111112 exemplaren."],
        ["bel 06-1234", "5678 stuks besteld."],
    ] {
        assert_eq!(stripped(&texts.map(|text| turn(1, text))), texts);
    }
    // A number that is whole stays one, whatever follows.
    let texts = stripped(&[turn(1, "IBAN NL91ABNA0417164300"), turn(1, "12 personen")]);
    assert_eq!(texts, ["IBAN ⟦IBAN_1⟧", "12 personen"]);
}

#[test]
fn long_texts_are_joined_at_their_edges() {
    let filler = "Een zin die nergens over gaat. ".repeat(40);
    let first = format!("{filler}Mijn BSN is 1112");
    let last = format!("22333. {filler}");
    let texts = stripped(&[turn(1, &first), turn(2, &filler), turn(1, &last)]);
    assert!(texts[0].ends_with("is ⟦BSN_1⟧") && texts[2].starts_with("⟦BSN_1b⟧."), "{texts:?}");
}

#[test]
fn an_earlier_answer_keeps_the_placeholders_of_this_request_where_none_is_put_back() {
    let answer = "Het BSN ⟦BSN_1⟧ hoort bij ⟦BSN_2⟧.";
    let turns = [turn(1, "BSN 111222333"), turn(2, answer), turn(1, "En ⟦BSN_1⟧?")];
    let quoting = [turns[0], Turn { quotes: true, ..turns[1] }, turns[2]];
    assert_eq!(stripped(&turns), ["BSN ⟦BSN_1⟧", "Het BSN ⟦TEKST_1⟧ hoort bij ⟦TEKST_2⟧.", "En ⟦TEKST_1⟧?"]);
    let r = plain().redact_conversation(&quoting).unwrap();
    assert_eq!(r.texts[1].as_str(), "Het BSN ⟦BSN_1⟧ hoort bij ⟦TEKST_1⟧.", "only what was issued stands");
    assert_eq!(r.texts[2].as_str(), "En ⟦TEKST_2⟧?", "a person's own stay look-alikes");
}

#[test]
fn what_is_read_goes_on_as_it_is() {
    let r = plain().read(&["BSN 111222333 en ⟦BSN_1⟧"]).unwrap();
    assert_eq!(r.texts[0].as_str(), "BSN 111222333 en ⟦BSN_1⟧");
    assert_eq!((r.counts[&Kind::Bsn], r.vault.len()), (1, 0));
    assert_eq!(screened(plain(), &r, &["BSN 111222333 en BSN 123456782."]), "BSN 111222333 en BSN ⟦BSN⟧.");
}

#[test]
fn special_categories_are_masked_whatever_the_profile_says() {
    let allow = KindRule { action: Action::Allow, ..KindRule::default() };
    let refuse = KindRule { action: Action::Refuse, ..KindRule::default() };
    let lax = Profile::default()
        .with_names()
        .with_rule(Kind::Health, allow)
        .with_rule(Kind::Religion, refuse)
        .with_rule(Kind::Person, allow);
    let lax = Redactor::new(lax).unwrap();
    let strict = lax.stripping_special();
    let text = "Mevrouw Willemijn de Vries heeft kanker.";
    assert_eq!(lax.redact(&[text]).unwrap().texts[0].as_str(), text);
    assert_eq!(strict.redact(&[text]).unwrap().texts[0].as_str(), "Mevrouw Willemijn de Vries ⟦GEZONDHEID⟧.");
    assert_eq!(strict.profile().rule(Kind::Religion).action, Action::Refuse);
    assert_ne!(strict.digest(), lax.digest(), "the record tells which of them it was");
}

fn screened(redactor: &Redactor, r: &Redaction, pieces: &[&str]) -> String {
    let mut screen = redactor.screen(&r.vault);
    let mut out: String = pieces.iter().map(|piece| screen.push(piece).unwrap()).collect();
    out.push_str(&screen.finish().unwrap());
    out
}

#[test]
fn names_of_the_models_own_making_are_masked() {
    let r = named().redact(&["Schrijf aan mevrouw Willemijn de Vries over de jansen-methode."]).unwrap();
    assert_eq!(r.texts[0].as_str(), "Schrijf aan mevrouw ⟦PERSOON_1⟧ over de jansen-methode.");
    for (answer, shown) in [
        (
            "Geachte ⟦PERSOON_1⟧, de heer Piet Bakker belt u.",
            "Geachte ⟦PERSOON_1⟧, de heer ⟦PERSOON⟧ belt u.",
        ),
        (
            "De heer Piet Bakker belt. Daarna schrijft Bakker u.",
            "De heer ⟦PERSOON⟧ belt. Daarna schrijft ⟦PERSOON⟧ u.",
        ),
        ("De heer Jansen belt u.", "De heer Jansen belt u."),
        ("⟦PERSOON_1⟧ heeft kanker.", "⟦PERSOON_1⟧ ⟦GEZONDHEID⟧."),
        ("Mail jan@ziggo.nl. Dag!", "Mail ⟦E-MAIL⟧. Dag!"),
        ("Open /mail?to=jan%40ziggo.nl&x=1 nu.", "Open /mail?to=⟦E-MAIL⟧&x=1 nu."),
        ("Een zin zonder iets.\n\nNog een zin.", "Een zin zonder iets.\n\nNog een zin."),
    ] {
        assert_eq!(screened(named(), &r, &[answer]), shown);
    }
    let mut screen = named().screen(&r.vault);
    screen.push("De heer Jan Jansen belt. ").unwrap();
    screen.finish().unwrap();
    assert_eq!(screen.counts()[&Kind::Person], 1, "it is counted");
    assert_eq!(screened(plain(), &r, &["De heer Jan Jansen belt."]), "De heer Jan Jansen belt.");
}

#[test]
fn a_sentence_comes_up_to_a_name_and_the_hold_back_is_bounded() {
    let anybody = named().redact(&["Vertel iets."]).unwrap();
    let mut screen = named().screen(&anybody.vault);
    let said = "Dit is een voorbeeld. Dit is er";
    assert_eq!(screen.push(said).unwrap(), "Dit is een voorbeeld. Dit is");
    assert_eq!(screen.push(" nog een van Willemijn de Vries en").unwrap(), " er nog een");
    assert_eq!(screen.push(" ook van anderen. Dus").unwrap(), " van ⟦PERSOON⟧ en ook van anderen.");
    // Where the prompt has somebody, anything may be said of them.
    let somebody = named().redact(&["Over mevrouw Willemijn de Vries."]).unwrap();
    let mut screen = named().screen(&somebody.vault);
    assert_eq!(screen.push(said).unwrap(), "Dit is een voorbeeld.");
    for _ in 0..400 {
        screen.push(" woord zonder einde").unwrap();
        assert!(screen.held_bytes() < 1200, "{}", screen.held_bytes());
    }
}

fn bits() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("De heer Jan Jansen ".to_owned()),
        Just("mevrouw Fatima el Amrani".to_owned()),
        Just("dhr. P. de Groot".to_owned()),
        Just("⟦PERSOON_1⟧".to_owned()),
        Just("⟦".to_owned()),
        Just(" heeft diabetes".to_owned()),
        Just(" uit Zwolle".to_owned()),
        Just("BSN 123456782 ".to_owned()),
        Just(". ".to_owned()),
        Just("?\n".to_owned()),
        Just("een heel gewoon stuk zin zonder iets erin ".to_owned()),
        Just("a".repeat(700)),
        "[a-zA-Zé .,!\n]{1,16}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn names_are_screened_the_same_however_split(
        bits in proptest::collection::vec(bits(), 0..16),
        cuts in proptest::collection::vec(0_usize..1500, 0..40),
    ) {
        let text = bits.concat();
        let mut at: Vec<usize> =
            cuts.iter().map(|&c| text.floor_char_boundary(c)).chain([0, text.len()]).collect();
        at.sort_unstable();
        let pieces: Vec<&str> = at.windows(2).map(|w| &text[w[0]..w[1]]).collect();
        for prompt in ["Mevrouw Willemijn de Vries belde.", "Vertel iets."] {
            let r = named().redact(&[prompt]).unwrap();
            prop_assert_eq!(screened(named(), &r, &pieces), screened(named(), &r, &[&text]));
        }
    }
}

#[test]
fn json_among_the_turns_is_rewritten_leaf_by_leaf() {
    let data =
        Turn { data: true, ..turn(2, r#"{"bsn": 111222333, "pattern": ["jan@ziggo.nl", 1.50], "a": "b"}"#) };
    let turns = [turn(1, "BSN 111222333"), data, turn(3, "bel jan@ziggo.nl")];
    let texts: Vec<String> =
        plain().redact_conversation(&turns).unwrap().texts.iter().map(|t| t.to_string()).collect();
    assert_eq!(texts[1], r#"{"bsn": "⟦BSN_1⟧", "pattern": ["⟦E-MAIL_1⟧", 1.50], "a": "b"}"#);
    assert_eq!(texts[2], "bel ⟦E-MAIL_1⟧");
    // Digits at its edges are not read together with what stands beside it.
    let halves = [turn(1, "Mijn BSN is 1112"), Turn { data: true, ..turn(1, "[22333]") }];
    assert_eq!(*plain().redact_conversation(&halves).unwrap().texts[1], "[22333]");
    let key = Turn { data: true, ..turn(2, r#"{"jan@ziggo.nl": 1}"#) };
    let Err(redact::Error::Fixed { input_index: 1, pointer, kind: Kind::Email }) =
        plain().redact_conversation(&[turn(1, "Dag."), key])
    else {
        panic!("a key was rewritten or let through");
    };
    assert_eq!(pointer, "/{member 0}");
}

#[test]
fn the_key_of_a_generated_leaf_speaks_for_it() {
    let vault = plain().redact_conversation(&[turn(1, "Dag.")]).unwrap().vault;
    let read = |key: &str| {
        let mut screen = plain().screen(&vault).under(key);
        format!("{}{}", screen.push("111222333").unwrap(), screen.finish().unwrap())
    };
    assert_eq!(read("bsn"), "⟦BSN⟧");
    assert_eq!(read("aantal"), "111222333");
}
