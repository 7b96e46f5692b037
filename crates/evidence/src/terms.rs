//! A text as weighted terms. Words are cut into overlapping pieces of four letters: for Dutch, whose words are written
//! together and bent, that finds more than a stemmer does, and needs none for each language (McNamee and Mayfield,
//! *Character n-gram tokenization for European language text retrieval*, Information Retrieval 7, 2004).

use std::collections::{BTreeMap, BTreeSet};

const PIECE_CHARS: usize = 4;
const WORD_CHARS_MIN: usize = 3;

/// Words that say nothing about the subject.
const STOP_WORDS: &str = "aan alle alleen als andere bij dan dat daarom de deze dit die door dus een elk elke en er ervan \
    ervoor geen haar heeft hebben het hier hij hoe hun ieder in is kan krijgen krijgt kunnen maar meer met moet moeten naar niet nog nu \
    of om omdat ook op over per soms te tot uit van veel via voor waar waarin wat welke wel wie wij wordt worden zal \
    zich zij zijn zo zoals zonder zou all and any are because but can each for from has have how its may more must no \
    not nothing one only other our out own per she that the their them then there these they this those was were what \
    when where which who why will with without you your";

/// The words of a text that count, in lower case, each with how often it stands there.
pub(crate) fn words(text: &str) -> BTreeMap<String, u32> {
    let stop: BTreeSet<&str> = STOP_WORDS.split_whitespace().collect();
    let mut counted = BTreeMap::new();
    for word in text.split(|c: char| !c.is_alphabetic()) {
        let word = word.to_lowercase();
        if word.chars().count() >= WORD_CHARS_MIN && !stop.contains(word.as_str()) {
            let count: &mut u32 = counted.entry(word).or_default();
            *count = count.saturating_add(1);
        }
    }
    counted
}

/// The pieces of a word: all runs of four letters, the first marked as the beginning; a short word is its own piece.
pub(crate) fn pieces(word: &str) -> Vec<String> {
    let letters: Vec<char> = std::iter::once('^').chain(word.chars()).collect();
    if letters.len() <= PIECE_CHARS {
        return vec![letters.iter().collect()];
    }
    letters.windows(PIECE_CHARS).map(|run| run.iter().collect()).collect()
}

/// How alike two words are: Dice's coefficient of their pieces, from 0 to 1.
pub(crate) fn likeness(one: &str, other: &str) -> f64 {
    let (one, other): (BTreeSet<_>, BTreeSet<_>) =
        (pieces(one).into_iter().collect(), pieces(other).into_iter().collect());
    2.0 * one.intersection(&other).count() as f64 / (one.len() + other.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bent_and_compound_words_are_alike() {
        assert!(likeness("bezwaarschriften", "bezwaarschrift") > 0.8);
        assert!(likeness("bezwaarbrief", "bezwaar") > 0.5);
        assert!(likeness("letters", "letter") > 0.7);
        assert_eq!(likeness("parkeren", "zorgtoeslag"), 0.0);
    }

    #[test]
    fn words_that_say_nothing_are_left_out() {
        let found: Vec<_> = words("De brieven van het ministerie, 2026: ÉÉN brief!").into_keys().collect();
        assert_eq!(found, ["brief", "brieven", "ministerie", "één"]);
    }
}
