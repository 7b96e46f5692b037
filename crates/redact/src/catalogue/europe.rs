//! National numbers of European countries.

use super::{COUNTS, Entry};
use crate::Kind;

/// Words in any of our languages for "national number of a person".
const ANY: &[&str] = &[
    "nationaal nummer*",
    "national id*",
    "nationaal identificatie*",
    "persoonlijk identificatienummer*",
    "tax id*",
    "personal id*",
    "tin",
    "fiscaal identificatie*",
    "identificatienummer*",
    "personal number*",
    "id-nummer*",
    "identity number*",
    "social security*",
    "buitenlands id*",
    "persoonsnummer*",
    "belastingnummer*",
    "socialezekerheidsnummer*",
    "sociale zekerheid*",
    "national insurance*",
    "tax identification*",
];

macro_rules! national {
    ($($kind:ident $format:literal $check:literal [$($word:literal),* $(,)?];)+) => {
        pub(super) const ENTRIES: &[Entry] = &[$(Entry {
            kind: Kind::$kind,
            format: $format,
            check: $check,
            positive: &[&[$($word),*], ANY],
            negative: &[COUNTS],
        },)+];
    };
}

national! {
    AtSvnr "9999 999999" "mod 11" [
        "svnr*", "sv-nummer*", "sozialversicherungsnummer*", "versicherungsnummer*", "oostenrijk*", "österreich*", "austria*", "vsnr*", "svn",
    ];
    BeRrn "99.99.99-999.99" "mod 97, date of birth" [
        "rijksregister*", "rrn", "insz*", "niss", "numéro national*", "numero national*", "registre national*", "bis-nummer*", "bisnummer*", "belgi*", "nrn", "numéro de registre*",
    ];
    BgEgn "9999999999" "mod 11, date of birth" ["egn", "eгн", "eГh", "bulgaar*", "bulgari*", "edinen grazhdanski*"];
    ChAhv "756.9999.9999.99" "EAN-13" ["ahv*", "avs", "navs*", "zwitser*", "switzerland*", "swiss*", "oasi*", "n° avs*"];
    CyTic "99999999A" "mod 26" ["tic", "cypri*", "cyprus*"];
    CzRc "999999/9999" "mod 11, date of birth" ["rodné číslo*", "rodne cislo*", "rodného čísla*", "rč", "tsjechi*", "czech*", "rodné*"];
    DeIdnr "99 999 999 999" "ISO 7064 mod 11,10, one digit repeated" [
        "steuer-id*", "steuerid*", "idnr*", "steueridentifikationsnummer*", "steuer-identifikationsnummer*", "identifikationsnummer*", "steuerliche*", "duits*", "german*", "steuer-idnr*", "steuernummer*",
    ];
    DkCpr "999999-9999" "date of birth" ["cpr*", "personnummer*", "cpr-nummer*", "deen*", "denemarken*", "danish*", "denmark*", "dansk*"];
    EeIk "99999999999" "mod 11, date of birth" ["isikukood*", "estland*", "estonia*", "ests*", "estse*"];
    EsDni "99999999A, A9999999A" "mod 23" ["dni*", "nie", "nif", "spaans*", "españ*", "spanish*", "spain*", "spanje*", "documento nacional*", "d.n.i*", "n.i.e*"];
    FiHetu "999999-999*, 999999A999*" "mod 31, date of birth" ["hetu*", "henkilötunnus*", "henkilotunnus*", "fins*", "finnish*", "finland*", "personbeteckning*"];
    FrNir "9 99 99 99 999 999 99" "mod 97" ["nir", "insee*", "sécurité sociale*", "securite sociale*", "frans*", "french*", "france*", "frankrijk*", "numéro de sécu*", "n° de sécu*", "n° sécu*", "carte vitale*"];
    GrAmka "99999999999, 999999999" "Luhn and date of birth (AMKA); mod 11 (AFM)" ["amka*", "aμka*", "aφμ", "aΦm", "griek*", "greek*", "greece*", "a.m.k.a*"];
    HrOib "99999999999" "ISO 7064 mod 11,10" ["oib", "osobni identifikacijski*", "kroati*", "croati*"];
    HuSzemelyi "99999999999, 9999999999, 999 999 999" "mod 11, mod 10, date of birth" ["személyi*", "szemelyi*", "taj*", "adóazonosító*", "adoazonosito*", "hongaar*", "hongarije*", "hungar*", "személyazonosító*"];
    IePps "9999999A, 9999999AA" "mod 23" ["pps*", "ppsn*", "ppsno*", "iers*", "irish*", "ierland*", "ireland*", "personal public service*"];
    ItCf "AAAAAA99A99A999A" "mod 26, date of birth" ["codice fiscale*", "cod. fisc*", "c.f.", "codicefiscale*", "italiaans*", "italian*", "italië*", "italy*"];
    LtAk "99999999999" "mod 11, date of birth" ["asmens kod*", "litouw*", "lithuan*", "a.k."];
    LuMatricule "9999999999999" "Luhn and Verhoeff, date of birth" ["matricule*", "luxemb*", "cns", "numéro de matricule*", "sozialversicherung*"];
    LvPk "999999-99999" "mod 11, date of birth" ["personas kod*", "letland*", "latvia*", "lets*", "letse*", "p.k."];
    MtId "9999999A" "" ["malta*", "maltees*", "maltese*", "karta tal-identità*", "id card*"];
    NoFnr "999999 99999" "two check digits mod 11, date of birth" ["fødselsnummer*", "fodselsnummer*", "fnr", "d-nummer*", "noors*", "noorwegen*", "norwegian*", "norway*", "personnummer*", "norsk*"];
    PlPesel "99999999999" "mod 10, date of birth" ["pesel*", "pools*", "polish*", "polen", "poland*", "polsk*"];
    PtNif "999 999 999" "mod 11" ["nif", "contribuinte*", "portug*", "número de identificação*"];
    RoCnp "9999999999999" "mod 11, date of birth, county" ["cnp", "cod numeric*", "roemeen*", "roemeni*", "romanian*", "romania*"];
    SePnr "999999-9999, 99999999-9999" "Luhn, date of birth" ["personnummer*", "personnr*", "samordningsnummer*", "zweeds*", "zweden*", "swedish*", "sweden*", "svensk*", "pnr"];
    SiEmso "9999999999999" "mod 11, date of birth" ["emšo*", "emso*", "sloveen*", "sloveni*", "slovenia*"];
    SkRc "999999/9999" "mod 11, date of birth" ["rodné číslo*", "rodne cislo*", "slowak*", "slovak*", "rč"];
}
