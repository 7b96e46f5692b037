//! Likeness: what resembles comes first, with words that say why, and nothing is left to chance.

use evidence::{Lesson, rank};
use proptest::prelude::*;

use crate::house::{ACCOUNTABILITY, objections, record, unsigned};

fn lesson(title: &str, purpose: &str, accountability: &str) -> Lesson {
    unsigned("x-1", &record("x-1", title, purpose, accountability)).lesson("x-1")
}

fn parking() -> Lesson {
    let other = ACCOUNTABILITY
        .replace("indieners van bezwaar", "automobilisten")
        .replace("naam en adres", "kenteken")
        .replace("burgerservicenummer", "betaalgegevens")
        .replace("jurist", "baliemedewerker");
    lesson("Parkeervergunningen uitleggen", "Bewoners krijgen antwoord over parkeren in hun wijk.", &other)
}

fn letters() -> Lesson {
    lesson(
        "Bezwaarbrieven samenvatten",
        "Samenvatting van een bezwaar voor wie de beslissing schrijft.",
        ACCOUNTABILITY,
    )
}

#[test]
fn what_resembles_comes_first_and_says_why() {
    let own = objections().lesson("bezwaren");
    let ranked = rank(&own, &[parking(), letters()]);
    let order: Vec<usize> = ranked.iter().map(|likeness| likeness.index).collect();
    assert_eq!(order, [1, 0], "{ranked:#?}");
    assert!(ranked[0].score > 1.5 * ranked[1].score, "{ranked:#?}");
    let words = &ranked[0].words;
    assert!(
        words.iter().any(|(here, there)| here.starts_with("beslissing") && there.starts_with("beslissing")),
        "{words:?}"
    );
    assert!(ranked[0].shared.contains(&"people: indieners van bezwaar".to_owned()), "{:?}", ranked[0].shared);
    assert!(ranked[1].shared.contains(&"data class: identifier".to_owned()));
    assert_eq!(ranked[0].same_documents, ["dpia", "iama", "contract"], "the same documents lie under both");
}

#[test]
fn the_same_is_one_and_nothing_in_common_is_little() {
    let own = objections().lesson("bezwaren");
    let ranked = rank(&own, std::slice::from_ref(&own));
    assert!((ranked[0].score - 1.0).abs() < 1e-9, "{ranked:?}");
    let mut bare = own.clone();
    for text in [&mut bare.title, &mut bare.purpose, &mut bare.legal_basis, &mut bare.alternatives] {
        text.clear();
    }
    for text in [&mut bare.proportionality, &mut bare.human_oversight, &mut bare.exit_plan] {
        text.clear();
    }
    bare.advice.clear();
    assert_eq!(rank(&own, &[bare])[0].texts, 0.0);
    assert!(rank(&own, &[]).is_empty());
}

#[test]
fn what_covers_a_name_is_not_a_word() {
    let (mut one, mut other) = (objections().lesson("bezwaren"), parking());
    let before = rank(&one, std::slice::from_ref(&other))[0].texts;
    one.purpose.push_str(" [organisation] ⟦BSN_1⟧");
    other.purpose.push_str(" [organisation] ⟦BSN_1⟧");
    assert_eq!(rank(&one, &[other])[0].texts, before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn likeness_is_bounded_even_handed_and_repeatable(one in "\\PC{0,200}", other in "\\PC{0,200}") {
        let (mut a, mut b) = (parking(), letters());
        (a.purpose, b.purpose) = (one, other);
        let there = rank(&a, std::slice::from_ref(&b));
        let back = rank(&b, std::slice::from_ref(&a));
        prop_assert!((0.0..=1.0 + 1e-9).contains(&there[0].score));
        prop_assert!((there[0].score - back[0].score).abs() < 1e-9);
        prop_assert_eq!(&there, &rank(&a, std::slice::from_ref(&b)));
    }
}
