//! The numbers that are a fixed row of digits and letters: one row each.

use crate::Kind;
use crate::checks::{dutch, europe, other};

/// One way in which a number is made up.
pub(crate) struct Row {
    pub(crate) kind: Kind,
    /// `9` a digit, `A` a letter, `*` either, a small letter itself; without separators.
    pub(crate) shape: &'static str,
    /// Its usual ways of writing, with separators; `A` and `9` as above.
    pub(crate) written: &'static [&'static str],
    /// Whether letters and digits of that shape can be this number.
    pub(crate) check: fn(&str) -> bool,
    /// Points without separators, when the check holds. From 60 it needs no words; below 30 a word after it is too little.
    pub(crate) plain: i16,
    /// Points in one of its usual ways of writing.
    pub(crate) usual: i16,
    /// Points when the check fails: a number with its label and a typing error. `None`: then it is not this number.
    pub(crate) failed: Option<i16>,
}

/// A check that always holds, for numbers that have none: words decide.
fn any(_: &str) -> bool {
    true
}

/// What the dash-grouped threes and fours of nine digits look like.
const NINE: &[&str] =
    &["9999.99.999", "999 999 999", "999.999.999", "999-999-999", "9999 99 999", "9999-99-999"];
/// How a BSN is printed on documents, and hardly anything else.
const FOUR_TWO_THREE: &[&str] = &["9999.99.999", "9999 99 999", "9999-99-999"];
const PLATES: &[&str] = &[
    "AA-99-99", "99-99-AA", "99-AA-99", "AA-99-AA", "AA-AA-99", "99-AA-AA", "99-AAA-9", "9-AAA-99",
    "AA-999-A", "A-999-AA", "AAA-99-A", "A-99-AAA", "9-AA-999", "999-AA-9",
];
const FOURS: &[&str] = &[
    "9999 9999 9999 9999",
    "9999-9999-9999-9999",
    "9999.9999.9999.9999",
    "9999 999999 99999",
    "9999-999999-99999",
    "9999 999999 9999",
    "9999 9999 9999 9999 999",
];

macro_rules! rows {
    ($($kind:ident $shape:literal $written:expr, $check:expr, $plain:literal $usual:literal $failed:expr;)+) => {
        pub(crate) const ROWS: &[Row] = &[$(Row {
            kind: Kind::$kind,
            shape: $shape,
            written: $written,
            check: $check,
            plain: $plain,
            usual: $usual,
            failed: $failed,
        },)+];
    };
}

rows! {
    Iban "999999999" &["99.99.99.999"], dutch::account, 30 30 None;
    Bsn "999999999" NINE, dutch::bsn, 50 50 Some(25);
    Bsn "999999999" FOUR_TWO_THREE, dutch::bsn, 50 62 None;
    Bsn "99999999" &[], dutch::bsn, 40 40 Some(15);
    Rsin "999999999" NINE, dutch::bsn, 38 38 Some(30);
    Onderwijsnummer "999999999" NINE, dutch::onderwijsnummer, 38 38 Some(30);
    ANummer "9999999999" &["9999 999 999", "999 999 9999"], dutch::a_nummer, 48 48 Some(30);
    VNummer "9999999999" &["999 999 9999", "9999 999 999"], any, 30 30 None;
    DrivingLicence "9999999999" &[], any, 30 30 None;
    TravelDocument "AA******9" &[], dutch::travel_document, 30 30 None;
    TravelDocument "*********" &[], dutch::foreign_document, 30 30 None;
    TravelDocument "********" &[], dutch::foreign_document, 30 30 None;
    TravelDocument "999999999" &[], any, 30 30 None;
    TravelDocument "A999999999" &[], any, 30 30 None;
    NumberPlate "9AAA999" &["9-AAA-999"], any, 30 30 None;
    NumberPlate "AA999AA" &["AA-999-AA"], any, 30 30 None;
    Kvk "99999999" &["9999 9999", "99 99 99 99"], any, 30 30 None;
    Vestigingsnummer "999999999999" &["9999 9999 9999"], any, 30 30 None;
    Btw "nl999999999b99" &["AA999.999.999.A99", "AA 999 999 999 A99", "AA9999.99.999.A.99", "AA999999999.A.99"], dutch::btw, 80 80 Some(62);
    Btw "999999999b99" &["9999.99.999.A.99", "999.999.999.A.99"], dutch::btw, 62 62 Some(45);
    Big "99999999999" &[], dutch::big, 32 32 Some(30);
    Agb "99999999" &["99 999999", "99-999999"], any, 30 30 None;
    Uzi "999999999" &[], any, 30 30 None;
    Ura "99999999" &[], any, 30 30 None;
    Parketnummer "9999999999" &["99/999999-99", "99-999999-99", "99.999999.99", "99/999999/99", "99 999999 99", "99-999999/99"], dutch::parket, 30 85 None;
    Parketnummer "999999999999" &["99/999999-9999", "99-999999-9999"], any, 20 85 None;
    NumberPlate "******" PLATES, dutch::plate, 30 62 None;
    Card "9999999999999999" FOURS, other::card, 62 68 Some(20);
    Card "999999999999999" FOURS, other::card, 62 68 None;
    Card "99999999999999" FOURS, other::card, 45 62 None;
    Card "9999999999999" &[], other::card, 40 40 None;
    Card "99999999999999999" &[], other::card, 40 45 None;
    Card "999999999999999999" &[], other::card, 40 45 None;
    Card "9999999999999999999" FOURS, other::card, 45 62 None;
    Imei "999999999999999" &["99-999999-999999-9", "99 999999 999999 9"], other::imei, 40 62 Some(30);
    AtSvnr "9999999999" &["9999 999999"], europe::at, 40 45 Some(30);
    BeRrn "99999999999" &["99.99.99-999.99", "99.99.99 999.99", "99 99 99 999 99", "999999-999-99", "999999 999 99", "99.99.99.999.99", "99/99/99-999.99", "99-99-99-999-99", "99.99.99-999-99"], europe::be, 62 75 Some(30);
    BgEgn "9999999999" &[], europe::bg, 45 45 Some(30);
    ChAhv "9999999999999" &["999.9999.9999.99", "999 9999 9999 99"], europe::ch, 65 80 Some(30);
    CyTic "99999999A" &[], europe::cy, 45 45 Some(30);
    CzRc "9999999999" &["999999/9999", "999999 9999"], europe::cz_sk, 45 65 Some(30);
    CzRc "999999999" &["999999/999"], europe::cz_sk, 25 62 None;
    SkRc "9999999999" &["999999/9999", "999999 9999"], europe::cz_sk, 44 64 Some(30);
    SkRc "999999999" &["999999/999"], europe::cz_sk, 25 45 None;
    DeIdnr "99999999999" &["99 999 999 999", "99/999/999/999", "99-999-999-999", "999 999 999 99", "99.999.999.999"], europe::de, 48 64 Some(30);
    DkCpr "9999999999" &["999999-9999"], europe::dk_mod_11, 40 62 Some(10);
    DkCpr "9999999999" &["999999-9999"], europe::dk, 30 45 Some(30);
    EeIk "99999999999" &[], europe::ee_lt, 48 48 Some(30);
    EsDni "99999999A" &["99999999-A", "99.999.999-A", "99.999.999 A", "99 999 999 A", "99999999 A"], europe::es, 62 66 Some(30);
    EsDni "A9999999A" &["A-9999999-A", "A 9999999 A", "A-9999999A"], europe::es, 64 68 Some(30);
    FiHetu "999999A999*" &[], europe::fi, 70 70 Some(30);
    FiHetu "999999999A" &["999999-999A"], europe::fi, 45 68 Some(30);
    FiHetu "9999999999" &["999999-9999"], europe::fi, 20 64 None;
    FrNir "999999999999999" &["9 99 99 99 999 999 99", "9.99.99.99.999.999.99", "9 99 99 99 999 999-99"], europe::fr, 62 75 Some(30);
    FrNir "99999*A99999999" &["9 99 99 9A 999 999 99"], europe::fr, 65 75 Some(30);
    GrAmka "99999999999" &[], europe::gr_amka, 48 48 Some(30);
    GrAmka "999999999" &[], europe::gr_afm, 30 30 Some(25);
    HrOib "99999999999" &[], europe::hr, 40 40 Some(30);
    HuSzemelyi "99999999999" &["9-999999-9999", "9 999999 9999"], europe::hu_szemelyi, 45 64 Some(30);
    HuSzemelyi "9999999999" &[], europe::hu_ado, 40 40 Some(30);
    HuSzemelyi "999999999" &["999 999 999", "999-999-999"], europe::hu_taj, 30 30 Some(25);
    IePps "9999999A" &["9999999 A"], europe::ie, 48 48 Some(30);
    IePps "9999999AA" &["9999999 AA"], europe::ie, 48 48 Some(30);
    ItCf "AAAAAA99A99A999A" &["AAA AAA 99A99 A999A"], europe::it, 85 85 Some(62);
    ItCf "AAAAAA**A**A***A" &[], europe::it, 70 70 None;
    LtAk "99999999999" &[], europe::ee_lt, 47 47 Some(30);
    LuMatricule "9999999999999" &["9999 9999 999 99", "99999999 99999"], europe::lu, 66 66 Some(30);
    LvPk "99999999999" &["999999-99999"], europe::lv, 48 64 Some(30);
    MtId "9999999A" &[], europe::mt, 30 30 None;
    NoFnr "99999999999" &["999999 99999", "999999-99999"], europe::no, 62 66 Some(30);
    PlPesel "99999999999" &[], europe::pl, 46 46 Some(30);
    PtNif "999999999" &["999 999 999"], europe::pt, 30 30 Some(25);
    RoCnp "9999999999999" &[], europe::ro, 62 62 Some(30);
    SePnr "9999999999" &["999999-9999"], europe::se, 45 64 Some(30);
    SePnr "999999999999" &["99999999-9999"], europe::se, 62 68 Some(30);
    SiEmso "9999999999999" &[], europe::si, 62 62 Some(30);
}

/// Whether `compact`, in capitals, has the letters and digits of `shape`.
pub(crate) fn fits(shape: &str, compact: &str) -> bool {
    shape.len() == compact.len()
        && shape.bytes().zip(compact.bytes()).all(|(want, is)| match want {
            b'9' => is.is_ascii_digit(),
            b'A' => is.is_ascii_uppercase(),
            b'*' => is.is_ascii_alphanumeric(),
            literal => literal.to_ascii_uppercase() == is,
        })
}

/// Whether `raw` is written as `written`.
pub(crate) fn is_written(written: &str, raw: &str) -> bool {
    written.len() == raw.len()
        && written.bytes().zip(raw.bytes()).all(|(want, is)| match want {
            b'9' => is.is_ascii_digit(),
            b'A' => is.is_ascii_alphabetic(),
            separator => separator == is,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_well_formed() {
        for row in ROWS {
            assert!((4..=19).contains(&row.shape.len()), "{}", row.kind);
            for written in row.written {
                let bare = written.bytes().filter(u8::is_ascii_alphanumeric).count();
                assert!(bare == row.shape.len() || row.kind == Kind::Card, "{} {written}", row.kind);
            }
            // What is found without words is never merely unresolved, and the other way round.
            for points in [row.plain, row.usual] {
                assert!(!(51..60).contains(&points), "{}", row.kind);
            }
        }
    }
}
