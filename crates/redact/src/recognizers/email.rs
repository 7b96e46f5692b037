//! E-mail addresses (RFC 5321 lengths; the characters people use).

use super::{Candidate, Recognizer, Scan, because};
use crate::Kind;
use crate::vault::Secret;

const LOCAL_CHARS_MAX: usize = 64;
const DOMAIN_CHARS_MAX: usize = 253;
/// The name under a top-level domain that is set aside for documentation (RFC 2606), or used as if it were. An address that
/// ends in `.example` is in nobody's manual: somebody made it up for a person.
const RESERVED: &str = "example";
/// How percent encoding writes an `@` (RFC 3986).
const ENCODED: &str = "%40";
/// Endings of file names such as `logo@2x.png`.
const FILE_ENDINGS: &[&str] =
    &["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "json", "html", "pdf"];

/// Finds e-mail addresses, internationalised ones too.
pub(crate) struct Email;

impl Recognizer for Email {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::Email]
    }

    fn version(&self) -> u32 {
        5
    }

    fn candidates(&self, scan: &Scan<'_>, sink: &mut dyn FnMut(Candidate)) {
        let plain = scan.marks.ats.iter().map(|&at| (at, "@"));
        // As it stands in the address of a page; a stream is not decoded.
        let encoded = scan.marks.codes.iter().map(|&at| (at, ENCODED));
        for (at, sign) in plain.chain(encoded) {
            if !scan.text.get(at..).is_some_and(|rest| rest.starts_with(sign)) {
                continue;
            }
            scan.step();
            if let Some(candidate) = read(scan, at, sign) {
                sink(candidate);
            }
        }
    }
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '%' | '&' | '\'' | '~')
}

fn read(scan: &Scan<'_>, at: usize, sign: &str) -> Option<Candidate> {
    let before = scan.slice(0, at);
    let local_len: usize =
        before.chars().rev().take(LOCAL_CHARS_MAX).take_while(|&c| is_local(c)).map(char::len_utf8).sum();
    let local = before.get(at.checked_sub(local_len)?..)?;
    let local = local.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_');
    let start = at.checked_sub(local.len())?;
    let domain_start = at.saturating_add(sign.len());
    let after = scan.text.get(domain_start..)?;
    let is_domain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    let domain_len: usize =
        after.chars().take(DOMAIN_CHARS_MAX).take_while(|&c| is_domain(c)).map(char::len_utf8).sum();
    let domain = host(after.get(..domain_len)?)?;
    if local.is_empty() {
        return None;
    }
    let end = domain_start.saturating_add(domain.len());
    let mut reasons = vec![because("address with a domain", 85)];
    let lower = domain.to_lowercase();
    let top = lower.rsplit('.').next().unwrap_or_default();
    if lower.rsplit('.').nth(1) == Some(RESERVED) && !names_somebody(local) && !under_provider(&lower) {
        reasons.push(because("domain reserved for examples", -70));
    }
    if FILE_ENDINGS.contains(&top) {
        reasons.push(because("ends like a file name", -50));
    }
    let canonical = Secret::new(&scan.slice(start, end).replacen(sign, "@", 1).to_lowercase());
    Some(Candidate { kind: Kind::Email, start, end, canonical, reasons, judged: false })
}

/// Whether the reserved name stands behind another one, `ziggo.example.nl`: made up in the place of a provider for a person,
/// where a manual writes the reserved name alone.
fn under_provider(domain: &str) -> bool {
    let first = domain.split('.').next().unwrap_or_default();
    domain.split('.').count() > 2
        && !matches!(first, RESERVED | "mail" | "www" | "smtp" | "imap" | "sub" | "test")
}

/// Whether what stands before the `@` is made up of parts as names are: the domain is nobody's, the name may be somebody's.
fn names_somebody(local: &str) -> bool {
    const NOBODY: &[&str] = &[
        "john.doe",
        "jane.doe",
        "first.last",
        "voornaam.achternaam",
        "naam.achternaam",
        "no-reply",
        "e-mail",
    ];
    let mut parts = local.split(['.', '_', '-']);
    let named = |part: &str| !part.is_empty() && part.chars().all(char::is_alphabetic);
    local.contains(['.', '_', '-'])
        && parts.all(named)
        && !NOBODY.contains(&local.to_ascii_lowercase().as_str())
}

/// The longest beginning of `domain` that is a host name with a top-level domain of letters.
fn host(domain: &str) -> Option<&str> {
    let mut end = 0_usize;
    let mut at = 0_usize;
    for (n, label) in domain.split('.').enumerate() {
        let trimmed = label.trim_end_matches('-');
        if trimmed.is_empty() || trimmed.starts_with('-') {
            break;
        }
        // In `jan@ziggo.nl-adres` the address ends before the hyphen.
        let top =
            if trimmed.starts_with("xn--") { trimmed } else { trimmed.split('-').next().unwrap_or_default() };
        if n > 0 && top.len() >= 2 && (top.chars().all(char::is_alphabetic) || top.starts_with("xn--")) {
            end = at.saturating_add(top.len());
        }
        if trimmed.len() != label.len() {
            break;
        }
        at = at.saturating_add(label.len()).saturating_add(1);
    }
    domain.get(..end).filter(|d| !d.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{best, found};
    use super::*;

    #[test]
    fn addresses_are_cut_whole_and_alone() {
        for (text, want) in [
            ("mail jan.de.vries+werk@gemeente-utrecht.nl.", "jan.de.vries+werk@gemeente-utrecht.nl"),
            ("<a_b@x.co.uk>", "a_b@x.co.uk"),
            ("'jan@ziggo.nl'", "jan@ziggo.nl"),
            ("(o'brien@ierland.ie)", "o'brien@ierland.ie"),
            ("mailto:jan@ziggo.nl?subject=x", "jan@ziggo.nl"),
            ("renée@café.nl, of", "renée@café.nl"),
            ("jan@ziggo.nl-adres", "jan@ziggo.nl"),
            ("/mail?to=jan%40ziggo.nl&x=1", "jan%40ziggo.nl"),
            ("a@xn--80ak6aa92e.com", "a@xn--80ak6aa92e.com"),
            ("ｊａｎ＠ｚｉｇｇｏ．ｎｌ", "ｊａｎ＠ｚｉｇｇｏ．ｎｌ"),
        ] {
            assert_eq!(found(Kind::Email, text), vec![want.to_owned()], "{text}");
        }
    }

    #[test]
    fn what_is_no_address() {
        for text in
            ["@jan", "jan@", "jan@localhost", "pkg@1.2.3", "a@b", "x @ y.nl", "@x.nl", "a@.nl", "a@-x.nl"]
        {
            assert_eq!(best(Kind::Email, text), 0, "{text}");
        }
        assert!(best(Kind::Email, "jan@example.org") < 60);
        assert!(best(Kind::Email, "jan@mail.example.nl") < 60);
        assert!(best(Kind::Email, "voornaam.achternaam@example.nl") < 60);
        assert!(best(Kind::Email, "p.jansen@example.nl") >= 60, "it has somebody's name");
        assert!(best(Kind::Email, "jan@gemeente.example") >= 60, "made up for a person");
        assert!(best(Kind::Email, "kwal77@ziggo.example.nl") >= 60, "made up for a person");
        assert!(best(Kind::Email, "logo@2x.png") < 60);
    }
}
