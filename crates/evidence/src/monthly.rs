//! The month: what the log says of each use case, on one page that prints, holds no script and loads nothing.

mod case;
mod frame;
mod plot;

use std::collections::BTreeMap;

use jiff::civil::Date;
use policy::Language;

use crate::html::Page;
use crate::words::{rfc3339, say};

/// A month as the log tells it. Counts are of requests that were let in or denied in it, in UTC; an outcome counts where its
/// request began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Month {
    /// Year.
    pub year: i16,
    /// Month, 1 to 12.
    pub month: i8,
    /// The log.
    pub log: LogRead,
    /// Use cases by id; requests of no use case under the empty one.
    pub cases: BTreeMap<String, CaseMonth>,
    /// Requests of strangers, by why they could not be told apart. Counted in intervals, by the end of each.
    pub strangers: BTreeMap<String, u64>,
    /// What a rule that denied tells whom it stops, in the language of the page, as the policy says it today.
    pub remedies: BTreeMap<String, String>,
    /// Only this use case was asked for.
    pub only: Option<String>,
    /// When the page is made, ms since 1970.
    pub made_ms: i64,
}

/// The log that was read and verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRead {
    /// Its name.
    pub origin: String,
    /// Root of the checkpoint, hexadecimal.
    pub root: String,
    /// Leaves that the checkpoint signs.
    pub signed_leaves: u64,
    /// Moment of its first leaf, ms since 1970.
    pub first_ms: Option<i64>,
    /// Moment of its last leaf, ms since 1970.
    pub last_ms: Option<i64>,
    /// Moments of the first and the last leaf that were pruned, ms since 1970.
    pub pruned_ms: Option<(i64, i64)>,
}

/// Requests of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// Let in.
    pub admitted: u64,
    /// Denied.
    pub denied: u64,
}

/// The month of one use case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseMonth {
    /// It is the demonstration's.
    pub demo: bool,
    /// By day of the month.
    pub days: BTreeMap<i8, Day>,
    /// Denials by rule.
    pub denied: BTreeMap<String, u64>,
    /// Personal data found before the model, by kind; of denied requests too.
    pub redacted: BTreeMap<String, u64>,
    /// Personal data found in answers, by kind.
    pub found_in_answers: BTreeMap<String, u64>,
    /// Tokens to the model, of requests that were let in.
    pub tokens_in: u64,
    /// Tokens from the model.
    pub tokens_out: u64,
    /// Requests that were let in, by how they ended; those that have not yet are not among them.
    pub ended: BTreeMap<String, u64>,
    /// Requests without outcome.
    pub unfinished: u64,
    /// Energy of the requests that have a figure, millijoules.
    pub millijoules: u64,
    /// Requests that have one, by where the power comes from.
    pub energy_sources: BTreeMap<String, u64>,
    /// Requests that completed, by milliseconds from intent to outcome.
    pub ms: BTreeMap<u64, u64>,
    /// Requests that completed, by milliseconds from intent to first token.
    pub first_token_ms: BTreeMap<u64, u64>,
    /// Requests let in by model: id, SHA-256 of its manifest.
    pub models: BTreeMap<(String, String), u64>,
    /// Requests by the policy that judged them, SHA-256: number, first and last moment in ms since 1970.
    pub policies: BTreeMap<String, (u64, i64, i64)>,
    /// Requests by revision of the use case.
    pub revisions: BTreeMap<u32, u64>,
}

impl CaseMonth {
    /// Requests let in.
    #[must_use]
    pub fn admitted(&self) -> u64 {
        self.days.values().map(|day| day.admitted).sum()
    }

    /// Requests denied.
    #[must_use]
    pub fn denials(&self) -> u64 {
        self.denied.values().sum()
    }
}

/// The value that `percent` of the counted ones do not exceed (nearest rank); `None` where nothing was counted.
#[must_use]
pub fn percentile(counted: &BTreeMap<u64, u64>, percent: u64) -> Option<u64> {
    let total: u64 = counted.values().sum();
    let rank = total.saturating_mul(percent.min(100)).div_ceil(100).max(1);
    let mut seen = 0u64;
    counted.iter().find_map(|(value, count)| {
        seen = seen.saturating_add(*count);
        (seen >= rank).then_some(*value)
    })
}

/// The page, as HTML.
#[must_use]
pub fn monthly(month: &Month, language: Language) -> String {
    let mut page = Page::default();
    let title = title(month, language);
    page.raw("<!doctype html>\n").raw(say(language, "<html lang=\"en\">", "<html lang=\"nl\">"));
    page.raw("<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    // Nothing can be loaded or run, even if a text were to get where it should not.
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">");
    page.within("<title>", &title, "</title>");
    page.raw("<style>").raw(include_str!("dossier/style.css")).raw(include_str!("monthly/style.css"));
    page.raw("</style></head><body><main>\n");
    frame::head(&mut page, month, &title, language);
    for (id, case) in &month.cases {
        case::section(&mut page, month, id, case, language);
    }
    frame::strangers(&mut page, month, language);
    frame::unknown(&mut page, month, language);
    frame::kept(&mut page, month, language);
    frame::foot(&mut page, month, language);
    page.raw("</main></body></html>\n");
    page.finish()
}

fn title(month: &Month, language: Language) -> String {
    let name = crate::words::month_name(month.month, language);
    format!("{} {name} {}", say(language, "The log of", "Het logboek van"), month.year)
}

/// The pruned period, where it reaches into the month: what is counted is then less than what was.
fn pruned(month: &Month) -> Option<(i64, i64)> {
    let first = Date::new(month.year, month.month, 1).ok()?;
    let ms = |day: Date| Some(jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?.as_millisecond());
    let after_ms = ms(first.last_of_month().tomorrow().ok()?)?;
    let first_ms = ms(first)?;
    month.log.pruned_ms.filter(|(from, to)| *from < after_ms && *to >= first_ms)
}

fn days_in(month: &Month) -> i8 {
    Date::new(month.year, month.month, 1).map_or(31, Date::days_in_month)
}

fn moment(ms: i64) -> String {
    rfc3339(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let counted: BTreeMap<u64, u64> = [(10, 5), (20, 4), (1000, 1)].into();
        // Against the definition: sort everything, take the ceil(p/100 × n)-th.
        let all: Vec<u64> =
            counted.iter().flat_map(|(&value, &count)| (0..count).map(move |_| value)).collect();
        for percent in 1..=100u64 {
            let rank = usize::try_from((percent * 10).div_ceil(100)).unwrap();
            assert_eq!(percentile(&counted, percent), Some(all[rank - 1]), "{percent}");
        }
        assert_eq!(percentile(&BTreeMap::new(), 50), None);
        assert_eq!(percentile(&[(7, 1)].into(), 0), Some(7));
    }
}
