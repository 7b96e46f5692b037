//! Landlock: which files can still be written.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};

/// The newest rights that are asked for: 6 is Linux 6.12. An older kernel gives what it has.
const NEWEST: ABI = ABI::V6;

/// Makes every file readable and none writable or executable, but for `write`. Says how much of it the kernel has.
pub(crate) fn restrict(write: &[PathBuf]) -> Result<String, String> {
    let refused = |error: &dyn std::fmt::Display| format!("Landlock could not be set up: {error}");
    let mut rules = vec![(PathBuf::from("/"), reading())];
    rules.extend(write.iter().map(|path| (path.clone(), if path.is_dir() { keeping() } else { writing() })));
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(|error| refused(&error))?;
    for (path, rights) in rules {
        let place = PathFd::new(&path).map_err(|error| refused(&error))?;
        ruleset = ruleset.add_rule(PathBeneath::new(place, rights)).map_err(|error| refused(&error))?;
    }
    let status = ruleset.restrict_self().map_err(|error| refused(&error))?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok("Landlock, with everything asked for".to_owned()),
        RulesetStatus::PartiallyEnforced => Ok("Landlock, as much as this older kernel has".to_owned()),
        _ => Err("this kernel has no Landlock, or it is turned off".to_owned()),
    }
}

fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// What a file that may be written needs; a device also takes commands.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev
}

/// What a folder of state needs: files and sockets that come and go, nothing that runs and no device.
fn keeping() -> BitFlags<AccessFs> {
    let never = AccessFs::Execute
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
        | AccessFs::MakeFifo
        | AccessFs::MakeSym
        | AccessFs::IoctlDev;
    AccessFs::from_all(NEWEST) & !never
}
