//! A record as a table for the terminal.

use std::fmt::Write as _;

use eval::{Record, Summary};

/// One line a figure, then one a ratio.
pub(super) fn table(record: &Record) -> String {
    let mut text = String::new();
    let mut line = |cells: [&str; 4], summary: Option<Summary>| {
        let [workload, metric, unit, system] = cells;
        let shown = summary.map_or_else(
            || "not measured".to_owned(),
            |s| format!("{:>10} {:>10} {:>10}", digits(s.median), digits(s.min), digits(s.max)),
        );
        // Writing to a string does not fail.
        let _ = writeln!(text, "{workload:<20} {metric:<20} {unit:<9} {system:<16} {shown}");
    };
    for figure in &record.figures {
        line([&figure.workload, &figure.metric, &figure.unit, &figure.system], figure.summary);
    }
    for ratio in &record.ratios {
        line(
            [&ratio.workload, &ratio.metric, "x", &format!("{} / {}", ratio.ours, ratio.peer)],
            ratio.summary,
        );
    }
    let head = format!(
        "{:<20} {:<20} {:<9} {:<16} {:>10} {:>10} {:>10}\n",
        "WORKLOAD", "METRIC", "UNIT", "SYSTEM", "MEDIAN", "MIN", "MAX"
    );
    head + &text
}

/// A number with about four digits that mean something.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 1.0 => 2,
        0.0 => 1,
        _ => 5,
    };
    format!("{value:.places$}")
}
