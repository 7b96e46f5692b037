//! Whose tokens are taken is the root keys' to say, and not whoever's edits the folder.

use policy::{PolicyFiles, PolicySet};
use testkit::letters::signers;
use testkit::signers::{Folder, files};
use testkit::tokens::{KEYS_PATH, Provider};

use super::{set_text, unsigned};

fn signed() -> Folder {
    let mut folder = unsigned("pilot");
    folder.insert("identity.toml".into(), Provider::config(&[("letters", "writer")]));
    folder.insert(KEYS_PATH.into(), Provider::new("key-1", 7).jwks());
    signers().sign_all(&mut folder);
    folder
}

fn approved(folder: &Folder) -> bool {
    let set = PolicySet::load_trusting(&files(folder), Some(&signers().trust_root())).unwrap();
    // Rules and records stand by themselves: keys of this program work on.
    assert!(set.rules_approved());
    set.identity_approved()
}

#[test]
fn what_the_roster_names_is_approved() {
    let folder = signed();
    assert!(approved(&folder));
    assert!(!PolicySet::load(&files(&folder)).unwrap().identity_approved(), "without root keys");
}

#[test]
fn whatever_an_editor_changes_ends_it() {
    let changes: &[fn(&mut Folder)] = &[
        |folder| set_text(folder, "identity.toml", "\"writer\"", "\"admin\""),
        |folder| set_text(folder, "identity.toml", "value = \"letters\"", "value = \"everybody\""),
        |folder| set_text(folder, "identity.toml", "2099", "2199"),
        |folder| drop(folder.insert(KEYS_PATH.into(), Provider::new("key-1", 8).jwks())),
        |folder| drop(folder.insert(KEYS_PATH.into(), format!("{} ", Provider::new("key-1", 7).jwks()))),
        |folder| drop(folder.insert("identity/more.jwks.json".into(), Provider::new("key-2", 8).jwks())),
        |folder| drop(folder.remove(KEYS_PATH)),
        |folder| drop(folder.remove("identity.toml")),
        |folder| {
            let keys = folder.remove(KEYS_PATH).unwrap();
            folder.insert("identity/renamed.jwks.json".into(), keys);
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut folder = signed();
        change(&mut folder);
        assert!(!approved(&folder), "change {number}");
    }
}

#[test]
fn a_roster_that_an_editor_wrote_approves_nothing() {
    let mut folder = signed();
    folder.insert(KEYS_PATH.into(), Provider::new("key-1", 8).jwks());
    // The digest is right, and no root key has signed it.
    let roster = signers().roster(&folder);
    folder.insert("roster.toml".into(), roster);
    let set = PolicySet::load_trusting(&files(&folder), Some(&signers().trust_root())).unwrap();
    assert!(!set.identity_approved());
    // Nor does a roster that names no digest, or one where there is nothing to name.
    let mut folder = unsigned("pilot");
    signers().sign_all(&mut folder);
    assert!(!approved(&folder));
    folder.insert("identity.toml".into(), Provider::config(&[]));
    assert!(!approved(&folder));
}

#[test]
fn a_block_needs_nobodys_signature() {
    let mut folder = signed();
    folder.insert("identity/blocked.toml".into(), "blocked = []\n".into());
    assert!(approved(&folder));
    let before = files(&folder).digest();
    folder.insert(
        "identity/blocked.toml".into(),
        "blocked = [\"oidc:f1dc39fef843dcc5bfec5a68820def60\"]\n".into(),
    );
    assert!(approved(&folder));
    assert_ne!(files(&folder).digest(), before, "the log says which policy was in force, blocks and all");
}

#[test]
fn nothing_lies_there_unread() {
    for path in
        ["identity/keys.json", "identity/a/b.jwks.json", "identity/.jwks.json", "identity.json", "identity/"]
    {
        assert!(PolicyFiles::from_entries([(path, "")]).is_err(), "{path}");
    }
    assert_eq!(PolicyFiles::embedded().unwrap().identity_digest(), None);
}
