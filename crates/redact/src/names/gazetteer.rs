//! Lists of words that can be part of a name.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Flags of a word.
pub(crate) const GIVEN: u8 = 1;
pub(crate) const SURNAME: u8 = 2;
pub(crate) const PLACE: u8 = 4;
/// `van`, `de`, `el`
pub(crate) const PARTICLE: u8 = 8;
/// `heer`, `mevrouw`, `dr`
pub(crate) const TITLE: u8 = 16;
/// Ends as streets do.
pub(crate) const STREET: u8 = 32;
/// A word that dictionaries write without a capital.
pub(crate) const COMMON: u8 = 64;

/// Bits of a place in the filter of such words, which `data/make.py` makes.
const COMMON_BITS: u32 = 22;
static COMMON_WORDS: &[u8; 1 << (COMMON_BITS - 3)] = include_bytes!("../../data/common-words.bloom");

/// Whether a word is a common one, with an error in a hundred (Bloom 1970).
fn is_common(hash: u64) -> bool {
    [hash, hash >> COMMON_BITS, hash >> 42, mix(hash)].iter().all(|place| {
        let place = usize::try_from(place & ((1 << COMMON_BITS) - 1)).unwrap_or_default();
        COMMON_WORDS.get(place >> 3).is_some_and(|byte| byte >> (place & 7) & 1 == 1)
    })
}

const PARTICLES: &[&str] = &[
    "van", "de", "den", "der", "het", "'t", "’t", "'s", "ter", "ten", "te", "op", "in", "aan", "bij", "uit",
    "over", "tot", "onder", "voor", "la", "le", "du", "des", "di", "da", "dos", "das", "do", "el", "al",
    "ben", "bin", "ibn", "abu", "abou", "ait", "aït", "ould", "von", "zu", "zum", "af", "av", "y", "e",
    "san", "st", "o", "mc", "mac", "della", "del", "vande", "vander", "ver", "bint", "nan", "thoe", "auf",
    "lo",
];
const TITLES: &[&str] = &[
    "heer",
    "dhr",
    "hr",
    "meneer",
    "mijnheer",
    "mevrouw",
    "mevr",
    "mw",
    "mvr",
    "mevrw",
    "mnr",
    "mister",
    "mrs",
    "ms",
    "mej",
    "juffrouw",
    "vrouw",
    "familie",
    "fam",
    "dr",
    "drs",
    "ir",
    "ing",
    "mr",
    "prof",
    "bc",
    "ds",
    "zr",
    "br",
    "pastoor",
    "dominee",
    "wethouder",
    "burgemeester",
    "agent",
    "verbalisant",
    "verdachte",
    "betrokkene",
    "slachtoffer",
    "getuige",
    "aangever",
    "cliënt",
    "client",
    "cliënte",
    "patiënt",
    "patiënte",
    "patient",
    "bewoner",
    "bewoonster",
    "huurder",
    "huurster",
    "verzoeker",
    "verzoekster",
    "eiser",
    "eiseres",
    "appellant",
    "gemachtigde",
    "moeder",
    "vader",
    "zoon",
    "dochter",
    "broer",
    "zus",
    "opa",
    "oma",
    "juf",
    "dokter",
    "zuster",
    "broertje",
    "zusje",
    "kleinzoon",
    "kleindochter",
    "stiefvader",
    "stiefmoeder",
    "achterneef",
    "zwager",
    "schoonzus",
    "wijkagent",
    "ene",
    "genaamd",
    "heet",
    "heette",
    "oom",
    "tante",
    "neef",
    "nicht",
    "echtgenoot",
    "echtgenote",
    "partner",
    "weduwe",
    "collega",
    "buurman",
    "buurvrouw",
    "leerling",
    "student",
    "studente",
    "werknemer",
    "werkneemster",
    "medewerker",
    "ambtenaar",
    "huisarts",
    "arts",
    "tandarts",
    "notaris",
    "advocaat",
    "rechter",
    "aanvrager",
    "aanvraagster",
    "beste",
    "lieve",
    "geachte",
    "hoi",
    "hallo",
    "dag",
    "ha",
    "naam",
    "voornaam",
    "achternaam",
    "ondertekend",
    "groeten",
    "groet",
    "groetjes",
    "namens",
];
const STREETS: &[&str] = &[
    "straat",
    "laan",
    "weg",
    "plein",
    "gracht",
    "kade",
    "singel",
    "dijk",
    "hof",
    "steeg",
    "pad",
    "dreef",
    "plantsoen",
    "markt",
    "park",
    "wal",
    "kamp",
    "veld",
    "baan",
    "oord",
    "haven",
    "burg",
    "bos",
    "ring",
    "brink",
    "erf",
    "horst",
    "akker",
    "weide",
    "gaarde",
    "zoom",
    "oever",
    "wijk",
    "str",
    "promenade",
    "boulevard",
    "buurt",
    "sloot",
    "vaart",
    "poort",
    "tuin",
    "berg",
    "heide",
    "meent",
    "waard",
];

/// Words with their flags.
pub(crate) struct Gazetteer {
    words: HashMap<u64, u8, BuildHasherDefault<Same>>,
}

impl Gazetteer {
    pub(crate) fn built_in() -> Self {
        Self::without(|| false)
    }

    /// Without the names of which `hidden` says so.
    pub(crate) fn without(mut hidden: impl FnMut() -> bool) -> Self {
        let lists = [
            (include_str!("../../data/given-names.txt"), GIVEN),
            (include_str!("../../data/surnames.txt"), SURNAME),
            (include_str!("../../data/places.txt"), PLACE),
        ];
        let mut words: HashMap<u64, u8, _> =
            HashMap::with_capacity_and_hasher(60_000, BuildHasherDefault::default());
        let mut add = |word: &str, flag: u8| *words.entry(hash_lower(word)).or_default() |= flag;
        for (list, flag) in lists {
            for name in list.lines().filter(|_| !hidden()) {
                // A list's names of several words count word by word, but for the small ones between.
                for part in name.split(' ').filter(|part| !PARTICLES.contains(&part.to_lowercase().as_str()))
                {
                    add(part, flag);
                }
            }
        }
        PARTICLES.iter().for_each(|word| add(word, PARTICLE));
        TITLES.iter().for_each(|word| add(word, TITLE));
        Self { words }
    }

    /// Flags of a word, whose hash is that of [`hash_lower`].
    pub(crate) fn flags(&self, word: &str, hash: u64) -> u8 {
        let listed = self.words.get(&hash).copied().unwrap_or_default();
        let listed = if listed == 0 && word.contains('-') { self.of_parts(word) } else { listed };
        let listed = if is_common(hash) { listed | COMMON } else { listed };
        if street_ending(word) { listed | STREET } else { listed }
    }

    /// `Bakker-Jansen`: what all its parts are.
    fn of_parts(&self, word: &str) -> u8 {
        let part = |part: &str| self.words.get(&hash_lower(part)).copied().unwrap_or_default();
        word.split('-').map(part).reduce(|all, part| all & part).unwrap_or_default()
    }
}

/// Whether a word ends as streets do: `Kerkstraat`, `straat`.
fn street_ending(word: &str) -> bool {
    let bytes = word.as_bytes();
    // All endings have three letters at the least.
    let [.., before, last] = bytes else { return false };
    STREETS.iter().any(|ending| {
        let ending = ending.as_bytes();
        let [.., wanted_before, wanted_last] = ending else { return false };
        if last | 0x20 != *wanted_last || before | 0x20 != *wanted_before {
            return false;
        }
        let at = bytes.len().checked_sub(ending.len());
        at.and_then(|at| bytes.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(ending))
    })
}

/// FNV-1a over the lower-case characters, with a last mix.
pub(crate) fn hash_lower(word: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut byte = |b: u8| hash = (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3);
    for c in word.chars() {
        if c.is_ascii() {
            byte((c as u8).to_ascii_lowercase());
        } else {
            for lower in c.to_lowercase() {
                let mut buffer = [0_u8; 4];
                lower.encode_utf8(&mut buffer).bytes().for_each(&mut byte);
            }
        }
    }
    mix(hash)
}

/// Spreads a hash over all its bits (the finaliser of MurmurHash3, Appleby 2011, public domain).
pub(crate) const fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The keys are hashes already.
#[derive(Default)]
pub(crate) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_flags() {
        let gazetteer = Gazetteer::built_in();
        let flags = |word: &str| gazetteer.flags(word, hash_lower(word));
        assert_eq!(flags("Willem") & GIVEN, GIVEN);
        assert_eq!(flags("BAKKER") & SURNAME, SURNAME);
        assert_eq!(flags("Bakker-Jansen") & SURNAME, SURNAME);
        assert_eq!(flags("Bakker-xqzw"), 0);
        assert_eq!(flags("van"), PARTICLE | COMMON);
        assert_eq!(flags("Dorpsstraat") & STREET, STREET);
        assert_eq!(flags("Vergadering") & COMMON, COMMON);
        assert_eq!(flags("Zwolle") & PLACE, PLACE);
        assert_eq!(flags("ÖZTÜRK"), flags("öztürk"));
        assert_eq!(flags("desbetreffende"), COMMON);
        assert_eq!(flags("Zxqvbn"), 0);
    }
}
