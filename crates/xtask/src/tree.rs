//! The files of the checkout, as the checks see them.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

/// A file that git tracks, or would track: it is not ignored.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/` between its parts.
    pub path: String,
    /// Its text; `None` when it is not UTF-8.
    pub text: Option<String>,
}

impl File {
    /// Each line with its number, counted from 1; none of a binary file.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.iter().flat_map(|text| text.lines()).enumerate().map(|(index, line)| (index + 1, line))
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }

    /// The folder under `crates/` in which the file lies; `None` for what lies elsewhere.
    pub fn crate_folder(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split_once('/').map(|(folder, _)| folder)
    }
}

/// All such files, in the order of their paths.
#[derive(Debug)]
pub(crate) struct Tree {
    pub files: Vec<File>,
}

impl Tree {
    /// Reads the checkout: what git tracks and what it would. A file deleted but still in the index is left out.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let listing = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "-z"])
            .current_dir(root)
            .output()
            .context("cannot run git; tidy asks it which files belong to the checkout")?;
        anyhow::ensure!(
            listing.status.success(),
            "git ls-files failed: {}",
            String::from_utf8_lossy(&listing.stderr).trim()
        );
        let listing = String::from_utf8(listing.stdout).context("a file name is not UTF-8")?;
        let mut files = Vec::new();
        for path in listing.split_terminator('\0') {
            let on_disk = root.join(path);
            if !on_disk.is_file() {
                continue;
            }
            let bytes = std::fs::read(&on_disk).with_context(|| format!("cannot read {path}"))?;
            files.push(File { path: path.to_owned(), text: String::from_utf8(bytes).ok() });
        }
        Ok(Self { files })
    }

    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub fn text(&self, path: &str) -> Option<&str> {
        self.file(path)?.text.as_deref()
    }

    /// Whether a folder holds a file; `""` is the root.
    pub fn has_folder(&self, path: &str) -> bool {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        prefix == "/" || self.files.iter().any(|file| file.path.starts_with(&prefix))
    }

    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: (*path).into(), text: Some((*text).into()) };
        Self { files: files.iter().map(file).collect() }
    }
}
