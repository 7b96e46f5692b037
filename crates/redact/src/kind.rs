//! What a finding is.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// What sort of thing a kind identifies: what a policy weighs, rather than how it is written.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// A national number for persons (GDPR art. 87): BSN, A-nummer, rijksregisternummer, …
    National,
    /// A travel document or driving licence.
    Document,
    /// A bank account or payment card.
    Financial,
    /// A way to reach a person, or to name one on a network: e-mail, telephone, user name.
    Contact,
    /// Where a person lives or was.
    Location,
    /// When a person was born.
    Birth,
    /// A number in a register of care professionals.
    Profession,
    /// An enterprise, or its number; it may be one person.
    Enterprise,
    /// A case or file in which persons take part.
    Case,
    /// A case of a criminal nature (GDPR art. 10).
    Criminal,
    /// A vehicle.
    Vehicle,
    /// A device or its address.
    Device,
    /// Who a person is called.
    Name,
    /// A special category (GDPR art. 9).
    Special,
}

macro_rules! kinds {
    ($($(#[$doc:meta])+ $variant:ident $id:literal $label:literal $group:ident;)+) => {
        /// A kind of personal data that a recognizer finds.
        ///
        /// More kinds will come, so the enum is open. [`Kind::id`] is the key in a profile and in logs;
        /// [`Kind::label`] is what the model sees inside a placeholder.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])+ $variant,)+
            /// A kind that a profile defines (`[[custom]]`).
            Custom(CustomKind),
        }

        /// The places of the built-in kinds in a set.
        enum Ordinal {
            $($variant,)+
        }

        impl Kind {
            /// Every built-in kind, in a fixed order; [`crate::Profile::kinds`] has those of a profile too.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The key of this kind in a profile, a log or a metric.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ Self::Custom(custom) => custom.0.id.as_str() }
            }

            /// The word the model sees, as in `⟦BSN_1⟧`: upper-case ASCII letters and hyphens.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ Self::Custom(custom) => custom.0.label.as_str() }
            }

            /// What sort of thing it identifies.
            pub const fn group(self) -> Group {
                match self { $(Self::$variant => Group::$group,)+ Self::Custom(custom) => custom.0.group }
            }

            /// Its place in a set; none for a kind of a profile.
            const fn ordinal(self) -> Option<u32> {
                match self { $(Self::$variant => Some(Ordinal::$variant as u32),)+ Self::Custom(_) => None }
            }
        }
    };
}

kinds! {
    /// Burgerservicenummer, the Dutch citizen number.
    Bsn "bsn" "BSN" National;
    /// International bank account number (ISO 13616).
    Iban "iban" "IBAN" Financial;
    /// E-mail address.
    Email "email" "E-MAIL" Contact;
    /// Telephone number, Dutch or international.
    Phone "phone" "TELEFOON" Contact;
    /// Dutch postcode, with its house number where that follows.
    Postcode "postcode" "POSTCODE" Location;
    /// Street with house number.
    Address "address" "ADRES" Location;
    /// Date of birth.
    BirthDate "birth-date" "GEBOORTEDATUM" Birth;
    /// User name, login or handle.
    UserName "user-name" "GEBRUIKERSNAAM" Contact;
    /// Rechtspersonen- en samenwerkingsverbandeninformatienummer; a BSN for a sole trader of before 2020.
    Rsin "rsin" "RSIN" Enterprise;
    /// Onderwijsnummer or persoonsgebonden nummer of a pupil or student.
    Onderwijsnummer "onderwijsnummer" "ONDERWIJSNUMMER" National;
    /// A-nummer, the administration number of the Dutch population register.
    ANummer "a-nummer" "A-NUMMER" National;
    /// V-nummer, the number of a foreign national.
    VNummer "v-nummer" "V-NUMMER" National;
    /// Number of a Dutch passport or identity card, or the machine-readable line of any travel document.
    TravelDocument "travel-document" "REISDOCUMENT" Document;
    /// Number of a Dutch driving licence.
    DrivingLicence "driving-licence" "RIJBEWIJS" Document;
    /// Bank identifier code (ISO 9362), beside an account.
    Bic "bic" "BIC" Financial;
    /// Payment card number (ISO/IEC 7812).
    Card "card" "BETAALKAART" Financial;
    /// Number in the Dutch trade register.
    Kvk "kvk" "KVK-NUMMER" Enterprise;
    /// Number of an establishment in the Dutch trade register.
    Vestigingsnummer "vestigingsnummer" "VESTIGINGSNUMMER" Enterprise;
    /// Dutch VAT number: btw-id, or omzetbelastingnummer, which holds the BSN of a sole trader.
    Btw "btw" "BTW-NUMMER" Enterprise;
    /// Number in the BIG register of care professionals.
    Big "big" "BIG-NUMMER" Profession;
    /// AGB code of a care provider.
    Agb "agb" "AGB-CODE" Profession;
    /// UZI number of a care professional's card.
    Uzi "uzi" "UZI-NUMMER" Profession;
    /// URA number of a subscriber of the UZI register.
    Ura "ura" "URA-NUMMER" Profession;
    /// Parketnummer of the public prosecution.
    Parketnummer "parketnummer" "PARKETNUMMER" Criminal;
    /// Number of a case, file, objection or fine.
    CaseNumber "case-number" "ZAAKNUMMER" Case;
    /// Dutch number plate, sidecodes 1 to 14.
    NumberPlate "number-plate" "KENTEKEN" Vehicle;
    /// IPv4 or IPv6 address.
    Ip "ip" "IP-ADRES" Device;
    /// MAC address (EUI-48 or EUI-64).
    Mac "mac" "MAC-ADRES" Device;
    /// International mobile equipment identity.
    Imei "imei" "IMEI" Device;
    /// Coordinates of at least four decimals: some eleven metres.
    Coordinates "coordinates" "COORDINATEN" Location;
    /// Austria: Sozialversicherungsnummer.
    AtSvnr "at-svnr" "ID-NUMMER-AT" National;
    /// Belgium: rijksregisternummer, or bisnummer.
    BeRrn "be-rrn" "RIJKSREGISTERNUMMER" National;
    /// Bulgaria: единен граждански номер.
    BgEgn "bg-egn" "ID-NUMMER-BG" National;
    /// Switzerland: AHV-Nummer (NAVS13).
    ChAhv "ch-ahv" "ID-NUMMER-CH" National;
    /// Cyprus: tax identification code of a person.
    CyTic "cy-tic" "ID-NUMMER-CY" National;
    /// Czechia: rodné číslo.
    CzRc "cz-rc" "ID-NUMMER-CZ" National;
    /// Germany: Steuer-Identifikationsnummer.
    DeIdnr "de-idnr" "ID-NUMMER-DE" National;
    /// Denmark: CPR-nummer.
    DkCpr "dk-cpr" "ID-NUMMER-DK" National;
    /// Estonia: isikukood.
    EeIk "ee-ik" "ID-NUMMER-EE" National;
    /// Spain: DNI, or NIE of a foreign national.
    EsDni "es-dni" "ID-NUMMER-ES" National;
    /// Finland: henkilötunnus.
    FiHetu "fi-hetu" "ID-NUMMER-FI" National;
    /// France: numéro d'inscription au répertoire (NIR), the social security number.
    FrNir "fr-nir" "ID-NUMMER-FR" National;
    /// Greece: AMKA, or AFM.
    GrAmka "gr-amka" "ID-NUMMER-GR" National;
    /// Croatia: osobni identifikacijski broj.
    HrOib "hr-oib" "ID-NUMMER-HR" National;
    /// Hungary: személyi szám, adóazonosító jel or TAJ-szám.
    HuSzemelyi "hu-szemelyi" "ID-NUMMER-HU" National;
    /// Ireland: personal public service number.
    IePps "ie-pps" "ID-NUMMER-IE" National;
    /// Italy: codice fiscale.
    ItCf "it-cf" "ID-NUMMER-IT" National;
    /// Lithuania: asmens kodas.
    LtAk "lt-ak" "ID-NUMMER-LT" National;
    /// Luxembourg: matricule.
    LuMatricule "lu-matricule" "ID-NUMMER-LU" National;
    /// Latvia: personas kods.
    LvPk "lv-pk" "ID-NUMMER-LV" National;
    /// Malta: identity card number.
    MtId "mt-id" "ID-NUMMER-MT" National;
    /// Norway: fødselsnummer, or D-nummer.
    NoFnr "no-fnr" "ID-NUMMER-NO" National;
    /// Poland: PESEL.
    PlPesel "pl-pesel" "ID-NUMMER-PL" National;
    /// Portugal: número de identificação fiscal.
    PtNif "pt-nif" "ID-NUMMER-PT" National;
    /// Romania: cod numeric personal.
    RoCnp "ro-cnp" "ID-NUMMER-RO" National;
    /// Sweden: personnummer, or samordningsnummer.
    SePnr "se-pnr" "ID-NUMMER-SE" National;
    /// Slovenia: EMŠO.
    SiEmso "si-emso" "ID-NUMMER-SI" National;
    /// Slovakia: rodné číslo.
    SkRc "sk-rc" "ID-NUMMER-SK" National;
    /// Name of a person, or part of one.
    Person "person" "PERSOON" Name;
    /// Place of residence, of birth or of an event, where somebody is named.
    Place "place" "PLAATS" Location;
    /// Name of an organisation: found by a model of names alone, where the profile has a rule for it.
    Organisation "organisation" "ORGANISATIE" Enterprise;
    /// Age of somebody named.
    Age "age" "LEEFTIJD" Birth;
    /// What is said of somebody's health.
    Health "health" "GEZONDHEID" Special;
    /// Somebody's religion or belief.
    Religion "religion" "GELOOF" Special;
    /// Somebody's ethnic origin.
    EthnicOrigin "ethnic-origin" "AFKOMST" Special;
    /// Somebody's political opinion.
    PoliticalOpinion "political-opinion" "POLITIEK" Special;
    /// Somebody's membership of a union.
    UnionMembership "union-membership" "VAKBOND" Special;
    /// Somebody's sex life or orientation.
    SexLife "sex-life" "SEKSUALITEIT" Special;
    /// Suspicions and convictions (GDPR art. 10).
    CriminalData "criminal-data" "STRAFRECHTELIJK" Criminal;
}

impl Kind {
    /// Whether it is found by what a sentence tells, and not by how it is written.
    #[must_use]
    pub(crate) const fn is_told_by_sentences(self) -> bool {
        !matches!(self, Self::Custom(_))
            && (matches!(self.group(), Group::Name | Group::Special)
                || matches!(self, Self::Place | Self::Organisation | Self::Age | Self::CriminalData))
    }

    /// Whether a profile defines it: of two that are as sure, an administrator means this one.
    #[must_use]
    pub(crate) const fn is_custom(self) -> bool {
        matches!(self, Self::Custom(_))
    }

    /// Whether it says who somebody is.
    #[must_use]
    pub(crate) const fn identifies(self) -> bool {
        !matches!(self.group(), Group::Enterprise | Group::Device | Group::Special)
            && !matches!(self, Self::Place | Self::Age)
    }

    /// The built-in kind with this [`Kind::id`].
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// What an administrator calls a kind.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Named {
    id: String,
    label: String,
    group: Group,
}

/// The names of a profile's own kind.
///
/// They live as long as the process: a handle is as small as a built-in kind, and counts, placeholders and records take either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomKind(&'static Named);

/// Kinds that the profiles of one process may define together. Reloading a profile takes no new ones.
const CUSTOM_KINDS_MAX: usize = 1024;

static CUSTOM: Mutex<BTreeSet<&'static Named>> = Mutex::new(BTreeSet::new());

impl CustomKind {
    /// Says what is wrong with an id or a label.
    pub(crate) fn new(id: &str, label: &str, group: Group) -> Result<Self, String> {
        let fits = |name: &str, letter: fn(u8) -> bool| {
            (2..=32).contains(&name.len())
                && name.bytes().all(|b| letter(b) || b == b'-')
                && !name.starts_with('-')
                && !name.ends_with('-')
        };
        if !fits(id, |b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            return Err("`id` must be 2 to 32 small letters, digits and hyphens".to_owned());
        }
        if !fits(label, |b| b.is_ascii_uppercase()) {
            return Err("`label` must be 2 to 32 capitals A to Z and hyphens".to_owned());
        }
        if Kind::from_id(id).is_some() {
            return Err(format!("`{id}` is a built-in kind; choose another id"));
        }
        if label == crate::placeholder::LITERAL_LABEL || Kind::ALL.iter().any(|kind| kind.label() == label) {
            return Err(format!("the placeholder `{label}` is taken; choose another label"));
        }
        let named = Named { id: id.to_owned(), label: label.to_owned(), group };
        // What holds the lock cannot leave the set half-made.
        let mut known = CUSTOM.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&named) {
            return Ok(Self(known));
        }
        if known.len() >= CUSTOM_KINDS_MAX {
            return Err(format!(
                "more than {CUSTOM_KINDS_MAX} different kinds were defined since the start; restart the program"
            ));
        }
        let named: &'static Named = Box::leak(Box::new(named));
        known.insert(named);
        Ok(Self(named))
    }
}

/// A set of built-in kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KindSet(u128);

impl KindSet {
    pub(crate) const fn only(kind: Kind) -> Self {
        match kind.ordinal() {
            Some(place) => Self(1_u128.wrapping_shl(place)),
            // The words of the catalogue say nothing of a profile's kinds.
            None => Self(0),
        }
    }

    pub(crate) const fn has(self, kind: Kind) -> bool {
        self.0 & Self::only(kind).0 != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_labels_are_unique_and_well_formed() {
        for (i, a) in Kind::ALL.iter().enumerate() {
            assert_eq!(a.ordinal(), u32::try_from(i).ok(), "a set numbers kinds by their order");
            assert!(a.label().bytes().all(|b| b.is_ascii_uppercase() || b == b'-'), "{a}");
            assert!(a.id().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{a}");
            assert_eq!(Kind::from_id(a.id()), Some(*a));
            for b in Kind::ALL.iter().skip(i + 1) {
                assert!(a.id() != b.id() && a.label() != b.label(), "{a} {b}");
            }
        }
        assert!(Kind::ALL.len() <= 128, "a set has 128 places");
    }
}
