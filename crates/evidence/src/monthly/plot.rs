//! Requests by day as bars, inline SVG: what was let in below, what was denied on top.

use policy::Language;

use super::{CaseMonth, Month, days_in};
use crate::html::Page;
use crate::words::{number, say};

const LEFT: u64 = 44;
const STEP: u64 = 22;
const TOP: u64 = 12;
const HEIGHT: u64 = 120;
const BAR: u64 = 16;

pub(super) fn days(page: &mut Page, month: &Month, case: &CaseMonth, language: Language) {
    let days = days_in(month);
    let most =
        case.days.values().map(|day| day.admitted.saturating_add(day.denied)).max().unwrap_or(0).max(1);
    let right = LEFT + STEP * u64::from(days.unsigned_abs());
    page.raw("<svg class=\"plot\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ");
    page.text(&right.to_string()).raw(" 152\"><title>");
    page.text(say(language, "Requests by day", "Verzoeken per dag")).raw("</title>\n");
    line(page, right, TOP);
    line(page, right, TOP + HEIGHT);
    label(page, 4, TOP + 4, &number(most, language));
    label(page, 4, TOP + HEIGHT + 4, "0");
    for day in 1..=days {
        let x = LEFT + STEP * u64::from(day.unsigned_abs() - 1);
        let counts = case.days.get(&day).copied().unwrap_or_default();
        let tall = |count: u64| scaled(count, most);
        let (admitted, denied) = (tall(counts.admitted), tall(counts.denied));
        bar(page, "<rect class=\"in\" x=\"", x, TOP + HEIGHT - admitted, admitted);
        bar(page, "<rect class=\"out\" x=\"", x, (TOP + HEIGHT).saturating_sub(admitted + denied), denied);
        if day == 1 || day % 5 == 0 {
            label(page, x, TOP + HEIGHT + 15, &day.to_string());
        }
    }
    page.raw("</svg>\n<p class=\"key\"><span class=\"in\">■</span> ");
    page.text(say(language, "let in", "toegelaten")).raw(" <span class=\"out\">■</span> ");
    page.text(say(language, "denied", "geweigerd")).raw("</p>\n");
}

/// Height of a bar; what was counted at all is seen.
fn scaled(count: u64, most: u64) -> u64 {
    if count == 0 {
        return 0;
    }
    let height = u128::from(count) * u128::from(HEIGHT) / u128::from(most);
    u64::try_from(height).unwrap_or(HEIGHT).clamp(1, HEIGHT)
}

fn bar(page: &mut Page, open: &'static str, x: u64, y: u64, height: u64) {
    if height > 0 {
        page.raw(open).text(&x.to_string()).raw("\" y=\"").text(&y.to_string());
        page.raw("\" width=\"")
            .text(&BAR.to_string())
            .raw("\" height=\"")
            .text(&height.to_string())
            .raw("\"/>\n");
    }
}

fn line(page: &mut Page, right: u64, y: u64) {
    let (left, right, y) = (LEFT.to_string(), right.to_string(), y.to_string());
    page.raw("<line class=\"axis\" x1=\"").text(&left).raw("\" x2=\"").text(&right);
    page.raw("\" y1=\"").text(&y).raw("\" y2=\"").text(&y).raw("\"/>\n");
}

fn label(page: &mut Page, x: u64, y: u64, text: &str) {
    page.raw("<text x=\"").text(&x.to_string()).raw("\" y=\"").text(&y.to_string()).raw("\">");
    page.text(text).raw("</text>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fit_and_are_seen() {
        assert_eq!(scaled(0, 10), 0);
        assert_eq!(scaled(1, 1_000_000), 1);
        assert_eq!(scaled(10, 10), HEIGHT);
        assert_eq!(scaled(u64::MAX, u64::MAX), HEIGHT);
    }
}
