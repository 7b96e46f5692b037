//! The fast ways of looking, held to plain ones: every place of a text, one byte and one word at a time.

use proptest::prelude::*;

use crate::cues::Cues;
use crate::detect::{Depth, Detector};
use crate::encoded::RUN_BYTES_MIN;
use crate::marks::Marks;
use crate::names::Known;
use crate::recognizers::plain_rows;

/// Pieces of texts: what recognizers look for, whole and in part, plain and encoded, and what stands between.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "BSN ",
            "bsn: ",
            "111222333",
            "1112.22.333",
            "123456782",
            "NL91 ABNA 0417 1643 00",
            "06-12345678",
            "jan@ziggo.nl",
            "jan (at) ziggo (punt) nl",
            "C/05/123456 / HA ZA 20-123",
            "zaaknummer ",
            "KvK 12345678",
            "geboren op 06-07-1999",
            "Kerkstraat 12-3, 1234 AB Utrecht",
            "gebruikersnaam: ",
            "jvries01",
            "clientBsn",
            "nul zes een twee drie vier vijf zes zeven acht",
            "&#49;&#x31;&#49;222333",
            "%31%31%31222333",
            "\\u0031",
            "0 6 - 1 2 3 4 5 6 7 8",
            "QlNOIDExMTIyMjMzMw==",
            "b&#115;n",
            "52.46510, 4.12345",
            "B2:79:DD:31:B8:D6",
            "79.167.88.112",
            "P<UTO",
            "€ ",
            "BD-123-F",
            "4111 1111 1111 1111",
            "85.07.30-033.28",
            "NW1B2C3D4",
            "naam;bsn;kvk-nummer\n",
            "Jansen;123456782;12345678\n",
            "x;1;2\n",
            "l11222333",
            "ordernummer ",
            "J a n t i n e",
            "V-e-l-d-h-u-i-s",
            "T, I, N, E",
            "k3v1n ",
            "P@trick",
            "S(t)eenb(e)rg",
            "12<b></b>34",
            "a~b",
            "vier mei negentienhonderd zeven",
            "Kerkstraat twee-nul-zes",
            "12345\n6782",
            "Mar-\ngriet",
            "\"naam\":\"",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![" ", ", ", "\n", ". ", "-", "é", "\u{200b}", "ⅰ", "_", "/"])
            .prop_map(str::to_owned),
        // So much that what stands on either side does not meet.
        (1_usize..30).prop_map(|n| "een gewone zin, verder niets. ".repeat(n)),
        (1_usize..200).prop_map(|n| "wëreld ".repeat(n)),
        "[0-9 .a-zA-Z%&;:@<-]{1,20}",
        "[a-zA-Z0-9+/_-]{8,90}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// One byte after another.
fn plain_marks(text: &str) -> Marks {
    let bytes = text.as_bytes();
    let of = |signs: &[u8]| (0..bytes.len()).filter(|&at| signs.contains(&bytes[at])).collect::<Vec<_>>();
    let runs = |belongs: &dyn Fn(u8) -> bool, least: usize| {
        let opens = |at: usize| belongs(bytes[at]) && (at == 0 || !belongs(bytes[at - 1]));
        let length = |at: usize| bytes[at..].iter().take_while(|b| belongs(**b)).count();
        let all = (0..bytes.len()).filter(|&at| opens(at)).map(|at| (at, at + length(at)));
        all.filter(|(start, end)| end - start >= least)
            .map(|(start, end)| crate::recognizers::Group { start, end })
            .collect::<Vec<_>>()
    };
    let around = |at: usize| {
        let belongs = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_hexdigit() || *b == b':');
        let (before, after) = (at.checked_sub(1).and_then(|i| bytes.get(i)), bytes.get(at + 1));
        belongs(before) && belongs(after) || (bytes[at] == b':' && after == Some(&b':'))
    };
    let word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let alone = |at: usize| word(at) && !word(at + 1) && !(at > 0 && word(at - 1));
    let row = |at: usize| [2, 3].iter().any(|step| (0..3).all(|n| alone(at + n * step)));
    Marks {
        apart: (0..bytes.len()).filter(|&at| row(at)).collect(),
        groups: runs(&|b| b.is_ascii_digit(), 1),
        ats: of(b"@"),
        lows: of(b"_"),
        keys: of(b":").into_iter().filter(|&at| at > 0 && bytes[at - 1] == b'"').collect(),
        angles: of(b"<"),
        joints: of(b":-.")
            .into_iter()
            .filter(|&at| around(at) && !(bytes[at] == b':' && at > 0 && bytes[at - 1] == b'"'))
            .collect(),
        codes: of(b"%&\\([{<~#$-")
            .into_iter()
            .filter(|&at| bytes[at] != b'-' || bytes.get(at + 1) == Some(&b'\n'))
            .collect(),
        runs: runs(&|b| b.is_ascii_alphanumeric() || b"+/_-".contains(&b), RUN_BYTES_MIN),
    }
}

fn detected(detector: &Detector, text: &str, depth: Depth<'_>) -> Vec<(usize, usize, String, u8)> {
    let all = detector.detect(text, None, usize::MAX, depth).unwrap();
    all.iter().map(|s| (s.start, s.end, s.kind.to_string(), s.score)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn marks_are_those_of_a_plain_pass(text in text()) {
        let (fast, plain) = (Marks::of(&text), plain_marks(&text));
        let of = |groups: &[crate::recognizers::Group]| groups.iter().map(|g| (g.start, g.end)).collect::<Vec<_>>();
        prop_assert_eq!(of(&fast.groups), of(&plain.groups));
        prop_assert_eq!(of(&fast.runs), of(&plain.runs));
        prop_assert_eq!(&fast.apart, &plain.apart);
        prop_assert_eq!((fast.ats, fast.lows, fast.keys, fast.angles), (plain.ats, plain.lows, plain.keys, plain.angles));
        prop_assert_eq!((fast.joints, fast.codes), (plain.joints, plain.codes));
    }

    #[test]
    fn cues_are_those_of_every_word_at_every_place(text in text()) {
        let cues = Cues::all().unwrap();
        let fast: Vec<_> = cues.hits(&text).into_iter().map(|h| (h.end, h.start, cues.word(h).unwrap().text.clone())).collect();
        let mut plain = cues.plain_hits(&text);
        let mut sorted = fast.clone();
        sorted.sort();
        plain.sort();
        prop_assert!(fast.is_sorted_by_key(|hit| hit.0));
        prop_assert_eq!(sorted, plain);
    }

    /// What is read again only around changes, against reading all of the text again (as is done for names, of which this
    /// detector knows none).
    #[test]
    fn reading_near_changes_is_reading_all(text in text()) {
        let detector = Detector::new(&crate::Profile::default()).unwrap();
        let near = detected(&detector, &text, Depth::Whole { names: None, told: None });
        let all = detected(&detector, &text, Depth::Whole { names: Some(&Known::default()), told: None });
        prop_assert_eq!(near, all);
    }

    /// Every row in each of its usual ways of writing, tried at every place.
    #[test]
    fn no_number_in_its_usual_writing_is_skipped(text in text()) {
        let detector = Detector::new(&crate::Profile::default()).unwrap();
        let found = detected(&detector, &text, Depth::Piece);
        let view = crate::view::View::new(&text).unwrap();
        for (start, end, kind) in plain_rows(view.text()) {
            let (start, end) = view.to_original(start, end).unwrap();
            prop_assert!(
                found.iter().any(|f| (f.0, f.1, &f.2) == (start, end, &kind.to_string())),
                "{kind} in {:?}", &text[start..end]
            );
        }
    }
}
