//! Records as a page: one table and one plot each, in a file that needs no other.

use std::fmt::Write as _;

use crate::record::{Better, Figure, Ratio, Record};
use crate::statistics::Summary;

/// Ours first, then the peers, in the order of the record.
const COLOURS: [&str; 5] = ["#15608f", "#c28a2c", "#7d8597", "#6a9a5b", "#a3546b"];
const WIDTH: f64 = 900.0;
const LABEL_WIDTH: f64 = 250.0;
const BAR_WIDTH: f64 = 430.0;
const BAR_HEIGHT: f64 = 16.0;
const GROUP_GAP: f64 = 14.0;
const LEGEND_HEIGHT: f64 = 30.0;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;color:#1c2330;max-width:960px;margin:2em auto;padding:0 1em}\
h2{margin:2em 0 .3em}p{margin:.3em 0}.wide{overflow-x:auto}table{border-collapse:collapse;margin:1em 0;font-variant-numeric:tabular-nums}\
th,td{padding:.25em .7em;border-bottom:1px solid #d9dee6;text-align:right;white-space:nowrap}\
th{border-bottom:2px solid #7d8597}.name{text-align:left}.ahead{color:#1d6f42;font-weight:600}.behind{color:#a03030;font-weight:600}\
small{color:#5b6472}svg{max-width:100%;height:auto}";

/// The figures of one workload and metric, ours first.
struct Group<'a> {
    workload: &'a str,
    metric: &'a str,
    unit: &'a str,
    better: Better,
    figures: Vec<&'a Figure>,
    ratios: Vec<&'a Ratio>,
}

/// One self-contained page over the records.
pub fn html(records: &[Record]) -> String {
    let mut page = String::new();
    page.push_str("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    let _ = write!(
        page,
        "<title>Measurements</title><style>{STYLE}</style></head><body>\n<h1>Measurements</h1>\n"
    );
    page.push_str("<p>Medians, with the least and the greatest run. A ratio is made pair by pair; above 1, ours is ahead.</p>\n");
    for record in records {
        section(&mut page, record);
    }
    page.push_str("</body></html>\n");
    page
}

/// The plots of the records alone, one under the other.
pub fn svg(records: &[Record]) -> String {
    let plots: Vec<(f64, String)> = records.iter().map(|record| plot(&groups(record), record)).collect();
    let height: f64 = plots.iter().map(|(height, _)| height).sum();
    let mut text = open_svg(height);
    let mut top = 0.0;
    for (height, body) in plots {
        let _ = write!(text, "<g transform=\"translate(0 {top:.0})\">\n{body}</g>\n");
        top += height;
    }
    text + "</svg>\n"
}

fn open_svg(height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" height=\"{height:.0}\" \
         font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"#1c2330\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    )
}

fn section(page: &mut String, record: &Record) {
    let model = record.model.as_ref().map_or("a server's model", |model| model.name.as_str());
    let machine = &record.machine;
    let gib = machine.memory_bytes as f64 / (1_u64 << 30) as f64;
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<h2>{}: {}</h2>\n<p>{}, {} cores, {gib:.1} GiB, {}, kernel {}, {}. {}.</p>\n",
        escape(&record.suite),
        escape(model),
        escape(&machine.cpu),
        machine.cores,
        escape(&machine.os),
        escape(&machine.kernel),
        escape(&machine.arch),
        escape(&record.taken)
    );
    let threads = record.threads.map_or_else(String::new, |threads| format!(", {threads} threads"));
    let build = &record.build;
    let _ = writeln!(page, "<p>{} build, tier {}{threads}.</p>", escape(&build.profile), escape(&build.isa));
    for system in &record.systems {
        let command = system
            .command
            .as_ref()
            .map_or_else(String::new, |line| format!(": <code>{}</code>", escape(line)));
        let _ = writeln!(page, "<p>{} {}{command}</p>", escape(&system.name), escape(&system.version));
    }
    if let Some(model) = &record.model {
        let _ = writeln!(
            page,
            "<p><small>sha256 {}, {} bytes</small></p>",
            escape(&model.sha256),
            model.size_bytes
        );
    }
    let groups = groups(record);
    table(page, &groups, record);
    let (height, body) = plot(&groups, record);
    let _ = writeln!(page, "{}{body}</svg>", open_svg(height));
    for note in &record.notes {
        let _ = writeln!(page, "<p><small>{}</small></p>", escape(note));
    }
}

fn groups(record: &Record) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for figure in record.figures.iter().filter(|figure| figure.summary.is_some()) {
        let known = groups
            .iter_mut()
            .find(|group| group.workload == figure.workload && group.metric == figure.metric);
        match known {
            Some(group) => group.figures.push(figure),
            None => groups.push(Group {
                workload: &figure.workload,
                metric: &figure.metric,
                unit: &figure.unit,
                better: figure.better,
                figures: vec![figure],
                ratios: Vec::new(),
            }),
        }
    }
    for ratio in &record.ratios {
        let group =
            groups.iter_mut().find(|group| group.workload == ratio.workload && group.metric == ratio.metric);
        if let Some(group) = group {
            group.ratios.push(ratio);
        }
    }
    groups
}

/// A row a workload and metric; a column a system, then a column a ratio.
fn table(page: &mut String, groups: &[Group<'_>], record: &Record) {
    let (ours, peers) =
        record.systems.split_first().map_or(("", &[][..]), |(ours, peers)| (ours.name.as_str(), peers));
    page.push_str(
        "<div class=\"wide\"><table><tr><th class=\"name\">workload</th><th class=\"name\">metric</th>",
    );
    for system in &record.systems {
        let _ = write!(page, "<th>{}</th>", escape(&system.name));
    }
    for peer in peers {
        let _ = write!(page, "<th>{} / {}</th>", escape(ours), escape(&peer.name));
    }
    page.push_str("</tr>\n");
    for group in groups {
        let way = if group.better == Better::Higher { "" } else { ", less is better" };
        let unit =
            if group.unit.is_empty() { String::new() } else { format!(" ({}{way})", escape(group.unit)) };
        let _ = write!(
            page,
            "<tr><td class=\"name\">{}</td><td class=\"name\">{}<small>{unit}</small></td>",
            escape(group.workload),
            escape(group.metric)
        );
        for system in &record.systems {
            let figure = group.figures.iter().find(|figure| figure.system == system.name);
            cell(page, figure.and_then(|figure| figure.summary), "");
        }
        for peer in peers {
            let ratio =
                group.ratios.iter().find(|ratio| ratio.peer == peer.name).and_then(|ratio| ratio.summary);
            let class = match ratio {
                Some(ratio) if ratio.min > 1.0 => "ahead",
                Some(ratio) if ratio.max < 1.0 => "behind",
                _ => "",
            };
            cell(page, ratio, class);
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></div>\n");
}

fn cell(page: &mut String, summary: Option<Summary>, class: &str) {
    match summary {
        None => page.push_str("<td>–</td>"),
        Some(Summary { median, min, max }) => {
            let spread = if min == max {
                String::new()
            } else {
                format!(" <small>{}–{}</small>", number(min), number(max))
            };
            let _ = write!(page, "<td class=\"{class}\">{}{spread}</td>", number(median));
        }
    }
}

/// A bar a system, a group of bars a workload and metric, each group to its own scale; a whisker from least to greatest.
/// Gives the height, and what stands inside the `svg` element.
fn plot(groups: &[Group<'_>], record: &Record) -> (f64, String) {
    let mut body = String::new();
    let colour = |name: &str| {
        let place = record.systems.iter().position(|system| system.name == name).unwrap_or_default();
        COLOURS.iter().cycle().nth(place).copied().unwrap_or_default()
    };
    let mut left = 10.0;
    for system in &record.systems {
        let _ = writeln!(
            body,
            "<rect x=\"{left:.0}\" y=\"8\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{:.0}\" y=\"18\">{}</text>",
            colour(&system.name),
            left + 17.0,
            escape(&system.name)
        );
        left += 35.0 + 7.5 * system.name.chars().count() as f64;
    }
    let mut top = LEGEND_HEIGHT;
    for group in groups {
        let greatest =
            group.figures.iter().filter_map(|figure| Some(figure.summary?.max)).fold(0.0, f64::max);
        let scale = if greatest > 0.0 { BAR_WIDTH / greatest } else { 0.0 };
        let _ = writeln!(
            body,
            "<text x=\"10\" y=\"{:.0}\">{} <tspan fill=\"#5b6472\">{}</tspan></text>",
            top + 12.0,
            escape(group.workload),
            escape(group.metric)
        );
        for figure in &group.figures {
            if let Some(summary) = figure.summary {
                bar(&mut body, top, scale, summary, colour(&figure.system), group.unit);
                top += BAR_HEIGHT;
            }
        }
        top += GROUP_GAP;
    }
    (top, body)
}

fn bar(body: &mut String, top: f64, scale: f64, summary: Summary, colour: &str, unit: &str) {
    let width = |value: f64| (value.max(0.0) * scale).max(0.0);
    let middle = top + (BAR_HEIGHT - 3.0) / 2.0;
    let (from, to) = (LABEL_WIDTH + width(summary.min), LABEL_WIDTH + width(summary.max));
    let _ = writeln!(
        body,
        "<rect x=\"{LABEL_WIDTH:.0}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.0}\" fill=\"{colour}\"/>\
         <path d=\"M{from:.1} {middle:.1}H{to:.1}M{from:.1} {:.1}v6M{to:.1} {:.1}v6\" stroke=\"#1c2330\" fill=\"none\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\">{} {}</text>",
        width(summary.median),
        BAR_HEIGHT - 3.0,
        middle - 3.0,
        middle - 3.0,
        to.max(LABEL_WIDTH + width(summary.median)) + 6.0,
        top + 11.0,
        number(summary.median),
        escape(unit)
    );
}

/// A number with about three digits that mean something.
fn number(value: f64) -> String {
    let places = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 5,
    };
    format!("{value:.places$}")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
