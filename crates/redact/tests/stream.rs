//! Streams: whatever the split, the pieces join to the treatment of the whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed expectation is the finding"
)]

use std::sync::LazyLock;

use proptest::prelude::*;
use redact::{
    Action, Error, Kind, KindRule, Profile, Redactor, RestorePolicy, SCREEN_HOLD_BYTES_MAX,
    SCREEN_HOLD_CHARS_MAX, Screen,
};

const PROMPT: &str = "BSN 111222333 en 1112.22.333, IBAN NL91ABNA0417164300, mail jan@ziggo.nl, bel 06-12345678; \
    ik typte zelf ⟦BSN_1⟧ en ⟦bsn_99⟧";

fn redactor() -> &'static Redactor {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(Profile::default()).unwrap());
    &REDACTOR
}

fn tokens(text: &str) -> Vec<String> {
    text.match_indices('⟦').map(|(i, _)| text[i..=i + text[i..].find('⟧').unwrap() + 2].to_owned()).collect()
}

/// The pieces of `text` between the cuts.
fn pieces<'t>(text: &'t str, cuts: &[usize]) -> Vec<&'t str> {
    let mut at: Vec<usize> =
        cuts.iter().map(|&c| text.floor_char_boundary(c)).chain([0, text.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|w| &text[w[0]..w[1]]).collect()
}

#[test]
fn a_whole_prompt_comes_back_byte_for_byte() {
    let r = redactor().redact(&[PROMPT]).unwrap();
    let stripped = r.texts[0].as_str();
    for secret in ["111222333", "1112.22.333", "NL91", "jan@", "12345678"] {
        assert!(!stripped.contains(secret), "{secret}");
    }
    assert_eq!(r.look_alikes, 2);
    assert!(stripped.contains("⟦BSN_1⟧ en ⟦BSN_1b⟧"), "one number, two spellings");
    assert!(stripped.ends_with("⟦TEKST_1⟧ en ⟦TEKST_2⟧"));
    assert_eq!(r.vault.restorer(&RestorePolicy::all()).restore_all(stripped), PROMPT);
    let kept = r.vault.restorer(&RestorePolicy::none()).restore_all(stripped);
    assert!(
        kept.starts_with("BSN ⟦BSN_1⟧") && kept.ends_with("ik typte zelf ⟦BSN_1⟧ en ⟦bsn_99⟧"),
        "own text returns"
    );
    let only = r.vault.restorer(&RestorePolicy::only([Kind::Email])).restore_all(stripped);
    assert!(only.contains("jan@ziggo.nl") && only.contains("⟦IBAN_1⟧"));
}

#[test]
fn only_what_was_issued_here_is_restored() {
    let first = redactor().redact(&["BSN 111222333"]).unwrap();
    let other = redactor().redact(&["mail jan@ziggo.nl"]).unwrap();
    let output = "⟦BSN_1⟧ ⟦BSN_2⟧ ⟦bsn_1⟧ ⟦BSN_1 ⟧ [[BSN_1]] ⟦BSN_01⟧ ⟦⟦BSN_1⟧⟧";
    let restored = first.vault.restorer(&RestorePolicy::all()).restore_all(output);
    assert_eq!(restored, "111222333 ⟦BSN_2⟧ ⟦bsn_1⟧ ⟦BSN_1 ⟧ [[BSN_1]] ⟦BSN_01⟧ ⟦111222333⟧");
    assert_eq!(other.vault.restorer(&RestorePolicy::all()).restore_all(output), output);
}

#[test]
fn a_value_in_a_json_string_is_escaped() {
    let r = redactor().redact(&["mail o'\"x\" jan@ziggo.nl ⟦A_1⟧", "\\⟦B_2⟧"]).unwrap();
    let out =
        r.vault.restorer(&RestorePolicy::all()).in_json().restore_all("{\"to\": \"⟦E-MAIL_1⟧ ⟦TEKST_2⟧\"}");
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["to"], "jan@ziggo.nl ⟦B_2⟧");
}

#[test]
fn every_split_in_three_restores_alike_and_holds_back_no_more_than_a_token() {
    let r = redactor().redact(&[PROMPT]).unwrap();
    let text = "Aan ⟦E-MAIL_1⟧: ⟦BSN_1⟧⟦BSN_1b⟧ ⟦⟦BSN_⟦IBAN_1⟧ ⟦TEKST_2⟧ ⟦BSN_7⟧ ⟦BSN";
    let whole = r.vault.restorer(&RestorePolicy::all()).restore_all(text);
    let longest = tokens(&r.texts[0]).iter().map(String::len).max().unwrap();
    let bounds: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
    for &a in &bounds {
        for &b in bounds.iter().filter(|&&b| b >= a) {
            let mut restorer = r.vault.restorer(&RestorePolicy::all());
            let mut out = String::new();
            for piece in pieces(text, &[a, b]) {
                out.push_str(&restorer.push(piece));
                assert!(restorer.held_bytes() < longest);
            }
            out.push_str(&restorer.finish());
            assert_eq!(out, whole, "split at {a} and {b}");
        }
    }
}

fn output_piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("BSN ".to_owned()),
        Just("123456782".to_owned()),
        Just("1234.56.782".to_owned()),
        Just("111222333".to_owned()),
        Just("NL02 RABO 0123 4567 89".to_owned()),
        Just("NL 91 ABNA 0417 1643 00".to_owned()),
        Just("piet.jansen@voorbeeldig.nl".to_owned()),
        Just("+31 (0)20 123 45 67".to_owned()),
        Just("06\u{200b}-2345６789".to_owned()),
        Just("tel. ".to_owned()),
        Just("Kerkstraat 12-3, 1234 AB Utrecht".to_owned()),
        Just("huisnummer 12b ".to_owned()),
        Just("⟦BSN_1⟧".to_owned()),
        Just("ordernummer ".to_owned()),
        Just(" euro".to_owned()),
        Just("een heel gewone zin zonder iets erin. ".to_owned()),
        "[0-9 .@a-zA-Z⟦⟧é\u{200b}-]{1,12}",
        "[0-9]{1,12}",
        "[ ,.:\n-]{1,3}",
    ]
}

/// Where findings overlapped, stream and whole may name the union differently; what is cut is the same.
fn without_labels(text: &str) -> String {
    Kind::ALL.iter().fold(text.to_owned(), |t, k| t.replace(&format!("⟦{}⟧", k.label()), "⟦⟧"))
}

/// Pieces that hide nothing and make no table, to be set with a space between them.
fn apart() -> impl Strategy<Value = String> {
    let values = [
        "BSN",
        "123456782",
        "1234.56.782",
        "111222333",
        "NL02 RABO 0123 4567 89",
        "NL 91 ABNA 0417 1643 00",
        "piet.jansen@voorbeeldig.nl",
        "+31 (0)20 123 45 67",
        "06\u{200b}-2345６789",
        "tel.",
        "Kerkstraat 12-3, 1234 AB Utrecht",
        "huisnummer 12b",
        "ordernummer",
        "euro",
        "een heel gewone zin zonder iets erin.",
        ",",
        "-",
    ];
    prop_oneof![4 => proptest::sample::select(values.to_vec()).prop_map(str::to_owned), 1 => "[0-9]{1,12}"]
}

/// What is left of a text by a stream of single characters, and by redacting the whole.
fn both_ways(text: &str) -> (String, String) {
    let rule = KindRule { action: Action::Mask, ..KindRule::default() };
    let profile = Kind::ALL.iter().fold(Profile::default(), |p, &k| p.with_rule(k, rule));
    let whole = Redactor::new(profile).unwrap().redact(&[text]).unwrap().texts.remove(0);
    let empty = redactor().redact(&[""]).unwrap().vault;
    let every: Vec<usize> = (0..text.len()).collect();
    let (out, _) = run(&mut redactor().screen(&empty), &pieces(text, &every)).unwrap();
    (without_labels(&out), without_labels(&whole))
}

fn run(screen: &mut Screen, parts: &[&str]) -> Result<(String, usize), Error> {
    let mut out = String::new();
    let mut most = 0;
    for part in parts {
        out.push_str(&screen.push(part)?);
        most = most.max(screen.held_bytes());
    }
    out.push_str(&screen.finish()?);
    Ok((out, most))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn restoring_is_the_same_however_split(
        bits in proptest::collection::vec(prop_oneof![
            Just("⟦BSN_1⟧"), Just("⟦BSN_1b⟧"), Just("⟦E-MAIL_1⟧"), Just("⟦TEKST_1⟧"), Just("⟦"), Just("⟧"), Just("BSN_1"), Just("⟦IBAN"), Just("x é "),
        ], 0..12),
        cuts in proptest::collection::vec(0_usize..200, 0..20),
        all in any::<bool>(),
    ) {
        let r = redactor().redact(&[PROMPT]).unwrap();
        let policy = if all { RestorePolicy::all() } else { RestorePolicy::only([Kind::Email]) };
        let text = bits.concat();
        let whole = r.vault.restorer(&policy).restore_all(&text);
        let mut restorer = r.vault.restorer(&policy);
        let mut out: String = pieces(&text, &cuts).into_iter().map(|p| restorer.push(p)).collect();
        out.push_str(&restorer.finish());
        prop_assert_eq!(out, whole);
    }

    #[test]
    fn screening_is_the_same_however_split(
        bits in proptest::collection::vec(output_piece(), 0..40),
        cuts in proptest::collection::vec(0_usize..900, 0..60),
        each_char in any::<bool>(),
    ) {
        let redactor = redactor();
        let r = redactor.redact(&[PROMPT]).unwrap();
        let text = bits.concat();
        let (whole, _) = run(&mut redactor.screen(&r.vault), &[&text]).unwrap();
        let every: Vec<usize> = (0..text.len()).collect();
        let parts = pieces(&text, if each_char { &every } else { &cuts });
        let (out, _) = run(&mut redactor.screen(&r.vault), &parts).unwrap();
        prop_assert_eq!(&out, &whole);
    }

    /// The stream against the other path: redacting the whole text at once, everything masked. Names are not looked for: only a
    /// whole text tells them.
    #[test]
    fn screening_agrees_with_redacting_the_whole(bits in proptest::collection::vec(apart(), 0..40)) {
        let (out, whole) = both_ways(&bits.join(" "));
        prop_assert_eq!(out, whole);
    }

    /// Set against each other, pieces may hide one another: a sign for a letter, a letter for a digit. Only a whole text is read
    /// again for that; it cuts more, and never less. On one line, as a table's head may also speak against a number.
    #[test]
    fn screening_cuts_no_more_than_redacting_the_whole(bits in proptest::collection::vec(output_piece(), 0..40)) {
        let (out, whole) = both_ways(&bits.concat().replace(['⟦', '⟧', '\n'], ""));
        let mut shown = out.chars();
        prop_assert!(whole.replace("⟦⟧", "").chars().all(|c| shown.any(|s| s == c)), "{} shows more than {}", whole, out);
    }

    #[test]
    fn a_round_trip_is_byte_exact(texts in proptest::collection::vec(proptest::collection::vec(output_piece(), 0..12), 1..4)) {
        let texts: Vec<String> = texts.into_iter().map(|t| t.concat()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let r = redactor().redact(&texts).unwrap();
        for (stripped, original) in r.texts.iter().zip(&texts) {
            prop_assert_eq!(&r.vault.restorer(&RestorePolicy::all()).restore_all(stripped), original);
        }
    }
}

#[test]
fn the_screen_masks_what_the_model_was_not_given() {
    let redactor = redactor();
    // The first number is too uncertain to cut, so the model sees it and may repeat it; the second is cut.
    let r = redactor.redact(&["Het getal 123456782.", "Mijn BSN is 111222333."]).unwrap();
    assert_eq!(r.texts[0].as_str(), "Het getal 123456782.");
    assert_eq!(r.texts[1].as_str(), "Mijn BSN is ⟦BSN_1⟧.");
    let mut screen = redactor.screen(&r.vault);
    let (out, _) = run(
        &mut screen,
        &["Het BSN is 123456782. Een ander BSN is 1112", "22333, mail piet@ziggo.nl of ⟦BSN_1⟧."],
    )
    .unwrap();
    assert_eq!(out, "Het BSN is 123456782. Een ander BSN is ⟦BSN⟧, mail ⟦E-MAIL⟧ of ⟦BSN_1⟧.");
    assert_eq!(screen.counts().values().sum::<u32>(), 2);
    assert!(matches!(screen.push("x"), Err(Error::StreamClosed)));
}

#[test]
fn plain_prose_flows_a_word_behind() {
    let redactor = redactor();
    let r = redactor.redact(&["x"]).unwrap();
    let mut screen = redactor.screen(&r.vault);
    for word in
        "een heel gewone zin die langer is dan wat achtergehouden mag worden ".repeat(20).split_inclusive(' ')
    {
        screen.push(word).unwrap();
        assert!(screen.held_bytes() <= word.len());
    }
}

#[test]
fn the_hold_back_is_bounded_and_overflow_closes() {
    let redactor = redactor();
    let r = redactor.redact(&["x"]).unwrap();
    for unit in ["1", "1 ", "12.", "a", "@", "a@b.", "NL91", "06-", "1234 AB ", "⟦", "BSN 123456782 "] {
        let mut screen = redactor.screen(&r.vault);
        for _ in 0..3000 / unit.len() {
            screen.push(unit).unwrap();
            assert!(screen.held_bytes() <= SCREEN_HOLD_CHARS_MAX * 3, "{unit}: {}", screen.held_bytes());
        }
        screen.finish().unwrap();
    }
    let mut screen = redactor.screen(&r.vault);
    screen.push("BSN 12345678").unwrap();
    let flood = "\u{200b}".repeat(SCREEN_HOLD_BYTES_MAX);
    assert!(matches!(screen.push(&flood), Err(Error::ScreenHold { .. })));
    assert!(matches!(screen.push("2"), Err(Error::StreamClosed)), "what failed stays closed");
    assert!(matches!(screen.finish(), Err(Error::StreamClosed)));
}
