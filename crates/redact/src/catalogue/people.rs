//! People, and what is said of them: judged by sentences, not by words beside a number.

use super::Entry;
use crate::Kind;

const fn said(kind: Kind, format: &'static str) -> Entry {
    Entry { kind, format, check: "somebody is identified near it", positive: &[], negative: &[] }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        kind: Kind::Person,
        format: "given names, initials and surnames, in any order",
        check: "conditional random field with lists of names",
        positive: &[],
        negative: &[],
    },
    Entry {
        kind: Kind::Place,
        format: "towns and countries",
        check: "conditional random field with lists of names; somebody is named in the text",
        positive: &[],
        negative: &[],
    },
    Entry {
        kind: Kind::Organisation,
        format: "names of organisations",
        check: "the model that the profile names; where the profile has a rule for them",
        positive: &[],
        negative: &[],
    },
    Entry {
        kind: Kind::Age,
        format: "9 jaar, 99-jarige, (99) behind a name",
        check: "somebody is named near it",
        positive: &[&["leeftijd*", "lft", "age"]],
        negative: &[],
    },
    said(Kind::Health, "words for illness, care and disability"),
    said(Kind::Religion, "words for religion and belief"),
    said(Kind::EthnicOrigin, "words for origin"),
    said(Kind::PoliticalOpinion, "words for political opinion"),
    said(Kind::UnionMembership, "words for membership of a union"),
    said(Kind::SexLife, "words for orientation and sex life"),
    said(Kind::CriminalData, "words for suspicion, conviction and detention"),
];
