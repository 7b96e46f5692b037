//! What a finding is.

use std::fmt;

/// A kind of personal data that a recognizer finds.
///
/// More kinds will come, so the enum is open. [`Kind::id`] is the key in a profile and in logs;
/// [`Kind::label`] is what the model sees inside a placeholder.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Burgerservicenummer, the Dutch citizen number.
    Bsn,
    /// International bank account number (ISO 13616).
    Iban,
    /// E-mail address.
    Email,
    /// Telephone number, Dutch or international.
    Phone,
    /// Dutch postcode, with its house number where that follows.
    Postcode,
}

impl Kind {
    /// Every kind, in the order of their identifiers in a profile.
    pub const ALL: &'static [Self] = &[Self::Bsn, Self::Iban, Self::Email, Self::Phone, Self::Postcode];

    /// The key of this kind in a profile, a log or a metric.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Bsn => "bsn",
            Self::Iban => "iban",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Postcode => "postcode",
        }
    }

    /// The word the model sees, as in `⟦BSN_1⟧`: upper-case ASCII letters and hyphens.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Bsn => "BSN",
            Self::Iban => "IBAN",
            Self::Email => "E-MAIL",
            Self::Phone => "TELEFOON",
            Self::Postcode => "POSTCODE",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
