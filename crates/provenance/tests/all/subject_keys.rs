use std::{fs, os::unix::fs::PermissionsExt};

use provenance::{Error, KeyRing, RequestKey, epoch_of, epoch_start_ms};

use crate::samples::{START_MS, folder, id};

/// Computed with Python's `hmac`.
#[test]
fn commitments_are_plain_hmac() {
    let key = RequestKey::from_hex(&"0b".repeat(32)).unwrap();
    let bytes = "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7";
    assert_eq!(key.commit(b"Hi There").to_hex(), bytes);
    let tokens = "68bc65bd6880a4c0c666e908abd8f42bb96502bfa79ad0d9ded3a202609b7399";
    assert_eq!(key.commit_tokens(&[1, 2, 70_000, u32::MAX]).to_hex(), tokens);
    assert_eq!(key.commit_prompts(&[&[1, 2, 70_000, u32::MAX]]).to_hex(), tokens);
    assert_eq!(key.commit_prompts(&[&[7], &[8, 9]]), key.commit_tokens(&[1, 7, 2, 8, 9]));
    assert!(RequestKey::from_hex("0b").is_err());
}

#[test]
fn pseudonyms_hold_within_an_epoch_and_die_with_their_key() {
    let dir = folder();
    let path = dir.path().join("keys").join("epochs.json");
    let ring = KeyRing::open(&path).unwrap();
    let epoch = epoch_of(START_MS);
    assert!((epoch_start_ms(epoch)..epoch_start_ms(epoch + 1)).contains(&START_MS));
    let of = |epoch, who| ring.actor(epoch, who).unwrap();
    let actor = of(epoch, "a.jansen");
    assert_eq!(of(epoch, "a.jansen").pseudonym(), actor.pseudonym());
    for other in [of(epoch + 1, "a.jansen"), of(epoch, "b.jansen")] {
        assert_ne!(other.pseudonym(), actor.pseudonym());
        assert_ne!(other.request_key(&id(1)).to_hex(), actor.request_key(&id(1)).to_hex());
    }
    assert_ne!(actor.request_key(&id(1)).to_hex(), actor.request_key(&id(2)).to_hex());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("jansen") && !text.contains(&actor.pseudonym().to_hex()));

    let reopened = KeyRing::open(&path).unwrap();
    let again = reopened.actor(epoch, "a.jansen").unwrap();
    assert_eq!(again.request_key(&id(1)).to_hex(), actor.request_key(&id(1)).to_hex());
    assert_eq!(reopened.find_actor(epoch, "a.jansen"), Some(actor.pseudonym()));
    assert!(reopened.destroy_actor(epoch, "a.jansen").unwrap());
    assert!(!reopened.destroy_actor(epoch, "a.jansen").unwrap());
    let reopened = KeyRing::open(&path).unwrap();
    assert_eq!(reopened.find_actor(epoch, "a.jansen"), None);
    let new = reopened.actor(epoch, "a.jansen").unwrap();
    assert_ne!(new.pseudonym(), actor.pseudonym());

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(KeyRing::open(&path), Err(Error::KeyFile { .. })));
}
