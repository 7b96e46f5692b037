//! Words that stand for digits and for the signs of an address.

use crate::deep::{edit, is_top};
use crate::number_words::{BELOW_HUNDRED, TURNED};
use crate::recognizers::{Group, Scan, birth};
use crate::view::Edit;

/// Fewest words for digits in a row, and fewest digits that they make.
const WORDS_MIN: usize = 4;
const DIGITS_MIN: usize = 7;
/// Fewest words among them.
const SPOKEN_MIN: usize = 2;
/// Fewest digits where letters or signs are spelled out beside them: `streepje acht nul drie`.
const CODE_DIGITS_MIN: usize = 3;
/// Letters that are spelled out on either side of digits, at most.
const LETTERS_MAX: usize = 3;
/// How far from a spelled-out `@` a spelled-out point belongs to the address.
const SIGN_REACH_BYTES: usize = 40;
/// Longest run of digits that may stand between words for digits.
const GROUP_BYTES_MAX: usize = 4;

/// How far from a word for a number another one, or digits, belong to it.
const NEAR_BYTES: usize = 16;

/// A word for a number, or digits among such words.
#[derive(Clone)]
struct Token {
    start: usize,
    end: usize,
    /// The digits, or the sign.
    with: String,
    sort: Sort,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// As digits in the text.
    Digits,
    /// A word for a number.
    Word,
    /// `vijfde`.
    Ordinal,
    /// `tweehonderd`: up to 99 may follow.
    Open,
    /// `streepje`.
    Sign,
}

/// What becomes of `nul zes, een twee drie …`: words for digits in a row become digits, without the spaces and commas between
/// them; dates and house numbers too, and the signs of an address.
pub(crate) fn numerals(scan: &Scan<'_>, edits: &mut Vec<Edit>) {
    let (tokens, signs) = tokens(scan);
    let tokens = combined(scan, tokens);
    dates(scan, &tokens, edits);
    houses(scan, &tokens, edits);
    let mut run: Vec<&Token> = Vec::with_capacity(WORDS_MIN);
    for token in &tokens {
        scan.step();
        let gap = run.last().map(|last| scan.slice(last.end, token.start));
        if gap.is_some_and(|gap| !is_spoken_gap(gap)) {
            close(scan, &mut run, edits);
        }
        run.push(token);
    }
    close(scan, &mut run, edits);
    spelled_signs(scan, &signs, edits);
}

/// The words for numbers and signs of a text and the short runs of digits near them, in order; and the signs of addresses.
fn tokens<'s>(scan: &'s Scan<'_>) -> (Vec<Token>, Vec<(usize, usize, &'s str)>) {
    let mut signs: Vec<(usize, usize, &str)> = Vec::new();
    let mut all: Vec<Token> = Vec::new();
    let groups = scan.groups();
    let near = |end: usize, start: usize| start.saturating_sub(end) <= NEAR_BYTES;
    // How many groups were taken or passed, and where the word before ended.
    let (mut taken, mut before) = (0_usize, None);
    let mut words = scan.spoken.numerals().peekable();
    while let Some((start, end, with)) = words.next() {
        scan.step();
        if with == TURNED {
            continue;
        }
        if matches!(with, "@" | "@?" | ".") {
            signs.push((start, end, with));
        }
        let ahead = groups.get(taken..).unwrap_or_default();
        let passed = ahead.iter().take_while(|g| g.start < start).count();
        let between = ahead.get(..passed).unwrap_or_default();
        taken = taken.saturating_add(passed);
        let close = |g: &&Group| before.is_some_and(|end| near(end, g.start)) || near(g.end, start);
        let next = words.peek().is_some_and(|next| near(end, next.0));
        let digits = groups.get(taken).is_some_and(|g| near(end, g.start));
        let alone = !next
            && !digits
            && !between.last().is_some_and(|g| near(g.end, start))
            && !before.is_some_and(|end| near(end, start));
        // A number by itself counts something, unless it is a house's; "een" is an article.
        if with.starts_with('@')
            || alone && (with == "1" || counts(scan, end) || !ends_as_street(scan, start))
        {
            continue;
        }
        let short = between.iter().filter(|g| g.len() <= GROUP_BYTES_MAX).filter(close);
        all.extend(short.map(|g| digits_of(scan, *g)));
        all.extend(word(scan, start, end, with));
        before = Some(end);
    }
    let rest = groups.get(taken..).unwrap_or_default().iter();
    let mut last = before;
    let rest = rest.take_while(|g| {
        let goes_on = last.is_some_and(|end| near(end, g.start));
        last = Some(g.end);
        goes_on
    });
    all.extend(rest.filter(|g| g.len() <= GROUP_BYTES_MAX).map(|g| digits_of(scan, *g)));
    (all, signs)
}

/// Whether a word stands behind a number that may be what it counts: "vijf werkdagen".
fn counts(scan: &Scan<'_>, end: usize) -> bool {
    let rest = scan.text.as_bytes().get(end..).unwrap_or_default();
    rest.first() == Some(&b' ') && rest.iter().skip(1).take(3).filter(|b| b.is_ascii_lowercase()).count() == 3
}

fn digits_of(scan: &Scan<'_>, group: Group) -> Token {
    let with = scan.slice(group.start, group.end).to_owned();
    Token { start: group.start, end: group.end, with, sort: Sort::Digits }
}

/// The token of a word, from what the list of words says of it.
fn word(scan: &Scan<'_>, start: usize, end: usize, with: &str) -> Option<Token> {
    let token = |sort, with: &str| Token { start, end, with: with.to_owned(), sort };
    match with.as_bytes().first()? {
        b'.' | b'-' | b'/' | b'_' => Some(token(Sort::Sign, with)),
        b'#' => Some(token(Sort::Ordinal, with.trim_start_matches('#'))),
        b'+' => opened(scan, start, end, with.trim_start_matches('+')),
        _ => Some(token(Sort::Word, with)),
    }
}

/// `tweehonderdtwaalf`: the word that begins with a round number, whose rest is a number below a hundred.
fn opened(scan: &Scan<'_>, start: usize, end: usize, base: &str) -> Option<Token> {
    let rest = scan.text.get(end..)?;
    let length: usize = rest.chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
    let word = rest.get(..length)?.to_lowercase();
    let base: u32 = base.parse().ok()?;
    if word.is_empty() {
        return Some(Token { start, end, with: base.to_string(), sort: Sort::Open });
    }
    let bare = word.strip_prefix("en").unwrap_or(&word);
    let value = BELOW_HUNDRED.get(word.as_str()).or_else(|| BELOW_HUNDRED.get(bare))?;
    let with = base.saturating_add(*value).to_string();
    Some(Token { start, end: end.saturating_add(length), with, sort: Sort::Word })
}

/// The same with `vijf en veertig` and `tweehonderd twaalf` as one.
fn combined(scan: &Scan<'_>, tokens: Vec<Token>) -> Vec<Token> {
    let mut all: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let mut token = token;
        let value: u32 = token.with.parse().unwrap_or(0);
        while let Some(last) = all.last() {
            let gap = scan.slice(last.end, token.start);
            let linked = matches!(gap, " en " | "-en-");
            let before: u32 = last.with.parse().unwrap_or(0);
            let word = |token: &Token| token.sort == Sort::Word;
            let now: u32 = token.with.parse().unwrap_or(0);
            let tens = word(last)
                && word(&token)
                && linked
                && before < 10
                && (20..100).contains(&now)
                && now.is_multiple_of(10);
            let open =
                last.sort == Sort::Open && word(&token) && (1..100).contains(&now) && (linked || gap == " ");
            if !(tens || open) || value == 0 {
                break;
            }
            (token.start, token.with) = (last.start, before.saturating_add(now).to_string());
            all.pop();
        }
        all.push(token);
    }
    all
}

/// `tien mei negentienhonderd zesenveertig`, `twaalf / twaalf / negentien vijfenveertig`, `de vijfde van de negende maand, jaar 1968`.
fn dates(scan: &Scan<'_>, tokens: &[Token], edits: &mut Vec<Edit>) {
    for (n, day) in tokens.iter().enumerate() {
        scan.step();
        let value = |token: &Token| token.with.parse::<u32>().ok();
        let Some(next) = tokens.get(n.saturating_add(1)) else { break };
        if day.sort == Sort::Sign || !value(day).is_some_and(|day| (1..=31).contains(&day)) {
            continue;
        }
        let gap = scan.slice(day.end, next.start);
        let named = gap.trim_matches([' ', ',', '.', '-', '/']);
        let named = Some(named).filter(|name| name.len() > 2 && name.chars().all(char::is_alphabetic));
        let (month, year_at) = match named.and_then(birth::month) {
            Some(month) => (month, n.saturating_add(1)),
            None if is_date_gap(gap) => match value(next).filter(|month| (1..=12).contains(month)) {
                Some(month) => (month, n.saturating_add(2)),
                None => continue,
            },
            None => continue,
        };
        let Some((year, last)) = year(scan, tokens, year_at) else { continue };
        // Part of a longer row it is a number: `nul zes, twaalf vierendertig …`.
        let joined = |one: Option<&Token>, two: Option<&Token>| match (one, two) {
            (Some(one), Some(two)) => is_spoken_gap(scan.slice(one.end, two.start)),
            _ => false,
        };
        if joined(n.checked_sub(1).and_then(|before| tokens.get(before)), Some(day))
            || joined(tokens.get(last), tokens.get(last.saturating_add(1)))
        {
            continue;
        }
        let spoken = tokens.get(n..=last).is_some_and(|date| date.iter().any(|t| t.sort != Sort::Digits));
        let (Some(end), Some(day_value)) = (tokens.get(last).map(|t| t.end), value(day)) else { continue };
        if spoken {
            edits.push(edit(day.start, end, &format!("{day_value}-{month}-{year}")));
        }
    }
}

fn is_date_gap(gap: &str) -> bool {
    matches!(gap.trim_matches(' '), "" | "-" | "/" | "." | "," | "van de" | "van")
}

/// The year that begins with the token `at`, and its last token: `negentien zesenveertig`, `tweeduizend vier`, `1968`.
fn year(scan: &Scan<'_>, tokens: &[Token], at: usize) -> Option<(u32, usize)> {
    let token = tokens.get(at)?;
    let before = tokens.get(at.checked_sub(1)?)?;
    let gap = scan.slice(before.end, token.start);
    if gap.len() > YEAR_GAP_BYTES_MAX || gap.contains('\n') {
        return None;
    }
    let value: u32 = token.with.parse().ok()?;
    if (1880..2100).contains(&value) {
        return Some((value, at));
    }
    let next = at.saturating_add(1);
    let more = tokens.get(next).filter(|t| is_date_gap(scan.slice(token.end, t.start)) && t.with.len() == 2);
    let more = more.and_then(|t| t.with.parse::<u32>().ok());
    match (value, more) {
        (19 | 20, Some(more)) => Some((value.saturating_mul(100).saturating_add(more), next)),
        (30..=99, _) => Some((value.saturating_add(1900), at)),
        _ => None,
    }
}

/// Longest thing between a month and its year: ` maand, jaar `.
const YEAR_GAP_BYTES_MAX: usize = 16;

/// `Kerkstraat tweehonderd twaalf`, `Dorpsweg nr. zes`: the number of a house in words, behind what ends as streets do.
fn houses(scan: &Scan<'_>, tokens: &[Token], edits: &mut Vec<Edit>) {
    for (n, token) in tokens.iter().enumerate() {
        scan.step();
        // "een" is an article, and the sentence goes on.
        if !matches!(token.sort, Sort::Word | Sort::Open)
            || token.with == "1" && scan.byte(token.end) != Some(b'-')
            || !ends_as_street(scan, token.start)
        {
            continue;
        }
        // `twee-nul-zes`.
        let more = tokens.get(n.saturating_add(1)..).unwrap_or_default().iter().take(3);
        let mut end = token.end;
        let mut number = token.with.clone();
        for next in more.take_while(|next| next.sort == Sort::Word && next.with.len() == 1) {
            if scan.slice(end, next.start) != "-" {
                break;
            }
            number.push_str(&next.with);
            end = next.end;
        }
        if number.len() <= 4 && number != "0" {
            edits.push(edit(token.start, end, &number));
        }
    }
}

/// Whether a street's name, or `nr.` behind one, stands right before `at`.
fn ends_as_street(scan: &Scan<'_>, at: usize) -> bool {
    let from = scan.text.ceil_char_boundary(at.saturating_sub(SIGN_REACH_BYTES));
    let Some(head) = scan.slice(from, at).strip_suffix(' ') else { return false };
    let head = head.trim_end_matches(" ..").trim_end_matches(" min");
    let head = [" nr.", " nr", " nummer"].iter().find_map(|word| head.strip_suffix(word)).unwrap_or(head);
    let word =
        head.rsplit(|c: char| !c.is_alphabetic() && !matches!(c, '-' | '.')).next().unwrap_or_default();
    crate::recognizers::is_street_word(word)
}

/// `jan apenstaartje ziggo punt nl`: the sign, and the points within reach of it.
fn spelled_signs(scan: &Scan<'_>, signs: &[(usize, usize, &str)], edits: &mut Vec<Edit>) {
    let mut near = 0;
    for (n, &(start, end, sign)) in signs.iter().enumerate() {
        let soon = || {
            let next = signs.get(n.saturating_add(1)..).unwrap_or_default().iter().take(4);
            next.take_while(|s| s.0.saturating_sub(end) <= SIGN_REACH_BYTES)
        };
        // `at` is a word too: it stands for the sign only with one more word and a point after it.
        let host = soon().next().filter(|s| s.2 == "." && domain_follows(scan, s.1));
        let host = host.map(|s| scan.slice(end, s.0).trim_matches([' ', '~', '_', '-']));
        let at = sign == "@" || sign == "@?" && host.is_some_and(|h| h.len() > 1 && !h.contains(' '));
        if at {
            near = end.saturating_add(SIGN_REACH_BYTES);
        }
        let before = sign == "." && soon().any(|s| s.2 != ".");
        // `jan at ziggo`, `jan~at~ziggo`: the same sign on both sides.
        let beside = scan.byte_before(start).filter(|b| matches!(b, b' ' | b'~' | b'_' | b'-'));
        let spaced = beside.is_some() && scan.byte(end) == beside;
        if spaced && (at || (sign == "." && (start <= near || before))) {
            edits.push(edit(start.saturating_sub(1), end.saturating_add(1), if at { "@" } else { "." }));
        }
    }
}

/// Whether a top-level domain that people have addresses in stands after ` punt `.
fn domain_follows(scan: &Scan<'_>, point: usize) -> bool {
    let rest = scan.text.get(point..).unwrap_or_default();
    let word = rest.trim_start_matches([' ', '~', '_', '-']).split(|c: char| !c.is_alphanumeric()).next();
    is_top(word.unwrap_or_default())
}

fn is_spoken_gap(gap: &str) -> bool {
    gap.len() <= 4
        && gap.bytes().all(|b| matches!(b, b' ' | b',' | b'-' | b'.' | b'/' | b'|' | b'\n' | b'\r'))
}

fn close(scan: &Scan<'_>, run: &mut Vec<&Token>, edits: &mut Vec<Edit>) {
    // A sign belongs to what stands on both sides of it.
    while run.last().is_some_and(|last| last.sort == Sort::Sign && letters_after(scan, last.end).is_empty()) {
        run.pop();
    }
    let digits: usize = run.iter().filter(|t| t.sort != Sort::Sign).map(|t| t.with.len()).sum();
    let spoken = run.iter().filter(|t| t.sort != Sort::Digits).count();
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
    // Two words and some digits at least, or nothing is spelled here.
    let spelled = spoken >= SPOKEN_MIN && digits >= CODE_DIGITS_MIN;
    let before = if spelled { letters_before(scan, first.start) } else { Vec::new() };
    let after = if spelled { letters_after(scan, last.end) } else { Vec::new() };
    let signed = run.iter().any(|t| t.sort == Sort::Sign);
    let coded = digits >= CODE_DIGITS_MIN && (signed || !before.is_empty() && !after.is_empty());
    // One word among digits says enough where hyphens join all of them.
    let hyphened = run.windows(2).all(|pair| match pair {
        [one, two] => scan.slice(one.end, two.start) == "-",
        _ => false,
    });
    let enough = spoken >= SPOKEN_MIN && run.len() >= WORDS_MIN && digits >= DIGITS_MIN
        || spoken > 0 && hyphened && digits > DIGITS_MIN
        || spoken >= SPOKEN_MIN && coded;
    if enough {
        let mut end: Option<usize> = None;
        let parts = before.iter().chain(run.iter().copied()).chain(&after);
        let mut signed = false;
        for part in parts {
            let sign = part.sort == Sort::Sign;
            if let Some(end) = end.filter(|&end| end < part.start) {
                let gap = scan.slice(end, part.start);
                let kept = if sign || signed {
                    String::new()
                } else {
                    gap.chars().filter(|c| matches!(c, '-' | '/')).collect()
                };
                edits.push(edit(end, part.start, &kept));
            }
            if part.with != scan.slice(part.start, part.end) {
                edits.push(edit(part.start, part.end, &part.with));
            }
            (end, signed) = (Some(part.end), sign);
        }
    }
    run.clear();
}

/// Letters that are spelled out right before `at`, each alone or by its name in the spelling alphabet.
fn letters_before(scan: &Scan<'_>, at: usize) -> Vec<Token> {
    let mut letters = Vec::new();
    let mut end = at;
    while letters.len() < LETTERS_MAX {
        let Some(stop) = end.checked_sub(1).filter(|&i| matches!(scan.byte(i), Some(b' ' | b'-'))) else {
            break;
        };
        let word = scan.word_around(stop, stop, 12);
        let Some(letter) =
            spelled_letter(scan.slice(word.start, stop)).filter(|_| !scan.attached_before(word.start))
        else {
            break;
        };
        letters.insert(0, Token { start: word.start, end: stop, with: letter, sort: Sort::Word });
        end = word.start;
    }
    letters
}

/// The same right after `at`.
fn letters_after(scan: &Scan<'_>, at: usize) -> Vec<Token> {
    let mut letters = Vec::new();
    let mut start = at;
    while letters.len() < LETTERS_MAX && matches!(scan.byte(start), Some(b' ' | b'-')) {
        let from = start.saturating_add(1);
        let word = scan.word_around(from, from, 12);
        let Some(letter) =
            spelled_letter(scan.slice(from, word.end)).filter(|_| !scan.attached_after(word.end))
        else {
            break;
        };
        letters.push(Token { start: from, end: word.end, with: letter, sort: Sort::Word });
        start = word.end;
    }
    letters
}

/// The letter that a word stands for: itself, or the one that it is called by on the telephone.
fn spelled_letter(word: &str) -> Option<String> {
    const NAMES: &[&str] = &[
        "anna",
        "anton",
        "bernard",
        "cornelis",
        "dirk",
        "eduard",
        "ferdinand",
        "gerard",
        "hendrik",
        "izaak",
        "isaac",
        "jan",
        "johan",
        "karel",
        "lodewijk",
        "maria",
        "nico",
        "otto",
        "pieter",
        "quotient",
        "quirinus",
        "rudolf",
        "simon",
        "theodor",
        "theodoor",
        "teunis",
        "utrecht",
        "victor",
        "willem",
        "xantippe",
        "ypsilon",
        "zacharias",
        "zaandam",
        "alfa",
        "alpha",
        "bravo",
        "charlie",
        "delta",
        "echo",
        "foxtrot",
        "golf",
        "hotel",
        "india",
        "juliett",
        "kilo",
        "lima",
        "mike",
        "november",
        "oscar",
        "papa",
        "quebec",
        "romeo",
        "sierra",
        "tango",
        "uniform",
        "whiskey",
        "yankee",
        "zulu",
    ];
    let named = NAMES.iter().any(|name| name.eq_ignore_ascii_case(word));
    let first = word.chars().next().filter(|c| c.is_ascii_alphabetic())?;
    (named || word.len() == 1 && first.is_ascii_uppercase()).then(|| first.to_ascii_uppercase().to_string())
}
