//! One word after its label: user names, and the bank's code beside an account.

use super::{Candidate, Recognizer, Scan, because, compact};
use crate::Kind;
use crate::checks::other::bic;
use crate::finding::Reason;
use crate::vault::Secret;

pub(super) const NAME_BYTES_MAX: usize = 40;
/// Labels that stand for a user name only; the others need a sign of one in the word itself.
const SURE: &[&str] = &[
    "gebruikersn",
    "gebruikern",
    "username",
    "user name",
    "loginn",
    "inlogn",
    "accountn",
    "handle",
    "twitter",
    "instagram",
    "mastodon",
    "telegram",
    "snapchat",
    "tiktok",
    "screen",
    "nickname",
    "skype",
    "samacc",
    "upn",
    "x-account",
    "inlogcode",
    "login name",
    "account name",
    "logonname",
    "netwerkaccount",
    "discord",
    "reddit",
    "insta",
    "snap",
];
/// Labels that a user name follows at once, whatever it looks like.
const DIRECT: &[&str] =
    &["ingelogd als", "aangemeld als", "logged in as", "password for", "publickey for", "invalid user"];
/// Accounts that are nobody's.
const NOBODY: &[&str] = &[
    "admin",
    "administrator",
    "root",
    "system",
    "systeem",
    "guest",
    "gast",
    "public",
    "shared",
    "default",
    "user",
    "username",
    "gebruiker",
    "beheerder",
    "null",
    "none",
    "onbekend",
    "unknown",
    "all users",
    "test",
    "true",
    "false",
    "ja",
    "nee",
    "actief",
    "www-data",
    "nobody",
    "burger",
    "medewerker",
    "ubuntu",
    "app",
];
/// What an address ends in, and a handle does not.
const TOPS: &[&str] = &["nl", "com", "org", "net", "eu", "be", "de", "io"];

/// Finds a word that its label makes a user name or a BIC.
pub(crate) struct UserName;

impl Recognizer for UserName {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::UserName, Kind::Bic]
    }

    fn version(&self) -> u32 {
        3
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        for hit in scan.spoken.hits() {
            scan.step();
            let (start, end) = (hit.start as usize, hit.end as usize);
            let kinds =
                [Kind::UserName, Kind::Bic].into_iter().filter(|&k| scan.spoken.cues.speaks_for(*hit, k));
            for kind in kinds {
                let found =
                    if kind == Kind::Bic { code_after(scan, end) } else { name_after(scan, start, end) };
                if let Some((from, to)) = found {
                    sink(candidate(scan, kind, from, to));
                }
            }
        }
        for &at in &scan.marks.ats {
            scan.step();
            if let Some((from, to, points)) = handle(scan, at) {
                sink(found(scan, from, to, because("a handle", points)));
            }
        }
        for &at in &scan.marks.codes {
            if let Some((from, to)) = in_domain(scan, at) {
                sink(found(scan, from, to, because("a user in a domain", 62)));
            }
        }
        let speaks = |hits: &[crate::cues::Hit]| {
            hits.iter().any(|hit| scan.spoken.cues.speaks_for(*hit, Kind::UserName))
        };
        for (from, to) in scan.spoken.columns.cells(scan.text, &speaks) {
            scan.step();
            if is_login(scan.slice(from, to)) {
                sink(found(scan, from, to, because("one word in a column of user names", 30)));
            }
        }
        self.labelled(scan, sink);
        for (from, to) in super::speaker::speakers(scan) {
            sink(found(scan, from, to, because("who speaks in a chat", 62)));
        }
    }
}

/// One word without capitals, or with a sign that names of people do not have, that is somebody's.
pub(super) fn is_login(word: &str) -> bool {
    let shown = word.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'_' | b'\\' | b'.'));
    (3..=NAME_BYTES_MAX).contains(&word.len())
        && word.bytes().all(is_name)
        && word.bytes().any(|b| b.is_ascii_alphabetic())
        && (shown || !word.bytes().any(|b| b.is_ascii_uppercase()))
        && !NOBODY.contains(&word.to_ascii_lowercase().as_str())
}

/// `@jan_de_vries`: where it stands, and what it is worth without a word for it.
fn handle(scan: &Scan<'_>, at: usize) -> Option<(usize, usize, i16)> {
    let before = scan.byte_before(at);
    if before.is_some_and(|b| {
        !b.is_ascii() || b.is_ascii_alphanumeric() || matches!(b, b'@' | b'.' | b'-' | b'_' | b'/')
    }) {
        return None;
    }
    let from = at.saturating_add(1);
    let rest = scan.text.as_bytes().get(from..)?;
    let name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let length = rest.iter().take(NAME_BYTES_MAX).take_while(|b| name(b)).count();
    let name = scan.slice(from, from.saturating_add(length)).trim_end_matches(['.', '-']);
    let to = from.saturating_add(name.len());
    let closed = !scan.attached_after(to) && !matches!(scan.byte(to), Some(b'/' | b'@' | b'('));
    let top = name.rsplit('.').next().unwrap_or_default();
    if name.len() < 3
        || !closed
        || !name.starts_with(|c: char| c.is_ascii_alphabetic())
        || TOPS.contains(&top)
    {
        return None;
    }
    // `@jvries: hoi`, at the beginning of a line.
    let speaks = before.is_none_or(|b| b == b'\n') && scan.byte(to) == Some(b':');
    let shown = speaks || name.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'_' | b'.'));
    Some((at, to, if shown { 62 } else { 30 }))
}

/// `STADHUIS\\jvries`: the user after a domain in capitals.
fn in_domain(scan: &Scan<'_>, at: usize) -> Option<(usize, usize)> {
    if scan.byte(at) != Some(b'\\') {
        return None;
    }
    let word = scan.word_around(at, at, 16);
    let domain = scan.slice(word.start, at);
    let from = at.saturating_add(1);
    let rest = scan.text.as_bytes().get(from..)?;
    let small = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    let length = rest.iter().take(NAME_BYTES_MAX).take_while(|b| small(b)).count();
    let name = scan.slice(from, from.saturating_add(length)).trim_end_matches(['.', '-']);
    let to = from.saturating_add(name.len());
    // `REGEL\\nregel` is an escape, not a user.
    let escape =
        name.starts_with(['n', 't', 'r', 'b', 'f', 'u', 'x']) && name.bytes().all(|b| b.is_ascii_lowercase());
    let right = domain.len() >= 2
        && domain.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && domain.bytes().any(|b| b.is_ascii_uppercase())
        && !scan.attached_before(word.start)
        && scan.byte_before(word.start) != Some(b'\\')
        && is_login(name)
        && !escape
        && !scan.attached_after(to)
        && scan.byte(to) != Some(b'\\');
    right.then_some((from, to))
}

impl UserName {
    /// A JSON value that is one word, under a key that says what it is.
    fn labelled(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        let end = scan.text.len();
        if !(3..=NAME_BYTES_MAX).contains(&end) || !scan.text.bytes().all(is_name) {
            return;
        }
        if scan.spoken.label_says(Kind::UserName) && scan.text.bytes().any(|b| b.is_ascii_alphabetic()) {
            sink(candidate(scan, Kind::UserName, 0, end));
        }
        if scan.spoken.label_says(Kind::Bic) && bic(compact(scan.text).as_str()) {
            sink(candidate(scan, Kind::Bic, 0, end));
        }
    }
}

fn candidate(scan: &Scan<'_>, kind: Kind, start: usize, end: usize) -> Candidate {
    Candidate { kind, ..found(scan, start, end, because("one word after its label", 30)) }
}

fn found(scan: &Scan<'_>, start: usize, end: usize, reason: Reason) -> Candidate {
    let canonical = Secret::new(&scan.slice(start, end).to_lowercase());
    Candidate { kind: Kind::UserName, start, end, canonical, reasons: vec![reason], judged: false }
}

const fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@' | b'\\')
}

/// The word after a label that ends at `end` and a sign such as `:`, `=` or "is".
fn name_after(scan: &Scan<'_>, start: usize, end: usize) -> Option<(usize, usize)> {
    let rest = scan.text.get(end..)?;
    if let Some(path) = rest.strip_prefix(".com/") {
        let path = path.strip_prefix("in/").unwrap_or(path);
        let from = scan.text.len().saturating_sub(path.len());
        let length = path.bytes().take(NAME_BYTES_MAX).take_while(|b| is_name(*b)).count();
        return (length >= 4).then(|| (from, from.saturating_add(length)));
    }
    if scan.slice(start, end).ends_with(['/', '\\']) {
        // The folder of a user, at the root; on a site, `home` is a page.
        let root =
            start.checked_sub(2).and_then(|at| scan.byte(at)).is_none_or(|b| !b.is_ascii_alphanumeric());
        if scan.slice(start, end).eq_ignore_ascii_case("home/")
            && !(root && scan.byte_before(start) == Some(b'/'))
        {
            return None;
        }
        let length = rest.bytes().take(NAME_BYTES_MAX).take_while(|b| is_name(*b) && *b != b'\\').count();
        let name = rest.get(..length).filter(|name| is_login(name))?;
        return Some((end, end.saturating_add(name.len())));
    }
    let label_end = end.saturating_add(
        rest.bytes().take(16).take_while(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_')).count(),
    );
    let rest = scan.text.get(label_end..)?;
    let gap =
        rest.bytes().take(6).take_while(|b| matches!(b, b' ' | b':' | b'=' | b'"' | b'\'' | b'(')).count();
    let sign = rest.get(..gap)?;
    let (from, marked) = match scan.text.get(label_end.saturating_add(gap)..)?.strip_prefix("is ") {
        Some(_) if sign == " " => (label_end.saturating_add(gap).saturating_add(3), true),
        _ => (label_end.saturating_add(gap), sign.contains([':', '=', '"', '('])),
    };
    let word = scan.text.as_bytes().get(from..)?;
    let length = word.iter().take(NAME_BYTES_MAX).take_while(|&&b| is_name(b)).count();
    let name = scan.slice(from, from.saturating_add(length)).trim_end_matches(['.', '-']);
    let to = from.saturating_add(name.len());
    let label = scan.slice(start, end).to_ascii_lowercase();
    let sure = SURE.iter().any(|s| label.starts_with(s));
    let looks = name.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'_' | b'\\'))
        || name.starts_with('@')
        || name.trim_matches('@').contains('.');
    // `user=jvries`, `user 'jvries'` in a log; a person writes a space or a colon.
    let logged = matches!(label.as_str(), "user" | "uid" | "login" | "account")
        && (sign == "=" || sign.ends_with(['\'', '"']))
        && is_login(name);
    let handle = name.starts_with('@') && name.len() > 3;
    // After a bare space the word itself has to show it: "account jvries_2", but not "account gesloten".
    let shown = sign == " "
        && looks
        && name.len() >= 5
        && is_login(name)
        && !name.bytes().any(|b| b.is_ascii_uppercase());
    let direct = sign == " " && DIRECT.contains(&label.as_str()) && is_login(name);
    let letters = name.bytes().any(|b| b.is_ascii_alphabetic());
    let right = name.len() >= 3
        && letters
        && !scan.attached_after(to)
        && (handle
            || logged
            || (marked && (sure || looks))
            || (sure && looks && sign == " ")
            || shown
            || direct);
    right.then_some((from, to))
}

/// The eight or eleven letters and digits after a label.
fn code_after(scan: &Scan<'_>, end: usize) -> Option<(usize, usize)> {
    let rest = scan.text.get(end..)?;
    let gap = rest.bytes().take(16).position(|b| b.is_ascii_uppercase() && rest.len() > 7)?;
    let from = (gap..gap.saturating_add(9)).find(|&at| {
        let free =
            at == 0 || rest.as_bytes().get(at.saturating_sub(1)).is_some_and(|b| !b.is_ascii_alphanumeric());
        let length = rest.bytes().skip(at).take(12).take_while(u8::is_ascii_alphanumeric).count();
        let code = rest.get(at..at.saturating_add(length)).unwrap_or_default();
        free && code.bytes().all(|b| !b.is_ascii_lowercase()) && bic(code)
    })?;
    let length = rest.bytes().skip(from).take_while(u8::is_ascii_alphanumeric).count();
    let start = end.saturating_add(from);
    Some((start, start.saturating_add(length)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_found, found};
    use super::*;

    #[test]
    fn a_label_makes_a_name() {
        for (text, want) in [
            ("gebruikersnaam: jdevries", "jdevries"),
            ("Username = j.de_vries-3.", "j.de_vries-3"),
            ("user: jvries01, rol", "jvries01"),
            ("op Twitter (@jandevries) geplaatst", "@jandevries"),
            ("zijn inlognaam is pjansen en", "pjansen"),
            ("met inlognaam jvries2 werkt", "jvries2"),
            ("het account navid_h_99 bestaat niet", "navid_h_99"),
            ("Failed password for bjansma from 1", "bjansma"),
            (concat!("map /", "home/jvries/rapport.txt"), "jvries"),
            ("C:\\Users\\jvries\\Documents", "jvries"),
            ("door STADHUIS\\jvries gewijzigd", "jvries"),
            ("@jan_de_vries 9:02: dank", "@jan_de_vries"),
            ("login ok user=jvries ip=", "jvries"),
            ("tijd|user|actie\n9:00|ybouali|inzage\n", "ybouali"),
            ("https://www.linkedin.com/in/jan-de-vries-12345/", "jan-de-vries-12345"),
        ] {
            assert_eq!(found(Kind::UserName, text), vec![want.to_owned()], "{text}");
        }
        for text in [
            "de gebruiker meldt zich",
            "login: zie bijlage",
            "het account is gesloten",
            "gebruikersnaam en wachtwoord",
            "user: admin",
            "npm i @types/node en @media print",
            "mail naar @gemeente.nl",
            "\"NAAM\\nadres\"",
            concat!("/", "home/public/x"),
            "zie gemeente.nl/home/nieuws",
            "gebruiker|status\nactief|Amsterdam\n",
        ] {
            assert_eq!(all_found(text), vec![], "{text}");
        }
    }

    #[test]
    fn a_code_beside_an_account() {
        assert_eq!(found(Kind::Bic, "BIC: ABNANL2A"), vec!["ABNANL2A"]);
        assert_eq!(found(Kind::Bic, "SWIFT-code DEUTDEFF500."), vec!["DEUTDEFF500"]);
        assert!(found(Kind::Bic, "BIC van de bank in NEDERLAND").is_empty());
        assert!(found(Kind::Bic, "RABONL2U").is_empty());
    }
}
