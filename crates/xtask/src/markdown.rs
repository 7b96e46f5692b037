//! As much of Markdown as the checks need: fences, inline code, links, headings.

/// The lines outside fenced code, each with its number, counted from 1.
pub(crate) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = is_fence(line);
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

pub(crate) fn is_fence(line: &str) -> bool {
    line.trim_start().starts_with("```")
}

/// What stands between single backticks in a line.
pub(crate) fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of the links of a line, inline `[text](target)` or defined `[label]: target`. Inline code is no link.
pub(crate) fn link_targets(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    if let Some((label, target)) = line.trim_start().split_once("]: ")
        && label.starts_with('[')
        && !label.starts_with("[^")
    {
        targets.push(target);
    }
    // A link's text may be code, its target cannot: what stands between `](` and `)` is cut at a backtick.
    for (start, _) in line.match_indices("](") {
        let in_code = line.get(..start).unwrap_or_default().matches('`').count() % 2 == 1;
        let target = line.get(start + 2..).and_then(|rest| rest.split_once(')')).map(|(target, _)| target);
        targets.extend(target.filter(|_| !in_code));
    }
    targets
        .iter()
        .filter_map(|target| target.split_whitespace().next())
        .map(|t| t.trim_matches(['<', '>']))
        .collect()
}

/// The anchors of the headings, as the forges make them: lower case, spaces to hyphens, punctuation dropped.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    prose(text)
        .filter_map(|(_, line)| line.strip_prefix('#'))
        .map(|heading| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_left_out() {
        let lines: Vec<_> = prose("a\n```rust\nb\n```\nc").collect();
        assert_eq!(lines, [(1, "a"), (5, "c")]);
    }

    #[test]
    fn links_are_found() {
        assert_eq!(link_targets("see [a](b.md) and [`c`](d.md#e \"title\")"), ["b.md", "d.md#e"]);
        assert_eq!(link_targets("[label]: x.md"), ["x.md"]);
        assert_eq!(link_targets("code `[a](b.md)` and `f[0](1)`, a footnote [^1]: x"), Vec::<&str>::new());
    }

    #[test]
    fn headings_become_anchors() {
        assert_eq!(
            anchors("# The one path\n## `doctor`, and (not) more\ntext"),
            ["the-one-path", "doctor-and-not-more"]
        );
    }
}
