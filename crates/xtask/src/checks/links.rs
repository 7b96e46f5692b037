//! Links between our own documents lead somewhere: to a file, a folder, a heading.

use crate::markdown::{anchors, link_targets, prose};
use crate::metadata::Metadata;
use crate::tree::{File, Tree};
use crate::violation::Violation;

pub(super) fn check(tree: &Tree, _: &Metadata) -> Vec<Violation> {
    let documents = tree.files.iter().filter(|file| file.is_markdown());
    documents.flat_map(|file| document(tree, file)).collect()
}

fn document(tree: &Tree, file: &File) -> Vec<Violation> {
    let text = file.text.as_deref().unwrap_or_default();
    let links = prose(text)
        .flat_map(|(line, content)| link_targets(content).into_iter().map(move |target| (line, target)));
    links
        .filter(|(_, target)| is_ours(target))
        .filter_map(|(line, target)| {
            let what = missing(tree, file, target)?;
            Some(Violation::new(&file.path, line, what, "correct the link, or write what it promises"))
        })
        .collect()
}

/// Not the web, not mail, and not an item that rustdoc resolves (a path with `::`, a kind with `@`, or a bare name).
fn is_ours(target: &str) -> bool {
    let elsewhere = target.contains("://") || target.starts_with("mailto:");
    let item = target.contains("::") || target.contains('@') || !target.contains(['.', '/', '#']);
    !elsewhere && !item
}

/// What is wrong with a link; `None` when it leads somewhere.
fn missing(tree: &Tree, from: &File, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let Some(path) = resolve(&from.path, path) else {
        return Some(format!("link `{target}` leaves the checkout"));
    };
    let Some(file) = tree.file(&path) else {
        return (!tree.has_folder(&path)).then(|| format!("link `{target}` leads nowhere"));
    };
    let anchor = anchor.filter(|_| file.is_markdown())?;
    let known = anchors(file.text.as_deref().unwrap_or_default()).iter().any(|known| known == anchor);
    (!known).then(|| format!("`{path}` has no heading `#{anchor}`"))
}

/// The path from the root that a link in `from` means; `None` above the root. An empty link means the document itself.
fn resolve(from: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found() {
        let tree = Tree::of(&[
            (
                "README.md",
                "# A b\n[map](crates/README.md) [d](crates/) [self](#a-b) [item](Report) [w](https://x.nl/y)\n[bad](docs/none.md)\n",
            ),
            (
                "crates/README.md",
                "[up](../README.md#a-b)\n\n[heading](../README.md#c)\n[out](../../x.md)\n```\n[code](no.md)\n```\n",
            ),
        ]);
        let found: Vec<String> = check(&tree, &Metadata::of(&[])).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("README.md:3: link `docs/none.md` leads nowhere"));
        assert!(found[1].starts_with("crates/README.md:3: `README.md` has no heading `#c`"));
        assert!(found[2].starts_with("crates/README.md:4: link `../../x.md` leaves the checkout"));
    }
}
