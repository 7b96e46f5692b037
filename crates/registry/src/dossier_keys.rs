//! The keys of `[model.dossier]`, and what they must mean.

use serde::Deserialize;
use toml::Spanned;

use crate::Error;
use crate::dossier::{Ancestor, Dossier, LegalReview, Openness, OptOuts, UNKNOWN};
use crate::manifest::Text;

/// Longest text of a dossier, in characters.
const TEXT_CHARS_MAX: usize = 2000;
/// Most ancestors.
const LINEAGE_MAX: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DossierKeys {
    weights: Openness,
    code: Openness,
    training_data: Openness,
    developer: Spanned<String>,
    country: Spanned<String>,
    packed_by: Spanned<String>,
    trained_on: Spanned<String>,
    trained_until: Spanned<String>,
    training_kwh: Spanned<Kwh>,
    opt_outs: OptOuts,
    opt_outs_evidence: Spanned<String>,
    legal_review: Spanned<Review>,
    lineage: Spanned<Lineage>,
    limitations: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a number of kilowatt-hours, or \"unknown\"")]
enum Kwh {
    Known(u64),
    Word(String),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be { by = …, date = …, review_by = … }, or \"unknown\"")]
enum Review {
    Known(LegalReview),
    Word(String),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a list of { name = …, step = … }, or \"unknown\"")]
enum Lineage {
    Known(Vec<Ancestor>),
    Word(String),
}

impl DossierKeys {
    /// The dossier, checked.
    pub fn check(self, text: &Text<'_>) -> Result<Dossier, Error> {
        let country_at = self.country.span().start;
        let country = known(text, "country", self.country)?;
        let letters = |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if !country.as_ref().is_none_or(letters) {
            return Err(text.error(country_at, "country: must be two letters of ISO 3166-1, or unknown"));
        }
        let evidence_at = self.opt_outs_evidence.span().start;
        let opt_outs_evidence = known(text, "opt_outs_evidence", self.opt_outs_evidence)?;
        if self.opt_outs == OptOuts::Yes && opt_outs_evidence.is_none() {
            let message = "opt_outs_evidence: opt_outs is yes, so say where that can be read";
            return Err(text.error(evidence_at, message));
        }
        Ok(Dossier {
            weights: self.weights,
            code: self.code,
            training_data: self.training_data,
            developer: known(text, "developer", self.developer)?,
            country,
            packed_by: known(text, "packed_by", self.packed_by)?,
            trained_on: known(text, "trained_on", self.trained_on)?,
            trained_until: known(text, "trained_until", self.trained_until)?,
            training_kwh: kwh(text, self.training_kwh)?,
            opt_outs: self.opt_outs,
            opt_outs_evidence,
            legal_review: review(text, self.legal_review)?,
            lineage: lineage(text, self.lineage)?,
            limitations: known(text, "limitations", self.limitations)?,
        })
    }
}

/// `None` for the word unknown.
fn known(text: &Text<'_>, key: &str, value: Spanned<String>) -> Result<Option<String>, Error> {
    let at = value.span().start;
    let value = value.into_inner();
    fits(&value).map_err(|why| text.error(at, format!("{key}: {why}")))?;
    Ok((value != UNKNOWN).then_some(value))
}

fn fits(value: &str) -> Result<(), String> {
    if value.trim().is_empty() {
        return Err("is empty; write unknown where it is not known".to_owned());
    }
    if value.chars().count() > TEXT_CHARS_MAX || value.chars().any(char::is_control) {
        return Err(format!("must be one line of at most {TEXT_CHARS_MAX} characters"));
    }
    Ok(())
}

/// A word where something else was expected: it may only be `unknown`.
fn unknown(text: &Text<'_>, at: usize, key: &str, word: &str) -> Result<(), Error> {
    if word == UNKNOWN {
        Ok(())
    } else {
        Err(text.error(at, format!("{key}: the one word it may be is unknown")))
    }
}

fn kwh(text: &Text<'_>, value: Spanned<Kwh>) -> Result<Option<u64>, Error> {
    let at = value.span().start;
    match value.into_inner() {
        Kwh::Known(kwh) => Ok(Some(kwh)),
        Kwh::Word(word) => unknown(text, at, "training_kwh", &word).map(|()| None),
    }
}

fn review(text: &Text<'_>, value: Spanned<Review>) -> Result<Option<LegalReview>, Error> {
    let at = value.span().start;
    let review = match value.into_inner() {
        Review::Known(review) => review,
        Review::Word(word) => return unknown(text, at, "legal_review", &word).map(|()| None),
    };
    fits(&review.by).map_err(|why| text.error(at, format!("legal_review: by {why}")))?;
    for day in [&review.date, &review.review_by] {
        day.parse::<jiff::civil::Date>()
            .ok()
            .filter(|_| day.len() == 10)
            .ok_or_else(|| text.error(at, "legal_review: date and review_by must be days as YYYY-MM-DD"))?;
    }
    if review.review_by <= review.date {
        return Err(text.error(at, "legal_review: review_by must be later than date"));
    }
    Ok(Some(review))
}

fn lineage(text: &Text<'_>, value: Spanned<Lineage>) -> Result<Option<Vec<Ancestor>>, Error> {
    let at = value.span().start;
    let ancestors = match value.into_inner() {
        Lineage::Known(ancestors) => ancestors,
        Lineage::Word(word) => return unknown(text, at, "lineage", &word).map(|()| None),
    };
    if ancestors.len() > LINEAGE_MAX {
        return Err(text.error(at, format!("lineage: at most {LINEAGE_MAX}")));
    }
    for Ancestor { name, step } in &ancestors {
        fits(name).and(fits(step)).map_err(|why| text.error(at, format!("lineage: name or step {why}")))?;
    }
    Ok(Some(ancestors))
}

impl LegalReview {
    /// The first moment at which it no longer counts: the end of its last day (UTC), milliseconds since 1970.
    pub fn lapses_ms(&self) -> i64 {
        let day = self.review_by.parse::<jiff::civil::Date>().and_then(|day| day.tomorrow());
        let moment = day.and_then(|day| format!("{day}T00:00:00Z").parse::<jiff::Timestamp>());
        // A day outside the calendar was refused when the file was read; lapsed is the safe answer.
        moment.map_or(i64::MIN, |moment| moment.as_millisecond())
    }
}
