#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod checks;
mod markdown;
mod metadata;
mod scan;
mod spdx;
mod tree;
mod violation;

use std::path::Path;

pub use metadata::Reach;
pub use violation::Violation;

/// Runs every check over the checkout at `root` and gives all violations, in the order of their paths.
///
/// With [`Reach::Host`] nothing is downloaded: what this machine builds has been downloaded to build it.
///
/// # Errors
/// When the facts cannot be gathered: no readable checkout, or `cargo metadata` fails.
pub fn tidy(root: &Path, reach: Reach) -> anyhow::Result<Vec<Violation>> {
    let tree = tree::Tree::read(root)?;
    let metadata = metadata::Metadata::read(root, reach)?;
    let mut found: Vec<Violation> = checks::ALL.iter().flat_map(|check| check(&tree, &metadata)).collect();
    found.sort();
    Ok(found)
}
