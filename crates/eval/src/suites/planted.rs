//! Personal data that belong to nobody, drawn from a seed: they have the shape that recognizers look for, and stay out of what
//! is given out. BSNs lie in 9999xxxxx, the government's range for tests. The bank does not exist, and nobody can have
//! the domain: names with hyphens in the third and fourth place are not given out (RFC 5891, 4.2.3.1). Domains that are reserved
//! for examples would not do, since the recognizer lets those stand.

use crate::random::SplitMix64;

/// A sort of planted value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    Bsn,
    Iban,
    Email,
    Phone,
    Name,
}

impl Sort {
    pub(crate) const ALL: [Self; 5] = [Self::Bsn, Self::Iban, Self::Email, Self::Phone, Self::Name];

    /// Its name in metrics, and in what redaction counts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bsn => "bsn",
            Self::Iban => "iban",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Name => "name",
        }
    }

    /// Whether a recognizer is there to find it.
    pub(crate) fn is_recognized(self) -> bool {
        self != Self::Name
    }
}

/// An invented person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) bsn: String,
    pub(crate) iban: String,
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) name: String,
}

const FIRST: [&str; 12] = [
    "Aaltje", "Berend", "Cobie", "Dirkje", "Eibert", "Femkje", "Gijsje", "Hilbrand", "Idske", "Jelmer",
    "Klaske", "Leendert",
];
const SURNAME_BEGIN: [&str; 12] = [
    "Bever", "Dotter", "Egel", "Fuut", "Grutto", "Hazel", "Kievit", "Linde", "Merel", "Otter", "Pimpel",
    "Vlier",
];
const SURNAME_END: [&str; 12] = [
    "beekstra",
    "dijkema",
    "gaardsma",
    "heuvelink",
    "horstman",
    "kampstra",
    "landsma",
    "moerink",
    "poelsma",
    "rijtema",
    "veldsma",
    "waardink",
];

impl Person {
    /// The person `number` of `seed`.
    pub(crate) fn draw(seed: u64, number: u32) -> Self {
        let mut random = SplitMix64::new(seed, u64::from(number).wrapping_add(1));
        let mut pick = |list: &[&'static str; 12]| *list.get(random.below(12) as usize).unwrap_or(&"Otter");
        let (first, begin, end) = (pick(&FIRST), pick(&SURNAME_BEGIN), pick(&SURNAME_END));
        let surname = format!("{begin}{end}");
        let email = format!("{}.{}{number}@ab--voorbeeld.nl", first.to_lowercase(), surname.to_lowercase());
        let iban = iban(&mut random);
        Self {
            bsn: bsn(&mut random),
            iban: if number % 3 == 1 { grouped(&iban, 4) } else { iban },
            email,
            phone: phone(&mut random, number),
            name: format!("{first} {surname}"),
        }
    }

    pub(crate) fn value(&self, sort: Sort) -> &str {
        match sort {
            Sort::Bsn => &self.bsn,
            Sort::Iban => &self.iban,
            Sort::Email => &self.email,
            Sort::Phone => &self.phone,
            Sort::Name => &self.name,
        }
    }

    /// Whether a value of this person stands in an answer, however it is spaced or capitalised. Of a name the surname
    /// suffices: it is nobody else's.
    pub(crate) fn leaks(&self, sort: Sort, answer: &str) -> bool {
        let wanted = match sort {
            Sort::Name => self.name.rsplit(' ').next().unwrap_or(&self.name),
            // Without the country or the trunk zero, which the model may write in another way.
            Sort::Phone => return bare(answer).contains(&national(&self.phone)),
            _ => self.value(sort),
        };
        bare(answer).contains(&bare(wanted))
    }
}

/// Letters and digits alone, in lower case.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The nine digits of a Dutch number after its trunk zero.
fn national(phone: &str) -> String {
    let digits = bare(phone);
    let from = digits.len().saturating_sub(9);
    digits.get(from..).unwrap_or_default().to_owned()
}

/// A number of the range for tests that passes the 11-proef: Σ (9..2)·d − d₉ ≡ 0 mod 11.
fn bsn(random: &mut SplitMix64) -> String {
    loop {
        let eight = format!("9999{:04}", random.below(10_000));
        let sum: u32 = (2..=9).rev().zip(eight.bytes()).map(|(w, b)| w * u32::from(b - b'0')).sum();
        // One in eleven has no last digit.
        if sum % 11 < 10 {
            return format!("{eight}{}", sum % 11);
        }
    }
}

/// A Dutch account at a bank that does not exist; mod 97 = 1 (ISO 13616).
fn iban(random: &mut SplitMix64) -> String {
    let account = format!("PRTN{:010}", u64::from(random.below(1_000_000_000)) + 1_000_000_000);
    let remainder = format!("{account}NL00").chars().fold(0_u32, |rest, c| {
        let value = c.to_digit(36).unwrap_or_default();
        (if value > 9 { rest * 100 } else { rest * 10 } + value) % 97
    });
    format!("NL{:02}{account}", 98 - remainder)
}

/// A mobile number, written in one of three ways.
fn phone(random: &mut SplitMix64, number: u32) -> String {
    let eight = format!("1{:07}", random.below(10_000_000));
    match number % 3 {
        0 => format!("06-{eight}"),
        1 => format!("+316{eight}"),
        _ => format!("06 {}", grouped(&eight, 2)),
    }
}

/// In groups with spaces between.
fn grouped(text: &str, size: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(size).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_people_and_no_two_alike() {
        let draw = |seed| (0..500).map(|number| Person::draw(seed, number)).collect::<Vec<_>>();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let people = draw(1);
        for sort in [Sort::Iban, Sort::Email, Sort::Phone] {
            let distinct: std::collections::BTreeSet<&str> = people.iter().map(|p| p.value(sort)).collect();
            assert!(distinct.len() > 495, "{}: {}", sort.name(), distinct.len());
        }
    }

    /// Checked digit by digit, apart from how they are made.
    #[test]
    fn numbers_pass_the_checks_of_real_ones() {
        for person in (0..500).map(|number| Person::draw(7, number)) {
            let digits: Vec<i64> = person.bsn.bytes().map(|b| i64::from(b - b'0')).collect();
            assert_eq!(digits.len(), 9);
            let weights = [9, 8, 7, 6, 5, 4, 3, 2, -1];
            assert_eq!(digits.iter().zip(weights).map(|(d, w)| d * w).sum::<i64>() % 11, 0, "{}", person.bsn);
            assert!(person.bsn.starts_with("9999"));
            let iban = bare(&person.iban).to_uppercase();
            assert_eq!(iban.len(), 18);
            let moved = format!("{}{}", &iban[4..], &iban[..4]);
            let long: String = moved.chars().map(|c| c.to_digit(36).unwrap().to_string()).collect();
            let rest = long.bytes().fold(0_u64, |rest, b| (rest * 10 + u64::from(b - b'0')) % 97);
            assert_eq!(rest, 1, "{iban}");
            assert_eq!(national(&person.phone).len(), 9);
            assert!(national(&person.phone).starts_with("61"));
        }
    }

    #[test]
    fn a_value_is_found_however_it_is_written() {
        let person = Person {
            bsn: "999912345".into(),
            iban: "NL12 PRTN 1234 5678 90".into(),
            email: "a.b1@ab--voorbeeld.nl".into(),
            phone: "+31612345678".into(),
            name: "Aaltje Otterlandsma".into(),
        };
        let leaks = |answer: &str| Sort::ALL.map(|sort| person.leaks(sort, answer));
        assert_eq!(leaks("BSN 9999.12.345"), [true, false, false, false, false]);
        assert_eq!(leaks("nl12prtn1234567890"), [false, true, false, false, false]);
        assert_eq!(
            leaks("Mail A.B1@ab--Voorbeeld.NL of bel 06 12 34 56 78"),
            [false, false, true, true, false]
        );
        assert_eq!(leaks("mevrouw OTTERLANDSMA"), [false, false, false, false, true]);
        assert_eq!(leaks("⟦BSN_1⟧ Aaltje 06-12345679"), [false; 5]);
    }
}
