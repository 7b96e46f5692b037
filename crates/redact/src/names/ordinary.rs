//! Words with which no name begins: a stream need not wait for the rest of their sentence.

use super::gazetteer::{COMMON, GIVEN, PARTICLE, PLACE, STREET, SURNAME, TITLE, hash_lower};
use super::tokens::{self, Shape, Token};
use super::{SEGMENT_TOKENS_MAX, Tagger};

/// What a word says of a name that may begin with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    /// No name begins here.
    Nothing,
    /// The next word decides: `van`, `Kerkstraat`, `63`, `I`.
    Perhaps,
    /// A name may begin here.
    Name,
}

/// Words that make an age of the number before them.
const AGES: [&str; 9] = ["jaar", "jaren", "jarige", "jr", "maanden", "weken", "year", "years", "months"];

impl Tagger {
    /// How many bytes at the start of a sentence, which may not be over, begin no name. More of the sentence never makes it less: a
    /// word counts once a blank or a comma says that it is over.
    pub(crate) fn ordinary(&self, sentence: &str) -> usize {
        let (mut ordinary, mut titled, mut number) = (0, false, false);
        for (at, token) in tokens::segments(sentence, SEGMENT_TOKENS_MAX).flatten().enumerate() {
            let word = sentence.get(token.start..token.end).unwrap_or_default();
            if !is_over(sentence, token) || (number && AGES.contains(&word)) {
                break;
            }
            let flags = self.gazetteer.flags(word, hash_lower(word));
            match says(token.shape, word, flags, at == 0, titled) {
                Says::Name => break,
                Says::Perhaps => {}
                Says::Nothing => ordinary = token.end,
            }
            titled = flags & TITLE != 0;
            number = is_number(token.shape);
        }
        ordinary
    }
}

/// Whether what comes next cannot make another word of a token.
fn is_over(text: &str, token: Token) -> bool {
    let next = text.get(token.end..).and_then(|rest| rest.chars().next());
    match token.shape {
        Shape::Sign => next.is_some(),
        _ => next.is_some_and(|c| c.is_whitespace() || matches!(c, ',' | ';' | ':' | ')' | '?' | '!')),
    }
}

fn says(shape: Shape, word: &str, flags: u8, first: bool, titled: bool) -> Says {
    let named = flags & (GIVEN | SURNAME | PLACE) != 0;
    let common = flags & COMMON != 0;
    match shape {
        Shape::Lower if titled && named => Says::Name,
        Shape::Lower if flags & (PARTICLE | STREET) != 0 => Says::Perhaps,
        Shape::Lower if common && flags & GIVEN == 0 => Says::Nothing,
        Shape::Capital if first && flags & PARTICLE != 0 => Says::Perhaps,
        Shape::Capital if common && !named && !titled && flags & STREET == 0 => Says::Nothing,
        Shape::Letter if matches!(word, "I" | "A") => Says::Perhaps,
        Shape::Alphanumeric | Shape::Clitic => Says::Perhaps,
        shape if is_number(shape) => Says::Perhaps,
        Shape::Sign if ",;:()\"!?*#>|`=+%€$".contains(word) => Says::Nothing,
        _ => Says::Name,
    }
}

fn is_number(shape: Shape) -> bool {
    matches!(shape, Shape::Digit1 | Shape::Digit2 | Shape::Digit3 | Shape::Digit4 | Shape::Digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ordinary(text: &str) -> &str {
        static TAGGER: std::sync::LazyLock<Tagger> = std::sync::LazyLock::new(|| Tagger::new().unwrap());
        &text[..TAGGER.ordinary(text)]
    }

    #[test]
    fn words_are_passed_on_up_to_the_first_that_may_be_a_name() {
        for (text, wanted) in [
            ("Het regent vandaag in het land en", "Het regent vandaag in het land"),
            ("Het regent vandaag", "Het regent"),
            ("De brief van Willemijn de Vries is weg", "De brief"),
            ("Dat zegt mevrouw bakker van", "Dat zegt mevrouw"),
            ("wonen aan de Kerkstraat 12 of", "wonen"),
            ("een tabel: 1, 2, 3, 4", "een tabel: 1, 2, 3,"),
            ("een kind van 12 jaar of", "een kind"),
            ("I think that it is ", "I think that it is"),
            ("zie ⟦PERSOON_1⟧ en ", "zie"),
            ("willemijn komt ", ""),
        ] {
            assert_eq!(ordinary(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn more_of_a_sentence_never_takes_back(
            words in proptest::collection::vec(
                prop_oneof![Just("de "), Just("van"), Just("'s "), Just("mevrouw "), Just("bakker, "), Just("12"), Just(" jaar"),
                    Just("Jan"), Just(" "), Just("-"), Just("."), Just("brief"), Just("I "), Just("⟦"), Just("het "), Just("é")],
                1..12,
            )
        ) {
            let text = words.concat();
            let mut before = 0;
            for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
                let now = ordinary(&text[..at]).len();
                prop_assert!(now >= before, "{:?} {now} {before}", &text[..at]);
                before = now;
            }
        }
    }
}
