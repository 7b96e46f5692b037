//! A value that was found is found wherever the text has it again: what a label told once, it need not tell twice.

use std::collections::HashSet;

use crate::Kind;
use crate::detect::{IDENTIFIES, Scored};
use crate::recognizers::because;
use crate::vault::Secret;

/// Most values that are looked for again in one text, and their bytes.
const VALUES_MAX: usize = 32;
const BYTES_MIN: usize = 5;
const BYTES_MAX: usize = 64;

/// Adds the places of `text` where a value of those in `found` stands again, at most until there are `limit`.
pub(crate) fn add(text: &str, limit: usize, found: &mut Vec<Scored>) {
    let mut values: HashSet<&str> = HashSet::new();
    let mut more: Vec<Scored> = Vec::new();
    for scored in found.iter().filter(|s| s.score >= IDENTIFIES && is_value(s.kind)) {
        let written = text.get(scored.start..scored.end).unwrap_or_default();
        let fits = (BYTES_MIN..=BYTES_MAX).contains(&written.len());
        if !fits || values.len() >= VALUES_MAX || !values.insert(written) {
            continue;
        }
        for (start, _) in text.match_indices(written) {
            let end = start.saturating_add(written.len());
            let taken = |s: &Scored| s.score >= IDENTIFIES && s.start <= start && end <= s.end;
            if is_whole(text, start, end) && !found.iter().any(taken) {
                more.push(Scored {
                    start,
                    end,
                    kind: scored.kind,
                    score: IDENTIFIES,
                    reasons: vec![because("found elsewhere in the text", i16::from(IDENTIFIES))],
                    canonical: Secret::new(scored.canonical.as_str()),
                    by_finder: false,
                });
            }
        }
    }
    more.truncate(limit.saturating_sub(found.len()));
    found.append(&mut more);
}

/// Whether a kind is a value that identifies wherever it stands: a number, an account, an address of a person's own.
const fn is_value(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Person
            | Kind::Place
            | Kind::Organisation
            | Kind::BirthDate
            | Kind::Age
            | Kind::Health
            | Kind::Religion
            | Kind::EthnicOrigin
            | Kind::PoliticalOpinion
            | Kind::UnionMembership
            | Kind::SexLife
            | Kind::CriminalData
            | Kind::Custom(_)
    )
}

/// Whether no letter or digit stands beside `start..end`.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|head| head.chars().next_back());
    let after = text.get(end..).and_then(|tail| tail.chars().next());
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::recognizers::tests::named;

    #[test]
    fn what_was_labelled_once_is_found_again() {
        let text = "login ok user=jvries\nopvragen dossier door jvries om 9:00\nxjvries en jvriesje";
        let users: Vec<_> = named(text).into_iter().filter(|(kind, _)| *kind == Kind::UserName).collect();
        assert_eq!(users.len(), 2, "{users:?}");
    }
}
