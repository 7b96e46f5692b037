//! The words that stand for numbers, digits and signs.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The numbers below a hundred by their words.
pub(crate) static BELOW_HUNDRED: LazyLock<HashMap<String, u32>> = LazyLock::new(|| {
    let words = numeral_words().into_iter();
    words
        .filter_map(|(word, digits)| Some((word, digits.parse::<u32>().ok().filter(|v| *v < 100)?)))
        .collect()
});

/// Dutch words for 0 to 19.
pub(crate) const ONES: [&str; 20] = [
    "nul",
    "een",
    "twee",
    "drie",
    "vier",
    "vijf",
    "zes",
    "zeven",
    "acht",
    "negen",
    "tien",
    "elf",
    "twaalf",
    "dertien",
    "veertien",
    "vijftien",
    "zestien",
    "zeventien",
    "achttien",
    "negentien",
];

/// What a word stands for that says of a text that it is written backwards.
pub(crate) const TURNED: &str = "<";
const BACKWARDS: &[&str] = &[
    "omgekeerd",
    "omgekeerde",
    "omgedraaid",
    "achterstevoren",
    "andersom",
    "achternaarvoren",
    "gespiegeld",
    "spiegelbeeld",
    "spiegelschrift",
    "backwards",
    "reversed",
];

/// Dutch words for 0 to 99, English ones to 9, with their digits, and for the signs of an address.
pub(crate) fn numeral_words() -> Vec<(String, String)> {
    const TENS: [&str; 8] =
        ["twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig"];
    let mut words: Vec<(String, String)> =
        ONES.iter().enumerate().map(|(n, word)| ((*word).to_owned(), n.to_string())).collect();
    words.push(("één".to_owned(), "1".to_owned()));
    words.push(("eén".to_owned(), "1".to_owned()));
    const ENGLISH: [&str; 10] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    for (n, word) in ENGLISH.iter().enumerate() {
        words.push(((*word).to_owned(), n.to_string()));
    }
    for (word, sign) in [
        ("apenstaart", "@"),
        ("apenstaartje", "@"),
        ("apestaartje", "@"),
        ("punt", "."),
        ("dot", "."),
        ("at", "@?"),
    ] {
        words.push((word.to_owned(), sign.to_owned()));
    }
    for (word, sign) in [
        ("streepje", "-"),
        ("streep", "-"),
        ("koppelteken", "-"),
        ("min", "-"),
        ("slash", "/"),
        ("underscore", "_"),
    ] {
        words.push((word.to_owned(), sign.to_owned()));
    }
    for word in BACKWARDS {
        words.push(((*word).to_owned(), TURNED.to_owned()));
    }
    for (t, ten) in TENS.iter().enumerate() {
        let tens = t.saturating_add(2).saturating_mul(10);
        words.push(((*ten).to_owned(), tens.to_string()));
        for (n, one) in ONES.iter().enumerate().take(10).skip(1) {
            let value = tens.saturating_add(n).to_string();
            for link in if one.ends_with('e') { ["ën", "en"] } else { ["en", "en"] } {
                words.push((format!("{one}{link}{ten}"), value.clone()));
            }
        }
    }
    words.extend(ordinals(&words));
    words.sort();
    words.dedup();
    words
}

/// Ordinals to 31, for days and months; written `#` and their number.
fn ordinals(words: &[(String, String)]) -> Vec<(String, String)> {
    const ODD: &[(&str, u32)] = &[("eerste", 1), ("derde", 3), ("achtste", 8)];
    let regular = words.iter().filter_map(|(word, digits)| {
        let value = digits.parse::<u32>().ok().filter(|v| (2..=31).contains(v) && !matches!(v, 3 | 8))?;
        let dutch = ONES.contains(&word.as_str()) || word.ends_with("tig");
        let ending = if value < 20 { "de" } else { "ste" };
        dutch.then(|| (format!("{word}{ending}"), format!("#{value}")))
    });
    regular.chain(ODD.iter().map(|&(word, value)| (word.to_owned(), format!("#{value}")))).collect()
}

/// What the words for hundreds and for the years of people begin with, and the number of each; written `+` and the number.
pub(crate) fn round_words() -> Vec<(String, String)> {
    let mut words = vec![
        ("honderd".to_owned(), "+100".to_owned()),
        ("éénhonderd".to_owned(), "+100".to_owned()),
        ("negentienhonderd".to_owned(), "+1900".to_owned()),
        ("achttienhonderd".to_owned(), "+1800".to_owned()),
        ("tweeduizend".to_owned(), "+2000".to_owned()),
    ];
    for (n, one) in ONES.iter().enumerate().take(10).skip(1) {
        words.push((format!("{one}honderd"), format!("+{n}00")));
    }
    words
}
