//! Licences as SPDX expressions (SPDX 3.0, annex B).

use spdx::{Expression, LicenseItem};

use crate::dossier::UNKNOWN;

/// What is wrong with a licence, if something is.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if text == UNKNOWN {
        return Ok(());
    }
    let nameless = |word: &str| word.ends_with("LicenseRef-");
    if text.split(|c: char| c.is_whitespace() || "()+".contains(c)).any(nameless) {
        return Err(format!("{text:?} names no terms after LicenseRef-"));
    }
    Expression::parse(text).map(|_| ()).map_err(|error| {
        format!(
            "{text:?} is no SPDX expression ({}); write such as Apache-2.0, LicenseRef-NAME for terms of their own, \
             or unknown",
            error.reason
        )
    })
}

/// Whether a licence lets everybody use, study, change and share: approved by the OSI, or free by the FSF. Terms of
/// their own (`LicenseRef-`) do not count as free. `None` for unknown.
pub(crate) fn is_free(text: &str) -> Option<bool> {
    let expression = Expression::parse(text).ok().filter(|_| text != UNKNOWN)?;
    Some(expression.evaluate(|required| match &required.license {
        LicenseItem::Spdx { id, .. } => id.is_osi_approved() || id.is_fsf_free_libre(),
        LicenseItem::Other { .. } => false,
    }))
}

/// The licence that a file names in its own words, as an expression: as it is where it is one, by its SPDX name where
/// only case differs, `LicenseRef-` else.
pub(crate) fn of_file(said: &str) -> String {
    let said = said.trim();
    if said.is_empty() || said.eq_ignore_ascii_case(UNKNOWN) {
        return UNKNOWN.to_owned();
    }
    let known = spdx::identifiers::LICENSES.iter().find(|known| known.name.eq_ignore_ascii_case(said));
    if let Some(known) = known {
        return known.name.to_owned();
    }
    if Expression::parse(said).is_ok() {
        return said.to_owned();
    }
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-');
    let name: String = said.chars().map(|c| if allowed(c) { c } else { '-' }).take(80).collect();
    format!("LicenseRef-{name}")
}
