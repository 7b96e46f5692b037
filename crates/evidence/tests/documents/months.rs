//! The month on a page: each figure that was counted stands there, in both languages, and no text becomes a tag.

use evidence::{CaseMonth, Day, LogRead, Month, monthly};
use policy::Language;

/// November 2026, two use cases, one of them with a name that no gateway would take.
fn month() -> Month {
    let letters = CaseMonth {
        demo: true,
        days: [(1, Day { admitted: 1200, denied: 3 }), (30, Day { admitted: 34, denied: 0 })].into(),
        denied: [("needs-training".to_owned(), 2), ("quota-tokens-per-day".to_owned(), 1)].into(),
        redacted: [("bsn".to_owned(), 5), ("iban".to_owned(), 1001)].into(),
        found_in_answers: [("phone".to_owned(), 2)].into(),
        tokens_in: 123_456,
        tokens_out: 65_432,
        ended: [("completed".to_owned(), 1230), ("aborted".to_owned(), 3)].into(),
        unfinished: 1,
        millijoules: 78_912_345,
        energy_sources: [("rapl".to_owned(), 1000), ("stated".to_owned(), 200)].into(),
        ms: [(900, 1000), (2100, 230)].into(),
        first_token_ms: [(40, 1230)].into(),
        models: [(("open-model".to_owned(), "07".repeat(32)), 1234)].into(),
        policies: [("0a".repeat(32), (1237, 1_793_491_200_000, 1_796_082_000_000))].into(),
        revisions: [(2, 1237)].into(),
    };
    Month {
        year: 2026,
        month: 11,
        log: LogRead {
            origin: "noorderhaaks.example/log".to_owned(),
            root: "0c".repeat(32),
            signed_leaves: 4321,
            first_ms: Some(1_788_220_800_000),
            last_ms: Some(1_796_082_000_000),
            pruned_ms: None,
        },
        cases: [("letters".to_owned(), letters), ("<b>&\"".to_owned(), CaseMonth::default())].into(),
        strangers: [("unknown_key".to_owned(), 9)].into(),
        remedies: [("needs-training".to_owned(), "Volg eerst de <training>.".to_owned())].into(),
        only: None,
        made_ms: 1_796_169_600_000,
    }
}

#[test]
fn golden_month() {
    insta::assert_snapshot!(monthly(&month(), Language::Dutch));
}

#[test]
fn every_figure_stands_on_the_page() {
    let page = monthly(&month(), Language::English);
    for figure in [
        "<dt>Requests let in</dt><dd>1,234</dd>",
        "<dt>Requests denied</dt><dd>3</dd>",
        "<dt>Tokens to the model</dt><dd>123,456</dd>",
        "<dt>Tokens from the model</dt><dd>65,432</dd>",
        "<dt>Answers that came to their end</dt><dd>1,230</dd>",
        "<dt>Broken off</dt><dd>3</dd>",
        "<dt>Without an outcome yet</dt><dd>1</dd>",
        "78,912.3 J for 1,200 requests: 1,000 by the processor&#39;s meter, 200 by a stated power",
        "<td>iban</td><td>1,001</td>",
        "<td>phone</td><td>2</td>",
        "<td>1</td><td>1,200</td><td>3</td>",
        "<td>to the end</td><td>900</td><td>2,100</td><td>2,100</td><td>2,100</td><td>2,100</td>",
        "<dt>Signed leaves</dt><dd>4,321</dd>",
        "a demonstration, no pilot",
        "2026-09-01 – 2026-11-30 (90 days)",
    ] {
        assert!(page.contains(figure), "{figure} is not on the page");
    }
    let unnamed = monthly(&Month { year: 2026, month: 2, ..Month::default() }, Language::Dutch);
    assert!(
        unnamed.contains("Het logboek van februari 2026") && unnamed.contains("geen verzoeken in deze maand")
    );
}

/// A month whose leaves were pruned is not one without requests.
#[test]
fn what_was_pruned_is_said() {
    let mut pruned = Month { year: 2026, month: 2, ..Month::default() };
    // 2026-01-10 to 2026-02-03.
    pruned.log.pruned_ms = Some((1_768_003_200_000, 1_770_076_800_000));
    let page = monthly(&pruned, Language::Dutch);
    assert!(
        page.contains("Regels van deze maand zijn opgeschoond") && page.contains("2026-01-10 – 2026-02-03.")
    );
    assert!(!page.contains("geen verzoeken in deze maand"));
    for other in [1, 2] {
        let page = monthly(&Month { month: other, ..pruned.clone() }, Language::English);
        assert!(page.contains("Leaves of this month were pruned"), "{other}");
    }
    let after = monthly(&Month { month: 3, ..pruned }, Language::English);
    assert!(
        after.contains("no requests in this month") && !after.contains("Leaves of this month were pruned")
    );
}

#[test]
fn nothing_runs_loads_or_becomes_a_tag() {
    for language in [Language::Dutch, Language::English] {
        let page = monthly(&month(), language);
        for tag in ["<script", "<b>", "<training>", "src=", "href=", "url(", "@import", " on"] {
            let harmless = tag == " on" && !page.contains(" onload") && !page.contains(" onclick");
            assert!(harmless || !page.contains(tag), "{tag} is on the page");
        }
        assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
        // Nothing but the name of SVG's namespace looks like an address.
        assert_eq!(page.matches("://").count(), page.matches("http://www.w3.org/2000/svg").count());
    }
}
