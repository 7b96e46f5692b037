//! Who speaks in a chat: `jan_57: hoi`, `[10:22] gast_12: ja`, `tuinman88 (lid sinds 2014): dank`.
//!
//! A word with a digit or a low line at the beginning of a line, with a colon behind it, is a key as often as a name. It is a
//! name where it speaks more than once, in sentences, and few others do.

use std::collections::HashMap;

use super::Scan;
use super::user::{NAME_BYTES_MAX, is_login};

/// More words than this that open lines are the keys of a file.
const SPEAKERS_MAX: usize = 6;
/// Fewest lines that somebody speaks, and words of one that is a sentence.
const LINES_MIN: u32 = 2;
const WORDS_MIN: usize = 3;
/// Letters of a login in a log at least.
const LOGIN_BYTES_MIN: usize = 5;
/// Fewest lines of a chat between people who are initials.
const CHAT_LINES_MIN: usize = 4;
/// Most lines of a chat that names open; what has more is a file of some sort.
const NAMES_MAX: usize = 200;
/// Longest thing between the beginning of a line and a name: a time, a quotation mark.
const LEAD_BYTES_MAX: usize = 24;
/// Longest thing in brackets behind a name, and how much of a line is read.
const ASIDE_BYTES_MAX: usize = 40;
const LINE_BYTES_MAX: usize = 200;

/// Where those who speak are named, in any line.
pub(super) fn speakers(scan: &Scan<'_>) -> Vec<(usize, usize)> {
    if !scan.whole {
        return Vec::new();
    }
    let words = words(scan);
    // How often a word opens a line, and how often a sentence follows.
    let mut opens: HashMap<&str, (u32, u32)> = HashMap::new();
    for &(start, end) in &words {
        if let Some(sentence) = spoken_line(scan, start, end) {
            let counts = opens.entry(scan.slice(start, end)).or_default();
            counts.0 = counts.0.saturating_add(1);
            counts.1 = counts.1.saturating_add(u32::from(sentence));
        }
    }
    opens.retain(|_, (lines, _)| *lines >= LINES_MIN);
    if opens.is_empty() || opens.len() > SPEAKERS_MAX {
        return Vec::new();
    }
    // Most of what somebody says are sentences; most of what stands behind a key is none.
    let speaks =
        |word: &str| opens.get(word).is_some_and(|(lines, sentences)| sentences.saturating_mul(2) >= *lines);
    words.into_iter().filter(|&(start, end)| speaks(scan.slice(start, end))).collect()
}

/// Who speaks in a chat by initials or by one name: `K.: hoi`, `Sjonnie: ja die stond er nog`. One letter without its point
/// speaks beside those that have one; by itself it is as often the letter of a question. `may_name` says whether a word can be
/// somebody's name, rather than "Klant" or "Assistent".
pub(super) fn named(scan: &Scan<'_>, may_name: &dyn Fn(&str) -> bool) -> Vec<(usize, usize)> {
    if !scan.whole {
        return Vec::new();
    }
    let (mut letters, mut names) = (Vec::new(), Vec::new());
    let mut at = 0_usize;
    for line in scan.text.split('\n') {
        scan.step();
        let start = at;
        at = at.saturating_add(line.len()).saturating_add(1);
        let Some((head, said)) = line.split_once(": ") else { continue };
        let place = (start, start.saturating_add(head.len()));
        let mut chars = head.chars();
        let capital = chars.next().is_some_and(char::is_uppercase);
        if capital && matches!(chars.as_str(), "" | ".") {
            letters.push(place);
        } else if capital && head.len() <= NAME_BYTES_MAX && chars.all(char::is_alphabetic) && may_name(head)
        {
            let words = said.split(' ').filter(|word| word.chars().any(char::is_alphabetic)).count();
            names.push((place, words >= WORDS_MIN));
        }
    }
    let lines_min = usize::try_from(LINES_MIN).unwrap_or(usize::MAX);
    let written = |&(start, end): &(usize, usize)| scan.slice(start, end);
    let dotted = letters.iter().filter(|place| written(place).ends_with('.')).count();
    let mut found = if dotted >= lines_min && letters.len() >= CHAT_LINES_MIN { letters } else { Vec::new() };
    let speaks = |place: &(usize, usize)| {
        let same = || names.iter().filter(|(other, _)| written(other) == written(place));
        let sentences = same().filter(|(_, sentence)| *sentence).count();
        same().count() >= lines_min && sentences.saturating_mul(2) >= same().count()
    };
    if names.len() <= NAMES_MAX {
        found.extend(names.iter().map(|(place, _)| *place).filter(speaks));
    }
    found
}

/// Who did what, in the lines of a log: a time, two spaces, and one word in small letters that is none of the language.
pub(super) fn logged(scan: &Scan<'_>, may_name: &dyn Fn(&str) -> bool) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    for line in scan.text.split('\n') {
        scan.step();
        let start = at;
        at = at.saturating_add(line.len()).saturating_add(1);
        let time = line.bytes().take_while(|b| b.is_ascii_digit() || b"-:./ T,+Z".contains(b)).count();
        let (head, rest) = (line.get(..time).unwrap_or_default(), line.get(time..).unwrap_or_default());
        let word = rest.split("  ").next().filter(|word| word.len() < rest.len()).unwrap_or_default();
        let timed =
            head.ends_with("  ") && head.contains(':') && head.starts_with(|c: char| c.is_ascii_digit());
        let login = word.len() >= LOGIN_BYTES_MIN && word.bytes().all(|b| b.is_ascii_lowercase());
        if timed && login && is_login(word) && may_name(word) {
            let from = start.saturating_add(time);
            found.push((from, from.saturating_add(word.len())));
        }
    }
    found
}

/// Every word that looks like a login by a digit or a low line in it, in order.
fn words(scan: &Scan<'_>) -> Vec<(usize, usize)> {
    let bytes = scan.text.as_bytes();
    let name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'\'');
    let letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
    let groups = scan
        .groups()
        .iter()
        .filter(|g| g.start.checked_sub(1).is_some_and(|at| letter(at) || bytes.get(at) == Some(&b'_')));
    let mut anchors: Vec<usize> = groups.map(|g| g.start).chain(scan.marks.lows.iter().copied()).collect();
    anchors.sort_unstable();
    let mut found = Vec::new();
    let mut done = 0;
    for at in anchors {
        scan.step();
        if at < done {
            continue;
        }
        let head = bytes.get(at.saturating_sub(NAME_BYTES_MAX).max(done)..at).unwrap_or_default();
        let tail = bytes.get(at..).unwrap_or_default().iter().take(NAME_BYTES_MAX);
        let start = at.saturating_sub(head.iter().rev().take_while(|b| name(b)).count());
        let end = at.saturating_add(tail.take_while(|b| name(b)).count());
        done = end;
        let word = scan.slice(start, end);
        let bare = word.trim_end_matches(['.', '-', '\'']);
        let letters = bare.bytes().filter(u8::is_ascii_alphabetic).count();
        // `SPK1` and `spreker_2` are what a program calls whom it hears.
        let numbered = ["spk", "spreker", "speaker", "sp_"]
            .iter()
            .any(|role| bare.to_ascii_lowercase().starts_with(role));
        if letters >= 3 && !numbered && is_login(&bare.replace('\'', "")) && !scan.attached_before(start) {
            found.push((start, start.saturating_add(bare.len())));
        }
    }
    found
}

/// Whether a sentence stands behind the word at `start..end`, where that opens a line; `None` where it does not.
fn spoken_line(scan: &Scan<'_>, start: usize, end: usize) -> Option<bool> {
    let from = scan.text.ceil_char_boundary(start.saturating_sub(LEAD_BYTES_MAX));
    let head = scan.slice(from, start);
    let lead = head.rsplit('\n').next().unwrap_or_default();
    let opens = from == 0 || head.contains('\n');
    let time = |c: char| {
        c.is_ascii_digit() || " \t[]()<@:.-/T>*".contains(c) || (!c.is_alphanumeric() && !c.is_ascii())
    };
    if !opens || !lead.chars().all(time) {
        return None;
    }
    let to = scan.text.floor_char_boundary(end.saturating_add(LINE_BYTES_MAX).min(scan.text.len()));
    let line = scan.slice(end, to).split('\n').next().unwrap_or_default();
    let aside = [(" (", "):"), (" [", "]:"), (" [", "]")].iter().find_map(|(open, close)| {
        let length = line.strip_prefix(open)?.find(close)?;
        line.get(open.len().saturating_add(length).saturating_add(close.len())..)
            .filter(|_| length <= ASIDE_BYTES_MAX)
    });
    let said = aside.or_else(|| line.strip_prefix(": ")).or_else(|| line.strip_prefix("> "))?;
    let words = said.split(' ').filter(|word| word.chars().any(char::is_alphabetic)).count();
    Some(words >= WORDS_MIN)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_found, found};
    use crate::Kind;

    #[test]
    fn who_speaks_is_somebody() {
        let chat = "piet_81: hoi, ik heb een vraag\nbot: Stel uw vraag gerust.\npiet_81: mag mijn schuur blijven staan\n";
        assert_eq!(found(Kind::UserName, chat), ["piet_81"; 2]);
        let timed = "[10:22] d'vis_x: wie weet dit nou\n[10:23] d'vis_x: laat maar zitten dan\n";
        assert_eq!(found(Kind::UserName, timed), ["d'vis_x"; 2]);
        let aside = "tuinman88 (lid sinds 2014): dank voor de tip\nx\ntuinman88 (lid sinds 2014): ik ga bellen morgen\n";
        assert_eq!(found(Kind::UserName, aside), ["tuinman88"; 2]);
    }

    #[test]
    fn keys_speak_of_nobody() {
        let once = "max_tokens: een getal van belang\n";
        let numbers = "step_1: 3\nstep_1: 4\n";
        let file: String = ["a_b", "c_d", "e_f", "g_h", "i_j", "k_l", "m_n"]
            .iter()
            .flat_map(|key| [key, key])
            .map(|key| format!("xx{key}: een zin van woorden\n"))
            .collect();
        let heard = "SPK1: goedemorgen met wie spreek ik\nSPK1: wat is de vraag dan\n";
        for text in [once, numbers, file.as_str(), heard] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }
}
